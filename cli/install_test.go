package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"wan-image-mcp/cli"
)

// everyClient is what install knows, with the object that holds the servers.
var everyClient = map[string]string{
	"claude-desktop": "mcpServers", "claude-code": "mcpServers", "cursor": "mcpServers", "gemini": "mcpServers",
	"vscode": "servers", "codex": "mcp_servers",
}

// installed runs install with a file of its own and tells what is in there then.
func (u *user) installed(t *testing.T, client, before string, args ...string) (after string, got outcome) {
	t.Helper()
	path := filepath.Join(u.home, "config")
	if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	got = u.run(t, append([]string{"install", client, "--file", path, "--command", "wan-image-mcp"}, args...)...)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), got
}

// parse is a configuration as its client reads it.
func parse(t *testing.T, client, text string) map[string]any {
	t.Helper()
	var all map[string]any
	var err error
	if client == "codex" {
		_, err = toml.Decode(text, &all)
	} else {
		err = json.Unmarshal([]byte(text), &all)
	}
	if err != nil {
		t.Fatalf("%s: %v in\n%s", client, err, text)
	}
	return all
}

// server is the entry of that name.
func server(t *testing.T, client, text, name string) map[string]any {
	t.Helper()
	servers, _ := parse(t, client, text)[everyClient[client]].(map[string]any)
	entry, _ := servers[name].(map[string]any)
	return entry
}

func TestInstallPrint(t *testing.T) {
	t.Parallel()
	type object = map[string]any
	env := func(key string) object { return object{"DASHSCOPE_API_KEY": key} }
	for client, want := range map[string]object{
		"claude-desktop": {"command": "/opt/w", "env": env("")},
		"claude-code":    {"type": "stdio", "command": "/opt/w", "env": env("${DASHSCOPE_API_KEY:-}")},
		"cursor":         {"command": "/opt/w", "env": env("${env:DASHSCOPE_API_KEY}")},
		"vscode":         {"type": "stdio", "command": "/opt/w", "env": env("${input:dashscope-key}")},
		"codex":          {"command": "/opt/w", "env_vars": []any{"DASHSCOPE_API_KEY"}},
		"gemini":         {"command": "/opt/w", "env": env("$DASHSCOPE_API_KEY")},
	} {
		if runtime.GOOS == "windows" {
			want["command"] = filepath.VolumeName(t.TempDir()) + `\opt\w`
		}
		u := newUser(t)
		u.env["DASHSCOPE_API_KEY"] = testKey
		got := u.mustRun(t, "install", client, "--print", "--command", "/opt/w")
		if diff := cmp.Diff(want, server(t, client, got.stdout, "wan-image")); diff != "" {
			t.Errorf("%s: -want +got:\n%s", client, diff)
		}
		if strings.Contains(got.stdout+got.stderr, testKey) {
			t.Errorf("%s: the key is shown", client)
		}
		if left, err := os.ReadDir(u.home); err != nil || len(left) > 0 {
			t.Errorf("%s: --print made files: %v, %v", client, left, err)
		}
	}
}

// TestInstallArguments: the server is started as this command line would start it.
func TestInstallArguments(t *testing.T) {
	t.Parallel()
	for client := range everyClient {
		u := newUser(t)
		u.env["WAN_IMAGE_MCP_WORKSPACE"] = "ws-1"
		u.env["DASHSCOPE_BASE_URL"] = "https://example.com/api/v1/"
		text, got := u.installed(t, client, "", "--name", "pictures", "--region", "ap-southeast-1", "--models", "wan2.6-t2i",
			"--models", "wanx2.1-t2i-plus", "--output-dir", "out", "--state-dir", u.home, "--sync", "--log-level=debug")
		if got.code != 0 {
			t.Fatalf("%s: %s", client, got.stderr)
		}
		out, err := filepath.Abs("out")
		if err != nil {
			t.Fatal(err)
		}
		entry := server(t, client, text, "pictures")
		want := []any{
			"--log-level", "debug", "--models", "wan2.6-t2i,wan2.1-t2i-plus", "--output-dir", out,
			"--region", "ap-southeast-1", "--state-dir", u.home, "--sync", "--workspace", "ws-1",
		}
		if diff := cmp.Diff(want, entry["args"]); diff != "" {
			t.Errorf("%s: -want +got:\n%s", client, diff)
		}
		env, _ := entry["env"].(map[string]any)
		if got := env["DASHSCOPE_HTTP_BASE_URL"]; got != "https://example.com/api/v1" {
			t.Errorf("%s: the address of the service is %v", client, got)
		}
		// The arguments are a command line that serve takes.
		line := []string{"serve", "--listen", "nonsense"}
		for _, arg := range entry["args"].([]any) {
			line = append(line, arg.(string))
		}
		if got := u.run(t, line...); !strings.Contains(got.stderr, "--listen") {
			t.Errorf("%s: serve says %s", client, got.stderr)
		}
	}
}

