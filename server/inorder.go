package server

import (
	"context"
	"sync"

	"wan-image-mcp/tools"
)

// inOrder lets get_task begin when the calls of generate_image that came in before it
// have ordered. Each call has a goroutine of its own, and one that repeats an order
// finds the first only while nobody waits on that: a get_task that overtook it would
// make it a new purchase.
type inOrder struct {
	mu       sync.Mutex
	ordering []*request
}

// arrive takes note of a request. Transports call it as the messages come in.
func (o *inOrder) arrive(e envelope, r *request) {
	if e.tool != tools.GenerateImage && e.tool != tools.GetTask {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var still []*request
	for _, earlier := range o.ordering {
		select {
		case <-earlier.ordered:
			continue
		default:
		}
		still = append(still, earlier)
		if e.tool == tools.GetTask && earlier.token.owner == r.token.owner {
			r.behind = append(r.behind, earlier.ordered)
		}
	}
	if e.tool == tools.GenerateImage {
		r.ordered = make(chan struct{})
		still = append(still, r)
	}
	o.ordering = still
}

// ordered notes that the call of ctx has ordered what it wants, or found that it
// need not.
func ordered(ctx context.Context) {
	if r := requestOf(ctx); r != nil {
		r.hasOrdered()
	}
}

func (r *request) hasOrdered() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ordered != nil && !r.orderDone {
		r.orderDone = true
		close(r.ordered)
	}
}
