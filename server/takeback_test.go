package server_test

import (
	"testing"

	"wan-image-mcp/server"
)

// A client that closes its connection and says in the next moment, over another,
// that it cancels, has cancelled. Nobody else can say it for him.
func TestHTTPCancelAfterDisconnect(t *testing.T) {
	w := newWorld(t)
	s := serve(t, w, server.Config{Tokens: twoTokens(t)})
	anna, berta := bearer("anna"), bearer("berta")
	session, again, theirs := s.session(anna), s.session(anna), s.session(berta)
	for name, c := range map[string]struct {
		cancel func()
		want   bool
	}{
		"at once":         {func() { s.do("POST", "/mcp", cancelled("3"), session, anna, jsonBody) }, true},
		"another request": {func() { s.do("POST", "/mcp", cancelled("4"), session, anna, jsonBody) }, false},
		"another session": {func() { s.do("POST", "/mcp", cancelled("3"), again, anna, jsonBody) }, false},
		"another owner":   {func() { s.do("POST", "/mcp", cancelled("3"), theirs, berta, jsonBody) }, false},
		"a thief":         {func() { s.do("POST", "/mcp", cancelled("3"), session, berta, jsonBody) }, false},
	} {
		s.hangup("/mcp", call("3", "slow", "{}"), w, append(session, anna...))
		c.cancel()
		if got := <-w.probe.canceled; got != c.want {
			t.Errorf("%s: canceled: got %v, want %v", name, got, c.want)
		}
		if delivered := <-w.probe.delivered; delivered {
			t.Errorf("%s: an answer without a reader counts as delivered", name)
		}
	}
}
