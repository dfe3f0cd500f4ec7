package cli_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`

// serveHTTP serves over a transport and returns the address.
func (u *user) serveHTTP(t *testing.T, args ...string) (address string, stop func() int) {
	t.Helper()
	b := u.background(t, append([]string{"serve", "--simulate", "--listen", "127.0.0.1:0"}, args...)...)
	return await(t, &b.stderr, `listening address=(\S+)`), b.stop
}

// post says hello to a server, with headers.
func post(t *testing.T, address, path string, headers ...string) (int, http.Header) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, "http://"+address+path, strings.NewReader(initialize))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			request.Host = headers[i+1]
		}
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode, answer.Header
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	address, stop := newUser(t).serveHTTP(t, "--transport", "http")
	if code, _ := post(t, address, "/mcp"); code != http.StatusOK {
		t.Errorf("/mcp answers %d", code)
	}
	if code, _ := post(t, address, "/mcp", "Host", "example.test"); code != http.StatusForbidden {
		t.Errorf("under another name it answers %d", code)
	}
	if code, _ := post(t, address, "/mcp", "Origin", "https://example.test"); code != http.StatusForbidden {
		t.Errorf("a web page is answered %d", code)
	}
	if code := stop(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

// TestSSEOnly: the old transport alone has no /mcp.
func TestSSEOnly(t *testing.T) {
	t.Parallel()
	address, _ := newUser(t).serveHTTP(t, "--transport", "sse")
	if code, _ := post(t, address, "/mcp"); code != http.StatusNotFound {
		t.Errorf("/mcp answers %d", code)
	}
	answer, err := http.Get("http://" + address + "/sse")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("/sse answers %d %s", answer.StatusCode, answer.Header.Get("Content-Type"))
	}
}

func TestAllowHostAndOrigin(t *testing.T) {
	t.Parallel()
	address, _ := newUser(t).serveHTTP(t, "--transport", "http", "--allow-host", "example.test", "--allow-origin", "https://page.test")
	if code, _ := post(t, address, "/mcp", "Host", "example.test"); code != http.StatusOK {
		t.Errorf("under the allowed name it answers %d", code)
	}
	code, header := post(t, address, "/mcp", "Origin", "https://page.test")
	if code != http.StatusOK || header.Get("Access-Control-Allow-Origin") != "https://page.test" {
		t.Errorf("the allowed page is answered %d, %q", code, header.Get("Access-Control-Allow-Origin"))
	}
	if code, _ := post(t, address, "/mcp", "Origin", "https://other.test"); code != http.StatusForbidden {
		t.Errorf("another page is answered %d", code)
	}
}

// TestNamesThatNeverCome: a setting that would let nobody in is a mistake.
func TestNamesThatNeverCome(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--allow-origin", "*"},
		{"--allow-origin", "example.test"},
		{"--allow-origin", "https://example.test/page"},
		{"--allow-origin", "https://*.example.test"},
		{"--allow-host", "https://example.test"},
		{"--allow-host", "*"},
	} {
		got := newUser(t).run(t, append([]string{"serve", "--simulate", "--transport", "http", "--listen", "127.0.0.1:0"}, args...)...)
		if got.code != 2 || !strings.Contains(got.stderr, args[0]) || !strings.Contains(got.stderr, "such as") {
			t.Errorf("%q: it ends with %d: %s", args, got.code, got.stderr)
		}
	}
}

// TestTokens: from the file and from the variable, and without one nobody gets in.
func TestTokens(t *testing.T) {
	t.Parallel()
	const ann, one = "token-of-ann-0000000000000000", "the-one-token-00000000000000"
	u := newUser(t)
	sum := sha256.Sum256([]byte(ann))
	file := filepath.Join(u.home, "tokens")
	if err := os.WriteFile(file, []byte("# who may\nann "+hex.EncodeToString(sum[:])+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	u.env["WAN_IMAGE_MCP_TOKEN"] = one
	address, _ := u.serveHTTP(t, "--transport", "http", "--token-file", file)
	for header, want := range map[string]int{
		"": http.StatusUnauthorized, "Bearer " + ann: http.StatusOK, "Bearer " + one: http.StatusOK, "Bearer " + ann + "x": http.StatusUnauthorized,
	} {
		var headers []string
		if header != "" {
			headers = []string{"Authorization", header}
		}
		if code, _ := post(t, address, "/mcp", headers...); code != want {
			t.Errorf("with %q it answers %d, want %d", header, code, want)
		}
	}
}

// TestReady: a server whose state folder is gone cannot order, and says so to
// whoever watches it.
func TestReady(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps files that are open")
	}
	t.Parallel()
	for name, lost := range map[string]string{"all": "", "the journal": "journal.db", "the pictures": "pictures"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := t.TempDir()
			address, _ := newUser(t).serveHTTP(t, "--transport", "http", "--state-dir", state)
			ready := func() int {
				t.Helper()
				answer, err := http.Get("http://" + address + "/readyz")
				if err != nil {
					t.Fatal(err)
				}
				defer answer.Body.Close()
				return answer.StatusCode
			}
			if code := ready(); code != http.StatusOK {
				t.Errorf("at first it answers %d", code)
			}
			if err := os.RemoveAll(filepath.Join(state, "simulated", lost)); err != nil {
				t.Fatal(err)
			}
			if code := ready(); code != http.StatusServiceUnavailable {
				t.Errorf("without its state it answers %d", code)
			}
		})
	}
}
