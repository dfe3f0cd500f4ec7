package tools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"
	"github.com/mark3labs/mcp-go/mcp"

	"wan-image-mcp/dashscope"
)

// decode reads a call's arguments by the tool's own schema. It understands what
// models send for what they mean: null for nothing, 1.0 and "1" for 1, "true"
// for true. It checks names and types; limits are checked elsewhere. What it
// could read is in the result even when something else is wrong.
func decode[P any](in *jsonschema.Schema, req mcp.CallToolRequest) (p P, bad problems) {
	args, complaint := arguments(req)
	if complaint != "" {
		return p, problems{{text: complaint}}
	}
	fitted, seen := map[string]any{}, map[string]bool{}
	var unknown []string
	for _, a := range args {
		field, ok := in.Properties.Get(a.name)
		switch {
		case !ok:
			unknown = append(unknown, a.name)
			continue
		case seen[a.name]:
			bad = append(bad, problem{a.name, a.name + " is given twice: give it once"})
		}
		seen[a.name] = true
		if a.value == nil {
			continue
		}
		v, complaint := fit(field, a.value)
		if complaint != "" {
			bad = append(bad, problem{a.name, a.name + " " + complaint})
			continue
		}
		fitted[a.name] = v
	}
	bad = append(strangers(unknown, names(in)), bad...)

	raw, err := json.Marshal(fitted)
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	if err != nil {
		bad = append(bad, problem{text: "the arguments cannot be read: " + err.Error()})
	}
	return p, bad
}

type argument struct {
	name  string
	value any // as encoding/json decodes it, with json.Number for numbers
}

// arguments reads the arguments in their order, so that a name that is there
// twice is noticed instead of the last one winning.
func arguments(req mcp.CallToolRequest) (args []argument, complaint string) {
	raw := req.Params.RawArguments
	if raw == nil {
		raw, _ = json.Marshal(req.Params.Arguments)
	}
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || string(raw) == "null" {
		return nil, ""
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, fmt.Sprintf("the arguments must be a JSON object with their names and values, not %s", dashscope.Clip(strings.ToValidUTF8(string(raw), "?"), 40))
	}
	for dec.More() {
		name, err := dec.Token()
		var a argument
		if err == nil {
			a.name, _ = name.(string)
			err = dec.Decode(&a.value)
		}
		if err != nil {
			return nil, fmt.Sprintf("the arguments cannot be read as JSON: %s", err)
		}
		args = append(args, a)
	}
	return args, ""
}

// fit makes a value what the field's schema says, or completes the sentence
// "<field> ..." that tells what is wrong.
func fit(field *jsonschema.Schema, value any) (v any, complaint string) {
	switch field.Type {
	case "integer":
		if n, ok := whole(value); ok {
			return n, ""
		}
		return nil, fmt.Sprintf("must be a whole number from %s to %s, not %s", field.Minimum, field.Maximum, show(value))
	case "boolean":
		switch b := value.(type) {
		case bool:
			return b, ""
		case string:
			switch strings.ToLower(strings.TrimSpace(b)) {
			case "true":
				return true, ""
			case "false":
				return false, ""
			}
		}
		return nil, fmt.Sprintf("must be true or false, not %s", show(value))
	}
	if s, ok := value.(string); ok {
		return s, ""
	}
	return nil, fmt.Sprintf("must be text in quotes, not %s", show(value))
}

var number = regexp.MustCompile(`^-?\d+(\.\d+)?([eE][+-]?\d+)?$`)

// whole reads 2, 2.0, 2e0 and "2"; not 2.5, and nothing beyond an int64.
func whole(value any) (int64, bool) {
	text := ""
	switch v := value.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(v)
	}
	if !number.MatchString(text) {
		return 0, false
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

// show writes a value back to its sender, in short.
func show(value any) string {
	switch value.(type) {
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return "that"
	}
	return dashscope.Clip(string(raw), 40)
}
