// Package tools is what an MCP client calls: generate_image, get_task and
// list_models. It turns arguments into orders, waits, and shapes answers for
// whoever reads them; the paid work is package tasks'.
//
// A reader is a model that can correct itself, so every refusal says what would
// have been right, and every answer stands complete in its text, for the clients
// that show nothing else.
//
//	s := mcpserver.NewMCPServer("wan-image-mcp", version, mcpserver.WithToolCapabilities(false))
//	err := tools.Register(s, tools.Deps{Service: service, Region: dashscope.Singapore})
//
// adds them to a server; [Deps] says what else a server can tell them about its
// clients. Each tool is one file: its arguments as a struct, from which its schema
// is made, a check of what types do not say, and a plain function.
package tools

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks"
)

// The names of the tools that order and wait.
const (
	GenerateImage = "generate_image"
	GetTask       = "get_task"
)

const (
	defaultWait = 40 * time.Second // most clients give up at 60 s
	maxWait     = 600 * time.Second
	maxImages   = 4
)

// Deps is what the tools work with.
type Deps struct {
	Service *tasks.Service
	// Models are the enabled ones, in the order of the catalogue. nil means all.
	Models []dashscope.Model
	Region dashscope.Region
	// DefaultModel is asked when a call names none. "" means the first of Models
	// that the region serves, which is wan2.6-t2i where it is enabled.
	DefaultModel string
	// DefaultWait is how long a call waits that does not say. 0 means 40 s.
	DefaultWait time.Duration
	// MaxImages is the largest n of one call. 0 means 4.
	MaxImages int

	// Caller tells on whose behalf a request is made. nil means the zero Caller.
	Caller func(context.Context) tasks.Caller
	// AfterWrite calls back once the answer to the request of ctx was written
	// whole (true) or given up (false). nil means that an answer counts as written
	// when it is ready and nobody has cancelled the request.
	AfterWrite func(ctx context.Context, done func(written bool))
	// OnLeave calls fn once if the client of the request of ctx cancels it or goes
	// before it was answered, and before anything is heard of that client again;
	// nil means when ctx ends.
	OnLeave func(ctx context.Context, fn func())
	// Ordered is told that the request of ctx has its order in the journal, or that
	// nothing is ordered: what came in behind it may go on, before it has ended too.
	// nil means that nobody waits.
	Ordered func(ctx context.Context)
	// Canceled reports whether the client itself cancelled the request of ctx,
	// which a lost connection is not. nil means that it never does.
	Canceled func(context.Context) bool

	Results ResultOptions
	// PictureLink makes a short-lived HTTP link to a picture, for people whose
	// client shows no resources. nil means there is none.
	PictureLink func(t tasks.Task, n int) string
	// NoKey is what generate_image answers while the server has no API key.
	NoKey error
}

// Register adds the three tools to s. It fails when the configuration leaves no
// model, or when a schema is not a schema.
func Register(s *server.MCPServer, d Deps) error {
	h, err := newHandlers(s, d)
	if err != nil {
		return err
	}
	var all []server.ServerTool
	for _, tool := range []func() (server.ServerTool, error){h.generateImage, h.getTask, h.listModels} {
		t, err := tool()
		if err != nil {
			return err
		}
		if d.Results.Structured == StructuredOff {
			t.Tool.RawOutputSchema = nil
		}
		all = append(all, t)
	}
	s.AddTools(all...)
	return nil
}

// handlers are the Deps with their defaults filled in. Models are only those
// that the region serves.
type handlers struct {
	Deps
	server *server.MCPServer
}

func newHandlers(s *server.MCPServer, d Deps) (*handlers, error) {
	if err := d.Results.validate(); err != nil {
		return nil, err
	}
	d.Region = d.Region.Canonical()
	d.DefaultWait = cmp.Or(d.DefaultWait, defaultWait)
	d.MaxImages = cmp.Or(d.MaxImages, maxImages)
	if err := d.pickModels(); err != nil {
		return nil, err
	}
	if d.Caller == nil {
		d.Caller = func(context.Context) tasks.Caller { return tasks.Caller{} }
	}
	if d.AfterWrite == nil {
		d.AfterWrite = func(ctx context.Context, done func(bool)) { done(ctx.Err() == nil) }
	}
	if d.Ordered == nil {
		d.Ordered = func(context.Context) {}
	}
	if d.OnLeave == nil {
		d.OnLeave = func(ctx context.Context, fn func()) { context.AfterFunc(ctx, fn) }
	}
	if d.Canceled == nil {
		d.Canceled = func(context.Context) bool { return false }
	}
	return &handlers{Deps: d, server: s}, nil
}

func (d *Deps) pickModels() error {
	d.Models = dashscope.Served(d.Models, d.Region)
	if len(d.Models) == 0 {
		return fmt.Errorf("none of the enabled models is served in region %s", d.Region)
	}
	if d.DefaultModel == "" {
		d.DefaultModel = d.Models[0].ID // wan2.6-t2i where it is enabled
	}
	m, ok := dashscope.LookupModel(d.DefaultModel)
	if !ok || !enabled(d.Models, m.ID) {
		return fmt.Errorf("the default model %q is not enabled or not served in region %s: use one of %s",
			d.DefaultModel, d.Region, list(ids(d.Models), "or"))
	}
	d.DefaultModel = m.ID
	return nil
}

func enabled(models []dashscope.Model, id string) bool {
	return slices.ContainsFunc(models, func(m dashscope.Model) bool { return m.ID == id })
}

func ids(models []dashscope.Model) []string {
	names := make([]string, len(models))
	for i, m := range models {
		names[i] = m.ID
	}
	return names
}

// call is one request as a tool sees it.
type call struct {
	request mcp.CallToolRequest
	arrived time.Time // waiting counts from here
	client  ClientInfo
}

// toolFunc is what a tool does. An error means that nothing was done.
type toolFunc[P params] func(context.Context, call, P) (*mcp.CallToolResult, error)

// params are the arguments of one tool, decoded.
type params interface {
	// check tells what the types alone do not say.
	check(h *handlers) problems
}

// run adapts a plain function to mcp-go. It is the one place where errors
// become results: a Go error would reach the client as a JSON-RPC failure that
// no model ever reads.
func run[P params](h *handlers, s spec, do toolFunc[P]) server.ToolHandlerFunc {
	return func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		c := call{request: req, arrived: time.Now(), client: Client(ctx)}
		p, bad := decode[P](s.input, req)
		if bad = merge(bad, p.check(h)); len(bad) > 0 {
			res := refusal(bad, s.refused)
			res.Meta = mcp.NewMetaFromMap(map[string]any{argumentsMark: true})
			return res, nil
		}
		res, err := do(ctx, c, p)
		if err != nil {
			return refusal(err, s.refused), nil
		}
		return res, nil
	}
}
