package simulator

import (
	"log/slog"
	"maps"
	"math"
	"time"
)

// logMax bounds the log; the oldest entries go first.
const logMax = 20_000

// An Entry is one request in the log. It has no key and no signature.
type Entry struct {
	Seq       int64     `json:"seq"`
	Time      time.Time `json:"time"`
	Op        string    `json:"op"`
	Status    int       `json:"status"` // 0: no answer
	Code      string    `json:"code,omitempty"`
	Accepted  bool      `json:"accepted,omitempty"` // a create: the task exists
	TaskID    string    `json:"task_id,omitempty"`
	Model     string    `json:"model,omitempty"`
	N         int       `json:"n,omitempty"`
	Prompt    string    `json:"prompt,omitempty"` // the beginning of it
	Markers   []string  `json:"markers,omitempty"`
	Fault     string    `json:"fault,omitempty"`
	Violation string    `json:"violation,omitempty"`
}

// Stats counts what the service saw since New.
type Stats struct {
	Accepted   int `json:"accepted"`    // creates, synchronous ones too
	Refused    int `json:"refused"`     // creates
	Pictures   int `json:"pictures"`    // asked for by the accepted
	Throttled  int `json:"throttled"`   // requests of any kind answered 429
	Queries    int `json:"queries"`     // of one task
	Lists      int `json:"lists"`       //
	Cancels    int `json:"cancels"`     //
	Downloads  int `json:"downloads"`   // of pictures, whole or not
	Violations int `json:"violations"`  // see Options.Strict
	MaxCreates int `json:"max_creates"` // that arrived within any one second
	MaxQueries int `json:"max_queries"` // that arrived within any one second: task, list, cancel
	MaxRunning int `json:"max_running"` // tasks of one model at one time
	// Models has the same for each model that was asked for.
	Models map[string]ModelStats `json:"models"`
}

// ModelStats counts the creates of one model that its limits decided on.
type ModelStats struct {
	Accepted   int `json:"accepted"`
	MaxCreates int `json:"max_creates"`
	MaxRunning int `json:"max_running"`
	MaxOpen    int `json:"max_open"` // waiting or running
}

// A journal remembers what was asked and answered.
type journal struct {
	entries []Entry
	seq     int64
	stats   Stats
	creates meter
	queries meter
	submits map[string]*meter
}

func newJournal() journal {
	return journal{submits: map[string]*meter{}, stats: Stats{Models: map[string]ModelStats{}}}
}

// arrive counts a request when it comes in and reports whether the shared
// limit on queries admits it.
func (s *Simulator) arrive(c *call) (admitted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch c.op {
	case "create", "sync":
		return s.creates.admit(now, math.MaxInt)
	case "task", "list", "cancel":
		return s.queries.admit(now, queriesPerSecond)
	}
	return true
}

// submit reports whether the pace of a model admits one more create.
func (s *Simulator) submit(m model, now time.Time) (admitted bool) {
	meter := s.submits[m.name]
	if meter == nil {
		meter = s.newMeter(m.name)
	}
	return meter.admit(now, m.perSecond)
}

func (j *journal) newMeter(model string) *meter {
	j.submits[model] = &meter{}
	return j.submits[model]
}

// count counts an accepted task beside the open ones of its model.
func (j *journal) count(t *task, open []*task) {
	j.stats.Accepted++
	j.stats.Pictures += t.N
	running := 1
	for _, o := range open {
		if !o.Scheduled.After(t.Scheduled) && o.End.After(t.Scheduled) {
			running++
		}
	}
	m := j.stats.Models[t.Model]
	m.Accepted++
	m.MaxRunning = max(m.MaxRunning, running)
	m.MaxOpen = max(m.MaxOpen, len(open)+1)
	j.stats.Models[t.Model] = m
	j.stats.MaxRunning = max(j.stats.MaxRunning, running)
}

// record writes the log's line about a call and its answer.
func (s *Simulator) record(c *call, r reply) {
	if c.op == "" {
		return
	}
	e := &c.entry
	e.Time, e.Op, e.Status, e.Code = time.Now(), c.op, r.status, r.code
	if e.TaskID == "" && idPattern.MatchString(c.id) {
		e.TaskID = c.id
	}
	s.logger.Debug("simulated", slog.String("op", e.Op), slog.Int("status", e.Status), slog.String("code", e.Code),
		slog.String("task_id", e.TaskID), slog.String("fault", e.Fault))
	if e.Violation != "" {
		s.logger.Warn("a slip that would cost money or leak a secret", slog.String("op", e.Op), slog.String("violation", e.Violation))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	e.Seq = s.seq
	if len(s.entries) >= logMax {
		s.entries = append(s.entries[:0:0], s.entries[logMax/10:]...)
	}
	s.entries = append(s.entries, *e)
	s.tally(e)
}

func (j *journal) tally(e *Entry) {
	switch e.Op {
	case "create", "sync":
		if !e.Accepted {
			j.stats.Refused++
		}
	case "task":
		j.stats.Queries++
	case "list":
		j.stats.Lists++
	case "cancel":
		j.stats.Cancels++
	case "image":
		if e.Status == 200 {
			j.stats.Downloads++
		}
	}
	if e.Status == 429 {
		j.stats.Throttled++
	}
	if e.Violation != "" {
		j.stats.Violations++
	}
}

// Log returns the requests seen, oldest first.
func (s *Simulator) Log() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Entry(nil), s.entries...)
}

// Stats returns the counters since New.
func (s *Simulator) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.stats
	out.MaxCreates, out.MaxQueries = s.creates.worst, s.queries.worst
	out.Models = maps.Clone(out.Models)
	for name, meter := range s.submits {
		m := out.Models[name]
		m.MaxCreates = meter.worst
		out.Models[name] = m
	}
	return out
}
