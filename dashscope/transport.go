package dashscope

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// lanes are the transports of a client: requests that buy something have one of
// their own.
type lanes struct {
	once       sync.Once
	paid, free http.RoundTripper
}

func (l *lanes) pick(given http.RoundTripper, paid bool) http.RoundTripper {
	l.once.Do(func() {
		if given == nil {
			given = newTransport()
		}
		l.free, l.paid = given, given
		if t, ok := given.(*http.Transport); ok {
			l.paid = singleShot(t)
		}
	})
	if paid {
		return l.paid
	}
	return l.free
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConnsPerHost:    4,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
	}
}

// singleShot copies a transport for requests that must leave at most once. A
// kept connection may be dead already, and then nobody knows whether the request
// arrived; a fresh one is not. HTTP/2 repeats refused streams by itself.
func singleShot(t *http.Transport) *http.Transport {
	t = t.Clone()
	t.DisableKeepAlives = true
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	if t.TLSClientConfig != nil { // a transport in use offers h2 here, whatever Protocols says
		t.TLSClientConfig.NextProtos = nil
	}
	return t
}

// witness sees how far a request got.
type witness struct{ asked, connected, wrote atomic.Bool }

func (w *witness) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:      func(string) { w.asked.Store(true) },
		GotConn:      func(httptrace.GotConnInfo) { w.connected.Store(true) },
		WroteHeaders: func() { w.wrote.Store(true) },
	}
}

// maySent reports whether any of the request may have left, after the transport
// returned an error. It is false only with proof. A connection that was had is
// enough for a yes, even if no header was seen to be written: after a cancel
// net/http returns while its writer may still be about to write.
func (w *witness) maySent(transport http.RoundTripper, err error) bool {
	if w.connected.Load() || w.wrote.Load() {
		return true
	}
	_, own := transport.(*http.Transport)
	return !own && !w.asked.Load() && !isDialError(err)
}

func isDialError(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// retryAfter reads how long the service asks to wait. No page of the service
// promises these headers, but a gateway may send them.
func retryAfter(h http.Header) time.Duration {
	const longest = time.Hour
	within := func(d time.Duration) time.Duration { return min(max(d, 0), longest) }
	if ms, err := strconv.ParseInt(h.Get("Retry-After-Ms"), 10, 32); err == nil {
		return within(time.Duration(ms) * time.Millisecond)
	}
	text := h.Get("Retry-After")
	if s, err := strconv.ParseInt(text, 10, 32); err == nil {
		return within(time.Duration(s) * time.Second)
	}
	if t, err := http.ParseTime(text); err == nil {
		return within(time.Until(t))
	}
	return 0
}
