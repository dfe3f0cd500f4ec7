package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wan-image-mcp/server"
)

// site is a running HTTP server.
type site struct {
	testing.TB
	url    string
	client *http.Client
	stop   context.CancelFunc
	ended  chan error
}

// serve starts a server on this computer's loopback.
func serve(t testing.TB, w *world, cfg server.Config) *site {
	t.Helper()
	ln, err := server.Listen(t.Context(), "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, w, cfg, ln, new(net.Dialer).DialContext)
}

// serveInBubble starts a server that works in fake time.
func serveInBubble(t testing.TB, w *world, cfg server.Config) *site {
	t.Helper()
	net := newWire()
	return serveOn(t, w, cfg, net, net.dial)
}

func serveOn(t testing.TB, w *world, cfg server.Config, ln net.Listener, dial func(context.Context, string, string) (net.Conn, error)) *site {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	s := &site{TB: t, url: "http://" + ln.Addr().String(), stop: stop, ended: make(chan error, 1)}
	s.client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dial}}
	go func() {
		s.ended <- server.HTTP(ctx, w.MCPServer, ln, cfg)
		close(s.ended)
	}()
	t.Cleanup(func() {
		stop()
		for err := range s.ended {
			if err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

// headers are pairs of a name and a value; a name may come twice.
type headers []string

var jsonBody = headers{"Content-Type", "application/json", "Accept", "application/json, text/event-stream"}

// reply is an answer whose body is closed when the test ends.
type reply struct {
	Status     string
	StatusCode int
	Header     http.Header
	Body       io.Reader
}

// do sends a request. An empty body is none.
func (s *site) do(method, path, body string, h ...headers) *reply {
	s.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	return s.doFrom(method, path, r, h...)
}

func (s *site) doFrom(method, path string, body io.Reader, h ...headers) *reply {
	s.Helper()
	res, err := s.try(s.Context(), method, path, body, h...)
	if err != nil {
		s.Fatal(err)
	}
	return res
}

func (s *site) try(ctx context.Context, method, path string, body io.Reader, h ...headers) (*reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, body)
	if err != nil {
		return nil, err
	}
	for _, pairs := range h {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == "Host" {
				req.Host = pairs[i+1]
				continue
			}
			req.Header[pairs[i]] = append(req.Header[pairs[i]], pairs[i+1])
		}
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	s.Cleanup(func() { res.Body.Close() })
	return &reply{res.Status, res.StatusCode, res.Header, res.Body}, nil
}

// one reads the one message of an answer, which may come as JSON or as events.
func one(t testing.TB, res *reply) message {
	t.Helper()
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		events := bufio.NewReader(res.Body)
		for {
			if m := event(t, events); m.Result != nil || m.Error != nil {
				return m
			}
		}
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(body))
}

// event reads the next event that is a message.
func event(t testing.TB, r *bufio.Reader) message {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream has ended: %v", err)
		}
		if data, ok := strings.CutPrefix(line, "data:"); ok {
			return parse(t, strings.TrimSpace(data))
		}
	}
}

// session initializes Streamable HTTP and returns its header.
func (s *site) session(h ...headers) headers {
	s.Helper()
	res := s.do("POST", "/mcp", initialize, append(h, jsonBody)...)
	if res.StatusCode != http.StatusOK {
		s.Fatalf("initialize: got %s", res.Status)
	}
	return headers{"Mcp-Session-Id", res.Header.Get("Mcp-Session-Id")}
}

// call makes a call in a session.
func (s *site) call(session headers, message string, h ...headers) message {
	s.Helper()
	return one(s.TB, s.do("POST", "/mcp", message, append(h, session, jsonBody)...))
}

func modern(name string) headers {
	return headers{"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", name}
}

