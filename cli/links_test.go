package cli_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// serverName and linkCommand are what the README's links set up. A link cannot
// know where the program is, so it has to be on the PATH.
const (
	serverName  = "wan-image"
	linkCommand = "wan-image-mcp"
)

// printed is what install shows for a client.
func printed(t *testing.T, client string) (entry any, inputs any) {
	t.Helper()
	text := newUser(t).mustRun(t, "install", client, "--print", "--command", linkCommand).stdout
	return server(t, client, text, serverName), parse(t, client, text)["inputs"]
}

// dockerLine is how the README starts the image.
var dockerLine = regexp.MustCompile(`(?m)^    docker (run .*)$`)

// links is the README's list of one-click links.
func links(t *testing.T, text string) string {
	words := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	link := func(address string, query ...string) string {
		for i := 0; i < len(query); i += 2 {
			address += "&" + query[i] + "=" + strings.ReplaceAll(url.QueryEscape(query[i+1]), "+", "%20")
		}
		return strings.Replace(address, "&", "?", 1)
	}
	base64ed := func(v any) string { return base64.StdEncoding.EncodeToString([]byte(words(v))) }

	vscode, inputs := printed(t, "vscode")
	cursor, _ := printed(t, "cursor")
	plain, _ := printed(t, "claude-desktop")
	goose := []string{"cmd", "docker"}
	for arg := range strings.FieldsSeq(dockerLine.FindStringSubmatch(text)[1]) {
		goose = append(goose, "arg", arg)
	}
	goose = append(goose, "id", serverName, "name", "Wan images", "description", "Alibaba's Wan text-to-image models",
		"env", "DASHSCOPE_API_KEY=API key of Model Studio")
	return fmt.Sprintf("[VS Code](%s) ·\n[Cursor](%s) ·\n[LM Studio](%s) ·\n[Goose](%s), with the image below\n",
		link("https://insiders.vscode.dev/redirect/mcp/install", "name", serverName, "inputs", words(inputs), "config", words(vscode)),
		link("https://cursor.com/en/install-mcp", "name", serverName, "config", base64ed(cursor)),
		link("https://lmstudio.ai/install-mcp", "name", serverName, "config", base64ed(plain)),
		link("https://block.github.io/goose/extension", goose...))
}

// TestLinks: a click sets up what install would write, as each program reads it.
func TestLinks(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	query := func(start string) url.Values {
		t.Helper()
		found := regexp.MustCompile(`\]\((` + regexp.QuoteMeta(start) + `\?[^)\s]*)\)`).FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("the README has no link to %s", start)
		}
		address, err := url.Parse(found[1])
		if err != nil {
			t.Fatal(err)
		}
		values, err := url.ParseQuery(address.RawQuery)
		if err != nil {
			t.Fatal(err)
		}
		return values
	}
	decoded := func(text string) (v any) {
		t.Helper()
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	same := func(what string, got string, want any) {
		t.Helper()
		if diff := cmp.Diff(want, decoded(got)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", what, diff)
		}
	}

	entry, inputs := printed(t, "vscode")
	q := query("https://insiders.vscode.dev/redirect/mcp/install")
	same("VS Code", q.Get("config"), entry)
	same("VS Code's inputs", q.Get("inputs"), inputs)

	for start, client := range map[string]string{
		"https://cursor.com/en/install-mcp": "cursor", "https://lmstudio.ai/install-mcp": "claude-desktop",
	} {
		q := query(start)
		config, err := base64.StdEncoding.DecodeString(q.Get("config"))
		if err != nil {
			t.Fatalf("%s: %v", start, err)
		}
		entry, _ := printed(t, client)
		same(start, string(config), entry)
		if q.Get("name") != serverName {
			t.Errorf("%s: it calls the server %q", start, q.Get("name"))
		}
	}

	// Goose starts nothing but a few programs from a link; docker is one.
	q = query("https://block.github.io/goose/extension")
	line := strings.Join(append(q["cmd"], q["arg"]...), " ")
	if want := "docker " + dockerLine.FindStringSubmatch(text)[1]; line != want {
		t.Errorf("Goose runs %q, want %q", line, want)
	}
	if env := q.Get("env"); !strings.HasPrefix(env, "DASHSCOPE_API_KEY=") {
		t.Errorf("Goose asks for %q", env)
	}
}
