package simulator

import (
	"errors"
	"log/slog"
	"net/http"
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
	// service, and counts it in Stats.Violations.
	Strict bool
	// Dir is where tasks are kept, one file each; several processes may share
	// it. "" means in memory only.
	Dir string
	// Region is beijing, singapore, virginia or frankfurt; it decides models,
	// their spellings and their published pace. "" means beijing.
	Region string
	// APIKeys are the keys that are right. nil means every well-formed one.
	APIKeys []string
	// Took draws how long the next task of a model runs, before Speed. nil
	// means lognormal around the published figures.
	Took func(model string) time.Duration
	// Logger is told what happens; never a key or a signed link. nil means
	// nobody.
	Logger *slog.Logger
}

// A Simulator is the service. It is an http.Handler and an
// http.RoundTripper, and safe for concurrent use.
type Simulator struct {
	o Options
}

// New returns a service with no tasks but those in o.Dir.
func New(o Options) (*Simulator, error) {
	return &Simulator{o: o}, nil
}

// ServeHTTP serves the API, the image host and the admin endpoints.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusNotImplemented)
}

// RoundTrip answers in process, without a socket.
func (s *Simulator) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.ErrUnsupported
}

// Inject makes the next matching requests fail; see Fault.
func (s *Simulator) Inject(f Fault) error { return nil }

// Log returns the requests seen, oldest first.
func (s *Simulator) Log() []Entry { return nil }

// Stats returns the counters since New.
func (s *Simulator) Stats() Stats { return Stats{} }

// Fault is what happens to the next N matching requests.
type Fault struct {
	Op         string `json:"op"`
	Kind       string `json:"kind"`
	N          int    `json:"n,omitempty"`
	Match      string `json:"match,omitempty"`
	After      bool   `json:"after,omitempty"`
	Status     int    `json:"status,omitempty"`
	Code       string `json:"code,omitempty"`
	Message    string `json:"message,omitempty"`
	DelayMS    int64  `json:"delay_ms,omitempty"`
	RetryAfter string `json:"retry_after,omitempty"`
	Location   string `json:"location,omitempty"`
}

// Entry is one request in the log.
type Entry struct {
	Seq       int64     `json:"seq"`
	Time      time.Time `json:"time"`
	Op        string    `json:"op"`
	Status    int       `json:"status"`
	Code      string    `json:"code,omitempty"`
	Accepted  bool      `json:"accepted,omitempty"`
	TaskID    string    `json:"task_id,omitempty"`
	Model     string    `json:"model,omitempty"`
	N         int       `json:"n,omitempty"`
	Prompt    string    `json:"prompt,omitempty"`
	Markers   []string  `json:"markers,omitempty"`
	Fault     string    `json:"fault,omitempty"`
	Violation string    `json:"violation,omitempty"`
}

// Stats counts what the service saw.
type Stats struct {
	Accepted   int `json:"accepted"`
	Refused    int `json:"refused"`
	Throttled  int `json:"throttled"`
	Queries    int `json:"queries"`
	Lists      int `json:"lists"`
	Cancels    int `json:"cancels"`
	Downloads  int `json:"downloads"`
	Violations int `json:"violations"`
	MaxCreates int `json:"max_creates"`
	MaxQueries int `json:"max_queries"`
	MaxRunning int `json:"max_running"`
}