// modernCall is a tools/call of protocol version 2026-07-28.
func modernCall(id, tool, args string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"` + tool + `","arguments":` + args + `,` + modernMeta + `}}`
}

func TestListenRefusesToBeOpen(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "[::]:0", ":0"} {
		ln, err := server.Listen(t.Context(), addr, server.Config{})
		if err == nil {
			ln.Close()
			t.Errorf("listen on %s without tokens: got no error", addr)
		} else if !strings.Contains(err.Error(), "--token-file") {
			t.Errorf("listen on %s: %q does not say what to do", addr, err)
		}
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := server.HTTP(t.Context(), newWorld(t).MCPServer, ln, server.Config{}); err == nil {
		t.Error("serve on 0.0.0.0 without tokens: got no error")
	}
	tokens := &server.Tokens{}
	if err := tokens.Add("anna", tokenOf("anna")); err != nil {
		t.Fatal(err)
	}
	ln, err = server.Listen(t.Context(), "0.0.0.0:0", server.Config{Tokens: tokens})
	if err != nil {
		t.Fatalf("listen with tokens: %v", err)
	}
	ln.Close()
}

func TestHTTPServesBothEras(t *testing.T) {
	s := serve(t, newWorld(t), server.Config{})
	session := s.session()
	if got := s.call(session, call("1", "list_models", "{}")).text(); !strings.Contains(got, "wan2.6-t2i") {
		t.Errorf("legacy list_models: got %.100q", got)
	}
	res := s.do("POST", "/mcp", modernCall("1", "list_models", "{}"), modern("list_models"), jsonBody)
	if got := one(t, res).text(); !strings.Contains(got, "wan2.6-t2i") {
		t.Errorf("modern list_models: got %.100q", got)
	}
	if got := res.Header.Get("X-Accel-Buffering"); got != "no" {
		t.Errorf("X-Accel-Buffering: got %q, want no", got)
	}
	if got := res.Header.Get("Mcp-Session-Id"); got != "" {
		t.Errorf("a modern request got session %q", got)
	}
}

func TestHTTPHealth(t *testing.T) {
	ready := make(chan error, 1)
	s := serve(t, newWorld(t), server.Config{Tokens: twoTokens(t), Ready: func(context.Context) error { return <-ready }})
	if res := s.do("GET", "/healthz", "", headers{"Host", "a-probe.example"}); res.StatusCode != http.StatusOK {
		t.Errorf("healthz: got %s", res.Status)
	}
	ready <- nil
	if res := s.do("GET", "/readyz", ""); res.StatusCode != http.StatusOK {
		t.Errorf("readyz: got %s", res.Status)
	}
	ready <- fmt.Errorf("disk full")
	res := s.do("GET", "/readyz", "")
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusServiceUnavailable || strings.Contains(string(body), "disk") {
		t.Errorf("readyz of a server that cannot work: got %s, %q", res.Status, body)
	}
}

// A server that stops lets running calls answer, and is gone in a second, with
// streams of every kind open.
func TestHTTPDrains(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		s := serveInBubble(t, w, server.Config{})
		session := s.session()
		get := s.do("GET", "/mcp", "", session, headers{"Accept", "text/event-stream"})
		listen := s.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":["wan://budget"]},`+modernMeta+`}}`,
			headers{"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "subscriptions/listen"}, jsonBody)
		idle := openSSE(s)
		busy := openSSE(s)
		busy.post(call("5", "slow", "{}"))
		answers := make(chan string, 2)
		go func() { answers <- s.call(session, call("6", "slow", "{}")).text() }()
		go func() {
			answers <- one(t, s.do("POST", "/mcp", modernCall("7", "slow", "{}"), modern("slow"), jsonBody)).text()
		}()
		for range 3 {
			<-w.probe.started
		}
		before := time.Now()
		s.stop()
		for range 2 {
			if got := <-answers; got != "still running" {
				t.Errorf("a running call: got %q", got)
			}
		}
		if got := busy.answer("5").text(); got != "still running" {
			t.Errorf("a running call over SSE: got %q", got)
		}
		for _, stream := range []io.Reader{get.Body, listen.Body, idle.events, busy.events} {
			_, _ = io.Copy(io.Discard, stream)
		}
		if err := <-s.ended; err != nil || time.Since(before) >= 900*time.Millisecond {
			t.Errorf("stop: got %v after %v", err, time.Since(before))
		}
		for range 3 {
			if explicit := <-w.probe.canceled; explicit {
				t.Error("a server that stops counts as a cancel by the client")
			}
			if delivered := <-w.probe.delivered; !delivered {
				t.Error("an answer while the server stops was written, but counts as lost")
			}
		}
	})
}

