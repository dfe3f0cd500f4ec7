package server_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"wan-image-mcp/server"
	"wan-image-mcp/tasks"
)

// fileOf lists these names' tokens.
func fileOf(names ...string) io.Reader {
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "%s %x\n", name, sha256.Sum256([]byte(tokenOf(name).Reveal())))
	}
	return strings.NewReader(b.String())
}

// ending reads a stream, and tells when nothing more will come on it.
func ending(stream io.Reader) <-chan error {
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, stream)
		ended <- err
	}()
	return ended
}

// Whoever's token is taken away is out at once, and nobody else notices.
func TestTokensReload(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		tokens := &server.Tokens{}
		if err := tokens.Add("dora", tokenOf("dora")); err != nil {
			t.Fatal(err)
		}
		if err := tokens.Load(fileOf("anna", "berta")); err != nil {
			t.Fatal(err)
		}
		links := server.NewLinks(w.service, "")
		s := serveInBubble(t, w, server.Config{Tokens: tokens, Links: links})
		sessions, open := map[string]headers{}, map[string]map[string]<-chan error{}
		for _, name := range []string{"anna", "berta", "dora"} {
			sessions[name] = s.session(bearer(name))
			open[name] = map[string]<-chan error{
				"GET /mcp": ending(s.do("GET", "/mcp", "", sessions[name], headers{"Accept", "text/event-stream"}, bearer(name)).Body),
				"/sse":     ending(openSSE(s, bearer(name)).events),
				"listen": ending(s.do("POST", "/mcp", listen(`"l"`, "wan://budget"), jsonBody, bearer(name),
					headers{"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "subscriptions/listen"}).Body),
			}
		}
		made := s.call(sessions["anna"], small("a boat"), bearer("anna")).answer(t)
		task, err := w.service.Get(t.Context(), tasks.Caller{Owner: "anna"}, made.TaskID)
		if err != nil {
			t.Fatal(err)
		}
		link := strings.TrimPrefix(links.URL(task, 1), s.url)
		waits := make(chan message, 2)
		for _, name := range []string{"anna", "berta"} {
			go func() { waits <- s.modern(call(`"`+name+`"`, "slow", "{}"), bearer(name)) }()
			<-w.probe.started
		}
		for _, wrong := range []string{"", "anna", "carla 0a\n"} {
			if tokens.Load(strings.NewReader(wrong)) == nil {
				t.Errorf("load %q: got no error", wrong)
			}
		}
		s.call(sessions["anna"], call("1", "receipt", "{}"), bearer("anna")) // still there
		if res := s.do("GET", link, ""); res.StatusCode != http.StatusOK {
			t.Errorf("a link before: got %s", res.Status)
		}

		if err := tokens.Load(fileOf("berta", "carla")); err != nil {
			t.Fatal(err)
		}
		if m := <-waits; string(m.ID) != `"anna"` || m.text() != "still running" || <-w.probe.canceled {
			t.Errorf("the call of who was taken out: got %s, which counts as cancelled or not", m)
		}
		for name, want := range map[string]int{"anna": 401, "berta": 200, "carla": 200, "dora": 200} {
			if res := s.do("POST", "/mcp", initialize, bearer(name), jsonBody); res.StatusCode != want {
				t.Errorf("%s: got %s, want %d", name, res.Status, want)
			}
		}
		if res := s.do("POST", "/mcp", call("1", "receipt", "{}"), sessions["anna"], bearer("berta"), jsonBody); res.StatusCode != 404 {
			t.Errorf("the session of who was taken out, with another token: got %s", res.Status)
		}
		if res := s.do("GET", link, ""); res.StatusCode != http.StatusForbidden {
			t.Errorf("a link of who was taken out: got %s", res.Status)
		}
		synctest.Wait()
		for name, streams := range open {
			for way, ended := range streams {
				if got := len(ended) > 0; got != (name == "anna") {
					t.Errorf("%s of %s: ended is %v", way, name, got)
				}
			}
		}
		s.stop()
		if m := <-waits; string(m.ID) != `"berta"` {
			t.Errorf("the call of who stayed: got %s", m)
		}
	})
}

// A token is of one name, wherever it comes from.
func TestTokensAreOfOneName(t *testing.T) {
	tokens := &server.Tokens{}
	if err := tokens.Add("token", tokenOf("anna")); err != nil {
		t.Fatal(err)
	}
	if err := tokens.Load(fileOf("anna")); err == nil || !strings.Contains(err.Error(), "anna") {
		t.Errorf("load another's token: got %v", err)
	}
	if err := tokens.Add("berta", tokenOf("anna")); err == nil {
		t.Error("add another's token: got no error")
	}
	if got := tokens.Len(); got != 1 {
		t.Errorf("got %d tokens, want 1", got)
	}
}
