package dashscope_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wan-image-mcp/dashscope"
)

const accepted = `{"output":{"task_status":"PENDING","task_id":"` + testID + `"},"request_id":"r1"}`

func fault(code, message string) string {
	return fmt.Sprintf(`{"request_id":"r1","code":%q,"message":%q}`, code, message)
}

// What the answer says decides whether money may have been spent.
func TestOutcomeOfAnswers(t *testing.T) {
	const (
		refused = dashscope.Refused
		maybe   = dashscope.MayBeAccepted
	)
	page := "<html><body>nginx</body></html>"
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   dashscope.Outcome
		kind   error
	}{
		{"wrong key", 401, fault("InvalidApiKey", "Invalid API-key provided."), refused, dashscope.ErrUnauthorized},
		{"workspace", 401, fault("NOT AUTHORIZED", "no"), refused, dashscope.ErrUnauthorized},
		{"denied", 403, fault("AccessDenied", "Access denied."), refused, dashscope.ErrUnauthorized},
		{"model denied", 403, fault("Model.AccessDenied", "Model access denied."), refused, dashscope.ErrUnauthorized},
		{"not activated", 403, fault("AccessDenied.Unpurchased", "Access to model denied."), refused, dashscope.ErrNoQuota},
		{"free tier only", 403, fault("AllocationQuota.FreeTierOnly", "The free tier of the model has been exhausted."), refused, dashscope.ErrNoQuota},
		{"wrong path, new", 403, fault("AccessDenied", "current user api does not support asynchronous calls"), refused, dashscope.ErrWrongEndpoint},
		{"wrong path, sync", 403, fault("AccessDenied", "Current user api does not support synchronous calls."), refused, dashscope.ErrWrongEndpoint},
		{"wrong path, old", 400, fault("InvalidParameter", "url error, please check url！"), refused, dashscope.ErrWrongEndpoint},
		{"no model", 404, fault("ModelNotFound", "Model can not be found."), refused, dashscope.ErrModelNotFound},
		{"no model, 400", 400, fault("InvalidParameter", "Model not exist."), refused, dashscope.ErrModelNotFound},
		{"bad n", 400, fault("InvalidParameter", "Range of n should be [1, 4]"), refused, nil},
		{"unknown code", 400, fault("SomethingNew", "m"), refused, nil},
		{"content", 400, fault("DataInspectionFailed", "Input data may contain inappropriate content."), refused, dashscope.ErrContent},
		{"property", 400, fault("IPInfringementSuspect", "m"), refused, dashscope.ErrContent},
		{"arrears", 400, fault("Arrearage", "Access denied, please make sure your account is in good standing."), refused, dashscope.ErrNoQuota},
		{"too large", 413, fault("RequestTooLarge", "m"), refused, nil},

		{"throttled", 429, fault("Throttling", "Requests throttling triggered."), refused, dashscope.ErrThrottled},
		{"rate", 429, fault("Throttling.RateQuota", "m"), refused, dashscope.ErrThrottled},
		{"burst", 429, fault("Throttling.BurstRate", "m"), refused, dashscope.ErrThrottled},
		{"limit", 429, fault("LimitRequests", "m"), refused, dashscope.ErrThrottled},
		{"concurrency", 429, fault("Throttling.Concurrency", "Too many concurrent requests."), refused, dashscope.ErrConcurrency},
		{"allocation", 429, fault("Throttling.AllocationQuota", "Allocated quota exceeded, please increase your quota limit."), refused, dashscope.ErrAllocationQuota},
		{"allocation, other name", 429, fault("insufficient_quota", "You exceeded your current quota"), refused, dashscope.ErrAllocationQuota},
		{"free quota gone", 429, fault("Throttling.AllocationQuota", "Free allocated quota exceeded."), refused, dashscope.ErrNoQuota},
		{"plan quota gone", 429, fault("Throttling.AllocationQuota", "Your token-plan 1-week quota has been exhausted."), refused, dashscope.ErrNoQuota},
		{"month quota gone", 429, fault("insufficient_quota", "month allocated quota exceeded"), refused, dashscope.ErrNoQuota},
		{"not bought", 429, fault("CommodityNotPurchased", "Commodity has not purchased yet."), refused, dashscope.ErrNoQuota},
		{"overdue", 429, fault("PrepaidBillOverdue", "m"), refused, dashscope.ErrNoQuota},
		{"overdue later", 429, fault("PostpaidBillOverdue", "m"), refused, dashscope.ErrNoQuota},
		{"429 of an unknown code", 429, fault("Odd", "m"), maybe, nil},
		{"429 of a gateway", 429, page, maybe, nil},
		{"429 empty", 429, "", maybe, nil},

		{"400 of a gateway", 400, page, maybe, nil},
		{"401 of a gateway", 401, page, maybe, nil},
		{"403 of a gateway", 403, `{"error":"forbidden"}`, maybe, nil},
		{"404 of a gateway", 404, "404 page not found", maybe, nil},
		{"404 with a number for a code", 404, `{"code":404,"message":"no"}`, maybe, nil},
		{"404 in capitals", 404, `{"Code":"NotFound","Message":"no"}`, maybe, nil},
		{"408", 408, fault("RequestTimeOut", "m"), maybe, nil},
		{"409", 409, fault("Conflict", "m"), maybe, nil},
		{"500", 500, fault("InternalError", "internal error"), maybe, nil},
		{"500 that throttles", 500, fault("ModelServingError", "Too many requests."), maybe, nil},
		{"500 with a throttle code", 500, fault("Throttling", "m"), maybe, nil},
		{"502", 502, page, maybe, nil},
		{"503", 503, fault("ModelUnavailable", "m"), maybe, nil},
		{"504", 504, page, maybe, nil},
		{"400 with a task", 400, `{"code":"InvalidParameter","output":{"task_id":"x"}}`, maybe, nil},

		{"200 empty", 200, "", maybe, nil},
		{"200 html", 200, page, maybe, nil},
		{"200 truncated", 200, accepted[:40], maybe, nil},
		{"200 with garbage behind", 200, accepted + "x", maybe, nil},
		{"200 null", 200, "null", maybe, nil},
		{"200 without output", 200, `{"request_id":"r1"}`, maybe, nil},
		{"200 without a task", 200, `{"output":{"task_status":"PENDING"}}`, maybe, nil},
		{"200 with a number for a task", 200, `{"output":{"task_id":17}}`, maybe, nil},
		{"200 with a path for a task", 200, `{"output":{"task_id":"../x"}}`, maybe, nil},
		{"200 of 2 MiB", 200, `{"x":"` + strings.Repeat("x", 2<<20) + `"}`, maybe, nil},
		{"200 with a known code", 200, fault("DataInspectionFailed", "m"), refused, dashscope.ErrContent},
		{"200 that throttles", 200, fault("Throttling.RateQuota", "m"), maybe, nil},
		{"200 that does not know the model", 200, fault("InvalidParameter", "Model not exist."), maybe, nil},
		{"200 with a code for trouble", 200, fault("InternalError", "m"), maybe, nil},
		{"200 with a known code and a task", 200, `{"code":"InvalidParameter","output":{"task_id":17}}`, maybe, nil},
		{"204", 204, "", maybe, nil},
		{"304", 304, "", refused, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var posts atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				posts.Add(1)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer server.Close()
			result, err := (&dashscope.Client{APIKey: testKey, BaseURL: server.URL}).Create(t.Context(), flowerShop())
			checkOutcome(t, result, err, c.want)
			checkKind(t, err, c.kind)
			if n := posts.Load(); n != 1 {
				t.Errorf("%d POSTs, want 1", n)
			}
		})
	}
}