func TestHTTPDelivery(t *testing.T) {
	w := newWorld(t)
	s := serve(t, w, server.Config{})
	session := s.session()
	sse := openSSE(s)
	for name, ask := range map[string]func(){
		"legacy": func() { s.call(session, call("1", "receipt", "{}")) },
		"modern": func() { one(t, s.do("POST", "/mcp", modernCall("1", "receipt", "{}"), modern("receipt"), jsonBody)) },
		"sse":    func() { sse.post(call("1", "receipt", "{}")); sse.answer("1") },
	} {
		ask()
		if delivered := <-w.probe.delivered; !delivered {
			t.Errorf("%s: an answer that arrived counts as lost", name)
		}
	}
}

// What a connection that breaks means depends on the era: only a client of
// 2026-07-28 cancels that way. The answer is lost in all of them.
func TestHTTPDisconnect(t *testing.T) {
	w := newWorld(t)
	s := serve(t, w, server.Config{})
	session := s.session()
	for name, c := range map[string]struct {
		hangup   func()
		canceled bool
	}{
		"legacy": {func() { s.hangup("/mcp", call("1", "slow", "{}"), w, session) }, false},
		"modern": {func() { s.hangup("/mcp", modernCall("1", "slow", "{}"), w, modern("slow")) }, true},
		"legacy, after progress": {func() {
			s.hangup("/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow","_meta":{"progressToken":1}}}`, w, session)
		}, false},
		"sse": {func() {
			sse := openSSE(s)
			sse.post(call("1", "slow", "{}"))
			<-w.probe.started
			sse.close()
		}, false},
	} {
		c.hangup()
		if explicit := <-w.probe.canceled; explicit != c.canceled {
			t.Errorf("%s: canceled: got %v, want %v", name, explicit, c.canceled)
		}
		if delivered := <-w.probe.delivered; delivered {
			t.Errorf("%s: an answer without a reader counts as delivered", name)
		}
	}
}

// hangup makes a call and leaves while it runs.
func (s *site) hangup(path, body string, w *world, h headers) {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		res, err := s.try(ctx, "POST", path, strings.NewReader(body), h, jsonBody)
		if err != nil {
			return
		}
		if got, _ := io.ReadAll(res.Body); strings.Contains(string(got), "result") {
			s.Errorf("got an answer after having left: %s", got)
		}
	}()
	<-w.probe.started
	cancel()
	<-done
}

func TestHTTPCancel(t *testing.T) {
	w := newWorld(t)
	s := serve(t, w, server.Config{})
	session := s.session()
	sse := openSSE(s)
	for name, c := range map[string]struct{ ask, cancel func() }{
		"legacy": {
			func() { s.call(session, call("3", "slow", "{}")) },
			func() { s.do("POST", "/mcp", cancelled("3"), session, jsonBody) },
		},
		"sse": {
			func() { sse.post(call("3", "slow", "{}")) },
			func() { sse.post(cancelled("3")) },
		},
	} {
		answered := make(chan struct{})
		go func() { defer close(answered); c.ask() }()
		<-w.probe.started
		c.cancel()
		if explicit := <-w.probe.canceled; !explicit {
			t.Errorf("%s: a cancel by the client counts as something else", name)
		}
		if delivered := <-w.probe.delivered; delivered {
			t.Errorf("%s: a cancelled call counts as delivered", name)
		}
		<-answered
	}
}

func cancelled(id string) string {
	return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}`
}

// Requests without a session have their ids in one place: nobody may cancel there.
func TestHTTPCancelOfOthers(t *testing.T) {
	w := newWorld(t)
	s := serve(t, w, server.Config{})
	done := make(chan string, 1)
	go func() {
		done <- one(t, s.do("POST", "/mcp", modernCall("7", "slow", `{"seconds":0.5}`), modern("slow"), jsonBody)).text()
	}()
	<-w.probe.started
	for _, h := range []headers{nil, modern("x"), s.session()} {
		s.do("POST", "/mcp", cancelled("7"), h, jsonBody)
		s.do("POST", "/mcp", `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7,`+modernMeta+`}}`, h, jsonBody)
		s.do("POST", "/mcp", `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7,`+modernMeta+`}}`, h, headers{"Mcp-Protocol-Version", "2026-07-28"}, jsonBody)
	}
	if got := <-done; got != "done" {
		t.Errorf("the other client's call: got %q, want it to run to its end", got)
	}
}

// A client that stays and does not read holds its answer for a while, and never
// gets it.
func TestHTTPClientThatNeverReads(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		net := newWire()
		serveOn(t, w, server.Config{}, net, net.dial)
		conn, err := net.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		body := modernCall("1", "receipt", "{}")
		fmt.Fprintf(conn, "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nMcp-Protocol-Version: 2026-07-28\r\n"+
			"Mcp-Method: tools/call\r\nMcp-Name: receipt\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		before := time.Now()
		if delivered := <-w.probe.delivered; delivered {
			t.Error("an answer that nobody read counts as delivered")
		}
		if took := time.Since(before); took != 30*time.Second {
			t.Errorf("the answer was held for %v, want 30 s", took)
		}
	})
}

func TestHTTPCallsDoNotWaitForEachOther(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		s := serveInBubble(t, w, server.Config{Tokens: twoTokens(t)})
		anna := bearer("anna")
		session := s.session(anna)
		sse := openSSE(s, anna)
		for i := range 100 {
			slow := call(fmt.Sprint(i), "slow", "{}")
			sse.post(slow)
			go func() {
				// A body of a length that is not known beforehand.
				res, err := s.try(t.Context(), "POST", "/mcp", io.MultiReader(strings.NewReader(slow)), anna, session, jsonBody)
				if err == nil && res.StatusCode != http.StatusOK {
					t.Errorf("slow call: got %s", res.Status)
				}
			}()
		}
		synctest.Wait()
		if got := w.probe.running.Load(); got != 200 {
			t.Fatalf("slow calls under way: got %d, want 200", got)
		}
		before := time.Now()
		if got := s.call(session, call(`"list"`, "list_models", "{}"), anna).text(); !strings.Contains(got, "wan2.6-t2i") {
			t.Errorf("list_models: got %.100q", got)
		}
		sse.post(call(`"list"`, "list_models", "{}"))
		sse.answer(`"list"`)
		if took := time.Since(before); took != 0 {
			t.Errorf("list_models took %v beside slow calls, want nothing", took)
		}
		s.stop() // and the slow ones answer
	})
}

