package server

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	mcpserver "github.com/mark3labs/mcp-go/server"
)

// takeBackGrace is how long a client that has closed its connection has to say
// that it did so to cancel. Some say it a moment later, over another connection.
const takeBackGrace = 500 * time.Millisecond

// openCalls are the requests under way in the sessions of Streamable HTTP.
// mcp-go forgets a request whose connection breaks, and then cannot heed the
// cancel that comes after it.
type openCalls struct {
	mu   sync.Mutex
	byID map[openCall]*request
}

// openCall names a request: ids are a session's own.
type openCall struct{ session, id string }

// add keeps r until done.
func (c *openCalls) add(session string, id json.RawMessage, r *request) (done func()) {
	key := openCall{session, answerKey(id)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil {
		c.byID = make(map[openCall]*request)
	}
	c.byID[key] = r
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.byID[key] == r {
			delete(c.byID, key)
		}
	}
}

// cancel is for the client's word that it takes a request back.
func (c *openCalls) cancel(session string, id json.RawMessage) {
	c.mu.Lock()
	r := c.byID[openCall{session, answerKey(id)}]
	c.mu.Unlock()
	if r != nil {
		r.cancel()
		r.leave()
	}
}

// canceled reports whether the client itself took the request of ctx back, for
// handlers. It may wait takeBackGrace for the client's word.
func canceled(ctx context.Context) bool {
	if isCanceled(ctx) {
		return true
	}
	r := requestOf(ctx)
	return r != nil && r.takenBack != nil && r.stream == nil && errors.Is(ctx.Err(), context.Canceled) &&
		!r.isCutOff() && r.awaitTakeBack()
}

// awaitTakeBack waits for the client's word, altogether takeBackGrace.
func (r *request) awaitTakeBack() bool {
	r.mu.Lock()
	if r.graceEnd.IsZero() {
		r.graceEnd = time.Now().Add(takeBackGrace)
	}
	grace := time.NewTimer(time.Until(r.graceEnd))
	r.mu.Unlock()
	defer grace.Stop()
	select {
	case <-r.takenBack:
		return true
	case <-grace.C:
		return false
	}
}

// isCanceled reports whether the client itself is known to have taken the request
// of ctx back. A connection that broke says nothing, except in protocol version
// 2026-07-28 over HTTP, where closing the stream is how a client cancels.
func isCanceled(ctx context.Context) bool {
	if !errors.Is(ctx.Err(), context.Canceled) {
		return false
	}
	r := requestOf(ctx)
	switch {
	case r == nil || r.isCanceled():
		return true
	case r.waited.Err() == nil:
		return true // mcp-go has heeded notifications/cancelled
	case r.isCutOff():
		return false
	}
	return r.http && mcpserver.IsModernRequest(ctx)
}
