package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/resources/store"
	"wan-image-mcp/server"
	"wan-image-mcp/tasks"
	"wan-image-mcp/tasks/journal"
)

// world is the whole program but its transport, on top of the strict simulator,
// with a few more tools than it should have.
type world struct {
	*mcpserver.MCPServer
	t       testing.TB
	service *tasks.Service
	client  *dashscope.Client
	sim     *simulator.Simulator
	probe   *probe
	journal string // its file
}

// probe is what the additional tools tell.
type probe struct {
	running   atomic.Int64  // calls of slow
	delivered chan bool     // what receipt was told
	canceled  chan bool     // what slow saw when its context ended
	started   chan struct{} // slow has begun
}

const upstream = "127.0.0.1:8080"

func newWorld(t testing.TB, change ...func(*server.Deps)) *world {
	t.Helper()
	sim, err := simulator.New(simulator.Options{Strict: true, Speed: 100})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := journal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := store.Open(filepath.Join(t.TempDir(), "pictures"), store.Options{Transport: sim, AllowHosts: []string{upstream}, MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	client := &dashscope.Client{APIKey: "sk-canary", BaseURL: "http://" + upstream + "/api/v1", Transport: sim}
	service, err := tasks.New(tasks.Config{Client: client, Journal: j, Store: folder, Upstream: "simulator"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, j.Close(), folder.Close()); err != nil {
			t.Error(err)
		}
	})
	d := server.Deps{Service: service, LocalOwner: "me", Version: "test"}
	for _, c := range change {
		c(&d)
	}
	s, err := server.NewMCP(d)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{MCPServer: s, t: t, service: service, client: client, sim: sim, journal: path, probe: &probe{
		delivered: make(chan bool, 2000), canceled: make(chan bool, 2000), started: make(chan struct{}, 2000),
	}}
	w.addTools()
	return w
}

func (w *world) addTools() {
	text := func(s string) (*mcp.CallToolResult, error) { return mcp.NewToolResultText(s), nil }
	w.AddTool(mcp.NewTool("slow"), func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		w.probe.running.Add(1)
		defer w.probe.running.Add(-1)
		defer server.AfterWrite(ctx, func(written bool) { w.probe.delivered <- written })
		if req.Params.Meta != nil && req.Params.Meta.ProgressToken != nil {
			_ = w.SendNotificationToClient(ctx, "notifications/progress", map[string]any{"progressToken": req.Params.Meta.ProgressToken, "progress": 1})
			time.Sleep(50 * time.Millisecond) // until it was written
		}
		w.probe.started <- struct{}{}
		wait := time.NewTimer(time.Duration(req.GetFloat("seconds", 3600) * float64(time.Second)))
		defer wait.Stop()
		select {
		case <-ctx.Done():
			w.probe.canceled <- server.Canceled(ctx)
			return text("still running")
		case <-wait.C:
			return text("done")
		}
	})
	w.AddTool(mcp.NewTool("receipt"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		server.AfterWrite(ctx, func(written bool) { w.probe.delivered <- written })
		return text("here you are")
	})
	w.AddTool(mcp.NewTool("panic"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		panic("sk-secret-in-a-panic")
	})
	w.AddTool(mcp.NewTool("progress"), func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for i := range 50 {
			err := w.SendNotificationToClient(ctx, "notifications/progress", map[string]any{
				"progressToken": req.Params.Meta.ProgressToken, "progress": i + 1,
			})
			if err != nil {
				return nil, err
			}
		}
		return text("done")
	})
}

// message is any JSON-RPC message as a client reads it.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		URI           string         `json:"uri"`
		ProgressToken any            `json:"progressToken"`
		Progress      float64        `json:"progress"`
		Meta          map[string]any `json:"_meta"`
	} `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func parse(t testing.TB, line string) message {
	t.Helper()
	var m message
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatalf("not a message: %.200q: %v", line, err)
	}
	return m
}

// text is what a tool has answered.
func (m message) text() string {
	var r struct{ Content []struct{ Text string } }
	_ = json.Unmarshal(m.Result, &r)
	if len(r.Content) == 0 {
		return ""
	}
	return r.Content[0].Text
}

// answer is the structured content of a tool's answer.
func (m message) answer(t testing.TB) tasks.Answer {
	t.Helper()
	var r struct{ StructuredContent tasks.Answer }
	if err := json.Unmarshal(m.Result, &r); err != nil || r.StructuredContent.TaskID == "" {
		t.Fatalf("no structured answer in %.500s (error %+v)", m.Result, m.Error)
	}
	return r.StructuredContent
}

const (
	initialize  = `{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`
	initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	modernMeta  = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`
)

// call is a tools/call of the legacy era. id and args are JSON.
func call(id, tool, args string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"` + tool + `","arguments":` + args + `}}`
}

// logs collects what is logged.
type logs struct{ strings.Builder }

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// foreignRequest is what another program may have ordered with the same key.
func foreignRequest() dashscope.ImageRequest {
	return dashscope.ImageRequest{Prompt: "somebody else's", N: 1}.Resolve()
}
