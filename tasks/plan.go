package tasks

import (
	"context"
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
)

// plans has a forecast for each model, made of what the journal remembers.
type plans struct {
	mu      sync.Mutex
	made    map[string]time.Time
	current map[string]*forecast
}

// forecast is the newest forecast for a model.
func (s *Service) forecast(model string) *forecast {
	s.plans.mu.Lock()
	defer s.plans.mu.Unlock()
	if f := s.plans.current[model]; f != nil && time.Since(s.plans.made[model]) < forecastLife {
		return f
	}
	m, _ := dashscope.LookupModel(model)
	f := newForecast(m.Typical)
	served, err := s.cfg.Journal.Served(context.Background(), s.cfg.Upstream, model, learnedFrom)
	if err != nil {
		s.log.Warn("what tasks took cannot be read", "model", model, "error", err)
	}
	for _, took := range served {
		f.learn(took)
	}
	if s.plans.current == nil {
		s.plans.current, s.plans.made = map[string]*forecast{}, map[string]time.Time{}
	}
	s.plans.current[model], s.plans.made[model] = f, time.Now()
	return f
}

// relearn has the next forecast of a model made anew.
func (s *Service) relearn(model string) {
	s.plans.mu.Lock()
	defer s.plans.mu.Unlock()
	delete(s.plans.current, model)
}

// expected is how long a task of the model runs at the service.
func (s *Service) expected(model string) time.Duration { return s.forecast(model).mean() }

// nextLook is how long after its last look the next one at a task is worthwhile.
func (s *Service) nextLook(row journal.Task) time.Duration {
	f := s.forecast(row.Model)
	return f.next(row.Looked.Sub(row.Accepted), f.price())
}
