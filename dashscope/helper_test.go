package dashscope_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wan-image-mcp/dashscope"
)

const (
	testKey = "sk-canary0123456789abcdef"
	testID  = "7d1f0c52-9a43-4c1e-8f0b-2f6f4f1b9a01"
)

// transport answers requests in this process.
type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// always answers every request with the same status and body.
func always(status int, body string) transport {
	return func(*http.Request) (*http.Response, error) { return response(status, body), nil }
}

func response(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

func client(t http.RoundTripper) *dashscope.Client {
	return &dashscope.Client{APIKey: testKey, Transport: t}
}

func readFile(t testing.TB, name ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{"testdata"}, name...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// table reads lines of fields that " | " separates; # starts a comment.
func table(t *testing.T, name string) [][]string {
	t.Helper()
	var rows [][]string
	for line := range strings.Lines(readFile(t, name)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			rows = append(rows, strings.Split(line, " | "))
		}
	}
	return rows
}

// flowerShop is the reference's own example.
func flowerShop() dashscope.ImageRequest {
	return dashscope.ImageRequest{
		Model:  "wan2.6-t2i",
		Prompt: "A flower shop with exquisite windows, a beautiful wooden door, and flowers on display",
		Size:   "1280*1280",
		N:      1,
		Seed:   new(int64(12345)),
	}
}

func codePoints(n int) string { return strings.Repeat("画", n) }
