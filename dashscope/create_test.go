package dashscope_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wan-image-mcp/dashscope"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// readRequest reads one whole request from a connection.
func readRequest(conn net.Conn) {
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err == nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		var hits atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			hits.Add(1)
			w.Header().Set("Location", "/elsewhere?Signature=canary")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, accepted)
		}))
		client := &dashscope.Client{APIKey: testKey, BaseURL: server.URL}
		result, err := client.Create(t.Context(), flowerShop())
		checkOutcome(t, result, err, dashscope.Refused)
		if !strings.Contains(err.Error(), "DASHSCOPE_HTTP_BASE_URL") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%d: %v", status, err)
		}
		if _, err := client.Task(t.Context(), testID); err == nil {
			t.Errorf("%d: a query followed the redirect", status)
		}
		if n := hits.Load(); n != 2 {
			t.Errorf("%d: %d requests, want one for the create and one for the query", status, n)
		}
		server.Close()
	}
}

// A query leaves a connection behind that the server has closed by the time of the
// create. On it, nobody could say whether the create arrived.
func TestCreateUsesAFreshConnection(t *testing.T) {
	var conns, posts atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			posts.Add(1)
			if r.ProtoMajor != 1 || !r.Close {
				t.Errorf("POST came by %s, close %v; want HTTP/1.1 and a connection of its own", r.Proto, r.Close)
			}
			if r.Header.Get("Idempotency-Key") != "" || r.Header.Get("X-Idempotency-Key") != "" {
				t.Error("an idempotency header makes net/http repeat the POST")
			}
			_, _ = io.WriteString(w, accepted)
			return
		}
		_, _ = io.WriteString(w, `{"output":{"task_status":"PENDING"}}`)
	}))
	server.EnableHTTP2 = true
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	server.StartTLS()
	defer server.Close()
	client := &dashscope.Client{APIKey: testKey, BaseURL: server.URL, Region: dashscope.Singapore, Transport: server.Client().Transport}

	if _, err := client.Task(t.Context(), testID); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		server.CloseClientConnections()
		if _, err := client.Create(t.Context(), flowerShop()); err != nil {
			t.Error(err)
		}
	}
	if _, err := client.Create(t.Context(), flowerShop()); err != nil {
		t.Error(err)
	}
	if conns.Load() != 4 || posts.Load() != 3 {
		t.Errorf("%d connections and %d POSTs, want 4 and 3", conns.Load(), posts.Load())
	}
}

// A transport that is not net/http's must show that nothing left; its word that
// something failed is no proof.
func TestStrangeTransports(t *testing.T) {
	lost := errors.New("lost")
	trace := func(r *http.Request) *httptrace.ClientTrace { return httptrace.ContextClientTrace(r.Context()) }
	for _, c := range []struct {
		name string
		do   transport
		want dashscope.Outcome
	}{
		{"says nothing", func(*http.Request) (*http.Response, error) { return nil, lost }, dashscope.MayBeAccepted},
		{"looked for a connection", func(r *http.Request) (*http.Response, error) {
			trace(r).GetConn("h:1")
			return nil, lost
		}, dashscope.NotSent},
		{"could not dial", func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Err: lost}
		}, dashscope.NotSent},
		{"had a connection", func(r *http.Request) (*http.Response, error) {
			trace(r).GetConn("h:1")
			trace(r).GotConn(httptrace.GotConnInfo{})
			return nil, lost
		}, dashscope.MayBeAccepted},
		{"wrote headers", func(r *http.Request) (*http.Response, error) {
			trace(r).WroteHeaders()
			return nil, &net.OpError{Op: "dial", Err: lost}
		}, dashscope.MayBeAccepted},
	} {
		t.Run(c.name, func(t *testing.T) {
			result, err := client(c.do).Create(t.Context(), flowerShop())
			checkOutcome(t, result, err, c.want)
			if !errors.Is(err, lost) {
				t.Errorf("the cause is gone: %v", err)
			}
		})
	}
}

