package server

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"wan-image-mcp/tools"
)

// orderLimit is how long a call waits at most for those before it.
const orderLimit = 20 * time.Second

// hearsay is how long the news takes that a connection was closed: it may come later
// than the next request, on another one, of the client that closed it.
const hearsay = 50 * time.Millisecond

// inOrder knows the tool calls under way in the order in which their messages came.
// Each has a goroutine of its own, and what one does may depend on those before it.
//
// A client that gives a call up and asks again wants the same thing, so the second
// call must find what became of the first: it begins when those have ended that
// their client has left, also while their answer was written.
//
// A repeated order finds the first one only while nobody waits on that, and a
// get_task that overtook it would make it a new purchase: get_task begins when the
// orders before it are in the journal.
type inOrder struct {
	mu       sync.Mutex
	underWay []*request
}

// turn is the place of a call of a tool among the others, and how far it has come.
type turn struct {
	line      *inOrder
	tool      string
	ordered   chan struct{} // closed when its order is in the journal, or it needs none
	ended     chan struct{} // closed when it has ended: see noteEnd
	orderOnce sync.Once     // closes ordered
	endOnce   sync.Once     // closes ended

	// Under the request's mu:
	begun    bool // a tool has the call; when it is done may come later than the settling
	done     bool // the tool is done with it
	toldLeft bool // those who asked know that the client waits no more
	toldEnd  bool // they know whether the answer was written
}

// arrive takes a call in, until it has ended. Transports do so as the messages come,
// when all else is known about the request.
func (o *inOrder) arrive(r *request, tool string) {
	if tool == "" {
		return // no call of a tool
	}
	r.line, r.tool = o, tool
	r.ordered, r.ended = make(chan struct{}), make(chan struct{})
	o.mu.Lock()
	defer o.mu.Unlock()
	o.underWay = append(o.underWay, r)
}

// waitTurn returns when the call may begin.
func (r *request) waitTurn(ctx context.Context) {
	if r.line == nil {
		return
	}
	if r.http && r.tool == tools.GenerateImage && r.line.hasOthers(r) {
		news := time.NewTimer(hearsay)
		defer news.Stop()
		select {
		case <-news.C:
		case <-ctx.Done():
			return
		}
	}
	limit := time.NewTimer(orderLimit)
	defer limit.Stop()
	for _, ready := range r.line.before(r) {
		select {
		case <-ready:
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// hasOthers reports whether another call of the same owner is under way.
func (o *inOrder) hasOthers(r *request) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.ContainsFunc(o.underWay, func(other *request) bool { return other != r && other.token.owner == r.token.owner })
}

// before is what r has to wait for: a channel, closed sooner or later, of each call of
// the same owner that came before it and matters to it.
func (o *inOrder) before(r *request) (ready []<-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, earlier := range o.underWay[:max(0, slices.Index(o.underWay, r))] {
		switch {
		case earlier.token.owner != r.token.owner:
		case earlier.isLeft() || earlier.waited.Err() != nil:
			ready = append(ready, earlier.ended)
		case earlier.tool == tools.GenerateImage && r.tool == tools.GetTask:
			ready = append(ready, earlier.ordered)
		}
	}
	return ready
}

// leave forgets a call.
func (o *inOrder) leave(r *request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if i := slices.Index(o.underWay, r); i >= 0 {
		o.underWay = slices.Delete(o.underWay, i, i+1)
	}
}

// ordered notes that the call of ctx has its order in the journal, or needs none.
func ordered(ctx context.Context) {
	if r := requestOf(ctx); r != nil && r.line != nil {
		r.orderOnce.Do(func() { close(r.ordered) })
	}
}

func (r *request) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun = true
}

// end notes that what the call does is done, its answer apart.
func (r *request) end() {
	if r.line == nil {
		return
	}
	r.orderOnce.Do(func() { close(r.ordered) })
	r.mu.Lock()
	r.done = true
	r.mu.Unlock()
	r.noteEnd()
}

// noteEnd forgets a call that has ended: nothing is done for it any more, and those
// who asked know what became of its answer, or that its client waits no more.
func (r *request) noteEnd() {
	r.mu.Lock()
	known := r.toldEnd || r.done && r.toldLeft
	ended := r.line != nil && known && (r.done || !r.begun) // what is settled before it has begun never will
	r.mu.Unlock()
	if !ended {
		return
	}
	r.endOnce.Do(func() {
		r.orderOnce.Do(func() { close(r.ordered) })
		close(r.ended)
		r.line.leave(r)
	})
}

// keepOrder has each call of a tool begin in its turn, and ends its context when
// nobody waits for its answer any more.
//
// mcp-go lets a handler of the legacy SSE transport run on after its client has
// left, and when the server stops, the contexts of HTTP requests must go on: an
// answer to a request that is over is not written.
func keepOrder(next mcpserver.ToolHandlerFunc) mcpserver.ToolHandlerFunc {
	return func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		r := requestOf(ctx)
		if r == nil {
			return next(ctx, req)
		}
		r.begin()
		defer r.end()
		defer context.AfterFunc(ctx, r.leave)()
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		giveUp := func() {
			r.leave()
			cancel(context.Cause(r.waited))
		}
		defer context.AfterFunc(r.waited, giveUp)()
		if r.waited.Err() != nil {
			giveUp() // at once: AfterFunc would race with the purchase
		}
		r.waitTurn(ctx) // which ends too when nobody waits any more
		result, err := next(ctx, req)
		if isCanceled(ctx) {
			r.cancel()
			r.leave()
		}
		return result, err
	}
}
