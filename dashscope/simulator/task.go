package simulator

import (
	"cmp"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// lifetime is how long ids and links live after a task's end.
	lifetime = 24 * time.Hour
	// scheduling is what passes between submit_time and scheduled_time when a
	// slot is free; the reference's examples show 14 to 53 ms.
	scheduling = 20 * time.Millisecond
	// queueMax is the published async_user_queue_limit.
	queueMax = 500
)

const (
	pending   = "PENDING"
	running   = "RUNNING"
	succeeded = "SUCCEEDED"
	failed    = "FAILED"
	canceled  = "CANCELED"
	unknown   = "UNKNOWN"
)

// A task is the whole record of one accepted call. Its schedule is fixed when
// it is accepted; its state at any moment follows from record and clock.
type task struct {
	ID        string    `json:"id"`
	RequestID string    `json:"request_id"`
	Model     string    `json:"model"`
	Messages  bool      `json:"messages,omitempty"`
	Sync      bool      `json:"sync,omitempty"`    // billed, but never listed or found by id
	Foreign   bool      `json:"foreign,omitempty"` // another client's; takes no slot
	Prompt    string    `json:"prompt"`
	Negative  string    `json:"negative_prompt,omitempty"`
	Width     int       `json:"width"`
	Height    int       `json:"height"`
	N         int       `json:"n"`
	Seed      int64     `json:"seed"`
	Extend    bool      `json:"prompt_extend"`
	Watermark bool      `json:"watermark,omitempty"`
	Markers   []marker  `json:"markers,omitempty"`
	Created   time.Time `json:"created"`             // may lie ahead: a delayed create
	Scheduled time.Time `json:"scheduled"`           //
	End       time.Time `json:"end,omitzero"`        // zero: never ends
	Code      string    `json:"code,omitempty"`      // why it fails
	Canceled  time.Time `json:"canceled,omitzero"`   //
	Expired   bool      `json:"expired,omitempty"`   // by an admin
	LinkKey   []byte    `json:"link_key"`            // signs the links
	LinkRound int       `json:"link_round,omitzero"` // counts expiries of the links by an admin
}

// state is what the service says of the task at now.
func (t *task) state(now time.Time) string {
	switch {
	case t.Expired, now.Before(t.Created), t.forgotten(now):
		return unknown
	case !t.Canceled.IsZero():
		return canceled
	case now.Before(t.Scheduled):
		return pending
	case t.End.IsZero(), now.Before(t.End):
		return running
	case t.Code != "":
		return failed
	}
	return succeeded
}

// exists tells what the service would list: not what it will accept later,
// and not what it has forgotten.
func (t *task) exists(now time.Time) bool {
	return !t.Sync && t.state(now) != unknown
}

func (t *task) forgotten(now time.Time) bool {
	return !now.Before(cmp.Or(t.End, t.Created).Add(lifetime))
}

// holdsSlot reports whether the task stands in the queue or runs at now. One
// that never ends holds none, or a few of them would stop a model for good.
func (t *task) holdsSlot(now time.Time) bool {
	return !t.Foreign && t.Canceled.IsZero() && t.End.After(now)
}

// fails reports whether picture i, counted from 0, of the task is a failure.
func (t *task) fails(i int) bool {
	return t.N > 1 && i == t.N-1 && t.has("partial")
}

// made is how many pictures the task makes, which is what is billed.
func (t *task) made() int {
	if t.N > 1 && t.has("partial") {
		return t.N - 1
	}
	return t.N
}

// schedule puts a task accepted at at behind the open ones of its model: it
// starts when fewer than limit of them are left. So no more than limit ever
// run, first come, first served.
func schedule(open []*task, limit int, at time.Time) (start time.Time) {
	var ends []time.Time
	for _, t := range open {
		if t.holdsSlot(at) {
			ends = append(ends, t.End)
		}
	}
	start = at
	if len(ends) >= limit {
		slices.SortFunc(ends, func(a, b time.Time) int { return b.Compare(a) })
		start = ends[limit-1]
	}
	return start.Add(scheduling)
}

// draw says how long the k-th task of a model runs: lognormal around the
// published figure, a little longer for more pictures, 3 s shorter without
// the rewriting of the prompt.
func (s *Simulator) draw(m model, k, n int, extend bool) time.Duration {
	if s.o.Took != nil {
		return s.o.Took(m.name)
	}
	random := rand.New(rand.NewPCG(uint64(s.o.Seed), hash(m.name)+uint64(k)))
	z := max(-2.5, min(2.5, random.NormFloat64()))
	took := m.took.Seconds() * (1 + 0.1*float64(n-1))
	if !extend {
		took -= 3
	}
	return time.Duration(took * math.Exp(0.25*z) * float64(time.Second))
}

func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}
