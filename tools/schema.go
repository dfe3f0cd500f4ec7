package tools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	validator "github.com/santhosh-tekuri/jsonschema/v6"

	"wan-image-mcp/dashscope"
)

// spec is the declaration of one tool.
type spec struct {
	name, title, description        string
	readOnly, idempotent, openWorld bool
	input, output                   *jsonschema.Schema
	refused                         string // ends every refusal: what it did not cost
	meta                            map[string]any
}

// declare makes the tool that a spec describes out of a plain function.
func declare[P params](h *handlers, s spec, do toolFunc[P]) (server.ServerTool, error) {
	in, err := compiled(s.name+" input", s.input)
	if err != nil {
		return server.ServerTool{}, err
	}
	out, err := compiled(s.name+" output", s.output)
	if err != nil {
		return server.ServerTool{}, err
	}
	t := mcp.NewToolWithRawSchema(s.name, s.description, in)
	t.RawOutputSchema = out
	t.Title = s.title
	t.Annotations = mcp.ToolAnnotation{
		Title:           s.title,
		ReadOnlyHint:    new(s.readOnly),
		DestructiveHint: new(false),
		IdempotentHint:  new(s.idempotent),
		OpenWorldHint:   new(s.openWorld),
	}
	if s.meta != nil {
		t.Meta = mcp.NewMetaFromMap(s.meta)
	}
	return server.ServerTool{Tool: t, Handler: run(h, s, do)}, nil
}

// reflectOf makes the schema of a struct: flat, without references, fields in
// their order, required unless omitempty. It leaves additionalProperties out:
// older Gemini endpoints refuse a schema that has it, clients in OpenAI's strict
// mode add their own, and decode refuses unknown arguments by name anyway, which
// teaches a model more. For results it leaves room for fields of later versions.
func reflectOf[T any]() *jsonschema.Schema {
	r := jsonschema.Reflector{Anonymous: true, DoNotReference: true, ExpandedStruct: true, AllowAdditionalProperties: true}
	s := r.Reflect(new(T))
	s.Version = "" // some model APIs refuse $schema
	return s
}

// compiled returns the JSON of a schema that a validator accepts. mcp-go itself
// would serve a broken one without a word.
func compiled(name string, s *jsonschema.Schema) (json.RawMessage, error) {
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("tools: %s schema: %w", name, err)
	}
	doc, err := validator.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("tools: %s schema: %w", name, err)
	}
	c := validator.NewCompiler()
	if err := c.AddResource("mem:///schema.json", doc); err != nil {
		return nil, fmt.Errorf("tools: %s schema: %w", name, err)
	}
	if _, err := c.Compile("mem:///schema.json"); err != nil {
		return nil, fmt.Errorf("tools: %s schema: %w", name, err)
	}
	return raw, nil
}

// property returns the schema of a field that s is known to have, to narrow it.
func property(s *jsonschema.Schema, name string) *jsonschema.Schema {
	return s.Properties.Value(name)
}

func names(s *jsonschema.Schema) []string {
	return slices.Collect(s.Properties.KeysFromOldest())
}

func bounds(p *jsonschema.Schema, low, high int) {
	p.Minimum, p.Maximum = json.Number(strconv.Itoa(low)), json.Number(strconv.Itoa(high))
}

func lengths(p *jsonschema.Schema, low, high int) {
	if low > 0 {
		p.MinLength = new(uint64(low))
	}
	p.MaxLength = new(uint64(high))
}

func choices(p *jsonschema.Schema, values []string) {
	for _, v := range values {
		p.Enum = append(p.Enum, v)
	}
}

// most returns the loosest of the models' limits: a flat schema cannot say "if
// model X", so the exact ones stand in the descriptions and in the refusals.
func most(models []dashscope.Model, limit func(dashscope.Model) int) int {
	high := 0
	for _, m := range models {
		high = max(high, limit(m))
	}
	return high
}

// perModel words a fact that may differ between models: "500 (a, b); 800 (c)", or
// only "500" where it does not.
func perModel(models []dashscope.Model, fact func(dashscope.Model) string) string {
	var facts []string
	who := map[string][]string{}
	for _, m := range models {
		f := fact(m)
		if who[f] == nil {
			facts = append(facts, f)
		}
		who[f] = append(who[f], m.ID)
	}
	if len(facts) == 1 {
		return facts[0]
	}
	parts := make([]string, len(facts))
	for i, f := range facts {
		parts[i] = f + " (" + strings.Join(who[f], ", ") + ")"
	}
	return strings.Join(parts, "; ")
}

// list writes names as a sentence has them: "a, b or c".
func list(names []string, last string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " " + last + " " + names[len(names)-1]
}
