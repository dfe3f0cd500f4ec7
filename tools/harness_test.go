package tools_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"wan-image-mcp/tools"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// newServer has the three tools as each client should see them, with mcp-go's own
// check of results on.
func newServer(t testing.TB, d tools.Deps) *server.MCPServer {
	t.Helper()
	s := server.NewMCPServer("wan-image-mcp", "test", server.WithToolCapabilities(false), server.WithOutputSchemaValidation(),
		server.WithToolFilter(func(ctx context.Context, all []mcp.Tool) []mcp.Tool {
			for i := range all {
				all[i] = tools.ForClient(tools.Client(ctx), all[i], d.Results)
			}
			return all
		}))
	if err := tools.Register(s, d); err != nil {
		t.Fatal(err)
	}
	return s
}

// caller is an MCP client that checks every answer it gets, errors too, against
// what the tool promised.
type caller struct {
	*client.Client
	schemas map[string]*jsonschema.Schema
}

// connect starts a client of the server. name and version are what it calls
// itself and the revision it speaks; "" is the newest.
func connect(t *testing.T, s *server.MCPServer, name, version string) *caller {
	t.Helper()
	var options []client.ClientOption
	if version != "" {
		options = append(options, client.WithProtocolVersion(version))
	}
	c, err := client.NewInProcessClientWithOptions(s, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var hello mcp.InitializeRequest
	hello.Params.ProtocolVersion = version
	hello.Params.ClientInfo = mcp.Implementation{Name: name, Version: "1"}
	if _, err := c.Initialize(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	listed, err := c.ListTools(t.Context(), mcp.ListToolsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	out := &caller{Client: c, schemas: map[string]*jsonschema.Schema{}}
	for _, tool := range listed.Tools {
		raw, err := json.Marshal(tool.OutputSchema)
		if err != nil {
			t.Fatal(err)
		}
		if tool.OutputSchema.Type != "" {
			out.schemas[tool.Name] = closed(t, raw)
		}
	}
	return out
}

// closed compiles a schema so that fields it does not name are errors.
func closed(t *testing.T, raw []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var shut func(v any)
	shut = func(v any) {
		node, ok := v.(map[string]any)
		if !ok {
			return
		}
		if properties, ok := node["properties"].(map[string]any); ok {
			node["additionalProperties"] = false
			for _, p := range properties {
				shut(p)
			}
		}
		shut(node["items"])
	}
	shut(doc)
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:///s.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("mem:///s.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// call calls a tool with arguments written as JSON.
func (c *caller) call(t *testing.T, tool, arguments string) *mcp.CallToolResult {
	t.Helper()
	var req mcp.CallToolRequest
	req.Params.Name = tool
	req.Params.Arguments = json.RawMessage(arguments)
	return c.send(t, req)
}

func (c *caller) send(t *testing.T, req mcp.CallToolRequest) *mcp.CallToolResult {
	t.Helper()
	res, err := c.CallTool(t.Context(), req)
	if err != nil {
		t.Fatalf("%s: a tool must never fail the protocol: %v", req.Params.Name, err)
	}
	c.check(t, req.Params.Name, res)
	return res
}

func (c *caller) check(t *testing.T, tool string, res *mcp.CallToolResult) {
	t.Helper()
	whole, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	if len(whole) >= 1_000_000 {
		t.Errorf("%s: the result has %d bytes, want less than 1,000,000", tool, len(whole))
	}
	if len(res.Content) == 0 {
		t.Fatalf("%s: no content", tool)
	}
	if text(res) == "" {
		t.Errorf("%s: the first content must be text", tool)
	}
	schema := c.schemas[tool]
	switch {
	case res.IsError || schema == nil:
		if res.StructuredContent != nil {
			t.Errorf("%s: structuredContent where none was promised: %v", tool, res.StructuredContent)
		}
	case res.StructuredContent == nil:
		t.Errorf("%s: promised structuredContent is missing", tool)
	default:
		raw, err := json.Marshal(res.StructuredContent)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s: structuredContent does not match the output schema: %v\n%s", tool, err, raw)
		}
	}
}

// text is what a client sees that shows nothing but the first text.
func text(res *mcp.CallToolResult) string {
	if len(res.Content) == 0 {
		return ""
	}
	t, _ := res.Content[0].(mcp.TextContent)
	return t.Text
}

// structured decodes structuredContent.
func structured[T any](t *testing.T, res *mcp.CallToolResult) T {
	t.Helper()
	var v T
	raw, err := json.Marshal(res.StructuredContent)
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// golden compares got with a file, or writes the file under -update.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; look at the change after: go test ./tools -update", file)
	}
}

func wantAll(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("got %q, want %q in it", got, w)
		}
	}
}
