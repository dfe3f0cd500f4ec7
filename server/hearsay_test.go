package server_test

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wan-image-mcp/server"
)

// slowNews is a network on which it takes a moment to hear that a client has gone.
type slowNews struct{ *wire }

func (w slowNews) Accept() (net.Conn, error) {
	c, err := w.wire.Accept()
	if err != nil {
		return nil, err
	}
	return slowEnd{c}, nil
}

type slowEnd struct{ net.Conn }

func (c slowEnd) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		time.Sleep(20 * time.Millisecond)
	}
	return n, err
}

// A client that closes its connection and asks again at once, over another, may be
// heard of in the other order. It wants the same pictures.
func TestGoneAndAskedAgainAtOnceIsOneOrder(t *testing.T) {
	for name, connect := range map[string]func(s *site) (ask func() (leave func())){
		"HTTP": func(s *site) func() func() {
			session := s.session()
			return func() func() {
				return s.askAndLeave(session)
			}
		},
		"SSE": func(s *site) func() func() {
			return func() func() {
				c := openSSE(s)
				c.post(call(`"waits"`, "generate_image", flower))
				return c.close
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t)
				net := slowNews{newWire()}
				s := serveOn(t, w, server.Config{}, net, net.dial)
				ask := connect(s)
				session := s.session()
				leave := ask()
				time.Sleep(5 * time.Second)
				synctest.Wait()
				leave()
				s.call(session, call(`"again"`, "generate_image", flower))
				if got := w.sim.Stats().Accepted; got != 1 {
					t.Errorf("orders at the service: got %d, want 1", got)
				}
			})
		})
	}
}

// askAndLeave orders over a connection of its own, which leave closes.
func (s *site) askAndLeave(session headers) (leave func()) {
	s.Helper()
	conn, err := s.client.Transport.(*http.Transport).DialContext(s.Context(), "tcp", "")
	if err != nil {
		s.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.url+"/mcp", strings.NewReader(call(`"waits"`, "generate_image", flower)))
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("Mcp-Session-Id", session[1])
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if err := req.Write(conn); err != nil {
		s.Fatal(err)
	}
	return func() { _ = conn.Close() }
}
