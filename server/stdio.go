package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

const (
	maxCalls     = 1000     // requests served at once
	maxCallBytes = 32 << 20 // of all their messages together

	// At the end of input, and when the server stops, running calls may finish for
	// drainSoft. Then their waiting ends, and they have until drainHard to say how
	// far they came. Together this leaves the paid work most of the six seconds in
	// which a client expects a server to be gone.
	drainSoft = 300 * time.Millisecond
	drainHard = 600 * time.Millisecond
)

// Stdio serves one client over a pair of streams, one JSON-RPC message on each
// line, until in ends or ctx does; both are a clean end and return nil. A stream
// that fails is an error.
//
// Every request has its own goroutine, so no call waits for another, but the
// answer to initialize is written before the next line is looked at. mcp-go's own
// server has a pool of five for tools, and loses answers at the end of input.
//
// A read from in that is under way when ctx ends cannot be interrupted: its
// goroutine stays behind until in is closed.
func Stdio(ctx context.Context, s *mcpserver.MCPServer, in io.Reader, out io.Writer, log *slog.Logger) error {
	session := newStdioSession()
	base, stopWaiting := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stopWaiting(errGone)
	if err := s.RegisterSession(base, session); err != nil {
		return fmt.Errorf("open the stdio session: %w", err)
	}
	defer s.UnregisterSession(base, session.SessionID())
	c := &stdioConn{
		server:  s,
		session: session,
		log:     logger(log),
		base:    s.WithContext(base, session),
		answers: make(chan answer),
		broken:  make(chan error, 1),
		closed:  make(chan struct{}),
		calls:   make(map[*call]bool),
	}
	go c.write(out)
	defer close(c.closed)

	ended := make(chan error, 1)
	go func() { ended <- c.read(in) }()
	select {
	case err := <-ended:
		c.drain(errGone, stopWaiting)
		return err
	case err := <-c.broken:
		c.drain(errGone, stopWaiting)
		return fmt.Errorf("write to the client: %w", err)
	case <-ctx.Done():
		c.drain(errStopping, stopWaiting)
		return nil
	}
}

// stdioConn is the state of one Stdio.
type stdioConn struct {
	server  *mcpserver.MCPServer
	session *stdioSession
	log     *slog.Logger
	base    context.Context // of all calls; ends when nobody waits any more
	answers chan answer
	broken  chan error
	closed  chan struct{}

	inOrder inOrder

	mu      sync.Mutex
	calls   map[*call]bool
	bytes   int  // of the messages of calls
	ending  bool // no further requests are taken
	gone    bool // the client does not wait any more
	running sync.WaitGroup
}

// read serves what comes in until it ends.
func (c *stdioConn) read(in io.Reader) error {
	lines := newLineReader(in, maxLine)
	for !c.isEnding() {
		line, err := lines.next()
		switch {
		case errors.Is(err, errLineTooLong):
			_ = c.send(failure(nil, mcp.PARSE_ERROR, fmt.Sprintf("Parse error: a message may have at most %d bytes", maxLine)))
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe):
			return nil
		case err != nil:
			return fmt.Errorf("read from the client: %w", err)
		case len(bytes.TrimSpace(line)) > 0:
			c.receive(line)
		}
	}
	return nil
}

// receive serves one message. It returns as soon as the next one may be read.
func (c *stdioConn) receive(message []byte) {
	e, err := parseEnvelope(message)
	if bad := (*envelopeError)(nil); errors.As(err, &bad) {
		c.log.Debug("refused a message", "reason", bad.text)
		_ = c.send(bad.response())
		return
	}
	switch {
	case e.isCancel():
		c.cancelCall(e.target)
	case e.method == "":
		// An answer, and this program asks its client nothing.
	case e.id == nil:
		c.handle(c.base, e, message)
	case e.method == string(mcp.MethodInitialize):
		if call := c.admit(e, message); call != nil {
			done := c.enqueue(c.handle(call.ctx, e, message))
			go func() { c.finish(call, c.written(done) == nil) }()
		}
	default:
		if call := c.admit(e, message); call != nil {
			go c.serve(call)
		}
	}
}

func (c *stdioConn) isEnding() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending
}

// drain lets the calls under way come to an end: see drainSoft.
func (c *stdioConn) drain(cause error, stopWaiting context.CancelCauseFunc) {
	c.mu.Lock()
	c.ending = true
	c.gone = errors.Is(cause, errGone)
	var left []*call
	for call := range c.calls {
		if call.method == string(mcp.MethodSubscriptionsListen) {
			call.cancel(cause) // it has no other end
		}
		if c.gone {
			left = append(left, call)
		}
	}
	c.mu.Unlock()
	done := make(chan struct{})
	go func() {
		for _, call := range left {
			call.request.leave()
		}
		c.running.Wait()
		close(done)
	}()
	soft, hard := time.NewTimer(drainSoft), time.NewTimer(drainSoft+drainHard)
	defer soft.Stop()
	defer hard.Stop()
	for {
		select {
		case <-done:
			return
		case <-soft.C:
			stopWaiting(cause)
		case <-hard.C:
			c.log.Warn("left before every call had its answer")
			return
		}
	}
}