// TestInstallKeepsKeys: what a user filled in survives, and the sources of the key
// do not get into each other's way.
func TestInstallKeepsKeys(t *testing.T) {
	t.Parallel()
	for client := range everyClient {
		u := newUser(t)
		key := filepath.Join(u.home, "key")
		if err := os.WriteFile(key, []byte(testKey+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		own := `{"` + everyClient[client] + `": {"wan-image": {"command": "old", "args": ["--sync"], "timeout": 7,
			"env": {"DASHSCOPE_API_KEY": "sk-mine", "TZ": "UTC"}}}}`
		if client == "codex" {
			own = "[mcp_servers.wan-image]\ncommand = \"old\"\nargs = [\"--sync\"]\ntimeout = 7\n" +
				"[mcp_servers.wan-image.env]\nDASHSCOPE_API_KEY = \"sk-mine\"\nTZ = \"UTC\"\n"
		}
		text, got := u.installed(t, client, own)
		entry := server(t, client, text, "wan-image")
		env, _ := entry["env"].(map[string]any)
		if got.code != 0 || entry["command"] != "wan-image-mcp" || len(entry["args"].([]any)) > 0 ||
			entry["timeout"] == nil || env["TZ"] != "UTC" || env["DASHSCOPE_API_KEY"] != "sk-mine" || entry["env_vars"] != nil {
			t.Errorf("%s: the entry became\n%s\n%s", client, text, got.stderr)
		}
		if !strings.Contains(got.stdout, "stays there") {
			t.Errorf("%s: it says nothing of the key:\n%s", client, got.stdout)
		}

		text, got = u.installed(t, client, text, "--key-file", key)
		env, _ = server(t, client, text, "wan-image")["env"].(map[string]any)
		if left, _ := env["DASHSCOPE_API_KEY"].(string); got.code != 0 || left != "" || env["DASHSCOPE_API_KEY_FILE_PATH"] != key {
			t.Errorf("%s: with a file it became\n%s\n%s", client, text, got.stderr)
		}
		if strings.Contains(text+got.stdout+got.stderr, testKey) {
			t.Errorf("%s: the key was copied:\n%s", client, text)
		}

		again, got := u.installed(t, client, text)
		if got.code != 0 || again != text || !strings.Contains(got.stdout, "as is") {
			t.Errorf("%s: without a file again it became\n%s\n%s", client, again, got.stderr)
		}
	}
}

// TestInstallBackup: the old text stays, the new one is there at once.
func TestInstallBackup(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	const old = "{\n  // mine\n  \"servers\": {\n    \"other\": { \"url\": \"https://example.com\" },\n  },\n}\n"
	text, got := u.installed(t, "vscode", old, "--simulate")
	const want = "{\n  // mine\n  \"servers\": {\n    \"other\": { \"url\": \"https://example.com\" },\n    \"wan-image\": {\n" +
		"      \"type\": \"stdio\",\n      \"command\": \"wan-image-mcp\",\n      \"args\": [\"--simulate\"]\n    }\n  },\n}\n"
	if diff := cmp.Diff(want, text); got.code != 0 || diff != "" {
		t.Errorf("%s: -want +got:\n%s", got.stderr, diff)
	}
	backups, err := filepath.Glob(filepath.Join(u.home, "config.*.bak"))
	if err != nil || len(backups) != 1 || !strings.Contains(got.stdout, backups[0]) {
		t.Fatalf("the backups are %q, %v, and the command says\n%s", backups, err, got.stdout)
	}
	if kept, err := os.ReadFile(backups[0]); err != nil || string(kept) != old {
		t.Errorf("the backup holds %q, %v", kept, err)
	}
	if _, got := u.installed(t, "vscode", text, "--simulate"); !strings.Contains(got.stdout, "as is") {
		t.Errorf("a second time it says\n%s", got.stdout)
	}
	if more, err := filepath.Glob(filepath.Join(u.home, "*")); err != nil || len(more) != 2 {
		t.Errorf("there are the files %q, %v", more, err)
	}
}

// TestInstallRefuses: what is not understood stays as it is, and the user is told
// what to do by hand.
func TestInstallRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ client, text, says string }{
		{"cursor", "{\n  \"mcpServers\": {\n", "not valid JSON: line 2"},
		{"cursor", "[]", "not valid JSON"},
		{"claude-desktop", `{"mcpServers": []}`, "mcpServers is not an object"},
		{"gemini", `{"mcpServers": {"wan-image": {"httpUrl": "https://example.com"}}}`, "at another address"},
		{"claude-code", `{"mcpServers": {"wan-image": null}}`, "no server"},
		{"vscode", `{"servers": {}, "servers": {}}`, "twice"},
		{"vscode", `{"inputs": {}}`, "inputs is not an array"},
		{"codex", "[mcp_servers.a\n", "not valid TOML: line"},
		{"codex", "mcp_servers = {a = {command = \"x\"}}\n", "another way"},
		{"codex", "[mcp_servers.wan-image]\nurl = \"https://example.com\"\n", "at another address"},
	} {
		u := newUser(t)
		after, got := u.installed(t, test.client, test.text)
		if got.code != 1 || after != test.text || !strings.Contains(got.stderr, test.says) || !strings.Contains(got.stderr, "stays as it is") {
			t.Errorf("%s with %q: ended with %d, %q, and the file holds %q", test.client, test.text, got.code, got.stderr, after)
		}
		if entry := server(t, test.client, got.stdout, "wan-image"); entry["command"] != "wan-image-mcp" {
			t.Errorf("%s with %q: it does not tell what to paste:\n%s", test.client, test.text, got.stdout)
		}
		if left, err := os.ReadDir(u.home); err != nil || len(left) != 1 {
			t.Errorf("%s with %q: there are files %v, %v", test.client, test.text, left, err)
		}
	}
}

