package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// mcpClient is one that install can configure.
type mcpClient struct {
	id, title string
	// file is where its user keeps the servers of all projects.
	file    func(places) (string, error)
	servers string // the object, or table, that holds them
	typed   bool   // an entry says type: stdio
	toml    bool
	// key stands for the API key in an entry: words that the client replaces, or
	// nothing, for a person to fill in.
	key     string
	keyNote string // how the key gets there
	next    string // what its user does then
}

// The word for the key that VS Code asks for and keeps.
const inputID = "dashscope-key"

var clients = []mcpClient{
	{
		id: "claude-desktop", title: "Claude Desktop", file: places.claudeDesktop, servers: "mcpServers",
		keyNote: "Claude Desktop hands on no variable of yours. Open that file and put your key between the quotes after " + envKey +
			"; or save it in a file of its own and run this command again with --key-file FILE.",
		next: "Quit Claude Desktop altogether and start it again.",
	},
	{
		id: "claude-code", title: "Claude Code", file: places.claudeCode, servers: "mcpServers", typed: true,
		key:     "${" + envKey + ":-}",
		keyNote: "Claude Code hands on " + envKey + " of the shell that it is started in; no key is written down.",
		next:    "Start a new session; /mcp lists its servers.",
	},
	{
		id: "cursor", title: "Cursor", file: places.cursor, servers: "mcpServers",
		key: "${env:" + envKey + "}",
		keyNote: "Cursor hands on " + envKey + " when it sees that variable itself. Where it does not, put the key in the place of ${env:" + envKey +
			"} in that file, or save it in a file of its own and run this command again with --key-file FILE.",
		next: "Restart Cursor; Settings, MCP lists its servers.",
	},
	{
		id: "vscode", title: "VS Code", file: places.vsCode, servers: "servers", typed: true,
		key:     "${input:" + inputID + "}",
		keyNote: "VS Code asks for the key when it first starts the server, and keeps it encrypted.",
		next:    "Run the command MCP: List Servers in VS Code, and start the server.",
	},
	{
		id: "codex", title: "Codex", file: places.codex, servers: "mcp_servers", toml: true,
		keyNote: "Codex hands on " + envKey + " of the shell that it is started in; no key is written down.",
		next:    "Start a new session; codex mcp list lists its servers.",
	},
	{
		id: "gemini", title: "Gemini CLI", file: places.gemini, servers: "mcpServers",
		key:     "$" + envKey,
		keyNote: "Gemini CLI hands on " + envKey + " of the shell that it is started in; no key is written down.",
		next:    "Start a new session; /mcp lists its servers.",
	},
}

func clientIDs() []string {
	var ids []string
	for _, c := range clients {
		ids = append(ids, c.id)
	}
	return ids
}

func findClient(id string) (mcpClient, bool) {
	i := slices.IndexFunc(clients, func(c mcpClient) bool { return c.id == id })
	if i < 0 {
		return mcpClient{}, false
	}
	return clients[i], true
}

// places is where programs keep their settings on some system.
type places struct {
	goos   string
	getenv func(string) string
}

// home is a path below the user's own folder.
func (p places) home(names ...string) (string, error) {
	variable := "HOME"
	if p.goos == "windows" {
		variable = "USERPROFILE"
	}
	return p.below(variable, names...)
}

func (p places) below(variable string, names ...string) (string, error) {
	dir := p.getenv(variable)
	if dir == "" {
		return "", withHint(fmt.Errorf("%s is not set, so the client's configuration cannot be found", variable),
			"name the file with --file")
	}
	return filepath.Join(append([]string{dir}, names...)...), nil
}

// settings is a path below the folder for the settings of desktop programs.
func (p places) settings(names ...string) (string, error) {
	switch {
	case p.goos == "windows":
		return p.below("APPDATA", names...)
	case p.goos == "darwin":
		return p.home(append([]string{"Library", "Application Support"}, names...)...)
	case filepath.IsAbs(p.getenv("XDG_CONFIG_HOME")):
		return p.below("XDG_CONFIG_HOME", names...)
	}
	return p.home(append([]string{".config"}, names...)...)
}

func (p places) vsCode() (string, error) { return p.settings("Code", "User", "mcp.json") }

func (p places) cursor() (string, error) { return p.home(".cursor", "mcp.json") }

func (p places) gemini() (string, error) { return p.home(".gemini", "settings.json") }

func (p places) claudeCode() (string, error) {
	if p.getenv("CLAUDE_CONFIG_DIR") != "" {
		return p.below("CLAUDE_CONFIG_DIR", ".claude.json")
	}
	return p.home(".claude.json")
}

func (p places) codex() (string, error) {
	if p.getenv("CODEX_HOME") != "" {
		return p.below("CODEX_HOME", "config.toml")
	}
	return p.home(".codex", "config.toml")
}

const claudeDesktopFile = "claude_desktop_config.json"

// claudeDesktop is in the usual place, except where Claude Desktop came as a
// Windows package: such a program sees a folder of its own in place of %APPDATA%.
func (p places) claudeDesktop() (string, error) {
	if p.goos != "windows" || p.getenv("LOCALAPPDATA") == "" {
		return p.settings("Claude", claudeDesktopFile)
	}
	packages, err := filepath.Glob(filepath.Join(p.getenv("LOCALAPPDATA"), "Packages", "Claude_*"))
	if err != nil || len(packages) == 0 {
		return p.settings("Claude", claudeDesktopFile)
	}
	var files []string
	for _, dir := range packages {
		files = append(files, filepath.Join(dir, "LocalCache", "Roaming", "Claude", claudeDesktopFile))
	}
	for _, there := range []func(string) string{func(f string) string { return f }, filepath.Dir} {
		used := slices.DeleteFunc(slices.Clone(files), func(f string) bool {
			_, err := os.Stat(there(f))
			return err != nil
		})
		if len(used) > 0 {
			files = used
			break
		}
	}
	if len(files) > 1 {
		return "", withHint(errors.New("there is more than one Claude Desktop"), "name one of these with --file: %q", files)
	}
	return files[0], nil
}