// A body that can be had twice may be sent twice, and an error that holds the URL
// gives it to whoever unwraps it.
func TestNothingToRepeatOrToUnwrap(t *testing.T) {
	c := client(transport(func(r *http.Request) (*http.Response, error) {
		if r.GetBody != nil {
			t.Errorf("%s %s: the body can be had again", r.Method, r.URL.Path)
		}
		return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: io.EOF}
	}))
	_, err := c.Create(t.Context(), flowerShop())
	var withURL *url.Error
	if errors.As(err, &withURL) || !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want io.EOF without a *url.Error", err)
	}
	if c.Ready() != nil {
		t.Errorf("Ready() = %v", c.Ready())
	}
}

func TestContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := transport(func(r *http.Request) (*http.Response, error) {
			trace := httptrace.ContextClientTrace(r.Context())
			trace.GotConn(httptrace.GotConnInfo{})
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		result, err := client(hang).Create(ended, flowerShop())
		checkOutcome(t, result, err, dashscope.NotSent)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ended before: %v", err)
		}

		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		result, err = client(hang).Create(ctx, flowerShop())
		checkOutcome(t, result, err, dashscope.MayBeAccepted)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended on the way: %v", err)
		}

		impatient := errors.New("the user left")
		gone, leave := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { leave(impatient) })
		_, err = client(hang).Task(gone, testID)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, impatient) {
			t.Errorf("ended with a cause: %v", err)
		}

		c := client(hang)
		for _, run := range []struct {
			name string
			call func() error
			want time.Duration
		}{
			{"create", func() error { _, err := c.Create(t.Context(), flowerShop()); return err }, 30 * time.Second},
			{"sync", func() error { _, err := c.CreateSync(t.Context(), flowerShop()); return err }, 300 * time.Second},
			{"task", func() error { _, err := c.Task(t.Context(), testID); return err }, 10 * time.Second},
		} {
			start := time.Now()
			err := run.call()
			if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != run.want {
				t.Errorf("%s: %v after %v, want a timeout after %v", run.name, err, took, run.want)
			}
		}
	})
}

