package server

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

// serve passes a request of a known sender to its transport.
func (f *front) serve(w *response, r *http.Request, of pass) {
	if f.draining.Load() {
		w.Header().Set("Connection", "close")
		http.Error(w, "the server is stopping", http.StatusServiceUnavailable)
		return
	}
	waited, cancel := context.WithCancelCause(r.Context())
	defer cancel(errGone)
	defer context.AfterFunc(f.waiting, func() { cancel(errStopping) })()
	defer context.AfterFunc(of.good, func() { cancel(errRevoked) })()
	req := &request{token: of.token, good: of.good, http: true, waited: waited}
	r = r.WithContext(withRequest(r.Context(), req))
	var err error
	switch {
	case r.Method == http.MethodPost:
		err = f.post(w, r, req)
	case r.URL.Path == "/sse":
		err = f.openSSE(w, r, req)
	case r.Method == http.MethodGet:
		err = f.openStream(w, r, req)
	default:
		err = f.deleteSession(w, r, req)
	}
	answerRefusal(w, err)
}

// servePicture serves a link, a few of them at a time.
func (f *front) servePicture(w *response, r *http.Request) {
	select {
	case f.pictures <- struct{}{}:
		defer func() { <-f.pictures }()
		f.cfg.Links.ServeHTTP(w, r)
	case <-r.Context().Done():
	}
}

// answerRefusal writes what a request gets that is not served.
func answerRefusal(w http.ResponseWriter, err error) {
	no, bad := (*refusal)(nil), (*envelopeError)(nil)
	switch {
	case errors.As(err, &no):
		if no.status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "1")
		}
		http.Error(w, no.text, no.status)
	case errors.As(err, &bad):
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(bad.response()) // a client that has left needs no answer
	}
}

var errBusy = refuse(http.StatusServiceUnavailable, "too much is open at once; wait for an answer and try again")

// post serves one JSON-RPC message.
func (f *front) post(w *response, r *http.Request, req *request) error {
	size := maxBody
	if r.ContentLength >= 0 && r.ContentLength <= maxBody {
		size = int(r.ContentLength)
	}
	stay, ok := f.limits.enter(req.token.owner, load{calls: 1, bytes: size})
	if !ok {
		return errBusy
	}
	req.onSettle(func(bool) { stay.leave() })
	e, err := readMessage(w, r)
	if err != nil {
		req.settle(false)
		return err
	}
	stay.shrink(int(r.ContentLength)) // as it was read
	if r.URL.Path == "/message" {
		return f.postSSE(w, r, req, e)
	}
	defer req.settle(false)
	return f.postMCP(w, r, req, e)
}

// postMCP serves a message over Streamable HTTP.
func (f *front) postMCP(w *response, r *http.Request, req *request, e envelope) error {
	id := r.Header.Get(mcpserver.HeaderKeySessionID)
	modern := e.isModern() || mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion))
	switch {
	case modern && e.isCancel():
		// Without sessions, mcp-go cannot tell whose request it is: any client could
		// cancel any other's. A client of this version closes the stream to cancel.
		w.WriteHeader(http.StatusAccepted)
		return nil
	case modern:
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		req.session = "http-" + host
	case e.method == string(mcp.MethodInitialize):
		if !f.held.fits(req.token.owner) {
			return errBusy
		}
	default:
		if err := f.checkSession(req.token, id); err != nil {
			return err
		}
		switch {
		case e.isCancel():
			f.calls.cancel(id, e.target)
		case e.id != nil && e.method != "":
			req.takenBack = make(chan struct{})
			defer f.calls.add(id, e.id, req)()
		}
	}
	if modern && e.method == string(mcp.MethodSubscriptionsListen) {
		return f.stream(w, r, req)
	}
	f.inOrder.arrive(req, e.tool)
	f.mcp.ServeHTTP(w, r)
	if req.isAsked() {
		req.settle(w.whole() && r.Context().Err() == nil)
	}
	return nil
}

func (f *front) checkSession(of token, id string) error {
	if id == "" {
		return refuse(http.StatusBadRequest, "the Mcp-Session-Id header is missing: send initialize first")
	}
	if err := f.sessions.check(of, id); err != nil {
		return refuse(http.StatusNotFound, "%s", err)
	}
	return nil
}

// openStream serves the stream of a session. Anything else that gets this address
// is told so at once: some clients look whether a server wants a login, and would
// wait for a stream without end to end.
func (f *front) openStream(w *response, r *http.Request, req *request) error {
	id := r.Header.Get(mcpserver.HeaderKeySessionID)
	if id == "" || !strings.Contains(r.Header.Get("Accept"), "text/event-stream") ||
		mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion)) {
		w.Header().Set("Allow", "POST, DELETE")
		return refuse(http.StatusMethodNotAllowed, "GET opens the stream of a session: send Mcp-Session-Id and Accept: text/event-stream")
	}
	if err := f.checkSession(req.token, id); err != nil {
		return err
	}
	return f.stream(w, r, req)
}

// stream serves what has no end of its own, until the client leaves, its token is
// taken away or the server stops.
func (f *front) stream(w *response, r *http.Request, req *request) error {
	stay, ok := f.limits.enter(req.token.owner, load{streams: 1})
	if !ok {
		return errBusy
	}
	defer stay.leave()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(f.streams, cancel)()
	defer context.AfterFunc(req.good, cancel)()
	f.mcp.ServeHTTP(w, r.WithContext(ctx))
	return nil
}

func (f *front) deleteSession(w *response, r *http.Request, req *request) error {
	if !mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion)) {
		if err := f.checkSession(req.token, r.Header.Get(mcpserver.HeaderKeySessionID)); err != nil {
			return err
		}
	}
	f.mcp.ServeHTTP(w, r)
	return nil
}
