package server_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"

	"wan-image-mcp/server"
)

// refused is how a session is refused: status and text.
func (s *site) refused(method, session string, h ...headers) string {
	s.Helper()
	body := ""
	if method == "POST" {
		body = call("1", "receipt", "{}")
	}
	all := append([]headers{{"Accept", "application/json, text/event-stream"}, {"Content-Type", "application/json"}}, h...)
	if session != "" {
		all = append(all, headers{"Mcp-Session-Id", session})
	}
	res := s.do(method, "/mcp", body, all...)
	if res.StatusCode < 300 {
		return res.Status
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.Fatal(err)
	}
	return res.Status + ": " + string(text)
}

func TestSessionsBelongToTheirOwner(t *testing.T) {
	s := serve(t, newWorld(t), server.Config{Tokens: twoTokens(t)})
	annas := s.session(bearer("anna"))[1]
	bertas := s.session(bearer("berta"))[1]
	ended := s.session(bearer("anna"))[1]
	if got := s.refused("DELETE", ended, bearer("anna")); got != "200 OK" {
		t.Fatalf("end a session: got %s", got)
	}
	forged := annas[:len(annas)-1] + map[bool]string{true: "1", false: "0"}[strings.HasSuffix(annas, "0")]
	for _, method := range []string{"POST", "GET", "DELETE"} {
		want := s.refused(method, "unknown", bearer("anna"))
		if !strings.HasPrefix(want, "404") {
			t.Errorf("%s with an unknown session: got %s", method, want)
		}
		for name, id := range map[string]string{
			"a stranger's": bertas, "an ended one": ended, "a forged one": forged, "mcp-go's own": "mcp-session-00000000-0000-0000-0000-000000000000",
			"half of one": annas[:20], "only the start": "session-", "one with more": annas + "-00", "a long one": strings.Repeat("session-", 1000),
		} {
			if got := s.refused(method, id, bearer("anna")); got != want {
				t.Errorf("%s with %s: got %q, want %q as for an unknown one", method, name, got, want)
			}
		}
	}
	if got := s.refused("POST", "", bearer("anna")); !strings.HasPrefix(got, "400") {
		t.Errorf("no session: got %s, want 400", got)
	}
	if got := s.refused("POST", annas, bearer("anna")); got != "200 OK" {
		t.Errorf("the owner's own session: got %s", got)
	}
}

func TestSessionsOutliveTheServer(t *testing.T) {
	for name, tokens := range map[string]*server.Tokens{"with tokens": twoTokens(t), "without": nil} {
		h := headers{}
		if tokens != nil {
			h = bearer("anna")
		}
		first := serve(t, newWorld(t), server.Config{Tokens: tokens})
		session := first.session(h)
		first.stop()
		if err := <-first.ended; err != nil {
			t.Fatal(err)
		}
		second := serve(t, newWorld(t), server.Config{Tokens: tokens})
		if got := second.call(session, call("1", "receipt", "{}"), h).text(); got != "here you are" {
			t.Errorf("%s: a session from before the restart: got %q", name, got)
		}
		if res := second.do("GET", "/mcp", "", session, headers{"Accept", "text/event-stream"}, h); res.StatusCode != http.StatusOK {
			t.Errorf("%s: its stream: got %s", name, res.Status)
		}
	}
}

func TestSSESessionBelongsToItsOwner(t *testing.T) {
	s := serve(t, newWorld(t), server.Config{Tokens: twoTokens(t)})
	annas := openSSE(s, bearer("anna"))
	try := func(path string) string {
		res := s.do("POST", path, call("1", "receipt", "{}"), bearer("berta"), jsonBody)
		text, _ := io.ReadAll(res.Body)
		return res.Status + ": " + string(text)
	}
	want := try("/message?sessionId=unknown")
	if got := try(annas.message); got != want || !strings.HasPrefix(got, "404") {
		t.Errorf("a stranger's session: got %q, want %q as for an unknown one", got, want)
	}
	annas.post(call("2", "receipt", "{}"))
	if got := annas.answer("2").text(); got != "here you are" {
		t.Errorf("the owner: got %q", got)
	}
}

// idle is a session that somebody has left.
type idle string

func (i idle) SessionID() string                                   { return string(i) }
func (i idle) Initialize()                                         {}
func (i idle) Initialized() bool                                   { return true }
func (i idle) NotificationChannel() chan<- mcp.JSONRPCNotification { return nil }

func TestSessionsAreBounded(t *testing.T) {
	w := newWorld(t)
	s := serve(t, w, server.Config{})
	session := s.session()
	for i := range server.MaxSessions {
		if err := w.RegisterSession(t.Context(), idle(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if res := s.do("POST", "/mcp", initialize, jsonBody); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a session over the limit: got %s, want 503", res.Status)
	}
	if got := s.call(session, call("1", "receipt", "{}")).text(); got != "here you are" {
		t.Errorf("a session that is there: got %q", got)
	}
	w.UnregisterSession(t.Context(), "0")
	w.UnregisterSession(t.Context(), "1")
	s.session()
}

// One who never ends his sessions locks nobody else out.
func TestSessionsAreSharedOut(t *testing.T) {
	s := serve(t, newWorld(t), server.Config{Tokens: twoTokens(t)})
	s.client.Transport = http.DefaultTransport // one connection for all
	first := s.session(bearer("anna"))
	status := 0
	for range server.MaxSessions {
		res := s.do("POST", "/mcp", initialize, bearer("anna"), jsonBody)
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		if status = res.StatusCode; status != http.StatusOK {
			break
		}
	}
	if status != http.StatusServiceUnavailable {
		t.Errorf("the last of too many sessions: got %d, want 503", status)
	}
	s.session(bearer("berta"))
	if res := s.do("DELETE", "/mcp", "", first, bearer("anna")); res.StatusCode != http.StatusOK {
		t.Fatalf("end a session: got %s", res.Status)
	}
	s.session(bearer("anna"))
}
