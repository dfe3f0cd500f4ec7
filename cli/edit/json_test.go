package edit_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wan-image-mcp/cli/edit"
)

// entry is such as clients expect, in a fixed order.
type entry struct {
	Command string            `json:"command"`
	Args    []string          `json:"args,omitempty"`
	Env     map[string]string `json:"env,omitempty"`
}

var ours = entry{Command: "/bin/w", Args: []string{"--a", "b"}, Env: map[string]string{"K": ""}}

const oursText = `{
      "command": "/bin/w",
      "args": ["--a", "b"],
      "env": {
        "K": ""
      }
    }`

func TestJSONSet(t *testing.T) {
	for name, test := range map[string]struct {
		text, want string
		value      any
		path       []string
	}{
		"empty file": {"", "{\n  \"servers\": {\n    \"us\": " + oursText + "\n  }\n}\n", ours, []string{"servers", "us"}},
		"empty object": {
			"{ }", "{\n  \"servers\": {\n    \"us\": " + oursText + "\n  }\n}", ours, []string{"servers", "us"},
		},
		"behind others": {
			"{\n  \"z\": 1.50,\n  \"servers\": {\n    \"other\": {}\n  },\n  \"a\": null\n}\n",
			"{\n  \"z\": 1.50,\n  \"servers\": {\n    \"other\": {},\n    \"us\": " + oursText + "\n  },\n  \"a\": null\n}\n",
			ours,
			[]string{"servers", "us"},
		},
		"no servers yet": {
			"{\n  \"a\": 1\n}\n", "{\n  \"a\": 1,\n  \"servers\": {\n    \"us\": true\n  }\n}\n",
			true,
			[]string{"servers", "us"},
		},
		"empty servers": {
			"{\n\t\"servers\": {}\n}\n", "{\n\t\"servers\": {\n\t\t\"us\": true\n\t}\n}\n", true, []string{"servers", "us"},
		},
		"tabs": {
			"{\n\t\"servers\": {\n\t\t\"x\": 1\n\t}\n}\n",
			"{\n\t\"servers\": {\n\t\t\"x\": 1,\n\t\t\"us\": {\n\t\t\t\"command\": \"c\"\n\t\t}\n\t}\n}\n",
			entry{Command: "c"},
			[]string{"servers", "us"},
		},
		"one line": {
			`{"servers":{"x":1}}`, `{"servers":{"x":1,"us":{"command":"c"}}}`, entry{Command: "c"}, []string{"servers", "us"},
		},
		"one line, empty": {`{"servers":{}}`, `{"servers":{"us":1}}`, 1, []string{"servers", "us"}},
		"CRLF": {
			"{\r\n  \"servers\": {\r\n    \"x\": 1\r\n  }\r\n}\r\n",
			"{\r\n  \"servers\": {\r\n    \"x\": 1,\r\n    \"us\": {\r\n      \"command\": \"c\"\r\n    }\r\n  }\r\n}\r\n",
			entry{Command: "c"},
			[]string{"servers", "us"},
		},
		"byte order mark": {"\ufeff{\n  \"a\": 1\n}", "\ufeff{\n  \"a\": 1,\n  \"us\": 2\n}", 2, []string{"us"}},
		"comments": {
			"// mine\n{\n  \"servers\": {\n    \"x\": 1 // the \"x\", {really}\n    /* , */\n  }\n}\n",
			"// mine\n{\n  \"servers\": {\n    \"x\": 1, // the \"x\", {really}\n    \"us\": 2\n    /* , */\n  }\n}\n",
			2,
			[]string{"servers", "us"},
		},
		"trailing comma and comment": {
			"{\n  \"servers\": {\n    \"x\": \"//\", // kept\n  },\n}\n",
			"{\n  \"servers\": {\n    \"x\": \"//\", // kept\n    \"us\": 2\n  },\n}\n",
			2,
			[]string{"servers", "us"},
		},
		"trailing comma on one line": {`{"x":1,}`, `{"x":1,"us":2}`, 2, []string{"us"}},
		"only a comment inside": {
			"{\n  \"servers\": {\n    // none yet\n  }\n}\n", "{\n  \"servers\": {\n    // none yet\n    \"us\": 2\n  }\n}\n",
			2,
			[]string{"servers", "us"},
		},
		"comment over lines": {
			"{\n  \"x\": 1 /* a\n b */\n}", "{\n  \"x\": 1, /* a\n b */\n  \"us\": 2\n}", 2, []string{"us"},
		},
		"brace behind the value": {"{\n  \"x\": 1}", "{\n  \"x\": 1,\n  \"us\": 2}", 2, []string{"us"}},
		"replaced": {
			"{\n  \"servers\": {\n    \"us\": {\"command\": \"old\", \"keep\": 1}\n  }\n}\n",
			"{\n  \"servers\": {\n    \"us\": {\"command\": \"new & <old>\", \"keep\": 1}\n  }\n}\n",
			"new & <old>",
			[]string{"servers", "us", "command"},
		},
		"replaced over lines": {
			"{\n  \"servers\": {\n    \"us\": 1,\n    \"x\": 2\n  }\n}\n",
			"{\n  \"servers\": {\n    \"us\": " + oursText + ",\n    \"x\": 2\n  }\n}\n", ours,
			[]string{"servers", "us"},
		},
		"escaped name": {`{"\u0075s": 1}`, `{"\u0075s": 2}`, 2, []string{"us"}},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := edit.ParseJSON([]byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Set(test.value, test.path...); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(d.Bytes())); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestJSONAppend(t *testing.T) {
	for text, want := range map[string]string{
		"{}":                     "{\n  \"inputs\": [\n    {\n      \"command\": \"c\"\n    }\n  ]\n}",
		"{\n  \"inputs\": []\n}": "{\n  \"inputs\": [\n    {\n      \"command\": \"c\"\n    }\n  ]\n}",
		`{"inputs":[1]}`:         `{"inputs":[1,{"command":"c"}]}`,
		"{\n  \"inputs\": [\n    1, // one\n  ]\n}": "{\n  \"inputs\": [\n    1, // one\n    {\n      \"command\": \"c\"\n    }\n  ]\n}",
	} {
		d, err := edit.ParseJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Append(entry{Command: "c"}, "inputs"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(d.Bytes())); diff != "" {
			t.Errorf("%s: -want +got:\n%s", text, diff)
		}
	}
}

func TestJSONBroken(t *testing.T) {
	for text, want := range map[string]string{
		"{\n  \"a\": 1\n  \"b\": 2\n}": "line 3, column 3",
		"[]":                           "object",
		"null":                         "object",
		"{} {}":                        "line 1, column 4",
		"{ /* no end }":                "line 1, column 3",
		"{'a': 1}":                     "line 1, column 2",
		"\xff\xfe{\x00}\x00":           "line 1, column 1",
		"{\"a\": 1,,}":                 "line 1, column 9",
		"{,}":                          "line 1, column 2",
	} {
		_, err := edit.ParseJSON([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", text, err, want)
		}
	}
	d, err := edit.ParseJSON([]byte(`{"servers": [], "x": {}, "x": {}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range [][]string{{"servers", "us"}, {"x", "us"}} {
		if err := d.Set(1, path...); err == nil || !strings.Contains(err.Error(), path[0]) {
			t.Errorf("%v: got %v, want an error that names %s", path, err, path[0])
		}
	}
}

// FuzzJSON: an edit changes the one value and nothing else.
func FuzzJSON(f *testing.F) {
	for _, text := range []string{
		"", "{}", "{\n  \"a\": {\n    \"b\": [1, {\"c\": \"//\"}]\n  }\n}", `{"a":{"b":1,},}`, "// x\n{\r\n\t\"a\": {} /* y */\r\n}",
		"{\"a\":{\"b\"/**/:/**/1/**/,/**/\"c\":2/**/}}", "\ufeff{\"a\": {// x\n}}",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := edit.ParseJSON([]byte(text))
		if err != nil {
			return
		}
		want, _ := d.Get()
		if err := d.Set("new", "a", "b"); err != nil {
			return
		}
		root := want.(map[string]any)
		if _, ok := root["a"]; !ok {
			root["a"] = map[string]any{}
		}
		root["a"].(map[string]any)["b"] = "new"
		again, err := edit.ParseJSON(d.Bytes())
		if err != nil {
			t.Fatalf("%q became %q: %v", text, d.Bytes(), err)
		}
		got, _ := again.Get()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q became %q: -want +got:\n%s", text, d.Bytes(), diff)
		}
		if json.Valid([]byte(text)) && !json.Valid(d.Bytes()) {
			t.Errorf("plain %q became %q", text, d.Bytes())
		}
	})
}
