package tasks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wan-image-mcp/tasks/journal"
)

// follow does what there is to do on a task until it is closed, another process
// has it, or ctx ends.
func (s *Service) follow(ctx context.Context, id string, lease journal.Lease, d *driver, nudged bool) {
	failures := 0
	for ctx.Err() == nil {
		row, err := s.cfg.Journal.Task(ctx, id)
		if err == nil && (!row.Open || leaseOf(row) != lease || State(row.State) == Queued) {
			return
		}
		wait := time.Second
		if err == nil {
			s.knowAs(d, row)
			wait, err = s.step(ctx, row, d, nudged)
		}
		switch {
		case errors.Is(err, journal.ErrLost):
			return
		case err != nil && ctx.Err() == nil:
			failures++
			wait = max(wait, min(time.Duration(failures)*time.Second, maxLookGap))
			s.log.Warn("a look at a task failed", "task", id, "try", failures, "error", err)
		default:
			failures = 0
		}
		timer := time.NewTimer(wait)
		nudged = false
		select {
		case <-ctx.Done():
		case <-d.look:
			nudged = true
		case <-d.recheck:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// step does one thing for the task and tells when the next is due; nudged means
// that somebody asks, so that what is due soon is done now.
func (s *Service) step(ctx context.Context, row journal.Task, d *driver, nudged bool) (next time.Duration, err error) {
	switch State(row.State) {
	case Submitting: // left over from a POST whose outcome could not be written down
		_, err := s.giveUp(ctx, row)
		return 0, err
	case Unknown:
		return s.resolve(ctx, row, nudged)
	case Pending, Running:
		if wait := s.untilLook(ctx, row, d); wait > 0 && !nudged {
			return wait, nil
		}
		row, err = s.look(ctx, row)
		if err != nil {
			return 0, err
		}
		s.judgeList(d, row)
		if State(row.State).Terminal() {
			return 0, nil
		}
		return s.untilLook(ctx, row, d), nil
	case Succeeded:
		if wait := time.Until(d.nextFetch); wait > 0 && !nudged {
			return wait, nil
		}
		wait, err := s.keep(ctx, row)
		d.nextFetch = time.Now().Add(wait)
		return wait, err
	}
	return 0, fmt.Errorf("task %s is open in state %s", row.ID, row.State)
}

// giveUp notes that a process died between its slot and the service's answer.
func (s *Service) giveUp(ctx context.Context, row journal.Task) (journal.Task, error) {
	lease := leaseOf(row)
	row, err := s.cfg.Journal.Change(ctx, row.ID, &lease, func(t *journal.Task) error {
		if State(t.State) == Submitting {
			s.doubt(t, time.Now(), "The process that submitted it ended before the service's answer was written down.")
		}
		return nil
	})
	if err == nil {
		s.changed(row)
	}
	return row, err
}

// errOtherUpstream is a task that the service of this process knows nothing about.
var errOtherUpstream = errors.New("the task belongs to another account or address of the service: start with its key and region to go on with it")

// look asks the service and notes what it says, whoever holds the task.
func (s *Service) look(ctx context.Context, row journal.Task) (journal.Task, error) {
	if row.Upstream != s.cfg.Upstream {
		return row, errOtherUpstream
	}
	result, err := s.ask(ctx, row.UpstreamID)
	if err != nil {
		return row, err
	}
	before := row
	row, err = s.cfg.Journal.Change(ctx, row.ID, nil, func(t *journal.Task) error {
		learn(t, result, time.Now())
		return nil
	})
	if err == nil && (row.State != before.State || row.Open != before.Open) {
		s.log.Info("task is "+row.State, "task", row.ID, "upstream_task_id", row.UpstreamID, "code", row.Code)
		if row.Served > 0 {
			s.relearn(row.Model)
		}
		s.changed(row)
	}
	return row, err
}
