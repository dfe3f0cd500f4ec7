package server_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/server"
)

// tokenOf is the token of a name, in all tests.
func tokenOf(name string) dashscope.Secret {
	return dashscope.Secret(strings.Repeat(name+"-", 8) + "token")
}

func bearer(name string) headers {
	return headers{"Authorization", "Bearer " + tokenOf(name).Reveal()}
}

func twoTokens(t testing.TB) *server.Tokens {
	t.Helper()
	tokens := &server.Tokens{}
	file := "# who may\n\n"
	for _, name := range []string{"anna", "berta"} {
		file += fmt.Sprintf("%s %x\n", name, sha256.Sum256([]byte(tokenOf(name).Reveal())))
	}
	if err := tokens.Load(strings.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestTokensWanted(t *testing.T) {
	s := serve(t, newWorld(t), server.Config{Tokens: twoTokens(t), Metrics: server.NewMetrics()})
	right := tokenOf("anna").Reveal()
	paths := map[string]string{"/mcp": "POST", "/message?sessionId=x": "POST", "/sse": "GET", "/metrics": "GET"}
	for name, c := range map[string]struct {
		h    headers
		path string // added to each
		want int
	}{
		"none":          {nil, "", 401},
		"empty":         {headers{"Authorization", ""}, "", 401},
		"wrong":         {headers{"Authorization", "Bearer wrong"}, "", 401},
		"a prefix":      {headers{"Authorization", "Bearer " + right[:len(right)-1]}, "", 401},
		"longer":        {headers{"Authorization", "Bearer " + right + "x"}, "", 401},
		"another case":  {headers{"Authorization", "Bearer " + strings.ToUpper(right)}, "", 401},
		"another kind":  {headers{"Authorization", "Basic " + right}, "", 401},
		"no kind":       {headers{"Authorization", right}, "", 401},
		"its hash":      {headers{"Authorization", fmt.Sprintf("Bearer %x", sha256.Sum256([]byte(right)))}, "", 401},
		"twice":         {headers{"Authorization", "Bearer " + right, "Authorization", "Bearer " + right}, "", 400},
		"in the query":  {nil, "access_token=" + right, 401},
		"other's query": {nil, "token=" + right, 401},
	} {
		for path, method := range paths {
			if c.path != "" {
				path += map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + c.path
			}
			body := ""
			if method == "POST" {
				body = initialize
			}
			res := s.do(method, path, body, c.h, jsonBody)
			text, _ := io.ReadAll(res.Body)
			if res.StatusCode != c.want || !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("%s, %s %.30s: got %s, WWW-Authenticate %q, want %d", name, method, path, res.Status, res.Header.Get("WWW-Authenticate"), c.want)
			}
			if strings.Contains(string(text), right) {
				t.Errorf("%s, %s: the answer repeats the token", name, path)
			}
		}
	}
	if res := s.do("POST", "/mcp", initialize, headers{"Authorization", "bearer " + right}, jsonBody); res.StatusCode != http.StatusOK {
		t.Errorf("the right token: got %s", res.Status)
	}
}

func TestTokensLoad(t *testing.T) {
	hash := strings.Repeat("0a", 32)
	for name, c := range map[string]struct{ file, want string }{
		"empty":       {"# nobody\n", "no token"},
		"one field":   {"anna", "line 1"},
		"three":       {"\nanna " + hash + " more", "line 2"},
		"bad name":    {"an/na " + hash, "name"},
		"short hash":  {"anna 0a0a", "64 hexadecimal"},
		"the token":   {"anna sk-this-is-the-token-itself", "64 hexadecimal"},
		"no hex":      {"anna " + strings.Repeat("zz", 32), "64 hexadecimal"},
		"endless":     {strings.Repeat("x", 1<<20), "too long"},
		"two of one":  {"anna " + hash + "\r\nanna " + strings.Repeat("0B", 32) + "\r\n", ""},
		"with spaces": {"  anna\t" + hash + "  ", ""},
		"shared":      {"anna " + hash + "\nberta " + hash, "line 2"},
	} {
		tokens := &server.Tokens{}
		err := tokens.Load(strings.NewReader(c.file))
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), "sk-") || !tokens.Empty()) {
			t.Errorf("%s: %v repeats a token, or something was loaded", name, err)
		}
	}
	if err := new(server.Tokens).Add("anna", "short"); err == nil {
		t.Error("a token that can be guessed: got no error")
	}
}