// Before anything is sent: keys, addresses and requests that cannot be right.
func TestNotSentAtAll(t *testing.T) {
	for _, c := range []struct {
		name   string
		client *dashscope.Client
		change func(*dashscope.ImageRequest)
		kind   error
		text   string
	}{
		{name: "no key", client: &dashscope.Client{}, kind: dashscope.ErrNoKey, text: "env block of the MCP client's configuration"},
		{name: "blank key", client: &dashscope.Client{APIKey: " \n"}, kind: dashscope.ErrNoKey, text: "DASHSCOPE_API_KEY_FILE_PATH"},
		{name: "key with a space", client: &dashscope.Client{APIKey: "sk-canary 123"}, kind: dashscope.ErrUnauthorized, text: "copy it again"},
		{name: "key with a line end", client: &dashscope.Client{APIKey: "sk-canary\r\nX-Evil: 1"}, kind: dashscope.ErrUnauthorized, text: "copy it again"},
		{name: "key in quotes", client: &dashscope.Client{APIKey: `"sk-canary"`}, kind: dashscope.ErrUnauthorized, text: "quote"},
		{name: "plan key", client: &dashscope.Client{APIKey: "sk-sp-canary"}, kind: dashscope.ErrUnauthorized, text: "plan's own hosts only"},
		{name: "no workspace", client: &dashscope.Client{APIKey: testKey, Region: dashscope.Frankfurt}, text: "WAN_IMAGE_MCP_WORKSPACE"},
		{name: "odd workspace", client: &dashscope.Client{APIKey: testKey, Workspace: "evil.example/"}, text: "not a workspace id"},
		{name: "unknown region", client: &dashscope.Client{APIKey: testKey, Region: "mars"}, kind: dashscope.ErrInvalid, text: "legal are beijing, singapore, virginia and frankfurt"},
		{name: "base without a scheme", client: &dashscope.Client{APIKey: testKey, BaseURL: "dashscope.aliyuncs.com/api/v1"}, text: "DASHSCOPE_HTTP_BASE_URL"},
		{name: "base with a query", client: &dashscope.Client{APIKey: testKey, BaseURL: "https://h.example/api/v1?k=canary"}, text: "query"},
		{name: "base with a password", client: &dashscope.Client{APIKey: testKey, BaseURL: "https://u:canary@h.example/api/v1"}, text: "user name"},
		{name: "base that leaks the key", client: &dashscope.Client{APIKey: testKey, BaseURL: "http://h.example/api/v1"}, text: "use https"},
		{
			name: "n left out", client: &dashscope.Client{APIKey: testKey}, kind: dashscope.ErrInvalid, text: "n is 0",
			change: func(r *dashscope.ImageRequest) { r.N = 0 },
		},
		{
			name: "model of another region", client: &dashscope.Client{APIKey: testKey, Region: dashscope.Virginia}, kind: dashscope.ErrInvalid,
			text: "only in beijing and singapore", change: func(r *dashscope.ImageRequest) { r.Model = "wan2.2-t2i-flash" },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := c.client
			client.Transport = transport(func(r *http.Request) (*http.Response, error) {
				t.Error("something was sent")
				return response(200, accepted), nil
			})
			request := flowerShop()
			if c.change != nil {
				c.change(&request)
			}
			result, err := client.Create(t.Context(), request)
			checkOutcome(t, result, err, dashscope.NotSent)
			checkKind(t, err, c.kind)
			if ready := client.Ready(); !errors.Is(c.kind, dashscope.ErrInvalid) && (ready == nil || ready.Error() != err.Error()) {
				t.Errorf("Ready() = %v, Create says %v", ready, err)
			}
			if !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "canary") {
				t.Errorf("text %q, want %q in it and no canary", err, c.text)
			}
			if !errors.Is(c.kind, dashscope.ErrInvalid) {
				if _, err := client.Task(t.Context(), testID); err == nil {
					t.Error("the query was made")
				}
			}
		})
	}
}

// A process that was stopped while it connected must not order when it goes on: others
// have given the order up by then.
func TestNothingLeavesAfterItsTime(t *testing.T) {
	for stopped, want := range map[time.Duration]bool{29 * time.Second: true, 31 * time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			sent := false
			c := client(transport(func(r *http.Request) (*http.Response, error) {
				time.Sleep(stopped)
				_, err := io.ReadAll(r.Body)
				sent = err == nil
				return response(200, accepted), err
			}))
			if _, err := c.Create(t.Context(), flowerShop()); sent != want || (err == nil) != want {
				t.Errorf("stopped for %v: sent %v (%v), want %v", stopped, sent, err, want)
			}
		})
	}
}

func TestSyncIsNotEverywhere(t *testing.T) {
	c := client(always(200, readFile(t, "answers", "sync.json")))
	request := flowerShop()
	request.Model = "wan2.5-t2i-preview"
	result, err := c.CreateSync(t.Context(), request)
	checkOutcome(t, result, err, dashscope.NotSent)
	checkKind(t, err, dashscope.ErrInvalid)

	c = client(always(200, readFile(t, "answers", "sync.json")))
	c.Region, c.Workspace = dashscope.Frankfurt, "ws1"
	result, err = c.CreateSync(t.Context(), flowerShop())
	checkOutcome(t, result, err, dashscope.NotSent)
	if !strings.Contains(err.Error(), "frankfurt") {
		t.Error(err)
	}

	result, err = client(always(200, `{"output":{"choices":[]}}`)).CreateSync(t.Context(), flowerShop())
	checkOutcome(t, result, err, dashscope.MayBeAccepted)
}
