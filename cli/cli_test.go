package cli_test

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wan-image-mcp/cli"
	"wan-image-mcp/dashscope"
)

// TestUsage: a wrong command line ends with 2, says what is wrong and what to do.
func TestUsage(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		env  map[string]string
		want []string
	}{
		{"unknown command", []string{"generat", "x"}, nil, []string{`no command "generat"`, "did you mean generate?"}},
		{"command under another name", []string{"list"}, nil, []string{`no command "list"`, "did you mean models or task?"}},
		{"command with a letter too many", []string{"tasks"}, nil, []string{"did you mean task?"}},
		{"help on nothing", []string{"help", "nothing"}, nil, []string{`no command "nothing"`}},
		{"help on a slip", []string{"help", "generat"}, nil, []string{"did you mean generate?"}},
		{"help on nothing below", []string{"help", "task", "list"}, nil, []string{`no command "list"`, "wan-image-mcp task --help"}},
		{"unknown shell", []string{"completion", "tcsh"}, nil, []string{`"tcsh"`, "bash, zsh, fish and powershell"}},
		{"unknown flag", []string{"generate", "--ratio", "16:9", "x"}, nil, []string{"no flag --ratio", "did you mean --aspect-ratio?", "generate --help"}},
		{"beginning of a flag", []string{"generate", "--aspect", "16:9", "x"}, nil, []string{"did you mean --aspect-ratio?"}},
		{"slip in a flag", []string{"generate", "--moddel", "y", "x"}, nil, []string{"did you mean --model?"}},
		{"denied flag", []string{"generate", "--no-prompt-extend", "x"}, nil, []string{"did you mean --prompt-extend=false?"}},
		{"flag like none", []string{"generate", "--steps", "9", "x"}, nil, []string{"  wan-image-mcp generate --help"}},
		{"open to all without a token", []string{"serve", "--transport", "http", "--listen", "0.0.0.0:0"}, nil, []string{"--listen 0.0.0.0:0", "WAN_IMAGE_MCP_TOKEN"}},
		{"unknown letter", []string{"generate", "-z", "x"}, nil, []string{"no flag -z"}},
		{"flag without value", []string{"serve", "--listen"}, nil, []string{"--listen"}},
		{"no prompt", []string{"generate"}, nil, []string{"prompt is missing"}},
		{"prompt without quotes", []string{"generate", "a", "red", "fox"}, nil, []string{"3 words", "quotation marks"}},
		{"argument too many", []string{"models", "wan2.6-t2i"}, nil, []string{"takes no argument"}},
		{"cancel without id", []string{"task", "cancel"}, nil, []string{"id of one task"}},
		{"two tasks", []string{"task", "a", "b"}, nil, []string{"one task at a time"}},
		{"bad choice", []string{"serve", "--transport", "tcp"}, nil, []string{"--transport", `"tcp" is none of stdio, http, sse`}},
		{"bad address", []string{"serve", "--listen", "8080"}, nil, []string{"--listen", "HOST:PORT"}},
		{"bad port", []string{"simulate", "--listen", "127.0.0.1:65536"}, nil, []string{"--listen", "HOST:PORT"}},
		{"bad number", []string{"generate", "--max-images-per-call", "many", "x"}, nil, []string{"--max-images-per-call", `"many" is not a whole number`}},
		{"number too large", []string{"generate", "--max-images-per-call", "5", "x"}, nil, []string{"5 is too large: at most 4"}},
		{"number too small", []string{"generate", "--budget-images-per-day=-1", "x"}, nil, []string{"-1 is too small: at least 0"}},
		{"bad duration", []string{"generate", "--unknown-grace", "60", "x"}, nil, []string{"--unknown-grace", "duration"}},
		{"bad speed", []string{"generate", "--simulate-speed", "0", "x"}, nil, []string{"--simulate-speed", "above 0"}},
		{"bad region", []string{"models", "--region", "mars"}, nil, []string{"--region", "beijing, singapore, virginia and frankfurt"}},
		{"bad model", []string{"models", "--models", "dall-e"}, nil, []string{"--models", `model "dall-e" is not known`, "wan2.6-t2i"}},
		{"model cut short", []string{"models", "--default-model", "wan2.6"}, nil, []string{"--default-model", "did you mean wan2.6-t2i?"}},
		{"model of another region", []string{"models", "--region", "virginia", "--models", "wan2.2-t2i-plus"}, nil, []string{"virginia does not serve wan2.2-t2i-plus"}},
		{"default not enabled", []string{"models", "--models", "wan2.6-t2i", "--default-model", "wan2.2-t2i-plus"}, nil, []string{"--default-model", "wan2.2-t2i-plus is not enabled"}},
		{"bad image host", []string{"generate", "--allow-image-host", "example.com", "x"}, nil, []string{"--allow-image-host", "HOST:PORT"}},
		{"Frankfurt without workspace", []string{"generate", "--region", "frankfurt", "x"}, nil, []string{"--workspace"}},
		{"bad level", []string{"models"}, map[string]string{"WAN_IMAGE_MCP_REGION": "mars"}, []string{"WAN_IMAGE_MCP_REGION", "mars"}},
		{"bad variable", nil, map[string]string{"WAN_IMAGE_MCP_LOG_LEVEL": "loud"}, []string{"WAN_IMAGE_MCP_LOG_LEVEL", `"loud" is none of debug, info, warn, error`}},
		{"bad truth", nil, map[string]string{"WAN_IMAGE_MCP_SIMULATE": "please"}, []string{"WAN_IMAGE_MCP_SIMULATE", `"please" is not true or false`}},
		{"bad base", []string{"doctor"}, map[string]string{"DASHSCOPE_HTTP_BASE_URL": "dashscope"}, nil},
		{"open base", []string{"generate", "x"}, map[string]string{"DASHSCOPE_HTTP_BASE_URL": "http://example.com/api/v1"}, []string{"DASHSCOPE_HTTP_BASE_URL", "plain http", "https://example.com/api/v1"}},
		{"old name of base", []string{"generate", "x"}, map[string]string{"DASHSCOPE_BASE_URL": "ftp://example.com"}, []string{"DASHSCOPE_BASE_URL", "neither https nor http"}},
		{"key file is missing", []string{"generate", "x"}, map[string]string{"DASHSCOPE_API_KEY_FILE_PATH": "/does/not/exist"}, []string{"DASHSCOPE_API_KEY_FILE_PATH", "/does/not/exist"}},
		{"key with a blank", []string{"generate", "x"}, map[string]string{"DASHSCOPE_API_KEY": "sk-abc defghijk"}, []string{"DASHSCOPE_API_KEY", "no key"}},
		{"no home", []string{"generate", "--simulate", "x"}, map[string]string{"HOME": "", "LOCALAPPDATA": ""}, []string{"--state-dir"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := newUser(t)
			maps.Copy(u.env, test.env)
			got := u.run(t, test.args...)
			wantCode := 2
			if test.name == "bad base" {
				wantCode = 1 // doctor reports it among its findings
			}
			if got.code != wantCode {
				t.Errorf("it ended with %d, want %d", got.code, wantCode)
			}
			for _, want := range test.want {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("stderr does not say %q: %s", want, got.stderr)
				}
			}
			if got.stdout != "" && wantCode == 2 {
				t.Errorf("stdout has %q", got.stdout)
			}
			if strings.Contains(got.stderr, "abc def") {
				t.Errorf("stderr shows the key: %s", got.stderr)
			}
		})
	}
}