// kinds are the sentinels that name a reason; an error is those it should be and
// no other.
var kinds = []error{
	dashscope.ErrUnauthorized, dashscope.ErrThrottled, dashscope.ErrConcurrency, dashscope.ErrAllocationQuota,
	dashscope.ErrNoQuota, dashscope.ErrContent, dashscope.ErrWrongEndpoint, dashscope.ErrModelNotFound,
	dashscope.ErrOtherSpelling, dashscope.ErrExpired, dashscope.ErrInvalid, dashscope.ErrNoKey,
}

func checkKind(t *testing.T, err, want error) {
	t.Helper()
	for _, kind := range kinds {
		if got := errors.Is(err, kind); got != (want != nil && errors.Is(want, kind)) {
			t.Errorf("errors.Is(err, %q) = %v for: %v", kind, got, err)
		}
	}
}

func checkOutcome(t *testing.T, result *dashscope.Result, err error, want dashscope.Outcome) {
	t.Helper()
	var e *dashscope.Error
	if !errors.As(err, &e) || result != nil {
		t.Fatalf("got %+v, %v; want an error", result, err)
	}
	if e.Outcome != want {
		t.Errorf("outcome %q, want %q: %v", e.Outcome, want, err)
	}
	for sentinel, of := range map[error]dashscope.Outcome{
		dashscope.ErrNotSent: dashscope.NotSent, dashscope.ErrRefused: dashscope.Refused, dashscope.ErrMayBeAccepted: dashscope.MayBeAccepted,
	} {
		if got := errors.Is(err, sentinel); got != (want == of) {
			t.Errorf("errors.Is(err, %q) = %v for outcome %q", sentinel, got, want)
		}
	}
	for _, secret := range []string{testKey, "Bearer", "127.0.0.1/", "Signature"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%q is in the error: %v", secret, err)
		}
	}
}