// A slow client gets a picture, as long as it goes on reading and is not too slow.
func TestHTTPSlowReader(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		net := newWire()
		s := serveOn(t, w, server.Config{}, net, net.dial)
		order := strings.Replace(small("a boat"), "512*512", "1024*1024", 1)
		image := s.call(s.session(), order).answer(t).Images[0]
		if image.Bytes < 6*64<<10 {
			t.Fatalf("a picture of %d bytes is too small for this test", image.Bytes)
		}
		for pause, whole := range map[time.Duration]bool{5 * time.Second: true, 25 * time.Second: false} {
			conn, err := net.dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			body := strings.Replace(read(image.ResourceURI), `"params":{`, `"params":{`+modernMeta+`,`, 1)
			fmt.Fprintf(conn, "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nMcp-Protocol-Version: 2026-07-28\r\n"+
				"Mcp-Method: resources/read\r\nMcp-Name: %s\r\nContent-Length: %d\r\n\r\n%s", image.ResourceURI, len(body), body)
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			part := make([]byte, 64<<10)
			var got []byte
			for err == nil {
				time.Sleep(pause)
				var n int
				n, err = io.ReadFull(res.Body, part)
				got = append(got, part[:n]...)
			}
			if json.Valid(got) != whole {
				t.Errorf("a pause of %v after each 64 KB: got %d bytes, whole %v, want %v", pause, len(got), !whole, whole)
			}
			res.Body.Close()
			conn.Close()
		}
	})
}
