// Package client_test drives the built program with the official Go SDK, a
// client that shares no code with it. It is a module of its own, so that no
// second SDK enters the program's dependencies.
//
//	cd testdata/clients/go && go test ./...
//
// WAN_IMAGE_MCP_BINARY names a program that is built already; without it the test
// builds one.
package client_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// models are the seven, each with its default size. They are written out here
// because this client knows nothing but the documentation.
var models = []struct {
	name          string
	width, height int
}{
	{"wan2.6-t2i", 1280, 1280},
	{"wan2.5-t2i-preview", 1280, 1280},
	{"wan2.2-t2i-plus", 1024, 1024},
	{"wan2.2-t2i-flash", 1024, 1024},
	{"wan2.1-t2i-plus", 1024, 1024},
	{"wan2.1-t2i-turbo", 1024, 1024},
	{"wanx2.0-t2i-turbo", 1024, 1024},
}

// answer is what generate_image and get_task tell.
type answer struct {
	TaskID         string `json:"task_id"`
	UpstreamTaskID string `json:"upstream_task_id"`
	Status         string `json:"status"`
	Model          string `json:"model"`
	Size           string `json:"size"`
	N              int    `json:"n"`
	Seed           *int64 `json:"seed"`
	Simulated      bool   `json:"simulated"`
	Next           string `json:"next"`
	Images         []struct {
		N           int    `json:"n"`
		ResourceURI string `json:"resource_uri"`
		Width       int    `json:"width"`
		Height      int    `json:"height"`
		Error       string `json:"error"`
	} `json:"images"`
}

var binary string

// patience is how long a busy machine may take to start a program and to end it.
const patience = time.Minute

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // they mostly wait
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if binary = os.Getenv("WAN_IMAGE_MCP_BINARY"); binary != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "wan-image-mcp-client-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "wan-image-mcp.exe")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = filepath.Join("..", "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

func TestStdio(t *testing.T) {
	t.Parallel()
	command := program(t, "serve", "--transport", "stdio")
	command.Stderr = os.Stderr
	use(t, &mcp.CommandTransport{Command: command, TerminateDuration: patience})
	if code := command.ProcessState.ExitCode(); code != 0 {
		t.Errorf("at the end of input it ended with %d, want 0", code)
	}
}

func TestStreamableHTTP(t *testing.T) {
	t.Parallel()
	address := listen(t, "http")
	use(t, &mcp.StreamableClientTransport{Endpoint: "http://" + address + "/mcp"})
}

func TestSSE(t *testing.T) {
	t.Parallel()
	address := listen(t, "sse")
	use(t, &mcp.SSEClientTransport{Endpoint: "http://" + address + "/sse"})
}

// TestSSEBesideHTTP: the http transport serves old clients too.
func TestSSEBesideHTTP(t *testing.T) {
	t.Parallel()
	address := listen(t, "http")
	session := connect(t, &mcp.SSEClientTransport{Endpoint: "http://" + address + "/sse"})
	defer session.Close()
	checkModels(t, session)
}

// program is the built program with the simulator and a state folder of its own.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	args = append(args, "--simulate", "--simulate-speed", "200", "--state-dir", t.TempDir(), "--output-dir", "none")
	command := exec.Command(binary, args...)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "WAN_IMAGE_MCP_") && !strings.HasPrefix(kv, "DASHSCOPE_") {
			command.Env = append(command.Env, kv)
		}
	}
	return command
}

var listening = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// listen starts the program on a free port and returns its address.
func listen(t *testing.T, transport string) string {
	t.Helper()
	command := program(t, "serve", "--transport", transport, "--listen", "127.0.0.1:0", "--log-format", "json")
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := command.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		late := time.AfterFunc(patience, func() { _ = command.Process.Kill() })
		defer late.Stop()
		if err := command.Wait(); err != nil {
			t.Errorf("after SIGTERM it ended with %v, want a clean end within %s", err, patience)
		}
	})
	found := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && listening.MatchString(line.Address) && line.Msg == "listening" {
				found <- line.Address
			}
		}
	}()
	select {
	case address := <-found:
		return address
	case <-time.After(patience):
		t.Fatal("it did not say where it listens")
		return ""
	}
}

// open starts a program for the cell and connects to it.
func (s *client) open(t *testing.T, c *cell) {
	t.Helper()
	var transport mcp.Transport
	switch c.Transport {
	case "stdio":
		transport = &mcp.CommandTransport{Command: program(t, "serve", "--transport", "stdio"), TerminateDuration: patience}
	case "HTTP":
		transport = &mcp.StreamableClientTransport{Endpoint: "http://" + listen(t, "http") + "/mcp"}
	case "SSE":
		transport = &mcp.SSEClientTransport{Endpoint: "http://" + listen(t, "sse") + "/sse"}
	}
	implementation := mcp.NewClient(&mcp.Implementation{Name: "go-sdk-client", Version: "1"}, &mcp.ClientOptions{
		ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) { s.progress <- r.Params },
		ResourceUpdatedHandler:      func(context.Context, *mcp.ResourceUpdatedNotificationRequest) { s.updated.Add(1) },
	})
	session, err := implementation.Connect(t.Context(), transport, &mcp.ClientSessionOptions{ProtocolVersion: c.Version})
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	s.ClientSession, s.version = session, session.InitializeResult().ProtocolVersion
}

func connect(t *testing.T, transport mcp.Transport) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "go-sdk-client", Version: "1"}, nil)
	// The SSE transport ties its stream to this context: it must live to the end.
	session, err := client.Connect(t.Context(), transport, nil)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	return session
}

