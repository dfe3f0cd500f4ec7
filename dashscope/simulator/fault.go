package simulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Fault is what happens to the next N requests of one kind. It is also the
// JSON body of POST /admin/faults.
type Fault struct {
	// Op is create, sync, task, list, cancel or image.
	Op string `json:"op"`
	// Kind is one of Kinds.
	Kind string `json:"kind"`
	// N is how many requests; 0 means one, below 0 means until cleared.
	N int `json:"n,omitempty"`
	// Match limits it to requests whose path, query or body contains it.
	Match string `json:"match,omitempty"`
	// After carries the request out first: the task exists and will be billed,
	// only the answer goes wrong. For status, html, hang and redirect; the
	// kinds that spoil an answer do so always.
	After bool `json:"after,omitempty"`
	// Status, Code and Message are the answer of status and html. Each is
	// filled from the others by the service's error table.
	Status  int    `json:"status,omitempty"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	// DelayMS is waited before any kind. A delayed create is accepted at the
	// end of it, even if its client has left by then.
	DelayMS int64 `json:"delay_ms,omitempty"`
	// RetryAfter is sent as the header of this name.
	RetryAfter string `json:"retry_after,omitempty"`
	// Location is where redirect and private_link lead; "" is an address
	// that no client should ever ask.
	Location string `json:"location,omitempty"`
}

// A Kind of fault, with the operations that know it.
type Kind struct {
	Name string
	Ops  []string
	What string
}

var (
	allOps   = []string{"create", "sync", "task", "list", "cancel", "image"}
	imageOps = []string{"image"}
	linkOps  = []string{"sync", "task"}
)

// Kinds returns every kind of fault.
func Kinds() []Kind {
	return []Kind{
		{"delay", allOps, "answered delay_ms late; a create is accepted at the end of it, whether or not its client waits"},
		{"status", allOps, "answered with status, code and message"},
		{"html", allOps, "answered with an HTML page, status 502 unless told (image: 200)"},
		{"hang", allOps, "never answered"},
		{"cut_before", allOps, "connection reset before the request is carried out"},
		{"cut_after", allOps, "connection reset after it is carried out (image: in the middle of the picture)"},
		{"refuse_connection", allOps, "no connection (in process only; over a socket the same as cut_before)"},
		{"redirect", allOps, "302 to location"},
		{"truncate", allOps, "half of the answer, as if that were all"},
		{"wrong_length", allOps, "half of the answer, with the Content-Length of the whole"},
		{"empty", allOps, "200 with no body"},
		{"wrong_type", allOps, "200 with JSON of other types (image: an SVG called image/png)"},
		{"lie", []string{"task", "list"}, "task: UNKNOWN; list: the ids of tasks that do not exist"},
		{"private_link", linkOps, "links that lead to location"},
		{"endless", imageOps, "a body without end"},
		{"gzip_bomb", imageOps, "64 MiB in 64 KiB, Content-Encoding: gzip"},
	}
}

// nowhere is an address in a cloud's metadata service: asking it for anything
// is what a careless client would be made to do.
const nowhere = "http://169.254.169.254/latest/meta-data/"

func (f Fault) check() error {
	i := slices.IndexFunc(Kinds(), func(k Kind) bool { return k.Name == f.Kind })
	if i < 0 {
		return fmt.Errorf("kind %q is not known; see Kinds", f.Kind)
	}
	if ops := Kinds()[i].Ops; !slices.Contains(ops, f.Op) {
		return fmt.Errorf("kind %s is for op %v, not %q", f.Kind, ops, f.Op)
	}
	if f.DelayMS < 0 || f.Kind == "delay" && f.DelayMS == 0 {
		return fmt.Errorf("delay_ms %d must be above 0", f.DelayMS)
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return fmt.Errorf("status %d is not one of 200 to 599", f.Status)
	}
	return nil
}

// Inject adds a fault behind those already waiting. The first that matches a
// request is the one that happens to it.
func (s *Simulator) Inject(f Fault) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("simulator: fault: %w", err)
	}
	if f.N == 0 {
		f.N = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f)
	return nil
}

// ClearFaults forgets the faults that have not happened yet.
func (s *Simulator) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault returns the fault that happens to a request, if any. Only a
// refused connection is taken before the request has been sent.
func (s *Simulator) takeFault(c *call, connecting bool) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.faults {
		f := &s.faults[i]
		if f.Op != c.op || connecting && f.Kind != "refuse_connection" || !c.contains(f.Match) {
			continue
		}
		taken := *f
		if f.N > 0 {
			f.N--
		}
		if f.N == 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return taken, true
	}
	return Fault{}, false
}

// before reports whether the fault happens before the request is carried out,
// in which case it never is.
func (f Fault) before() bool {
	switch f.Kind {
	case "cut_before", "refuse_connection":
		return true
	case "status", "html", "hang", "redirect":
		return !f.After
	}
	return false
}

// spoil turns the answer that the request would have had (the zero reply for
// one that is not carried out) into what the fault makes of it.
func (f Fault) spoil(op string, r reply) reply {
	switch f.Kind {
	case "cut_before", "refuse_connection":
		r = reply{cut: true}
	case "cut_after":
		if op != "image" {
			r = reply{}
		}
		r.cut, r.length = true, int64(len(r.body))
		r.body = r.body[:len(r.body)/2]
	case "hang":
		r = reply{hang: true}
	case "status":
		r = f.failure().reply()
	case "html":
		r = f.page(op)
	case "redirect":
		r = reply{status: 302}
		r.set("Location", orNowhere(f.Location))
	case "truncate":
		r.body = r.body[:len(r.body)/2]
	case "wrong_length":
		r.length = int64(len(r.body))
		r.body = r.body[:len(r.body)/2]
	case "empty":
		r.body = nil
	case "wrong_type":
		r.body = wrongType(op)
	case "endless":
		r.stream = endless{}
	case "gzip_bomb":
		r.body = gzipBomb()
		r.set("Content-Encoding", "gzip")
	}
	if f.RetryAfter != "" {
		r.set("Retry-After", f.RetryAfter)
	}
	return r
}

func (f Fault) failure() failure {
	var out failure
	switch {
	case f.Code != "":
		out = fail(f.Code, f.Message)
	case f.Status != 0:
		out = failStatus(f.Status)
	default:
		out = fail("SystemError", "")
	}
	if f.Status != 0 {
		out.status = f.Status
	}
	if f.Message != "" {
		out.message = f.Message
	}
	return out
}

func (f Fault) page(op string) reply {
	status := f.Status
	if status == 0 {
		status = 502
		if op == "image" {
			status = 200
		}
	}
	out := reply{status: status, body: []byte("<html><head><title>Bad Gateway</title></head><body><center><h1>Bad Gateway</h1></center></body></html>\n")}
	out.set("Content-Type", "text/html")
	return out
}

func orNowhere(location string) string {
	if location == "" {
		return nowhere
	}
	return location
}

func wrongType(op string) []byte {
	if op == "image" {
		return []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)
	}
	return []byte(`{"request_id":7,"output":"done","usage":[],"data":{},"total":"many"}`)
}

var endlessPart = bytes.Repeat([]byte("\x89PNG\r\n\x1a\n"), 4096)

// endless is a picture that starts well and never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	return copy(p, endlessPart), nil
}

var errGone = errors.New("the client has left")

// wait returns early, with an error, when the client leaves.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return errGone
	}
}
