package cli_test

import (
	"runtime"
	"strings"
	"testing"

	"wan-image-mcp/cli"
)

// TestUnfilled: clients that find no value hand the name of one on.
func TestUnfilled(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"sk-abc": "sk-abc", "": "", "$DASHSCOPE_API_KEY": "", "${DASHSCOPE_API_KEY}": "", "${user_config.api_key}": "",
		"${env:DASHSCOPE_API_KEY}": "", "${input:dashscope-key}": "", "a$b": "a$b", "$": "$", "$HOME/key": "$HOME/key", "a=b": "a=b",
	} {
		for _, name := range []string{"DASHSCOPE_API_KEY", "WAN_IMAGE_MCP_REGION"} {
			if got := cli.Getenv([]string{"OTHER=x", name + "=" + value}, name); got != want {
				t.Errorf("%s=%s counts as %q, want %q", name, value, got, want)
			}
		}
		if got := cli.Getenv([]string{"PATH=" + value, "PATH=twice"}, "PATH"); got != value {
			t.Errorf("PATH=%s counts as %q", value, got)
		}
	}
}

// TestMisspeltVariables: a setting that was meant to guard money is not passed over.
func TestMisspeltVariables(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, says string
		code       int
	}{
		{"WAN_IMAGE_MCP_BUDGET_IMAGES_PER_DAY", "", 0},
		{"WAN_IMAGE_MCP_TOKEN", "", 0}, // no flag, but a setting
		{"WAN_IMAGE_MCP_BUDGET_IMAGE_PER_DAY", "no setting WAN_IMAGE_MCP_BUDGET_IMAGE_PER_DAY: did you mean WAN_IMAGE_MCP_BUDGET_IMAGES_PER_DAY?", 2},
		{"WAN_IMAGE_MCP_RESULT", "did you mean WAN_IMAGE_MCP_RESULT_IMAGES or WAN_IMAGE_MCP_RESULT_LINKS?", 2},
		{"WAN_IMAGE_MCP_STATE-DIR", "did you mean WAN_IMAGE_MCP_STATE_DIR?", 2},
		{"WAN_IMAGE_MCP_API_KEY", "as DASHSCOPE_API_KEY", 2},
		{"WAN_IMAGE_MCP_KEY", "as DASHSCOPE_API_KEY", 2}, // not as an idempotency key
		{"WAN_IMAGE_MCP_TOKEN_FIL", "did you mean WAN_IMAGE_MCP_TOKEN_FILE?", 2},
		{"WAN_IMAGE_MCP_HELP", "Warning: there is no setting WAN_IMAGE_MCP_HELP", 0},
		{"WAN_IMAGE_MCP_IMAGE", "Warning: there is no setting WAN_IMAGE_MCP_IMAGE", 0}, // of a container, perhaps
		{"WAN_IMAGE_MCP_COLOUR", "Warning: there is no setting WAN_IMAGE_MCP_COLOUR: it changes nothing", 0},
		{"OTHER_BUDGET_IMAGE_PER_DAY", "", 0},
	} {
		u := newUser(t)
		u.env[test.name] = "17"
		got := u.run(t, "models") // which has few of the flags itself
		if got.code != test.code || !strings.Contains(got.stderr, test.says) || test.says == "" && got.stderr != "" {
			t.Errorf("%s: it ended with %d and says %q, want %d and %q", test.name, got.code, got.stderr, test.code, test.says)
		}
		if u.env[test.name] = ""; u.run(t, "models").code != 0 {
			t.Errorf("an empty %s counts", test.name)
		}
	}
}

// TestVariablesOfOtherCase: only Windows takes a name in small letters for ours.
func TestVariablesOfOtherCase(t *testing.T) {
	t.Parallel()
	want := 2
	if runtime.GOOS == "windows" {
		want = 0
	}
	u := newUser(t)
	u.env["WAN_IMAGE_MCP_Budget_Images_Per_Day"] = "17"
	if got := u.run(t, "models"); got.code != want {
		t.Errorf("it ended with %d and says %q, want %d", got.code, got.stderr, want)
	}
}

// TestServiceLinks: beside a service called wan-image-mcp every container has
// variables that begin as ours do.
func TestServiceLinks(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	for _, service := range []string{"WAN_IMAGE_MCP", "WAN_IMAGE_MCP_HTTP", "WAN_IMAGE_MCP_MODEL"} {
		for name, value := range map[string]string{
			"SERVICE_HOST": "10.0.0.11", "SERVICE_PORT": "8080", "SERVICE_PORT_TOKEN": "8080",
			"PORT": "tcp://10.0.0.11:8080", "PORT_8080_TCP": "tcp://10.0.0.11:8080",
			"PORT_8080_TCP_PROTO": "tcp", "PORT_8080_TCP_PORT": "8080", "PORT_8080_TCP_ADDR": "10.0.0.11",
		} {
			u.env[service+"_"+name] = value
		}
	}
	if got := u.run(t, "models"); got.code != 0 || got.stderr != "" {
		t.Errorf("it ended with %d and says %q", got.code, got.stderr)
	}
	u.env["WAN_IMAGE_MCP_PORT"] = "8080" // by a user, for --listen
	if got := u.run(t, "models"); !strings.Contains(got.stderr, "no setting WAN_IMAGE_MCP_PORT") {
		t.Errorf("it says %q of a port that changes nothing", got.stderr)
	}
}

// TestHelpWithMisspeltVariables: what tells how to spell them must not end on them.
func TestHelpWithMisspeltVariables(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.env["WAN_IMAGE_MCP_BUDGET_IMAGE_PER_DAY"] = "17"
	for _, args := range [][]string{{"help"}, {"help", "serve"}, {"completion"}, {"__complete", "mod"}, {"models", "--help"}} {
		if got := u.run(t, args...); got.code != 0 || got.stdout == "" || strings.Contains(got.stderr, "no setting") {
			t.Errorf("%v: it ended with %d and says %q", args, got.code, got.stderr)
		}
	}
}
