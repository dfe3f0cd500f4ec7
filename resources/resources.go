// Package resources shows pictures, tasks, models and the budget as MCP resources:
//
//	wan://images/{task_id}/{n}  a picture's bytes, n from 1
//	wan://tasks/{task_id}       where a task stands, as JSON
//	wan://models/{model}        what a model takes and costs, as JSON
//	wan://budget                what was spent today, as JSON
//
// Everyone sees what is his own. What belongs to another owner and what does not
// exist are answered alike, byte for byte.
//
// A server is made with hooks, and with the shelf to complete what a user types:
//
//	shelf := resources.New(resources.Deps{Service: service, Region: dashscope.Singapore})
//	s := mcpserver.NewMCPServer("wan-image-mcp", version,
//		mcpserver.WithHooks(&mcpserver.Hooks{}), mcpserver.WithResourceCompletionProvider(shelf))
//	shelf.Register(s)
package resources

import (
	"context"
	"log/slog"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks"
)

const jsonType = "application/json"

// Deps is what the resources are made of.
type Deps struct {
	Service *tasks.Service
	// Models are the enabled ones. nil means all.
	Models []dashscope.Model
	// Region is the one in use. The zero value means Beijing.
	Region dashscope.Region
	// Caller tells on whose behalf a request is made. nil means the zero Caller.
	Caller func(context.Context) tasks.Caller
	// Logger hears of lists that had to leave the caller's tasks out. nil means none.
	Logger *slog.Logger
}

// Shelf holds the resources of one server.
type Shelf struct {
	service *tasks.Service
	models  []dashscope.Model // enabled, and served in the region
	region  dashscope.Region
	caller  func(context.Context) tasks.Caller
	log     *slog.Logger
}

// New makes a Shelf.
func New(d Deps) *Shelf {
	s := &Shelf{
		service: d.Service, models: dashscope.Served(d.Models, d.Region), region: d.Region.Canonical(),
		caller: d.Caller, log: d.Logger,
	}
	if s.caller == nil {
		s.caller = func(context.Context) tasks.Caller { return tasks.Caller{} }
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

// Register adds the resources to server, which must have been made with hooks.
func (s *Shelf) Register(server *mcpserver.MCPServer) {
	hooks := server.GetHooks()
	hooks.AddBeforeReadResource(s.notFound)
	hooks.AddAfterListResources(s.listRecent)
	server.AddResource(mcp.NewResource(tasks.BudgetURI, "budget",
		mcp.WithResourceTitle("Budget"),
		mcp.WithResourceDescription("Pictures bought today, what they cost, and how many more are allowed."),
		mcp.WithMIMEType(jsonType)), s.read)
	for _, m := range s.models {
		server.AddResource(mcp.NewResource(tasks.ModelURI(m.ID), "model "+m.ID,
			mcp.WithResourceTitle(m.ID),
			mcp.WithResourceDescription("Limits, sizes, price and JSON Schema of "+m.ID+"."),
			mcp.WithMIMEType(jsonType)), s.read)
	}
	for _, t := range templates {
		server.AddResourceTemplate(t, s.read)
	}
}

// The names are unique: mcp-go pages through lists by name.
var templates = []mcp.ResourceTemplate{
	mcp.NewResourceTemplate("wan://images/{task_id}/{n}", "picture",
		mcp.WithTemplateTitle("Picture"),
		mcp.WithTemplateDescription("The bytes of picture n (from 1) of a task.")),
	mcp.NewResourceTemplate("wan://tasks/{task_id}", "task",
		mcp.WithTemplateTitle("Task"),
		mcp.WithTemplateDescription("Where a task stands and what came of it, as get_task tells it."),
		mcp.WithTemplateMIMEType(jsonType)),
	mcp.NewResourceTemplate("wan://models/{model}", "model",
		mcp.WithTemplateTitle("Model"),
		mcp.WithTemplateDescription("Limits, sizes, price and JSON Schema of a model, under any of its spellings."),
		mcp.WithTemplateMIMEType(jsonType)),
}