// What the network does decides too: only what provably never left may go again.
func TestOutcomeOfTheNetwork(t *testing.T) {
	for _, c := range []struct {
		name string
		base func(*testing.T) string
		with *http.Transport
		want dashscope.Outcome
	}{
		{"connection refused", closedPort, &http.Transport{}, dashscope.NotSent},
		{"no such host", fixed("https://dashscope.invalid/api/v1"), &http.Transport{DialContext: failingDial}, dashscope.NotSent},
		{"dial hangs", fixed("https://dashscope.invalid/api/v1"), &http.Transport{DialContext: hangingDial}, dashscope.NotSent},
		{"certificate of a stranger", untrusted, &http.Transport{}, dashscope.NotSent},
		{"plain answer to TLS", tlsToPlain, &http.Transport{}, dashscope.NotSent},
		{"proxy refuses to connect", fixed("https://dashscope.invalid/api/v1"), &http.Transport{Proxy: refusingProxy(t)}, dashscope.NotSent},
		{"cut before reading", serve(func(conn net.Conn) {}), &http.Transport{}, dashscope.MayBeAccepted},
		{"cut after reading", serve(func(conn net.Conn) { readRequest(conn) }), &http.Transport{}, dashscope.MayBeAccepted},
		{"hangs", serve(func(conn net.Conn) { readRequest(conn); _, _ = io.Copy(io.Discard, conn) }), &http.Transport{}, dashscope.MayBeAccepted},
		{"hangs in the answer", serve(func(conn net.Conn) {
			readRequest(conn)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
			_, _ = io.Copy(io.Discard, conn)
		}), &http.Transport{}, dashscope.MayBeAccepted},
		{"shorter than it says", serve(func(conn net.Conn) {
			readRequest(conn)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"+accepted)
		}), &http.Transport{}, dashscope.MayBeAccepted},
		{"refusal shorter than it says", serve(func(conn net.Conn) {
			readRequest(conn)
			_, _ = io.WriteString(conn, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 500\r\n\r\n"+fault("InvalidApiKey", "m"))
		}), &http.Transport{}, dashscope.MayBeAccepted},
		{"not HTTP", serve(func(conn net.Conn) { readRequest(conn); _, _ = io.WriteString(conn, "220 smtp ready\r\n") }), &http.Transport{}, dashscope.MayBeAccepted},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := &dashscope.Client{APIKey: testKey, BaseURL: c.base(t), Transport: c.with, SubmitTimeout: 300 * time.Millisecond}
			result, err := client.Create(t.Context(), flowerShop())
			checkOutcome(t, result, err, c.want)
			checkKind(t, err, nil)
		})
	}
}

func fixed(base string) func(*testing.T) string { return func(*testing.T) string { return base } }

func listen(t *testing.T) net.Listener {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closedPort(t *testing.T) string {
	l := listen(t)
	defer func() { _ = l.Close() }()
	return "http://" + l.Addr().String()
}

func failingDial(context.Context, string, string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "dashscope.invalid", IsNotFound: true}}
}

func hangingDial(ctx context.Context, _, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func untrusted(t *testing.T) string {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

func tlsToPlain(t *testing.T) string {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = quiet()
	server.Start()
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "http:", "https:", 1)
}

func refusingProxy(t *testing.T) func(*http.Request) (*url.URL, error) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "blocked", http.StatusForbidden)
	}))
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	return func(*http.Request) (*url.URL, error) { return u, err }
}

// serve answers each connection with handle and then closes it.
func serve(handle func(net.Conn)) func(*testing.T) string {
	return func(t *testing.T) string {
		l := listen(t)
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer func() { _ = conn.Close() }()
					_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
					handle(conn)
				}()
			}
		}()
		return "http://" + l.Addr().String()
	}
}
