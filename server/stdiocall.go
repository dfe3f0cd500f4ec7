package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"
)

// call is one request under way.
type call struct {
	envelope
	message []byte
	request *request
	ctx     context.Context
	cancel  context.CancelCauseFunc
}

// admit takes a request in, or answers that there are too many.
func (c *stdioConn) admit(e envelope, message []byte) *call {
	ctx, cancel := context.WithCancelCause(c.base)
	r := &request{waited: c.base}
	call := &call{envelope: e, message: message, request: r, ctx: withRequest(ctx, r), cancel: cancel}
	c.mu.Lock()
	ending := c.ending
	full := len(c.calls) >= maxCalls || (len(c.calls) > 0 && c.bytes+len(message) > maxCallBytes)
	if !ending && !full {
		c.calls[call] = true
		c.bytes += len(message)
		c.running.Add(1)
		c.inOrder.arrive(r, e.tool)
	}
	c.mu.Unlock()
	switch {
	case ending:
		cancel(errStopping)
		return nil
	case full:
		cancel(errCanceled)
		_ = c.send(failure(e.id, mcp.INTERNAL_ERROR, fmt.Sprintf(
			"Too many requests at once: at most %d, with %d bytes together. Wait for an answer and try again.", maxCalls, maxCallBytes)))
		return nil
	}
	return call
}

// serve answers one request, but for one that the client takes back meanwhile.
func (c *stdioConn) serve(call *call) {
	response := c.handle(call.ctx, call.envelope, call.message)
	c.finish(call, !call.request.isCanceled() && c.send(response) == nil)
}

// finish gives a call's place to another. It comes after the answer was written,
// so that a client that does not read cannot pile answers up.
func (c *stdioConn) finish(call *call, written bool) {
	defer c.running.Done()
	call.cancel(nil)
	c.mu.Lock()
	delete(c.calls, call)
	c.bytes -= len(call.message)
	delivered := written && !c.gone
	c.mu.Unlock()
	call.request.settle(delivered)
}

// handle lets mcp-go answer, and gives the answer the id that the client sent:
// mcp-go reads it into a float64. A panic becomes an answer like any other.
func (c *stdioConn) handle(ctx context.Context, e envelope, message []byte) (response mcp.JSONRPCMessage) {
	defer func() {
		if reason := recover(); reason != nil {
			response = failure(e.id, mcp.INTERNAL_ERROR, panicked(c.log, reason, e.method))
		}
	}()
	switch r := c.server.HandleMessage(ctx, message).(type) {
	case mcp.JSONRPCResponse:
		r.ID = mcp.NewRequestId(e.id)
		return r
	case mcp.JSONRPCError:
		r.ID = mcp.NewRequestId(e.id)
		return r
	default:
		return r
	}
}

// cancelCall ends the request with this id. An id that is not under way is late.
// What has to be written down about it does not hold up the next message; one
// that asks for the same again waits for it by itself.
func (c *stdioConn) cancelCall(id json.RawMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for call := range c.calls {
		if bytes.Equal(call.id, id) && call.method != string(mcp.MethodInitialize) {
			call.request.cancel()
			go func() {
				call.request.leave()
				call.cancel(errCanceled)
			}()
		}
	}
}
