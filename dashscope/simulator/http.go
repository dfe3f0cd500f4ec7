package simulator

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"syscall"
)

// ServeHTTP serves the API under /api/v1, the image host under /images and
// the admin endpoints under /admin.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := s.route(r)
	var err error
	if c.body, err = io.ReadAll(io.LimitReader(r.Body, bodyMax+1)); err != nil {
		reset(w) // the client has gone in the middle of its request
		return
	}
	write(w, s.handle(r.Context(), c))
}

func write(w http.ResponseWriter, r reply) {
	if r.status == 0 {
		reset(w)
		return
	}
	maps.Copy(w.Header(), r.header)
	if r.stream != nil {
		w.WriteHeader(r.status)
		_, _ = io.Copy(w, r.stream) // ends when the client leaves
		return
	}
	w.Header().Set("Content-Length", strconv.FormatInt(max(r.length, int64(len(r.body))), 10))
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body) // a client that has left is its own affair
	if r.cut {
		_ = http.NewResponseController(w).Flush()
		reset(w)
	}
}

// reset ends the connection as a broken network does, with RST, where the
// server lets it; else as http.ErrAbortHandler does.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// RoundTrip answers in process, without sockets or goroutines, so that it
// works in a testing/synctest bubble. It tells an httptrace of the request
// what a fresh connection would, and fails as one would.
func (s *Simulator) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	body := req.Body
	if body == nil {
		body = http.NoBody
	}
	defer func() { _ = body.Close() }()
	c := s.route(incoming(req))
	trace := httptrace.ContextClientTrace(ctx)
	if trace == nil {
		trace = &httptrace.ClientTrace{}
	}
	if err := s.connect(ctx, c, trace); err != nil {
		return nil, err
	}
	var err error
	c.body, err = io.ReadAll(io.LimitReader(body, bodyMax+1))
	if trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	}
	if err != nil {
		return nil, err
	}
	r := s.handle(ctx, c)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.status == 0 {
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	if trace.GotFirstResponseByte != nil {
		trace.GotFirstResponseByte()
	}
	return r.response(ctx, req), nil
}

// incoming is the request as a server would see it.
func incoming(req *http.Request) *http.Request {
	in := req.Clone(req.Context())
	in.Body = http.NoBody
	if in.Method == "" {
		in.Method = http.MethodGet
	}
	if in.Host == "" {
		in.Host = in.URL.Host
	}
	if in.Header == nil {
		in.Header = http.Header{}
	}
	return in
}

// connect tells the trace of a fresh connection and of the headers sent on it.
func (s *Simulator) connect(ctx context.Context, c *call, trace *httptrace.ClientTrace) error {
	if trace.GetConn != nil {
		trace.GetConn(c.r.URL.Host)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if fault, hit := s.takeFault(c, true); hit {
		c.strike(fault)
		s.record(c, reply{})
		return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	if trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{})
	}
	if trace.WroteHeaderField != nil {
		for k, v := range c.r.Header {
			trace.WroteHeaderField(textproto.CanonicalMIMEHeaderKey(k), v)
		}
	}
	if trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
	return nil
}

func (r reply) response(ctx context.Context, req *http.Request) *http.Response {
	length := max(r.length, int64(len(r.body)))
	var body io.Reader = bytes.NewReader(r.body)
	switch {
	case r.stream != nil:
		body, length = r.stream, -1
	case r.cut:
		body = io.MultiReader(body, broken{&net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}})
	case length > int64(len(r.body)):
		body = io.MultiReader(body, broken{io.ErrUnexpectedEOF})
	}
	header := r.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if length >= 0 {
		header.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	return &http.Response{
		Status: strconv.Itoa(r.status) + " " + http.StatusText(r.status), StatusCode: r.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(attended{ctx, body}), ContentLength: length, Request: req,
	}
}

// broken is the end of a body that does not end well.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// attended is a body that can be read only as long as its request lives.
type attended struct {
	ctx  context.Context
	body io.Reader
}

func (a attended) Read(p []byte) (int, error) {
	if err := a.ctx.Err(); err != nil {
		return 0, err
	}
	return a.body.Read(p)
}
