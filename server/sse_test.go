package server_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"wan-image-mcp/server"
)

// sseClient is a client of the legacy transport, written by hand.
type sseClient struct {
	*site
	h       headers
	message string // where to post
	events  *bufio.Reader
	close   context.CancelFunc
}

func openSSE(s *site, h ...headers) *sseClient {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	s.Cleanup(cancel)
	res, err := s.try(ctx, "GET", "/sse", nil, append(h, headers{"Accept", "text/event-stream"})...)
	if err != nil {
		s.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		s.Fatalf("GET /sse: got %s", res.Status)
	}
	c := &sseClient{site: s, events: bufio.NewReader(res.Body), close: cancel}
	for _, one := range h {
		c.h = append(c.h, one...)
	}
	for {
		line, err := c.events.ReadString('\n')
		if err != nil {
			s.Fatal(err)
		}
		if path, ok := strings.CutPrefix(line, "data: "); ok {
			c.message = strings.TrimSpace(path)
			break
		}
	}
	if res := c.post(initialize); res.StatusCode != http.StatusAccepted {
		s.Fatalf("initialize over SSE: got %s", res.Status)
	}
	c.answer(`"init"`)
	return c
}

func (c *sseClient) post(message string) *reply {
	c.Helper()
	return c.do("POST", c.message, message, c.h, jsonBody)
}

func (c *sseClient) answer(id string) message {
	c.Helper()
	for {
		if m := event(c.TB, c.events); string(m.ID) == id && m.Method == "" {
			return m
		}
	}
}

func TestSSEServes(t *testing.T) {
	s := serve(t, newWorld(t), server.Config{LegacyOnly: true})
	c := openSSE(s)
	c.post(call("1", "list_models", "{}"))
	if got := c.answer("1").text(); !strings.Contains(got, "wan2.6-t2i") {
		t.Errorf("list_models: got %.100q", got)
	}
	if res := s.do("POST", "/mcp", initialize, jsonBody); res.StatusCode != http.StatusNotFound {
		t.Errorf("/mcp of a server that has only the legacy transport: got %s", res.Status)
	}
}

// A client of 2026-07-28 must find out that it has to fall back, whichever way it
// begins.
func TestSSERefusesModern(t *testing.T) {
	c := openSSE(serve(t, newWorld(t), server.Config{}))
	for _, m := range []string{
		`{"jsonrpc":"2.0","id":9,"method":"server/discover","params":{` + modernMeta + `}}`,
		modernCall("9", "list_models", "{}"),
	} {
		c.post(m)
		got := c.answer("9")
		if got.Error == nil || !strings.Contains(got.Error.Message, "initialize") {
			t.Errorf("%.60s...: got %s, error %+v, want a way back", m, got.Result, got.Error)
		}
	}
	c.post(call("10", "receipt", "{}"))
	if got := c.answer("10").text(); got != "here you are" {
		t.Errorf("the fall back: got %q", got)
	}
}

func TestSSELetsNoPageRead(t *testing.T) {
	s := serve(t, newWorld(t), server.Config{AllowOrigins: []string{"http://page.example:8080"}})
	for origin, want := range map[string]string{"": "", "http://page.example:8080": "http://page.example:8080"} {
		h := headers{}
		if origin != "" {
			h = headers{"Origin", origin}
		}
		ctx, cancel := context.WithCancel(t.Context())
		res, err := s.try(ctx, "GET", "/sse", nil, h)
		if err != nil {
			t.Fatal(err)
		}
		if got := res.Header.Values("Access-Control-Allow-Origin"); strings.Join(got, " ") != want {
			t.Errorf("Access-Control-Allow-Origin for origin %q: got %q, want %q", origin, got, want)
		}
		cancel()
	}
}

// mcp-go gives pings ids of its own, which are also those of a client's calls.
func TestSSEAnswerIsToldFromPing(t *testing.T) {
	for event, want := range map[string]string{
		"event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"method\":\"x\"}}\n\n": "7",
		"event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":\"a\",\"error\":{\"code\":1}}\n\n":    `"a"`,
		"event: message\ndata:{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}\n\n":            "",
		"event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":{\"id\":7}}\n\n": "",
		"event: endpoint\ndata: /message?sessionId=x\r\n\r\n":                                    "",
		"": "",
	} {
		if got, _ := server.AnswerIn([]byte(event)); got != want {
			t.Errorf("answer in %q: got %q, want %q", event, got, want)
		}
	}
}

func TestSSEUnknownSession(t *testing.T) {
	s := serve(t, newWorld(t), server.Config{})
	for _, query := range []string{"", "?sessionId=", "?sessionId=unknown"} {
		res := s.do("POST", "/message"+query, call("1", "receipt", "{}"), jsonBody)
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode != http.StatusNotFound {
			t.Errorf("/message%s: got %s %s", query, res.Status, body)
		}
	}
}
