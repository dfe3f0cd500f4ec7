package server_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/server"
)

// door is a way into the server.
type door struct {
	method, path, body string
	health             bool
}

// doors are all of them, on all transports, with a request that would be served.
func doors(c *sseClient, session headers) map[door]headers {
	stream := headers{"Accept", "text/event-stream"}
	return map[door]headers{
		{"GET", "/sse", "", false}:                                                             stream,
		{"POST", c.message, call("1", "receipt", "{}"), false}:                                 jsonBody,
		{"POST", "/mcp", initialize, false}:                                                    jsonBody,
		{"POST", "/mcp", call("1", "receipt", "{}"), false}:                                    append(session, jsonBody...),
		{"POST", "/mcp", modernCall("1", "receipt", "{}"), false}:                              append(modern("receipt"), jsonBody...),
		{"GET", "/mcp", "", false}:                                                             append(session, stream...),
		{"DELETE", "/mcp", "", false}:                                                          c.session(),
		{"OPTIONS", "/mcp", "", false}:                                                         {"Access-Control-Request-Method", "POST"},
		{"HEAD", "/mcp", "", false}:                                                            session,
		{"GET", "/metrics", "", false}:                                                         nil,
		{"GET", "/no/such/path", "", false}:                                                    nil,
		{"POST", "/mcp/../healthz", "", false}:                                                 nil,
		{"GET", "/healthz", "", true}:                                                          nil,
		{"GET", "/readyz", "", true}:                                                           nil,
		{"GET", "/sse?" + strings.Repeat("x", 100), "", false}:                                 stream,
		{"POST", c.message + "&x=y", `{"jsonrpc":"2.0","method":"notifications/x"}`, false}:    jsonBody,
		{"POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{}}`, false}:        append(session, jsonBody...),
		{"POST", "/mcp", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, false}:      append(session, jsonBody...),
		{"POST", "/mcp", `{"jsonrpc":"2.0","id":1,"result":{}}`, false}:                        append(session, jsonBody...),
		{"POST", "/mcp", modernCall("1", "list_models", "{}") + strings.Repeat(" ", 5), false}: append(modern("list_models"), jsonBody...),
	}
}

func TestGuard(t *testing.T) {
	w := newWorld(t)
	s := serve(t, w, server.Config{
		Metrics: server.NewMetrics(), AllowHosts: []string{"wan.example", "named.example:8443"}, AllowOrigins: []string{"https://page.example"},
	})
	c := openSSE(s)
	session := s.session()
	for name, row := range map[string]struct {
		h      headers
		health int // of the doors for probes
		others int // 0 means served, or refused for another reason
	}{
		"a page":               {headers{"Origin", "https://evil.example"}, 403, 403},
		"a page on loopback":   {headers{"Origin", "http://localhost:3000"}, 403, 403},
		"our own page":         {headers{"Origin", s.url, "Sec-Fetch-Site", "same-origin"}, 200, 0},
		"our own, then a page": {headers{"Origin", s.url, "Origin", "https://evil.example"}, 403, 403},
		"our own over TLS":     {headers{"Origin", strings.Replace(s.url, "http:", "https:", 1)}, 403, 403},
		"our name, other port": {headers{"Origin", "http://127.0.0.1:1"}, 403, 403},
		"a rebound page":       {headers{"Host", "evil.example:8080", "Origin", "http://evil.example:8080"}, 403, 403},
		"a page of a named":    {headers{"Host", "wan.example", "Origin", "http://wan.example"}, 403, 403},
		"a hidden page":        {headers{"Origin", "null"}, 403, 403},
		"an empty origin":      {headers{"Origin", ""}, 403, 403},
		"allowed, then a page": {headers{"Origin", "https://page.example", "Origin", "https://evil.example"}, 403, 403},
		"allowed with a tail":  {headers{"Origin", "https://page.example.evil.example"}, 403, 403},
		"allowed but http":     {headers{"Origin", "http://page.example"}, 403, 403},
		"an allowed page":      {headers{"Origin", "https://page.example", "Sec-Fetch-Site", "cross-site"}, 200, 0},
		"a rebound name":       {headers{"Host", "evil.example"}, 200, 403},
		"a rebound port":       {headers{"Host", "evil.example:8080"}, 200, 403},
		"localhost in a name":  {headers{"Host", "localhost.evil.example"}, 200, 403},
		"loopback in a name":   {headers{"Host", "127.0.0.1.evil.example"}, 200, 403},
		"any address":          {headers{"Host", "0.0.0.0:8080"}, 200, 403},
		"another address":      {headers{"Host", "192.168.1.7"}, 200, 403},
		"another port":         {headers{"Host", "named.example:80"}, 200, 403},
		"localhost":            {headers{"Host", "LOCALHOST:8080"}, 200, 0},
		"loopback v6":          {headers{"Host", "[::1]:8080"}, 200, 0},
		"loopback v4":          {headers{"Host", "127.3.4.5"}, 200, 0},
		"an allowed name":      {headers{"Host", "wan.example:9999"}, 200, 0},
		"an allowed port":      {headers{"Host", "named.example:8443"}, 200, 0},
		"an image on a page":   {headers{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 200, 403},
		"a sister page":        {headers{"Sec-Fetch-Site", "same-site"}, 200, 403},
		"typed by a person":    {headers{"Sec-Fetch-Site", "none"}, 200, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for door, h := range doors(c, session) {
				status, res := s.knock(t, door, h, row.h)
				want := row.others
				if door.health {
					want = row.health
				}
				if want != 0 && status != want {
					t.Errorf("%s %.40s: got %d, want %d", door.method, door.path, status, want)
				}
				if want == 0 && status == http.StatusForbidden {
					t.Errorf("%s %.40s: got 403", door.method, door.path)
				}
				if got := res.Get("Access-Control-Allow-Origin"); got != "" && got != "https://page.example" {
					t.Errorf("%s %.40s: got Access-Control-Allow-Origin %q", door.method, door.path, got)
				}
			}
		})
	}
	if got := len(w.probe.delivered); got == 0 {
		t.Error("no request has got through at all")
	}
}

// knock tries a door and leaves.
func (s *site) knock(t *testing.T, d door, h ...headers) (int, http.Header) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var body io.Reader
	if d.body != "" {
		body = strings.NewReader(d.body)
	}
	res, err := s.try(ctx, d.method, d.path, body, h...)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header
}

