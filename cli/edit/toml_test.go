package edit_test

import (
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"wan-image-mcp/cli/edit"
)

func TestTOMLSetTable(t *testing.T) {
	const own = "[mcp_servers.us]\nargs = [\"--a\"]\ncommand = \"/bin/w\"\n\n[mcp_servers.us.env]\nK = \"a\\\\b\"\n"
	for name, test := range map[string]struct{ text, want string }{
		"no file":     {"", own},
		"behind all":  {"# mine\nmodel = \"x\" # fast\n", "# mine\nmodel = \"x\" # fast\n\n" + own},
		"no line end": {"model = \"x\"", "model = \"x\"\n\n" + own},
		"empty line":  {"[a]\nb = 1\n\n", "[a]\nb = 1\n\n" + own},
		"CRLF":        {"a = 1\r\n", "a = 1\r\n\r\n" + strings.ReplaceAll(own, "\n", "\r\n")},
		"replaced":    {"[mcp_servers.us]\ncommand = \"old\"\n# lost\nx = 1\n# kept, of the next\n[b]\n", own + "# kept, of the next\n[b]\n"},
		"with tables below": {
			"[mcp_servers.us]\ncommand = \"old\"\n\n[mcp_servers.us.env]\nA = \"1\" # lost\n\n[z]\n[mcp_servers.us.tools.x]\ny = 1\n[mcp_servers.usual]\ncommand = \"u\"\n",
			own + "\n[z]\n[mcp_servers.usual]\ncommand = \"u\"\n",
		},
		"quoted header": {"[ mcp_servers . \"us\" ] # c\ncommand = \"old\"\n", own},
		"what looks like a header": {
			"text = \"\"\"\n[mcp_servers.us]\n\"\"\"\nlist = [\n  [1],\n  # [x\n  [2], ']',\n]\n[mcp_servers.us]\nargs = [\n  \"[z]\",\n]\n[c]\n",
			"text = \"\"\"\n[mcp_servers.us]\n\"\"\"\nlist = [\n  [1],\n  # [x\n  [2], ']',\n]\n" + own + "[c]\n",
		},
		"arrays in the old table": {"[mcp_servers.us]\nx = [\n  [1],\n  [2],\n]\n[c]\n", own + "[c]\n"},
		"array of tables":         {"[[mcp]]\na = 1\n[[mcp]]\na = 2\n", "[[mcp]]\na = 1\n[[mcp]]\na = 2\n\n" + own},
		"among servers":           {"[mcp_servers.other]\ncommand = \"o\"\n", "[mcp_servers.other]\ncommand = \"o\"\n\n" + own},
		"comment at the end":      {"[mcp_servers.us]\nx = 1\n\n# the end\n", own + "\n# the end\n"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := edit.ParseTOML([]byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			table := map[string]any{
				"command": "/bin/w", "args": []any{"--a"}, "env": map[string]any{"K": `a\b`},
			}
			if err := d.SetTable(table, "mcp_servers", "us"); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(d.Bytes())); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			got, ok := d.Table("mcp_servers", "us")
			if diff := cmp.Diff(table, got); !ok || diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestTOMLRefused: what is not under a header of its own is left alone.
func TestTOMLRefused(t *testing.T) {
	for _, text := range []string{
		"mcp_servers = { us = { command = \"x\" } }\n",
		"mcp_servers = { other = { command = \"x\" } }\n",
		"mcp_servers = {}\n[a]\n",
		"mcp_servers.us.command = \"x\"\n",
		"[mcp_servers]\nus = { command = \"x\" }\n",
		"[mcp_servers]\nus.command = \"x\"\n",
		"mcp_servers = 1\n",
		"[[mcp_servers.us]]\ncommand = \"x\"\n",
	} {
		d, err := edit.ParseTOML([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.SetTable(map[string]any{"command": "y"}, "mcp_servers", "us"); err == nil {
			t.Errorf("%q became %q", text, d.Bytes())
		}
		if string(d.Bytes()) != text {
			t.Errorf("%q became %q although it was refused", text, d.Bytes())
		}
	}
	for text, want := range map[string]string{"a = 1\nb = \n": "line 2", "[a\n": "line", "a = 1\na = 2\n": "line 2"} {
		if _, err := edit.ParseTOML([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", text, err, want)
		}
	}
}

// FuzzTOML: an edit changes one table and nothing else, or is refused.
func FuzzTOML(f *testing.F) {
	for _, text := range []string{
		"", "a = 1 # [x]\n", "[s.us]\nx = '''\n[y]\n'''\n[s.us.z]\n[t]\n", "a = [[1], \"]\", # [\n]\n[s.us]\n", "s.us.a = 1",
		"a = \"\\\"[s.us]\"\r\n[s.us]\r\nb = {c = [1]}\r\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := edit.ParseTOML([]byte(text))
		if err != nil {
			return
		}
		var want map[string]any
		if _, err := toml.Decode(text, &want); err != nil {
			t.Fatal(err)
		}
		if err := d.SetTable(map[string]any{"new": true}, "s", "us"); err != nil {
			return
		}
		if want["s"] == nil {
			want["s"] = map[string]any{}
		}
		want["s"].(map[string]any)["us"] = map[string]any{"new": true}
		var got map[string]any
		if _, err := toml.Decode(string(d.Bytes()), &got); err != nil {
			t.Fatalf("%q became %q: %v", text, d.Bytes(), err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q became %q: -want +got:\n%s", text, d.Bytes(), diff)
		}
	})
}
