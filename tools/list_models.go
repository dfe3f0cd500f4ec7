package tools

import (
	"context"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks"
)

// listParams are the arguments of list_models.
type listParams struct {
	Model string `json:"model,omitempty" jsonschema_description:"Tell about this model only. Left out, about all."`
}

// listAnswer is what list_models tells.
type listAnswer struct {
	Region       dashscope.Region `json:"region" jsonschema_description:"Where this server buys pictures; prices and pace are the region's."`
	DefaultModel string           `json:"default_model" jsonschema_description:"The model of a generate_image call that names none."`
	MaxN         int              `json:"max_n,omitempty" jsonschema_description:"The largest n that this server takes."`
	Models       []modelAnswer    `json:"models"`
}

// modelAnswer is one model, and what this server makes of it.
type modelAnswer struct {
	dashscope.Facts
	Enabled     bool   `json:"enabled" jsonschema_description:"Whether generate_image takes it on this server."`
	ResourceURI string `json:"resource_uri,omitempty" jsonschema_description:"MCP resource with the exact limits as a JSON Schema."`
}

func (h *handlers) listModels() (server.ServerTool, error) {
	return declare(h, spec{
		name:        "list_models",
		title:       "List image models",
		description: "List the Wan models: which sizes, prompt lengths and counts each takes, its price and pace in this server's region, and whether it is enabled. Costs nothing.",
		readOnly:    true, idempotent: true,
		input: reflectOf[listParams](), output: reflectOf[listAnswer](),
	}, h.list)
}

func (h *handlers) list(_ context.Context, c call, p listParams) (*mcp.CallToolResult, error) {
	a := listAnswer{Region: h.Region, DefaultModel: h.DefaultModel, MaxN: h.MaxImages, Models: []modelAnswer{}}
	only, _ := dashscope.LookupModel(p.Model)
	for _, m := range dashscope.Models() {
		if only.ID == "" || m.ID == only.ID {
			a.Models = append(a.Models, modelAnswer{m.Facts(h.Region), enabled(h.Models, m.ID), tasks.ModelURI(m.ID)})
		}
	}
	res := mcp.NewToolResultText(a.text())
	if h.Results.structured(c.client) {
		res.StructuredContent = a
	}
	return res, nil
}

func (p listParams) check(*handlers) problems {
	if strings.TrimSpace(p.Model) == "" {
		return nil
	}
	if _, err := dashscope.ParseModel(p.Model); err != nil {
		return problems{{"model", err.Error() + "; leave it out for all of them"}}
	}
	return nil
}

func (a listAnswer) text() string {
	var b page
	b.line("Region %s. Default model %s. At most %s a call.", a.Region, a.DefaultModel, pictures(a.MaxN))
	for _, m := range a.Models {
		b.line("\n%s%s", m.Model, m.state(a))
		if m.Served {
			b.line("  price: CNY %s a picture; pace: %g calls a second, %d at once; usually about %.0f s",
				m.Price(), m.PerSecond, m.Running, m.TypicalSeconds)
		}
		b.line("  prompt: 1 to %d characters; negative_prompt: at most %d; n: 1 to %d", m.PromptMax, m.NegativePromptMax, min(m.MaxN, a.MaxN))
		b.line("  size: %s, default %s", m.Sizes, m.DefaultSize)
		ratios := make([]string, len(m.Shapes))
		for i, s := range m.Shapes {
			ratios[i] = s.AspectRatio + " " + s.Size
		}
		b.line("  aspect_ratio: %s", strings.Join(ratios, ", "))
		b.line("  exact limits: %s", m.ResourceURI)
	}
	return b.String()
}

// state says whether the model can be asked for, and how else it is called.
func (m modelAnswer) state(a listAnswer) string {
	s := ""
	if m.AlsoKnownAs != nil {
		s = " (also " + list(m.AlsoKnownAs, "or") + ")"
	}
	switch {
	case !m.Served:
		return s + ": not served in region " + string(a.Region) + ", only in " + list(m.Regions, "and")
	case !m.Enabled:
		return s + ": not enabled on this server"
	case m.Model == a.DefaultModel:
		return s + ": enabled, the default"
	}
	return s + ": enabled"
}
