package tasks

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"sync"
	"time"

	"wan-image-mcp/resources/store"
	"wan-image-mcp/tasks/journal"
)

// Ticket is one live request that waits on a task. While it is out, the same
// arguments without a key are a new order.
type Ticket struct {
	service *Service
	id      string
	found   bool

	mu   sync.Mutex
	last Task

	ending sync.Mutex // held while the journal hears of the end, or of a withdrawal
	done   bool
}

func (s *Service) ticket(row journal.Task, found bool) *Ticket {
	t := &Ticket{service: s, id: row.ID, found: found, last: s.task(row)}
	t.last.Deduplicated = found
	return t
}

// Task is the latest snapshot.
func (t *Ticket) Task() Task {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// Wait returns as soon as the task is settled, d has passed or the service
// stops; when ctx ends first, with its error. It returns the latest snapshot in
// every case. progress may be nil; it is called with each snapshot that differs
// from the one before, also the first.
func (t *Ticket) Wait(ctx context.Context, d time.Duration, progress func(Task)) (Task, error) {
	news, stop := t.service.news.wait(t.id)
	defer stop()
	limit := time.NewTimer(d)
	defer limit.Stop()
	for first := true; ; first = false {
		changed, err := t.look(context.WithoutCancel(ctx))
		if err != nil {
			return t.Task(), err
		}
		task := t.Task()
		if progress != nil && (first || changed) {
			progress(task)
		}
		if task.Settled() {
			return task, nil
		}
		select {
		case <-news:
		case <-limit.C:
			return task, nil
		case <-t.service.stopped:
			return task, nil
		case <-ctx.Done():
			return task, ctx.Err()
		}
	}
}

// look takes a new snapshot and reports whether it differs from the last.
func (t *Ticket) look(ctx context.Context) (changed bool, err error) {
	task, err := t.service.snapshot(ctx, t.id)
	if err != nil {
		return false, err
	}
	task.Deduplicated = t.found
	t.mu.Lock()
	defer t.mu.Unlock()
	changed = !reflect.DeepEqual(task, t.last)
	t.last = task
	return changed, nil
}

// Done ends the request: delivered tells that the answer was written whole to the
// caller. Only an answer that had pictures counts as a delivery of them.
func (t *Ticket) Done(delivered bool) {
	t.ending.Lock()
	defer t.ending.Unlock()
	if t.done || t.service.cfg.Command {
		return
	}
	t.done = true
	t.service.leave(leaving{t.id, delivered && t.Task().HasPictures(), time.Now()})
}

var (
	ourID     = regexp.MustCompile(`^[a-z0-9]{26}$`)
	serviceID = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_-]{7,63}$`)
)

// Attend joins a task that was ordered before, by our id or the service's, and
// has the service asked about it when the last answer is older than a second.
// A task of another owner and one that does not exist are both [ErrNoSuchTask].
func (s *Service) Attend(ctx context.Context, c Caller, id string) (*Ticket, error) {
	row, err := s.find(ctx, c, id)
	if errors.Is(err, ErrNoSuchTask) && c.AdoptForeign && serviceID.MatchString(id) && !ourID.MatchString(id) {
		row, err = s.adopt(ctx, c, id)
	}
	if err != nil {
		return nil, err
	}
	if err := s.cfg.Journal.Attend(context.WithoutCancel(ctx), row.ID, s.self.id, 1); err != nil {
		return nil, err
	}
	if row.Open && time.Since(row.Looked) > time.Second {
		s.lookNow(ctx, row)
	}
	return s.ticket(row, false), nil
}

// lookNow has the goroutine that works on the task look at once; where another
// process has it, this one asks.
func (s *Service) lookNow(ctx context.Context, row journal.Task) {
	if s.nudge(row.ID) || row.UpstreamID == "" || State(row.State).Terminal() {
		return
	}
	if _, err := s.look(ctx, row); err != nil {
		s.log.Debug("a look at another process's task failed", "task", row.ID, "error", err)
	}
}

// find reads a task of the caller's.
func (s *Service) find(ctx context.Context, c Caller, id string) (journal.Task, error) {
	row, err := journal.Task{}, journal.ErrNotFound
	switch {
	case ourID.MatchString(id):
		row, err = s.cfg.Journal.Task(ctx, id)
	case serviceID.MatchString(id):
		row, err = s.cfg.Journal.ByUpstreamID(ctx, s.cfg.Upstream, id)
	}
	if errors.Is(err, journal.ErrNotFound) || (err == nil && row.Owner != c.Owner) {
		return journal.Task{}, noSuchTask(id)
	}
	return row, err
}

func noSuchTask(id string) error {
	return fmt.Errorf("%w: %.64q; call get_task without task_id for your newest tasks", ErrNoSuchTask, id)
}

// Get is a snapshot without asking the service.
func (s *Service) Get(ctx context.Context, c Caller, id string) (Task, error) {
	row, err := s.find(ctx, c, id)
	if err != nil {
		return Task{}, err
	}
	return s.snapshot(ctx, row.ID)
}

// Recent lists the caller's newest tasks, newest first.
func (s *Service) Recent(ctx context.Context, c Caller, limit int) ([]Task, error) {
	rows, err := s.cfg.Journal.Recent(ctx, s.cfg.Upstream, c.Owner, limit)
	if err != nil {
		return nil, err
	}
	tasks := make([]Task, len(rows))
	for i, row := range rows {
		tasks[i] = s.task(row)
	}
	return tasks, nil
}

// Unfinished lists the tasks of every owner and process that have not ended.
func (s *Service) Unfinished(ctx context.Context) ([]Task, error) {
	rows, err := s.cfg.Journal.OpenTasks(ctx, s.cfg.Upstream)
	var open []Task
	for _, row := range rows {
		if !State(row.State).Terminal() {
			open = append(open, s.task(row))
		}
	}
	return open, err
}

// Subscribe calls fn with every change that this process makes to a task, of
// every owner, until stop. fn must return at once.
func (s *Service) Subscribe(fn func(Task)) (stop func()) { return s.news.subscribe(fn) }

// picture finds a kept picture of the caller's.
func (s *Service) picture(ctx context.Context, c Caller, id string, n int) (journal.Task, Picture, error) {
	row, err := s.find(ctx, c, id)
	if err != nil {
		return row, Picture{}, err
	}
	for _, p := range s.task(row).Pictures {
		if p.N == n && p.IsKept() {
			return row, p, nil
		}
		if p.N == n {
			return row, p, fmt.Errorf("%w: picture %d of task %s is not on disk: %s", ErrNoSuchPicture, n, row.ID, p.Reason)
		}
	}
	return row, Picture{}, fmt.Errorf("%w: task %s has no picture %d", ErrNoSuchPicture, row.ID, n)
}

// Bytes reads the n-th picture (from 1) of a task, checked against its hash. One
// that was damaged on disk is fetched again while its link lives.
func (s *Service) Bytes(ctx context.Context, c Caller, id string, n int) (Picture, []byte, error) {
	row, p, err := s.picture(ctx, c, id, n)
	if err != nil {
		return p, nil, err
	}
	data, err := s.cfg.Store.Bytes(p.Kept)
	if errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrMissing) {
		if p, err = s.repair(ctx, row, n); err != nil {
			return p, nil, err
		}
		data, err = s.cfg.Store.Bytes(p.Kept)
	}
	return p, data, err
}

// Preview is the n-th picture (from 1) of a task as a JPEG within the size.
func (s *Service) Preview(ctx context.Context, c Caller, id string, n int, size store.PreviewSize) ([]byte, error) {
	_, p, err := s.picture(ctx, c, id, n)
	if err != nil {
		return nil, err
	}
	jpeg, _, _, err := s.cfg.Store.Preview(ctx, p.Kept, size)
	return jpeg, err
}
