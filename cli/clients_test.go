package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPlaces: each client's file on each system.
func TestPlaces(t *testing.T) {
	t.Parallel()
	unix := map[string]string{"HOME": "/home/ann"}
	windows := map[string]string{"USERPROFILE": "/c/ann", "APPDATA": "/c/ann/Roaming", "LOCALAPPDATA": "/c/ann/Local", "HOME": "/not/this"}
	for _, test := range []struct {
		goos, client string
		env          map[string]string
		want         string // "" means an error
	}{
		{"linux", "claude-desktop", unix, "/home/ann/.config/Claude/claude_desktop_config.json"},
		{"darwin", "claude-desktop", unix, "/home/ann/Library/Application Support/Claude/claude_desktop_config.json"},
		{"windows", "claude-desktop", windows, "/c/ann/Roaming/Claude/claude_desktop_config.json"},
		{"linux", "vscode", unix, "/home/ann/.config/Code/User/mcp.json"},
		{"linux", "vscode", map[string]string{"HOME": "/home/ann", "XDG_CONFIG_HOME": "/etc/ann"}, "/etc/ann/Code/User/mcp.json"},
		{"linux", "vscode", map[string]string{"HOME": "/home/ann", "XDG_CONFIG_HOME": "relative"}, "/home/ann/.config/Code/User/mcp.json"},
		{"darwin", "vscode", unix, "/home/ann/Library/Application Support/Code/User/mcp.json"},
		{"windows", "vscode", windows, "/c/ann/Roaming/Code/User/mcp.json"},
		{"linux", "cursor", unix, "/home/ann/.cursor/mcp.json"},
		{"darwin", "cursor", unix, "/home/ann/.cursor/mcp.json"},
		{"windows", "cursor", windows, "/c/ann/.cursor/mcp.json"},
		{"linux", "claude-code", unix, "/home/ann/.claude.json"},
		{"windows", "claude-code", windows, "/c/ann/.claude.json"},
		{"linux", "claude-code", map[string]string{"HOME": "/home/ann", "CLAUDE_CONFIG_DIR": "/cc"}, "/cc/.claude.json"},
		{"darwin", "codex", unix, "/home/ann/.codex/config.toml"},
		{"windows", "codex", windows, "/c/ann/.codex/config.toml"},
		{"linux", "codex", map[string]string{"CODEX_HOME": "/codex"}, "/codex/config.toml"},
		{"darwin", "gemini", unix, "/home/ann/.gemini/settings.json"},
		{"windows", "gemini", windows, "/c/ann/.gemini/settings.json"},
		{"linux", "cursor", nil, ""},
		{"windows", "vscode", unix, ""},
	} {
		c, ok := findClient(test.client)
		if !ok {
			t.Fatalf("there is no client %s", test.client)
		}
		got, err := c.file(places{test.goos, func(name string) string { return test.env[name] }})
		if (err == nil) != (test.want != "") || filepath.ToSlash(got) != test.want {
			t.Errorf("%s on %s with %v: got %q, %v, want %q", test.client, test.goos, test.env, got, err, test.want)
		}
	}
}

// TestPackagedClaudeDesktop: a Windows package reads a file of its own.
func TestPackagedClaudeDesktop(t *testing.T) {
	t.Parallel()
	local := t.TempDir()
	env := map[string]string{"LOCALAPPDATA": local, "APPDATA": filepath.Join(local, "Roaming")}
	find := func() (string, error) {
		return places{"windows", func(name string) string { return env[name] }}.claudeDesktop()
	}
	expect := func(want string) {
		t.Helper()
		if got, err := find(); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	packaged := func(name string) string {
		return filepath.Join(local, "Packages", name, "LocalCache", "Roaming", "Claude", "claude_desktop_config.json")
	}
	mkdir := func(dir string) {
		t.Helper()
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	expect(filepath.Join(local, "Roaming", "Claude", "claude_desktop_config.json"))
	mkdir(filepath.Join(local, "Packages", "Claude_one"))
	expect(packaged("Claude_one"))
	mkdir(filepath.Dir(packaged("Claude_two")))
	expect(packaged("Claude_two"))
	mkdir(filepath.Dir(packaged("Claude_one")))
	if _, err := find(); err == nil || !strings.Contains(err.Error(), "more than one") {
		t.Errorf("two packages: got %v", err)
	}
	if err := os.WriteFile(packaged("Claude_one"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(packaged("Claude_one"))
}
