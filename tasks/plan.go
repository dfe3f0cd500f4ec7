package tasks

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks/journal"
)

const (
	// learnedFrom is how many of the newest tasks a forecast is made of.
	learnedFrom = 200
	// forecastLife is how long a forecast is believed before the journal is read
	// for what other processes have seen.
	forecastLife = time.Minute
	// querySpacing keeps to 20 questions a second though the network may bring them
	// closer together, and leaves some to other programs of the account.
	querySpacing = time.Second / 17
	// hungryShare of a task's time may pass unseen while others wait for its slot,
	// and hungryLookGap is then the least time between two looks.
	hungryShare   = 2000
	hungryLookGap = 150 * time.Millisecond
	// unknownTypical is expected of tasks whose model is not known.
	unknownTypical = 20 * time.Second
)

// plans has a forecast for each model, made of what the journal remembers.
type plans struct {
	mu      sync.Mutex
	made    map[string]time.Time
	current map[string]*forecast
}

// forecast is the newest forecast for a model. While one caller makes it anew, the
// others go on with the one before.
func (s *Service) forecast(model string) *forecast {
	s.plans.mu.Lock()
	f := s.plans.current[model]
	if f != nil && time.Since(s.plans.made[model]) < forecastLife {
		s.plans.mu.Unlock()
		return f
	}
	s.plans.made[model] = time.Now()
	s.plans.mu.Unlock()
	f = s.newForecast(model)
	s.plans.mu.Lock()
	defer s.plans.mu.Unlock()
	s.plans.current[model] = f
	return f
}

// newForecast makes a forecast of what the journal remembers.
func (s *Service) newForecast(model string) *forecast {
	m, _ := dashscope.LookupModel(model)
	typical := cmp.Or(m.Typical, unknownTypical)
	f := newForecast(time.Duration(float64(typical) / s.cfg.Speed))
	served, err := s.cfg.Journal.Served(context.Background(), s.cfg.Upstream, model, learnedFrom)
	if err != nil {
		s.log.Warn("what tasks took cannot be read", "model", model, "error", err)
	}
	for _, took := range served {
		f.learn(took)
	}
	return f
}

// relearn has the next forecast of a model made anew.
func (s *Service) relearn(model string) {
	s.plans.mu.Lock()
	defer s.plans.mu.Unlock()
	delete(s.plans.made, model)
}

// expected is how long a task of the model runs at the service.
func (s *Service) expected(model string) time.Duration { return s.forecast(model).mean() }

// untilLook is how long the next look at a task can wait.
func (s *Service) untilLook(ctx context.Context, row journal.Task, d *driver) time.Duration {
	begun := s.hasBegun(ctx, row, d)
	listed := s.listedFor(d)
	switch {
	case listed > 0:
		return min(listed, maxListedGap-time.Since(row.Looked))
	case !begun:
		return maxLookGap - time.Since(row.Looked)
	}
	f := s.forecast(row.Model)
	from := row.Looked
	if from.After(time.Now()) { // the clock was set back
		return 0
	}
	if from.Before(d.began) {
		from = d.began
	}
	price, least := s.patience(row.Model, f)
	return f.next(from.Sub(d.began), price, least) - time.Since(from)
}

// hasBegun tells whether the service works on the task. What is beyond its running
// limit waits there until one of those ahead has ended, which calls for a recheck.
func (s *Service) hasBegun(ctx context.Context, row journal.Task, d *driver) bool {
	if !d.began.IsZero() {
		return true
	}
	model, _ := dashscope.LookupModel(row.Model)
	offer, offered := model.Offer(s.cfg.Client.Region)
	ahead, err := s.cfg.Journal.Ahead(ctx, row)
	switch {
	case err != nil || !offered || State(row.State) == Running:
		d.began = row.Accepted
	case ahead < offer.Running && d.waited:
		d.began = time.Now()
	case ahead < offer.Running:
		d.began = row.Accepted
	default:
		d.waited = true
	}
	return !d.began.IsZero()
}

// patience is what a query costs, and the least time between two. While the line
// waits for a slot that only the end of a task frees, a finished task that lies
// unseen costs throughput too.
func (s *Service) patience(model string, f *forecast) (price, least time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hungry[model] {
		return min(f.price(), f.mean()/hungryShare), hungryLookGap
	}
	return f.price(), minLookGap
}

// isHungry reports whether the line of any model waits for a slot.
func (s *Service) isHungry() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, hungry := range s.hungry {
		if hungry {
			return true
		}
	}
	return false
}

// setHungry forgets the models that have nothing in line.
func (s *Service) setHungry(inLine []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for model := range s.hungry {
		if !slices.Contains(inLine, model) {
			delete(s.hungry, model)
		}
	}
}

// waitForSlot notes that the model's line waits for a task to end, if the service
// does not queue for us.
func (s *Service) waitForSlot(ctx context.Context, model string) error {
	refuses, err := s.cfg.Journal.RefusesExcess(ctx, s.cfg.Upstream, model)
	s.mu.Lock()
	was := s.hungry[model]
	s.hungry[model] = refuses
	s.mu.Unlock()
	if refuses && !was {
		s.recheck(model)
	}
	return err
}

// queryTurn waits for this process's turn to ask the service: all processes of an
// account share its limit.
func (s *Service) queryTurn(ctx context.Context) {
	wait, err := s.queries.Turn(ctx, s.cfg.Upstream, querySpacing, time.Now())
	if err != nil && ctx.Err() == nil {
		s.log.Warn("no shared turn to ask the service", "error", err) // the client keeps its own pace
	}
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (s *Service) ask(ctx context.Context, upstreamID string) (*dashscope.Result, error) {
	s.queryTurn(ctx)
	return s.cfg.Client.Task(ctx, upstreamID)
}

func (s *Service) askList(ctx context.Context, filter dashscope.TaskFilter) (*dashscope.TaskPage, error) {
	s.queryTurn(ctx)
	return s.cfg.Client.Tasks(ctx, filter)
}