// TestKeyIsNoFlag: whatever somebody tries, the key is not repeated.
func TestKeyIsNoFlag(t *testing.T) {
	const key = "sk-canary0123456789abcdef"
	for _, args := range [][]string{
		{"--api-key", key},
		{"--api-key=" + key},
		{"serve", "--api-key", key},
		{"generate", "--key=" + key, "x"},
		{"generate", "--dashscope-api-key", key, "x"},
		{"--token=" + key},
		{"--secret", key},
	} {
		got := newUser(t).run(t, args...)
		if got.code != 2 || !strings.Contains(got.stderr, "DASHSCOPE_API_KEY") {
			t.Errorf("%q ended with %d and does not say where a key goes: %s", args, got.code, got.stderr)
		}
		if strings.Contains(got.stderr+got.stdout, "canary") {
			t.Errorf("%q repeats the key: %s", args, got.stderr)
		}
	}
	for _, args := range [][]string{
		{key},
		{"serve", key},
		{"generate", "-k" + key, "x"},
		{"generate", "-k=" + key, "x"},
		{"serve", "--listen", key},
		{"generate", "--=" + key},
		{"models", "--models", key},
		{"models", "--default-model", key},
		{"generate", "--allow-image-host", key, "x"},
	} {
		got := newUser(t).run(t, args...)
		if got.code != 2 {
			t.Errorf("%q ended with %d, want 2", args, got.code)
		}
		if strings.Contains(got.stderr+got.stdout, "canary") {
			t.Errorf("%q repeats the key: %s", args, got.stderr)
		}
	}
}

// TestPrecedence: the flag wins over the variable, the variable over the default,
// and an empty variable is none.
func TestPrecedence(t *testing.T) {
	u := newUser(t)
	region := func(args ...string) string {
		out := u.mustRun(t, append([]string{"models", "--json"}, args...)...).stdout
		switch {
		case strings.Contains(out, `"region": "beijing"`):
			return "beijing"
		case strings.Contains(out, `"region": "singapore"`):
			return "singapore"
		case strings.Contains(out, `"region": "virginia"`):
			return "virginia"
		}
		return out
	}
	if got := region(); got != "beijing" {
		t.Errorf("by default the region is %s, want beijing", got)
	}
	u.env["WAN_IMAGE_MCP_REGION"] = ""
	if got := region(); got != "beijing" {
		t.Errorf("with an empty variable the region is %s, want beijing", got)
	}
	u.env["WAN_IMAGE_MCP_REGION"] = "singapore"
	if got := region(); got != "singapore" {
		t.Errorf("with the variable the region is %s, want singapore", got)
	}
	if got := region("--region", "us-east-1"); got != "virginia" {
		t.Errorf("with flag and variable the region is %s, want virginia", got)
	}
}