// use does everything that a client does.
func use(t *testing.T, transport mcp.Transport) {
	t.Helper()
	session := connect(t, transport)
	checkModels(t, session)
	t.Run("side by side", func(t *testing.T) {
		for _, m := range models {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				checkPicture(t, session, m.name, m.width, m.height)
			})
		}
		t.Run("four pictures", func(t *testing.T) {
			t.Parallel()
			a := generate(t, session, map[string]any{"prompt": "four lighthouses", "n": 4})
			if len(a.Images) != 4 {
				t.Errorf("got %d pictures, want 4", len(a.Images))
			}
		})
	})
	t.Run("a wrong size", func(t *testing.T) {
		text := refused(t, session, "generate_image", map[string]any{"prompt": "x", "size": "1024*1024"})
		if !strings.Contains(text, "1280*1280") {
			t.Errorf("the refusal does not name a legal size: %s", text)
		}
	})
	t.Run("a strange task", func(t *testing.T) {
		refused(t, session, "get_task", map[string]any{"task_id": "aaaaaaaaaaaaaaaaaaaaaaaaaa"})
	})
	if err := session.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func checkModels(t *testing.T, session *mcp.ClientSession) {
	t.Helper()
	tools, err := session.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatalf("tools/list: %v", err)
	}
	var names []string
	for _, tool := range tools.Tools {
		names = append(names, tool.Name)
	}
	for _, want := range []string{"generate_image", "get_task", "list_models"} {
		if !strings.Contains(strings.Join(names, " "), want) {
			t.Errorf("tools/list has %v, not %s", names, want)
		}
	}
	text := textOf(call(t, session, "list_models", nil))
	for _, m := range models {
		if !strings.Contains(text, m.name) {
			t.Errorf("list_models does not tell of %s", m.name)
		}
	}
}

// checkPicture makes one picture and reads it back.
func checkPicture(t *testing.T, session *mcp.ClientSession, model string, width, height int) {
	t.Helper()
	a := generate(t, session, map[string]any{"prompt": "a lighthouse at dusk, for " + model, "model": model})
	if a.Model != model || a.N != 1 || a.Seed == nil || !a.Simulated || a.UpstreamTaskID == "" || len(a.Images) != 1 {
		t.Fatalf("the answer is incomplete: %+v", a)
	}
	read, err := session.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: a.Images[0].ResourceURI})
	if err != nil {
		t.Fatalf("resources/read %s: %v", a.Images[0].ResourceURI, err)
	}
	if len(read.Contents) != 1 || read.Contents[0].MIMEType != "image/png" {
		t.Fatalf("%s is no single PNG", a.Images[0].ResourceURI)
	}
	picture, err := png.Decode(bytes.NewReader(read.Contents[0].Blob))
	if err != nil {
		t.Fatalf("%s: %v", a.Images[0].ResourceURI, err)
	}
	if b := picture.Bounds(); b.Dx() != width || b.Dy() != height {
		t.Errorf("the picture is %d by %d, want %d by %d", b.Dx(), b.Dy(), width, height)
	}
	again := decode(t, call(t, session, "get_task", map[string]any{"task_id": a.TaskID}))
	if again.Status != "SUCCEEDED" || len(again.Images) != 1 || again.Images[0].ResourceURI != a.Images[0].ResourceURI {
		t.Errorf("get_task answers %+v", again)
	}
	byTheirs := decode(t, call(t, session, "get_task", map[string]any{"task_id": a.UpstreamTaskID}))
	if byTheirs.TaskID != a.TaskID {
		t.Errorf("get_task with the service's id answers task %q, want %q", byTheirs.TaskID, a.TaskID)
	}
}

// generate orders and waits until the pictures are there.
func generate(t *testing.T, session *mcp.ClientSession, arguments map[string]any) answer {
	t.Helper()
	a := decode(t, call(t, session, "generate_image", arguments))
	for deadline := time.Now().Add(2 * time.Minute); a.Next != ""; {
		if time.Now().After(deadline) {
			t.Fatalf("after two minutes the task is %s", a.Status)
		}
		a = decode(t, call(t, session, "get_task", map[string]any{"task_id": a.TaskID, "wait_seconds": 30}))
	}
	if a.Status != "SUCCEEDED" {
		t.Fatalf("the task ended %s", a.Status)
	}
	for _, image := range a.Images {
		if image.Error != "" || image.ResourceURI == "" {
			t.Errorf("picture %d: %q %s", image.N, image.ResourceURI, image.Error)
		}
	}
	return a
}

func call(t *testing.T, session *mcp.ClientSession, tool string, arguments map[string]any) *mcp.CallToolResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	if result.IsError {
		t.Fatalf("%s: %s", tool, textOf(result))
	}
	return result
}

func refused(t *testing.T, session *mcp.ClientSession, tool string, arguments map[string]any) string {
	t.Helper()
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	if !result.IsError || result.StructuredContent != nil {
		t.Errorf("%s %v was not refused", tool, arguments)
	}
	return textOf(result)
}

func decode(t *testing.T, result *mcp.CallToolResult) answer {
	t.Helper()
	b, err := json.Marshal(result.StructuredContent)
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(b, &a); err != nil {
		t.Fatalf("structuredContent: %v in %s", err, b)
	}
	if a.TaskID == "" || !strings.Contains(textOf(result), a.TaskID) {
		t.Fatalf("text and structuredContent do not agree on the task: %q, %s", a.TaskID, textOf(result))
	}
	return a
}

func textOf(result *mcp.CallToolResult) string {
	var texts []string
	for _, content := range result.Content {
		if text, ok := content.(*mcp.TextContent); ok {
			texts = append(texts, text.Text)
		}
	}
	return strings.Join(texts, "\n")
}
