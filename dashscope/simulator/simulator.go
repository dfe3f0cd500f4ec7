package simulator

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"
)

// Options is the configuration of a Simulator. The zero value is a service
// in Beijing at the speed of life that keeps its tasks in memory.
type Options struct {
	// Seed decides pictures and task durations: same seed and same request,
	// same bytes.
	Seed int64
	// Speed divides task durations, and nothing else; 0 means 1.
	Speed float64
	// Strict refuses what would cost money or leak a secret at the real
	// service, and counts it in Stats.Violations: a create without n, a key
	// sent to the image host, the asynchronous header on a query.
	Strict bool
	// Dir is where tasks are kept, one file each; several processes may share
	// it. "" means in memory only.
	Dir string
	// Region is beijing, singapore, virginia or frankfurt; it decides models,
	// their spellings and their published pace. "" means beijing.
	Region string
	// APIKeys are the keys that are right. nil means every well-formed one:
	// sk-..., but not sk-sp-... (a coding plan's) and not sk-invalid...
	APIKeys []string
	// Took says how long the next task of a model runs, before Speed. nil
	// means lognormal around the published figures.
	Took func(model string) time.Duration
	// Logger is told what happens; never a key or a signed link. nil means
	// nobody.
	Logger *slog.Logger
}

// A Simulator is the service. It is an http.Handler and an
// http.RoundTripper, and safe for concurrent use.
type Simulator struct {
	o       Options
	logger  *slog.Logger
	region  region
	gallery *gallery

	mu           sync.Mutex // guards the rest
	shelf        *shelf
	faults       []Fault
	refuseExcess bool
	listLag      time.Duration
	drawn        map[string]int // tasks per model, for their durations
	marked       map[string]int // calls per prompt with a counted marker
	journal
}

// New returns a service with no tasks but those in o.Dir.
func New(o Options) (*Simulator, error) {
	region, err := regionNamed(o.Region)
	if err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	if o.Speed == 0 {
		o.Speed = 1
	}
	if !(o.Speed > 0) || math.IsInf(o.Speed, 0) {
		return nil, fmt.Errorf("simulator: speed %v must be above 0", o.Speed)
	}
	shelf, err := openShelf(o.Dir)
	if err != nil {
		return nil, err
	}
	logger := o.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Simulator{
		o: o, logger: logger, region: region, shelf: shelf, gallery: newGallery(o.Seed),
		drawn: map[string]int{}, marked: map[string]int{}, journal: newJournal(),
	}, nil
}

// open returns the tasks of a model that run or wait at now, and how many of
// all models wait.
func (s *Simulator) open(model string, now time.Time) (open []*task, waiting int) {
	for _, t := range s.shelf.tasks {
		if !t.holdsSlot(now) {
			continue
		}
		if t.Model == model {
			open = append(open, t)
		}
		if now.Before(t.Scheduled) {
			waiting++
		}
	}
	return open, waiting
}

// stillCounts reports whether a marker applies to this call: one with a
// count, such as [sim:429=2], only to the first so many with this prompt.
func (s *Simulator) stillCounts(m marker, prompt string) bool {
	limit, counted := m.count()
	if !counted {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.marked) >= 10_000 {
		clear(s.marked)
	}
	key := m.String() + prompt
	s.marked[key]++
	return s.marked[key] <= limit
}

// newID is a random UUID, the form of the service's ids.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func newKey() []byte {
	key := make([]byte, 16)
	_, _ = rand.Read(key) // never fails
	return key
}

// newest sorts tasks as the service lists them.
func newest(tasks []*task) {
	slices.SortFunc(tasks, func(a, b *task) int {
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return slices.Compare([]byte(a.ID), []byte(b.ID))
	})
}
