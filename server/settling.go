package server

import (
	"context"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

// settleLimit is how long a call waits at most for those that its client gave up.
const settleLimit = 20 * time.Second

// settling knows the tool calls under way. A client that gives a call up and asks
// again wants the same thing, so the second call must find what became of the
// first: it waits until those have ended whose client has left them. And see inOrder.
type settling struct {
	mu      sync.Mutex
	running map[*request]chan struct{} // closed when the call has ended
}

// middleware ends a tool's context when nobody waits for its answer any more, and
// lets a call begin when the calls that its owner gave up before have ended.
//
// mcp-go lets a handler of the legacy SSE transport run on after its client has
// left, and when the server stops, the contexts of HTTP requests must go on: an
// answer to a request that is over is not written.
func (s *settling) middleware(next mcpserver.ToolHandlerFunc) mcpserver.ToolHandlerFunc {
	return func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		r := requestOf(ctx)
		if r == nil {
			return next(ctx, req)
		}
		s.wait(ctx, r)
		defer s.begin(r)()
		defer context.AfterFunc(ctx, r.leave)()
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(r.waited, func() {
			r.leave()
			cancel(context.Cause(r.waited))
		})()
		result, err := next(ctx, req)
		if isCanceled(ctx) {
			r.cancel()
			r.leave()
		}
		return result, err
	}
}

func (s *settling) begin(r *request) (end func()) {
	ended := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[r] = ended
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		close(ended)
		delete(s.running, r)
	}
}

// wait returns when the calls that r's owner gave up so far have ended, and those
// have ordered that r is behind.
func (s *settling) wait(ctx context.Context, r *request) {
	limit := time.NewTimer(settleLimit)
	defer limit.Stop()
	for _, ended := range append(s.of(r.token.owner), r.behind...) {
		select {
		case <-ended:
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (s *settling) of(owner string) (ends []chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for r, ended := range s.running {
		if r.token.owner == owner && r.isLeft() {
			ends = append(ends, ended)
		}
	}
	return ends
}