func TestModels(t *testing.T) {
	got := newUser(t).mustRun(t, "models", "--models", "wanx2.1-t2i-plus,wan2.2-t2i-flash", "--default-model", "wan2.2-t2i-flash").stdout
	for _, want := range []string{
		"wan2.6-t2i (not enabled)", "wan2.1-t2i-plus ", "wan2.2-t2i-flash (default)", "wanx2.0-t2i-turbo (not enabled)",
		"0.14", "2100", "1638400 to 2073600 pixels", "also 1104*1472, ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("models does not say %q:\n%s", want, got)
		}
	}
	for line := range strings.Lines(got) {
		if len(line) > 80 {
			t.Errorf("models writes a line of %d characters, which a narrow terminal breaks:\n%s", len(line), line)
		}
	}
}

// TestModelsJSON: the names are those of list_models and wan://models.
func TestModelsJSON(t *testing.T) {
	var got []map[string]any
	if err := json.Unmarshal([]byte(newUser(t).mustRun(t, "models", "--json", "--region", "singapore", "--models", "wan2.6-t2i").stdout), &got); err != nil || len(got) != 6 {
		t.Fatalf("got %d models and %v, want the six of singapore", len(got), err)
	}
	facts, err := json.Marshal(dashscope.Models()[0].Facts(dashscope.Singapore))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"region": "singapore", "enabled": true, "default": true, "source": dashscope.Models()[0].Source}
	if err := json.Unmarshal(facts, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}
	if got[1]["enabled"] != false || got[1]["default"] != nil {
		t.Errorf("%v is enabled, want wan2.6-t2i alone", got[1]["model"])
	}
}

func TestVersion(t *testing.T) {
	got := newUser(t).mustRun(t, "version")
	if !strings.HasPrefix(got.stdout, "wan-image-mcp ") || !strings.Contains(got.stdout, "go1.") {
		t.Errorf("version says %q", got.stdout)
	}
	for _, flag := range []string{"--version", "-v"} {
		if again := newUser(t).mustRun(t, flag); again.stdout != got.stdout {
			t.Errorf("%s says %q, want %q", flag, again.stdout, got.stdout)
		}
	}
	if got := newUser(t).mustRun(t, "version", "--json"); !strings.Contains(got.stdout, `"version": "`) {
		t.Errorf("version --json says %q", got.stdout)
	}
}

// TestHelp: every command has a manual with an example, which fits a screen.
func TestHelp(t *testing.T) {
	for _, command := range []string{"", "serve", "generate", "models", "task", "task cancel", "simulate", "doctor", "install", "version"} {
		got := newUser(t).run(t, append(strings.Fields(command), "--help")...)
		if got.code != 0 || !strings.Contains(got.stdout, "USAGE") {
			t.Errorf("%q --help ended with %d: %s", command, got.code, got.stdout)
		}
		if command != "version" && !strings.Contains(got.stdout, "EXAMPLES") {
			t.Errorf("%q --help has no example", command)
		}
		for line := range strings.Lines(got.stdout) {
			if len(line) > 100 {
				t.Errorf("%q --help has a line of %d characters: %s", command, len(line), line)
			}
		}
	}
}

// panics is a writer with a fault.
type panics struct{}

func (panics) Write([]byte) (int, error) { panic("sk-canary0123456789") }

// TestPanic: a fault of the program ends with 1 and does not tell values.
func TestPanic(t *testing.T) {
	var stderr lockedBuffer
	code := cli.Run(context.Background(), []string{"models"}, nil, strings.NewReader(""), panics{}, &stderr)
	if code != 1 || !strings.Contains(stderr.String(), "internal error") {
		t.Errorf("it ended with %d and says %q", code, stderr.String())
	}
	if strings.Contains(stderr.String(), "canary") {
		t.Errorf("it shows the value: %s", stderr.String())
	}
}

// TestKeyFile: the key may lie in a file; one that others can read is told.
func TestKeyFile(t *testing.T) {
	u := newUser(t)
	path := filepath.Join(u.home, "key")
	if err := os.WriteFile(path, []byte(testKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	up := newUpstream(t, u, simulatorOptions)
	delete(u.env, "DASHSCOPE_API_KEY")
	u.env["DASHSCOPE_API_KEY_FILE_PATH"] = path
	got := u.mustRun(t, "doctor")
	if !strings.Contains(got.stdout, "found in DASHSCOPE_API_KEY_FILE_PATH") || !strings.Contains(got.stdout, up.URL) {
		t.Errorf("doctor says:\n%s", got.stdout)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := u.mustRun(t, "doctor").stdout; !strings.Contains(got, "chmod 600") {
		t.Errorf("doctor does not tell that others can read the key:\n%s", got)
	}
}
