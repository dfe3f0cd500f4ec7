package dashscope

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// queriesPerSecond is what the service takes of queries, lists and cancels
// together, per main account.
const queriesPerSecond = 20

// publishedSecond is what we take for the second in "per second". The service
// counts arrivals, and two requests a second apart may arrive closer than that;
// a twentieth more costs less than being throttled.
const publishedSecond = 1050 * time.Millisecond

// newLimiter spreads perSecond requests evenly. With a burst of one no second
// ever holds more than perSecond of them.
func newLimiter(perSecond float64) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(perSecond/publishedSecond.Seconds()), 1)
}

// pace keeps a client within the published rates: one limiter per model for
// creates, one for everything else.
type pace struct {
	mu      sync.Mutex
	creates map[string]*rate.Limiter // by Model.ID
	queries *rate.Limiter
}

func (p *pace) create(m *Model, region Region) *rate.Limiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.creates[m.ID] == nil {
		if p.creates == nil {
			p.creates = make(map[string]*rate.Limiter)
		}
		p.creates[m.ID] = newLimiter(m.Offers[region].SubmitsPerSecond)
	}
	return p.creates[m.ID]
}

func (p *pace) query() *rate.Limiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.queries == nil {
		p.queries = newLimiter(queriesPerSecond)
	}
	return p.queries
}

// wait waits for its turn; an error means that the context ended first, or would.
func wait(ctx context.Context, l *rate.Limiter) error {
	err := l.Wait(ctx)
	switch {
	case ctx.Err() != nil:
		return contextError(ctx)
	case err != nil:
		return fmt.Errorf("its turn would come after the deadline: %w", context.DeadlineExceeded)
	}
	return nil
}

// contextError says why a context ended: its cause, which is also the plain
// context.Canceled or context.DeadlineExceeded.
func contextError(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, ctx.Err()) {
		return cause
	}
	return fmt.Errorf("%w: %w", ctx.Err(), cause)
}