func TestGuardPreflight(t *testing.T) {
	s := serve(t, newWorld(t), server.Config{Tokens: twoTokens(t), AllowOrigins: []string{"https://page.example"}})
	for _, path := range []string{"/mcp", "/sse", "/message"} {
		res := s.do("OPTIONS", path, "", headers{"Origin", "https://page.example", "Access-Control-Request-Method", "POST"})
		if res.StatusCode != http.StatusNoContent || res.Header.Get("Access-Control-Allow-Origin") != "https://page.example" {
			t.Errorf("preflight of %s: got %s, %v", path, res.Status, res.Header)
		}
		allowed := strings.ToLower(res.Header.Get("Access-Control-Allow-Headers"))
		for _, name := range []string{"authorization", "content-type", "mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name", "last-event-id"} {
			if !strings.Contains(allowed, name) {
				t.Errorf("preflight of %s: %s is missing in %q", path, name, allowed)
			}
		}
	}
	res := s.do("POST", "/mcp", initialize, headers{"Origin", "https://page.example"}, bearer("anna"), jsonBody)
	if res.StatusCode != http.StatusOK || !strings.Contains(res.Header.Get("Access-Control-Expose-Headers"), "Mcp-Session-Id") {
		t.Errorf("the request itself: got %s, %v", res.Status, res.Header)
	}
}