func TestInstallUsage(t *testing.T) {
	t.Parallel()
	for line, says := range map[string]string{
		"install":                             "which client",
		"install emacs":                       "claude-desktop",
		"install cursor vscode":               "one client",
		"install " + testKey:                  "does not belong on the command line",
		"install cursor --name a.b":           "--name",
		"install cursor --region frankfurt":   "workspace",
		"install cursor --models wan9":        "wan9",
		"install cursor --key-file missing":   "readable by you only",
		"install cursor --transport http":     "no flag --transport",
		"install cursor --api-key " + testKey: "DASHSCOPE_API_KEY_FILE_PATH",
	} {
		u := newUser(t)
		got := u.run(t, strings.Fields(line)...)
		if got.code != 2 || !strings.Contains(got.stderr, says) || strings.Contains(got.stderr, testKey) {
			t.Errorf("%s: ended with %d: %s", line, got.code, got.stderr)
		}
		if left, err := os.ReadDir(u.home); err != nil || len(left) > 0 {
			t.Errorf("%s: there are files %v, %v", line, left, err)
		}
	}
}

// TestInstallByGoRun: a client is never told to start what go run has built, which
// is gone some day.
func TestInstallByGoRun(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("0123456789abcdef", 4)
	for path, want := range map[string]bool{
		filepath.Join("home", ".cache", "go-build", "01", hash+"-d", "wan-image-mcp"): true, // since Go 1.24
		filepath.Join("elsewhere", "01", hash+"-d", "wan-image-mcp"):                  true, // GOCACHE has any name
		filepath.Join("tmp", "go-build123", "b001", "exe", "wan-image-mcp"):           true,
		filepath.Join("home", "go", "bin", "wan-image-mcp"):                           false,
		filepath.Join("src", "wan-image-mcp", "wan-image-mcp"):                        false,
		filepath.Join("exe", "wan-image-mcp"):                                         false,
	} {
		if got := cli.Passing(path); got != want {
			t.Errorf("%s is passing: %t, want %t", path, got, want)
		}
	}
}
