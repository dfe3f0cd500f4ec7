package tasks

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks/journal"
)

// throttledPauses are between the POSTs of a task that the service is too busy
// for. Together they are more than a minute: one that refuses everything for as
// long costs nobody a picture.
var throttledPauses = [maxPosts - 1]time.Duration{2 * time.Second, 12 * time.Second, 48 * time.Second}

// allocationPause is a little more than the minute after which the quota is there
// again.
const allocationPause = time.Minute + 5*time.Second

// backoff is how long a task waits after so many POSTs: up to a quarter more than
// its pause when the service is busy, else full jitter below a ceiling that triples
// with each try.
func backoff(posts int, err error) time.Duration {
	base, most := 500*time.Millisecond, 8*time.Second
	switch {
	case errors.Is(err, dashscope.ErrOtherSpelling):
		return 0
	case errors.Is(err, dashscope.ErrAllocationQuota):
		base, most = 15*time.Second, time.Minute
	case errors.Is(err, dashscope.ErrThrottled):
		pause := throttledPauses[min(posts, len(throttledPauses))-1]
		return pause + rand.N(pause/4)
	}
	for range posts - 1 {
		base *= 3
	}
	return rand.N(min(base, most))
}

// refusals are how often in a row a model's submissions were refused because of
// too much at once, and until when they pause.
type refusals struct {
	inARow int
	until  time.Time
}

// slowDown makes every process wait after the service said "too much", longer each
// time that it says so again when the wait is over.
func (s *Service) slowDown(row journal.Task, err error) {
	if !errors.Is(err, dashscope.ErrThrottled) {
		if err == nil {
			s.mu.Lock()
			delete(s.refused, row.Model)
			s.mu.Unlock()
		}
		return
	}
	excess := errors.Is(err, dashscope.ErrConcurrency)
	pause := s.pauseAfter(row.Model, excess)
	if errors.Is(err, dashscope.ErrAllocationQuota) {
		pause = allocationPause
	}
	if failure, ok := errors.AsType[*dashscope.Error](err); ok && failure.RetryAfter > 0 {
		pause = min(failure.RetryAfter, time.Minute)
	}
	if err := s.cfg.Journal.SlowDown(context.Background(), row.Upstream, row.Model, time.Now().Add(pause), excess); err != nil {
		s.log.Error("the pace could not be lowered", "model", row.Model, "error", err)
	}
}

// pauseAfter counts one more refusal of the model's. One for too many tasks at once
// passes as soon as any of the account ends.
func (s *Service) pauseAfter(model string, excess bool) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.refused[model]
	if time.Since(r.until) > time.Minute {
		r = refusals{}
	}
	pause := throttledPauses[min(r.inARow, len(throttledPauses)-1)]
	if excess {
		pause = min(pause, throttledPauses[1])
	}
	s.refused[model] = refusals{r.inARow + 1, time.Now().Add(pause)}
	return pause
}
