package server

import (
	"context"
	"net/http"
)

// openSSE serves a stream of the legacy transport.
func (f *front) openSSE(w *response, r *http.Request, req *request) error {
	stay, ok := f.limits.enter(req.token.owner, load{streams: 1})
	if !ok {
		return errBusy
	}
	defer stay.leave()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(req.good, cancel)()
	stream := &sseStream{of: req.token, waited: req.waited, close: cancel, pending: make(map[string][]*request)}
	req.stream = stream
	defer f.sse.forget(stream)
	f.sse.server.ServeHTTP(sseWriter{w, stream}, r.WithContext(ctx))
	return nil
}

// postSSE serves a message whose answer goes to a stream. mcp-go accepts it at
// once, and serves it for as long as it takes.
func (f *front) postSSE(w *response, r *http.Request, req *request, e envelope) error {
	due := false // an answer will come, and settle the request
	defer func() {
		if !due {
			req.settle(false)
		}
	}()
	stream := f.sse.find(req.token, r.URL.Query().Get("sessionId"))
	if stream == nil {
		return errNoStream
	}
	req.stream, req.waited = stream, stream.waited
	if e.isCancel() {
		stream.cancel(e.target)
	}
	if e.id == nil || e.method == "" {
		f.sse.server.ServeHTTP(w, r)
		return nil
	}
	f.inOrder.arrive(req, e.tool)
	if !stream.expect(e.id, req) {
		return errNoStream
	}
	f.sse.server.ServeHTTP(w, r)
	if due = w.code() == http.StatusAccepted; !due {
		stream.drop(req)
	}
	return nil
}

var errNoStream = refuse(http.StatusNotFound, "no such session: open /sse first")
