package tasks

import (
	"context"
	"time"

	"wan-image-mcp/tasks/journal"
)

// driver is the goroutine that works on one task, as the others reach it.
type driver struct {
	model      string
	upstreamID string        // the service's id while the service works on it, else ""
	look       chan struct{} // somebody asks: look now
	recheck    chan struct{} // something has changed: is it due?
	started    time.Time     // when the goroutine began
	listed     time.Time     // when the task list last told that the task goes on
	toldEnd    bool          // the task list told its end
	probed     time.Time     // when it was last looked at to test the list

	// Of the goroutine alone:
	began     time.Time // when the service is thought to have begun, zero while it has not
	waited    bool      // it was beyond the running limit
	nextFetch time.Time // when missing pictures are tried again
}

// Where a task comes from that a driver begins to work on.
type origin int

const (
	fresh       origin = iota // just submitted
	left                      // by another driver: to be looked at soon
	leftJustNow               // the same, and that one has looked just now
)

// work starts a goroutine for the task unless it has one, which looks at a task that
// was left at once, or a second after the last look. Queued tasks need none: the
// dispatcher calls them up.
func (s *Service) work(ctx context.Context, row journal.Task, from origin) {
	if !row.Open {
		return
	}
	if State(row.State) == Queued {
		s.nudgeDispatcher()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.working[row.ID] != nil {
		return
	}
	d := &driver{
		model: row.Model, started: time.Now(),
		look: make(chan struct{}, 1), recheck: make(chan struct{}, 1),
	}
	if from != fresh {
		d.began = row.Accepted
	}
	s.working[row.ID] = d
	s.drivers.Go(func() {
		defer func() {
			s.mu.Lock()
			delete(s.working, row.ID)
			s.mu.Unlock()
		}()
		if from == left {
			d.afterLast(ctx, row)
		}
		s.follow(ctx, row.ID, leaseOf(row), d, from == left)
	})
}

// afterLast waits until the service's last word on a task is a second old.
func (d *driver) afterLast(ctx context.Context, row journal.Task) {
	wait := time.Second - time.Since(row.Looked)
	if State(row.State).Terminal() || wait <= 0 || wait > time.Second { // the clock was set back
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-d.look:
	case <-timer.C:
	}
}

// knowAs notes under which id the service works on the driver's task. Of one that
// has ended there, and whose pictures are still to come, the list tells nothing new.
func (s *Service) knowAs(d *driver, row journal.Task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.upstreamID = ""
	if State(row.State) == Pending || State(row.State) == Running {
		d.upstreamID = row.UpstreamID
	}
}

// nudge has a task looked at now, if this process works on it.
func (s *Service) nudge(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.working[id]
	if d == nil {
		return false
	}
	signal(d.look)
	return true
}

// recheck has the tasks of a model, "" for all, think again about when to look.
func (s *Service) recheck(model string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.working {
		if model == "" || d.model == model {
			signal(d.recheck)
		}
	}
}

func (s *Service) isWorking() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.working) > 0
}

// signal wakes whoever reads c; one signal that waits is enough.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
