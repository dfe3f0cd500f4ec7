package tools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"
	"github.com/mark3labs/mcp-go/mcp"

	"wan-image-mcp/dashscope"
)

// problem is one thing that is wrong with a call's arguments, in one sentence.
type problem struct{ field, text string }

// problems are all that is wrong with a call: one answer lets a model mend
// everything at once.
type problems []problem

func (p problems) Error() string {
	texts := make([]string, len(p))
	for i, one := range p {
		texts[i] = one.text
	}
	return strings.Join(texts, ".\n")
}

// merge adds what is not about a field that is wrong already: a prompt sent as
// "promt" need not also be called empty.
func merge(bad, more problems) problems {
	known := bad
	for _, m := range more {
		if !slices.ContainsFunc(known, func(b problem) bool { return b.field == m.field && m.field != "" }) {
			bad = append(bad, m)
		}
	}
	return bad
}

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
		return nil, fmt.Sprintf("the arguments must be a JSON object with their names and values, not %s", shorten(string(raw), 40))
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
	return shorten(string(raw), 40)
}

// strangers names the arguments that the tool does not have, and those it has.
func strangers(unknown, valid []string) problems {
	var bad problems
	for _, name := range unknown {
		p := problem{text: "unknown argument " + shorten(strconv.Quote(name), 40)}
		if p.field = nearest(name, valid); p.field != "" {
			p.text += " (did you mean " + p.field + "?)"
		}
		p.text += "; valid arguments: " + strings.Join(valid, ", ")
		bad = append(bad, p)
	}
	return bad
}

// nearest returns the valid name that a misspelt one most likely stands for, or
// "": aspectRatio and negative-prompt are spelling, promt is a slip.
func nearest(name string, valid []string) string {
	best, least := "", 3 // more than two slips is another word
	for _, v := range valid {
		a, b := plain(name), plain(v)
		if d := distance(a, b); d < least && d < len(b) {
			best, least = v, d
		}
	}
	return best
}

func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(shorten(name, 60)))
}

// distance counts the letters to insert, delete or replace to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// shorten cuts text after limit characters, and shows that with an ellipsis.
func shorten(s string, limit int) string {
	n := 0
	for at := range s {
		if n++; n > limit {
			return s[:at] + "…"
		}
	}
	return s
}

// violations makes problems of what the service would not take.
func violations(r dashscope.ImageRequest, at dashscope.Region) problems {
	var bad problems
	for _, v := range r.Validate(at) {
		bad = append(bad, problem{v.Field, v.Text})
	}
	return bad
}
