package tasks

import (
	"context"
	"fmt"
	"math"
	"time"

	"wan-image-mcp/tasks/journal"
)

// Cancel takes a task back. One that was not sent yet costs nothing; one that
// waits at the service is canceled there, which the service does only before it
// runs. Otherwise the error says why not, and the pictures are kept when they come.
func (s *Service) Cancel(ctx context.Context, c Caller, id string) (Task, error) {
	row, err := s.find(ctx, c, id)
	if err != nil {
		return Task{}, err
	}
	row, err = s.cfg.Journal.Change(ctx, row.ID, nil, func(t *journal.Task) error {
		if State(t.State) == Queued {
			end(t, Canceled, time.Now(), canceledInTime)
		}
		return nil
	})
	if err != nil {
		return Task{}, err
	}
	switch State(row.State) {
	case Canceled:
		s.changed(row)
	case Pending:
		if row.Upstream != s.cfg.Upstream {
			return s.task(row), errOtherUpstream
		}
		s.queryTurn(ctx)
		if _, err := s.cfg.Client.Cancel(ctx, row.UpstreamID); err != nil {
			return s.task(row), fmt.Errorf("the service did not cancel task %s: %w", row.ID, err)
		}
		if row, err = s.look(ctx, row); err != nil {
			return s.task(row), err
		}
	default:
		return s.task(row), fmt.Errorf("task %s is %s: only a task that has not started can be canceled", row.ID, row.State)
	}
	return s.snapshot(ctx, row.ID)
}

// Cancel takes the ticket's task back if that spends nothing and harms nobody: it
// waits for its turn, and no other live request waits on it. It reports whether it
// did; the task goes on otherwise.
func (t *Ticket) Cancel(ctx context.Context) (Task, bool, error) {
	t.ending.Lock()
	own := 1
	if t.done {
		own = 0
	}
	ok, err := t.service.withdraw(ctx, t.id, own)
	t.ending.Unlock()
	if err != nil || !ok {
		return t.Task(), false, err
	}
	_, err = t.look(ctx)
	return t.Task(), true, err
}

// Withdraw does the same for all requests of this process together.
func (s *Service) Withdraw(ctx context.Context, c Caller, id string) (Task, bool, error) {
	row, err := s.find(ctx, c, id)
	if err != nil {
		return Task{}, false, err
	}
	ok, err := s.withdraw(ctx, row.ID, math.MaxInt)
	if err != nil {
		return s.task(row), false, err
	}
	task, err := s.snapshot(ctx, row.ID)
	return task, ok, err
}

func (s *Service) withdraw(ctx context.Context, id string, own int) (ok bool, err error) {
	row, ok, err := s.cfg.Journal.Withdraw(ctx, id, s.self.id, own, s.self.alive, func(row *journal.Task) {
		end(row, Canceled, time.Now(), canceledInTime)
	})
	if err == nil && ok {
		s.changed(row)
	}
	return ok, err
}

const canceledInTime = "It was canceled before it was sent; nothing was bought."
