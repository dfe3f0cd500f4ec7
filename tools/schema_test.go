package tools_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tools"
)

// listed is the tools array of tools/list as it goes over the wire.
func listed(t *testing.T, d tools.Deps) []byte {
	t.Helper()
	answer := newServer(t, d).HandleMessage(t.Context(), json.RawMessage(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
	raw, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	var message struct {
		Result struct{ Tools json.RawMessage }
	}
	if err := json.Unmarshal(raw, &message); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, message.Result.Tools, "", "  "); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

func TestToolsList(t *testing.T) {
	golden(t, "../testdata/tools.json", listed(t, tools.Deps{}))
	golden(t, "../testdata/tools-unstructured.json", listed(t, tools.Deps{Results: tools.ResultOptions{Structured: tools.StructuredOff}}))
}

type wireTool struct {
	Name, Title, Description  string
	InputSchema, OutputSchema map[string]any
	Annotations               map[string]any
	Meta                      map[string]json.RawMessage `json:"_meta"`
}

func wireTools(t *testing.T, d tools.Deps) map[string]wireTool {
	t.Helper()
	var all []wireTool
	if err := json.Unmarshal(listed(t, d), &all); err != nil {
		t.Fatal(err)
	}
	byName := map[string]wireTool{}
	for _, tool := range all {
		byName[tool.Name] = tool
	}
	if got, want := slices.Sorted(maps.Keys(byName)), []string{"generate_image", "get_task", "list_models"}; !slices.Equal(got, want) {
		t.Fatalf("tools are %v, want %v", got, want)
	}
	return byName
}

// What one model API or another refuses, anywhere in a schema.
var refused = []string{
	"oneOf", "anyOf", "allOf", "not", "if", "then", "else", "$ref", "$defs", "const",
	"$schema", "$id", "format", "default", "patternProperties", "additionalProperties",
}

var name = regexp.MustCompile(`^[a-z][a-z0-9_]{0,29}$`)

// TestSchemaRules holds the schemas to what every model API and client takes.
func TestSchemaRules(t *testing.T) {
	for region, models := range map[dashscope.Region][]dashscope.Model{
		dashscope.Beijing: nil, dashscope.Singapore: nil, dashscope.Frankfurt: nil,
		dashscope.Virginia: {model(t, "wan2.6-t2i")},
	} {
		for _, tool := range wireTools(t, tools.Deps{Region: region, Models: models}) {
			at := string(region) + " " + tool.Name
			if !name.MatchString(tool.Name) || tool.Title == "" || tool.Description == "" || len(tool.Description) > 1024 {
				t.Errorf("%s: name, title or description breaks the rules: %d bytes", at, len(tool.Description))
			}
			for side, schema := range map[string]map[string]any{"input": tool.InputSchema, "output": tool.OutputSchema} {
				if schema["type"] != "object" || schema["properties"] == nil {
					t.Errorf("%s %s: the root must be an object with properties, not %v", at, side, schema["type"])
				}
				lintSchema(t, at+" "+side, schema)
			}
			for field, p := range tool.InputSchema["properties"].(map[string]any) {
				lintArgument(t, at+" "+field, p.(map[string]any))
			}
		}
	}
}

func lintSchema(t *testing.T, at string, schema map[string]any) {
	t.Helper()
	for _, keyword := range refused {
		if _, ok := schema[keyword]; ok {
			t.Errorf("%s: has the keyword %s", at, keyword)
		}
	}
	if _, ok := schema["type"].(string); !ok {
		t.Errorf("%s: type is %v, want one string", at, schema["type"])
	}
	if d, _ := schema["description"].(string); len(d) > 1024 {
		t.Errorf("%s: description has %d bytes, want at most 1024", at, len(d))
	}
	if enum, ok := schema["enum"]; ok {
		values, _ := enum.([]any)
		if len(values) == 0 || slices.ContainsFunc(values, func(v any) bool { s, ok := v.(string); return !ok || s == "" }) {
			t.Errorf("%s: enum is %v, want strings", at, enum)
		}
	}
	if schema["type"] == "array" {
		items, ok := schema["items"].(map[string]any)
		if !ok {
			t.Fatalf("%s: an array without items", at)
		}
		lintSchema(t, at+"[]", items)
	}
	properties, _ := schema["properties"].(map[string]any)
	for field, p := range properties {
		if !name.MatchString(field) {
			t.Errorf("%s: field %q", at, field)
		}
		lintSchema(t, at+"."+field, p.(map[string]any))
	}
}

// lintArgument wants each bound in the description too: several clients strip
// the keywords, and then it is all that a model gets.
func lintArgument(t *testing.T, at string, p map[string]any) {
	t.Helper()
	description, _ := p["description"].(string)
	if description == "" {
		t.Errorf("%s: no description", at)
	}
	for _, keyword := range []string{"minimum", "maximum", "minLength", "maxLength"} {
		if bound, ok := p[keyword].(float64); ok && !regexp.MustCompile(fmt.Sprintf(`\b%.0f\b`, bound)).MatchString(description) {
			t.Errorf("%s: %s %.0f is not in the description %q", at, keyword, bound, description)
		}
	}
	values, _ := p["enum"].([]any)
	for _, v := range values {
		if !strings.Contains(description, v.(string)) && !strings.HasSuffix(at, " model") {
			t.Errorf("%s: %v is not in the description", at, v)
		}
	}
}

func TestAnnotations(t *testing.T) {
	want := map[string]map[string]any{
		"generate_image": {"title": "Generate images", "readOnlyHint": false, "destructiveHint": false, "idempotentHint": false, "openWorldHint": true},
		"get_task":       {"title": "Get an image task", "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": true},
		"list_models":    {"title": "List image models", "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false},
	}
	for _, tool := range wireTools(t, tools.Deps{}) {
		if diff := cmp.Diff(want[tool.Name], tool.Annotations); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tool.Name, diff)
		}
		if tool.Title != tool.Annotations["title"] {
			t.Errorf("%s: got title %q, want that of the annotations", tool.Name, tool.Title)
		}
	}
}

// TestArguments pins names and order: a model fills them in as they come.
func TestArguments(t *testing.T) {
	var all []struct {
		Name        string
		InputSchema struct {
			Properties json.RawMessage
			Required   []string
		}
	}
	if err := json.Unmarshal(listed(t, tools.Deps{}), &all); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"generate_image": "prompt model size aspect_ratio n negative_prompt seed prompt_extend watermark wait_seconds idempotency_key",
		"get_task":       "task_id wait_seconds",
		"list_models":    "model",
	}
	required := map[string][]string{"generate_image": {"prompt"}}
	for _, tool := range all {
		if got := strings.Join(keys(t, tool.InputSchema.Properties), " "); got != want[tool.Name] {
			t.Errorf("%s takes %q, want %q", tool.Name, got, want[tool.Name])
		}
		if got := tool.InputSchema.Required; !slices.Equal(got, required[tool.Name]) {
			t.Errorf("%s requires %v, want %v", tool.Name, got, required[tool.Name])
		}
	}
}