func TestGuardBody(t *testing.T) {
	s := serve(t, newWorld(t), server.Config{})
	c := openSSE(s)
	session := s.session()
	big := `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"` + strings.Repeat("x", server.MaxBody) + `"}}`
	ping := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	for name, row := range map[string]struct {
		body string
		h    headers
		want int
	}{
		"text/plain":           {ping, headers{"Content-Type", "text/plain"}, 415},
		"a form":               {ping, headers{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		"no type":              {ping, nil, 415},
		"two types":            {ping, headers{"Content-Type", "application/json", "Content-Type", "text/plain"}, 415},
		"a type like ours":     {ping, headers{"Content-Type", "application/json-seq"}, 415},
		"gzip":                 {ping, headers{"Content-Type", "application/json", "Content-Encoding", "gzip"}, 415},
		"too big":              {big, jsonBody, 413},
		"nothing":              {"", jsonBody, 400},
		"garbage":              {"\x00\xff", jsonBody, 400},
		"a batch":              {"[" + ping + "]", jsonBody, 400},
		"METHOD":               {`{"jsonrpc":"2.0","id":1,"METHOD":"ping"}`, jsonBody, 400},
		"two methods":          {`{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}`, jsonBody, 400},
		"two names":            {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_models","Name":"receipt"}}`, jsonBody, 400},
		"two messages":         {ping + ping, jsonBody, 400},
		"with a character set": {ping, headers{"Content-Type", "application/json; charset=utf-8"}, 0},
	} {
		for _, path := range []string{"/mcp", c.message} {
			for _, chunked := range []bool{false, true} {
				var body io.Reader = strings.NewReader(row.body)
				if chunked {
					body = io.MultiReader(body) // of a length that is not known
				}
				res := s.doFrom("POST", path, body, session, row.h)
				if want := row.want; (want != 0 && res.StatusCode != want) || (want == 0 && res.StatusCode >= 300) {
					t.Errorf("%s to %.8s (chunked %v): got %s, want %d", name, path, chunked, res.Status, want)
				}
			}
		}
	}
}

func TestGuardEndlessBody(t *testing.T) {
	s := serve(t, newWorld(t), server.Config{})
	session := s.session()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	res, err := s.try(ctx, "POST", "/mcp", &endless{400 << 20}, session, jsonBody)
	runtime.ReadMemStats(&after)
	if err == nil && res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a body of 400 MB: got %s", res.Status)
	}
	if grown := int64(after.TotalAlloc - before.TotalAlloc); grown > 30<<20 {
		t.Errorf("a body of 400 MB took %d bytes of memory", grown)
	}
}

func TestGuardHeaders(t *testing.T) {
	s := serve(t, newWorld(t), server.Config{})
	res := s.do("POST", "/mcp", initialize, jsonBody, headers{"X-Fill", strings.Repeat("x", 80<<10)})
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("80 KiB of headers: got %s", res.Status)
	}
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /mcp HTTP/1.1\r\nHost: local")
	before := time.Now()
	_ = conn.SetReadDeadline(before.Add(20 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); err == nil || time.Since(before) > 15*time.Second {
		t.Errorf("half a header: still open after %v (%v)", time.Since(before), err)
	}
}

// Some clients ask a server whether it wants a login, and wait for the answer to
// end.
func TestGuardStreamWithoutSession(t *testing.T) {
	s := serve(t, newWorld(t), server.Config{})
	session := s.session()
	for name, h := range map[string]headers{
		"nothing":    nil,
		"no session": {"Accept", "text/event-stream"},
		"no accept":  session,
		"modern":     append(headers{"Mcp-Protocol-Version", "2026-07-28", "Accept", "text/event-stream"}, session...),
	} {
		res := s.do("GET", "/mcp", "", h)
		if res.StatusCode != http.StatusMethodNotAllowed || !strings.Contains(res.Header.Get("Allow"), "POST") {
			t.Errorf("GET /mcp with %s: got %s, Allow %q", name, res.Status, res.Header.Get("Allow"))
		}
	}
	res := s.do("GET", "/mcp", "", session, headers{"Accept", "application/json, text/event-stream"})
	if res.StatusCode != http.StatusOK {
		t.Errorf("GET /mcp of a session: got %s", res.Status)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serveInBubble(t, newWorld(t), server.Config{Tokens: twoTokens(t)})
		for i := range server.MaxStreams / 2 {
			if res := s.do("GET", "/sse", "", bearer("anna")); res.StatusCode != http.StatusOK {
				t.Fatalf("stream %d: got %s", i+1, res.Status)
			}
		}
		if res := s.do("GET", "/sse", "", bearer("anna")); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
			t.Errorf("a stream over the limit: got %s, want 503 and when to come again", res.Status)
		}
		if res := s.do("GET", "/sse", "", bearer("berta")); res.StatusCode != http.StatusOK {
			t.Errorf("another owner's stream: got %s, want room for it", res.Status)
		}
	})
}

func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		shared bool
		takes  []string // owners, one call each
		want   int      // how many get in
	}{
		"one owner alone":       {false, owners("a", 1100), 1000},
		"one owner among many":  {true, owners("a", 1100), 500},
		"all together":          {true, append(append(owners("a", 400), owners("b", 400)...), owners("c", 400)...), 1000},
		"no room is left by it": {true, append(owners("a", 600), owners("b", 500)...), 1000},
	} {
		l := server.NewLimits(c.shared)
		var leave []func()
		for range 2 { // what has left makes room again
			for _, owner := range c.takes {
				if out, ok := l.Enter(owner); ok {
					leave = append(leave, out)
				}
			}
			if len(leave) != c.want {
				t.Errorf("%s: %d got in, want %d", name, len(leave), c.want)
			}
			for _, out := range leave {
				out()
			}
			leave = nil
		}
	}
}

func owners(name string, n int) []string {
	return strings.Split(strings.Repeat(name+" ", n)[:2*n-1], " ")
}
