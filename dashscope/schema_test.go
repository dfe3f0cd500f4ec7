package dashscope_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"wan-image-mcp/dashscope"
)

func compile(t *testing.T, m dashscope.Model) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(m.JSONSchema())))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("model.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("model.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func accepts(t *testing.T, s *jsonschema.Schema, instance string) bool {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(instance))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v) == nil
}

func TestJSONSchema(t *testing.T) {
	quoted := func(s string) string {
		out, _ := json.Marshal(s)
		return string(out)
	}
	for _, m := range dashscope.Models() {
		s := compile(t, m)
		type row struct {
			instance string
			want     bool
		}
		rows := []row{
			{`{"prompt":"a cat"}`, true},
			{`{"prompt":"a cat","model":"` + m.ID + `","size":"` + m.DefaultSize.String() + `","n":4,"seed":0,"negative_prompt":"","prompt_extend":false,"watermark":true}`, true},
			{`{}`, false},
			{`{"prompt":""}`, false},
			{`{"prompt":" \n\t"}`, false},
			{`{"prompt":"a\u0000b"}`, false},
			{`{"prompt":"a\u0085b"}`, false},
			{`{"prompt":"一只猫\r\n\t👩‍👩‍👧"}`, true},
			{`{"prompt":` + quoted(codePoints(m.PromptMax)) + `}`, true},
			{`{"prompt":` + quoted(codePoints(m.PromptMax+1)) + `}`, false},
			{`{"prompt":"x","negative_prompt":` + quoted(codePoints(501)) + `}`, false},
			{`{"prompt":"x","model":"gpt-image-1"}`, false},
			{`{"prompt":"x","n":0}`, false},
			{`{"prompt":"x","n":5}`, false},
			{`{"prompt":"x","n":2.5}`, false},
			{`{"prompt":"x","seed":-1}`, false},
			{`{"prompt":"x","seed":2147483647}`, true},
			{`{"prompt":"x","seed":2147483648}`, false},
			{`{"prompt":"x","aspect_ratio":"16:9"}`, true},
			{`{"prompt":"x","aspect_ratio":"21:9"}`, false},
			{`{"prompt":"x","aspect_ratio":"1:1","size":"` + m.DefaultSize.String() + `"}`, false},
			{`{"prompt":"x","size":"0*0"}`, false},
			{`{"prompt":"x","size":"1280*"}`, false},
			{`{"prompt":"x","size":"1280*1280*3"}`, false},
			{`{"prompt":"x","size":"9999*9999"}`, false},
		}
		for _, name := range append(m.Aliases, m.ID) {
			rows = append(rows, row{`{"prompt":"x","model":"` + name + `"}`, true})
		}
		for _, shape := range m.Shapes {
			rows = append(rows, row{`{"prompt":"x","size":"` + shape.Size.String() + `"}`, true})
		}
		for _, r := range rows {
			if got := accepts(t, s, r.instance); got != r.want {
				t.Errorf("%s: accepts %.80s = %v, want %v", m.ID, r.instance, got, r.want)
			}
		}
	}
}

// The schema may admit a size that the rule for pixels refuses, never the reverse;
// where the rule is about sides it is exact.
func TestSchemaSizes(t *testing.T) {
	for _, m := range dashscope.Models() {
		s := compile(t, m)
		check := func(size dashscope.Size) {
			legal := m.Sizes.Allows(size)
			got := accepts(t, s, fmt.Sprintf(`{"prompt":"x","size":"%s"}`, size))
			if legal && !got || got && !legal && m.Sizes.MaxPixels == 0 {
				t.Errorf("%s: schema accepts %s = %v, the rule %v", m.ID, size, got, legal)
			}
		}
		for side := 1; side < 3100; side += 7 {
			check(dashscope.Size{Width: side, Height: 1440})
			check(dashscope.Size{Width: 640, Height: side})
			check(dashscope.Size{Width: side, Height: min(1440, 1900000/side+1)})
		}
		for _, side := range []int{511, 512, 639, 640, 1440, 1441, 2880, 2881} {
			check(dashscope.Size{Width: side, Height: 720})
			check(dashscope.Size{Width: 1024, Height: side})
		}
		check(dashscope.Size{Width: 2880, Height: 720})
		check(dashscope.Size{Width: 640, Height: 2560})
		if m.Sizes.MaxPixels > 0 && accepts(t, s, `{"prompt":"x","size":"2881*720"}`) {
			t.Errorf("%s: schema accepts a side that no legal size has", m.ID)
		}
	}
}

// Numbers stand in the descriptions too, for readers that do not validate.
func TestSchemaSaysItsNumbers(t *testing.T) {
	for _, m := range dashscope.Models() {
		text := string(m.JSONSchema())
		for _, number := range []string{fmt.Sprint(m.PromptMax), "1 to 4", "2147483647", m.Sizes.String()} {
			if !strings.Contains(text, number) {
				t.Errorf("%s: schema lacks %q", m.ID, number)
			}
		}
	}
}
