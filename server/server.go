// Package server puts tools and resources on the wire: stdio, Streamable HTTP and
// the legacy HTTP+SSE transport.
//
// mcp-go does the protocol. What stands around it here is what a server needs
// that spends its owner's money: a guard that no web page gets past, owners who
// cannot see each other's work, a stdio loop that never makes one call wait for
// another, limits on everything that a client can make grow, and a way to know
// whether an answer has reached its client.
//
//	s, err := server.NewMCP(server.Deps{Service: service, Region: dashscope.Singapore})
//
// makes the server, of a [tasks.Service] that runs. It then serves one client over a
// pair of streams, or many over HTTP, where a task is whose token asked for it:
//
//	err = server.Stdio(ctx, s, in, out, log)
//
//	cfg := server.Config{Tokens: tokens}
//	ln, err := server.Listen(ctx, "127.0.0.1:8080", cfg)
//	err = server.HTTP(ctx, s, ln, cfg)
package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/resources"
	"wan-image-mcp/tasks"
	"wan-image-mcp/tools"
)

// Deps is what the MCP server is made of.
type Deps struct {
	Service *tasks.Service
	// Models are the enabled ones, in the order of the catalogue. nil means all.
	Models []dashscope.Model
	// Region is the one in use. The zero value means Beijing.
	Region       dashscope.Region
	DefaultModel string        // "" means wan2.6-t2i, or the first enabled one
	DefaultWait  time.Duration // 0 means 40 s
	MaxImages    int           // the largest n of one call; 0 means 4
	Results      tools.ResultOptions
	// PictureLink makes a short-lived HTTP link to a picture. nil means none.
	PictureLink func(t tasks.Task, n int) string
	// NoKey is what generate_image answers while there is no API key. nil means
	// that there is one.
	NoKey error

	// LocalOwner owns what is asked without a token: the user of the operating
	// system.
	LocalOwner string
	Version    string       // "" means "dev"
	Logger     *slog.Logger // nil means none
}

// instructions are what a model reads before it sees the tools.
const instructions = `Makes pictures from text with Alibaba's Wan models.
generate_image orders pictures and waits for them; each picture costs money. ` +
	`When its answer says that the task is still running, call get_task with the task_id until the pictures are there: ` +
	`they are paid for, so do not call generate_image again for the same wish. ` +
	`When an answer was lost, get_task without arguments lists the newest tasks. ` +
	`list_models tells sizes, prompt limits and prices. ` +
	`Pictures can be read as resources wan://images/{task_id}/{n}.`

// NewMCP makes the MCP server: the tools, the resources and what holds for all
// transports. It hears of the service's tasks for as long as the service lives.
func NewMCP(d Deps) (*mcpserver.MCPServer, error) {
	if d.Service == nil {
		return nil, errors.New("an MCP server needs a tasks.Service")
	}
	if d.Version == "" {
		d.Version = "dev"
	}
	caller := callers(d.LocalOwner)
	known := resources.New(resources.Deps{Service: d.Service, Models: d.Models, Region: d.Region, Caller: caller, Logger: d.Logger})
	hooks := &mcpserver.Hooks{}
	hooks.AddOnRequestInitialization(refuseModernOnSSE)
	s := mcpserver.NewMCPServer("wan-image-mcp", d.Version,
		mcpserver.WithTitle("Wan images"),
		mcpserver.WithDescription("Pictures from text with Alibaba's Wan models; what was paid for is never lost."),
		mcpserver.WithInstructions(instructions),
		mcpserver.WithToolCapabilities(false),
		mcpserver.WithResourceCapabilities(true, false),
		mcpserver.WithLogging(),
		mcpserver.WithCompletions(),
		mcpserver.WithResourceCompletionProvider(known),
		mcpserver.WithHooks(hooks),
		mcpserver.WithToolHandlerMiddleware(recoverTools(d.Logger)),
		mcpserver.WithToolHandlerMiddleware(keepOrder),
		mcpserver.WithResourceHandlerMiddleware(recoverResources(d.Logger)),
		mcpserver.WithResourceHandlerMiddleware(pictureReads(make(chan struct{}, maxPictureReads))),
		mcpserver.WithOutputSchemaValidation(),
		mcpserver.WithToolFilter(forClient(d.Results)),
		mcpserver.WithLogger(slog.New(quiet{logger(d.Logger).Handler()})),
	)
	known.Register(s)
	h := &hub{server: s, caller: caller, exists: known.Exists, watchers: make(map[any]*watcher)}
	h.attach(hooks)
	d.Service.Subscribe(h.changed)
	err := tools.Register(s, tools.Deps{
		Service: d.Service, Models: d.Models, Region: d.Region,
		DefaultModel: d.DefaultModel, DefaultWait: d.DefaultWait, MaxImages: d.MaxImages,
		Caller: caller, AfterWrite: afterWrite, OnLeave: onLeave, Ordered: ordered, Canceled: canceled,
		Results: d.Results, PictureLink: d.PictureLink, NoKey: d.NoKey,
	})
	return s, err
}

// forClient shows each client the tools as it can use them.
func forClient(o tools.ResultOptions) mcpserver.ToolFilterFunc {
	return func(ctx context.Context, all []mcp.Tool) []mcp.Tool {
		client := tools.Client(ctx)
		shown := make([]mcp.Tool, len(all))
		for i, tool := range all {
			shown[i] = tools.ForClient(client, tool, o)
		}
		return shown
	}
}