// keys are the names of a JSON object in their order.
func keys(t *testing.T, raw []byte) []string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	_, err := dec.Token()
	var names []string
	for err == nil && dec.More() {
		var key json.Token
		if key, err = dec.Token(); err == nil {
			names = append(names, key.(string))
			err = dec.Decode(new(json.RawMessage))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestNarrowed: the fewer models are enabled, the more exact is the schema.
func TestNarrowed(t *testing.T) {
	field := func(d tools.Deps, name string) map[string]any {
		return wireTools(t, d)["generate_image"].InputSchema["properties"].(map[string]any)[name].(map[string]any)
	}
	all := tools.Deps{}
	small := tools.Deps{Models: []dashscope.Model{model(t, "wan2.2-t2i-plus"), model(t, "wan2.2-t2i-flash")}, MaxImages: 2}
	for _, c := range []struct {
		name    string
		d       tools.Deps
		field   string
		keyword string
		want    any
	}{
		{"all: prompt of the longest", all, "prompt", "maxLength", 2100.0},
		{"two: prompt exact", small, "prompt", "maxLength", 500.0},
		{"all: n", all, "n", "maximum", 4.0},
		{"two: n of the operator", small, "n", "maximum", 2.0},
		{"two: models", small, "model", "enum", []any{"wan2.2-t2i-plus", "wan2.2-t2i-flash"}},
		{"Frankfurt: what it has", tools.Deps{Region: dashscope.Frankfurt}, "model", "enum", []any{"wan2.6-t2i"}},
		{"all: seed", all, "seed", "maximum", 2147483647.0},
		{"all: wait", all, "wait_seconds", "maximum", 600.0},
		{"all: ratios", all, "aspect_ratio", "enum", []any{"1:1", "4:3", "3:4", "16:9", "9:16"}},
	} {
		if got := field(c.d, c.field)[c.keyword]; !cmp.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	if got := field(small, "prompt")["description"].(string); strings.Contains(got, "2100") {
		t.Errorf("a limit of a model that is not enabled is told: %s", got)
	}
	wantAll(t, field(small, "model")["description"].(string), "Left out means wan2.2-t2i-plus")
	wantAll(t, field(all, "idempotency_key")["description"].(string), "Repeat the same value when you repeat a call")
	wantAll(t, field(all, "wait_seconds")["description"].(string), "Left out means 40", "Most clients give up on a call after 60 s")
}

// TestConditionalSchemas: programs find each model's exact limits in _meta.
func TestConditionalSchemas(t *testing.T) {
	var got map[string]json.RawMessage
	if err := json.Unmarshal(wireTools(t, tools.Deps{})["generate_image"].Meta["wan-image-mcp/models"], &got); err != nil {
		t.Fatal(err)
	}
	for _, m := range dashscope.Models() {
		var a, b any
		if err := json.Unmarshal(got[m.ID], &a); err != nil {
			t.Fatalf("%s: %v", m.ID, err)
		}
		if err := json.Unmarshal(m.JSONSchema(), &b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b, a); diff != "" {
			t.Errorf("%s (-want +got):\n%s", m.ID, diff)
		}
	}
}

func TestRegisterRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		d    tools.Deps
		want string
	}{
		{"no model in the region", tools.Deps{Region: dashscope.Frankfurt, Models: []dashscope.Model{model(t, "wan2.2-t2i-plus")}}, "none of the enabled models is served in region frankfurt"},
		{"a default that is off", tools.Deps{DefaultModel: "wan2.6-t2i", Models: []dashscope.Model{model(t, "wan2.2-t2i-plus")}}, `the default model "wan2.6-t2i" is not enabled`},
		{"a default that is none", tools.Deps{DefaultModel: "dall-e"}, `"dall-e"`},
		{"images", tools.Deps{Results: tools.ResultOptions{Images: "big"}}, `result images "big" is not known: use auto, preview, full or none`},
		{"links", tools.Deps{Results: tools.ResultOptions{Links: "big"}}, `result links "big"`},
		{"structured", tools.Deps{Results: tools.ResultOptions{Structured: "big"}}, `result structured "big"`},
	} {
		err := tools.Register(newServer(t, tools.Deps{}), c.d)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestForClient(t *testing.T) {
	tool := mcp.NewToolWithRawSchema("x", "", json.RawMessage(`{}`))
	tool.RawOutputSchema = json.RawMessage(`{"type":"object"}`)
	for _, c := range []struct {
		client tools.ClientInfo
		option string
		want   bool
	}{
		{tools.ClientInfo{Name: "claude-code", Protocol: "2025-11-25"}, "", true},
		{tools.ClientInfo{}, "", true},
		{tools.ClientInfo{Name: "codex-mcp-client", Protocol: "2025-06-18"}, "", false},
		{tools.ClientInfo{Name: "Codex-MCP-Client/2", Protocol: "2025-06-18"}, tools.Auto, false},
		{tools.ClientInfo{Name: "codex-mcp-client"}, tools.StructuredOn, true},
		{tools.ClientInfo{Name: "some", Protocol: "2025-03-26"}, "", false},
		{tools.ClientInfo{Name: "some", Protocol: "2024-11-05"}, tools.StructuredOn, true},
		{tools.ClientInfo{Name: "claude-code"}, tools.StructuredOff, false},
	} {
		got := tools.ForClient(c.client, tool, tools.ResultOptions{Structured: c.option}).RawOutputSchema != nil
		if got != c.want {
			t.Errorf("%+v %q: got outputSchema %v, want %v", c.client, c.option, got, c.want)
		}
	}
	if tool.RawOutputSchema == nil {
		t.Error("the registered tool was changed")
	}
}

func model(t *testing.T, id string) dashscope.Model {
	t.Helper()
	m, ok := dashscope.LookupModel(id)
	if !ok {
		t.Fatalf("no model %s", id)
	}
	return m
}
