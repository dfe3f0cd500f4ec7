package tasks

import (
	"context"
	"errors"
	"time"

	"wan-image-mcp/tasks/journal"
)

// Times of the takeover: a dead process's lock is free at once, a stopped one's
// lease runs out.
const (
	leaseTime    = 10 * time.Second
	renewEvery   = 3 * time.Second
	takeoverTick = time.Second
	// abandonedAfter is how long after its process's last sign of life an order
	// that was never sent is still wanted.
	abandonedAfter = 10 * time.Minute
)

// keepHouse takes over what others left, sees to it that each open task of this
// process is worked on, and renews its leases, until ctx ends. While nothing is
// open it only asks whether another process has written.
func (s *Service) keepHouse(ctx context.Context) {
	tick := time.NewTicker(takeoverTick)
	defer tick.Stop()
	if err := s.cfg.Journal.Sweep(ctx, s.self.alive); err != nil && ctx.Err() == nil {
		s.log.Warn("requests of dead processes could not be forgotten", "error", err)
	}
	var renewed time.Time
	var seen int64
	open, starting := 1, true
	for {
		s.leaveLate(ctx)
		version, err := s.cfg.Journal.Changed(ctx)
		if err == nil && (open > 0 || version != seen || s.ordered.Swap(false)) {
			seen = version
			open, err = s.takeOver(ctx, starting)
			starting = starting && err != nil
		}
		if open > 0 && time.Since(renewed) >= renewEvery { // also when one task could not be taken over
			renewed = time.Now()
			_, failed := s.cfg.Journal.Renew(ctx, s.self.id, renewed.Add(leaseTime))
			err = errors.Join(err, failed)
		}
		if err != nil && ctx.Err() == nil {
			s.log.Error("open tasks could not be looked through", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// takeOver claims each open task whose holder is gone and starts its work. It
// reports how many tasks are open. A process that is starting looks at each of
// them, also at one that the process before had looked at just now.
func (s *Service) takeOver(ctx context.Context, starting bool) (open int, err error) {
	rows, err := s.cfg.Journal.OpenTasks(ctx, s.cfg.Upstream)
	if err != nil {
		return 1, err
	}
	now := time.Now()
	alive := map[string]bool{}
	for _, row := range rows {
		if _, known := alive[row.Holder]; !known {
			alive[row.Holder] = s.self.alive(row.Holder)
		}
		if failed := s.takeUp(ctx, row, now, alive[row.Holder], leftOver(row, starting)); !errors.Is(failed, journal.ErrLost) {
			err = errors.Join(err, failed) // the others are not to wait for it
		} // else another process was faster
	}
	return len(rows), err
}

// takeUp starts the work on one open task, if it is this process's or its holder is
// gone.
func (s *Service) takeUp(ctx context.Context, row journal.Task, now time.Time, alive bool, from origin) (err error) {
	switch {
	case row.Holder == s.self.id && s.isSubmitting(row, now):
		return nil
	case row.Holder != s.self.id && alive && isLeased(row, now):
		return nil
	case row.Holder != s.self.id:
		row, err = s.claim(ctx, row, now, !alive)
	}
	if err == nil && now.Sub(row.Created) > maxQueued {
		row, err = s.abandon(ctx, row, "Its turn did not come within 24 hours. Nothing was bought.")
	}
	if err == nil {
		s.work(ctx, row, from)
	}
	return err
}

// leftOver tells how a task was left by whoever worked on it.
func leftOver(row journal.Task, starting bool) origin {
	if starting || time.Since(row.Looked) > time.Second {
		return left
	}
	return leftJustNow
}

// isLeased reports whether the holder's lease runs. One that ends impossibly late
// was written before the clock was set back.
func isLeased(row journal.Task, now time.Time) bool {
	return row.LeaseUntil.After(now) && row.LeaseUntil.Before(now.Add(2*leaseTime))
}

// claim makes a task of a process that is dead, or stopped, this process's own.
func (s *Service) claim(ctx context.Context, row journal.Task, now time.Time, dead bool) (journal.Task, error) {
	lastSign := row.LeaseUntil
	row, err := s.cfg.Journal.Claim(ctx, row.ID, leaseOf(row), s.self.id, now.Add(leaseTime))
	if err != nil {
		return row, err
	}
	s.log.Info("took a task over", "task", row.ID, "state", row.State)
	switch {
	case State(row.State) == Submitting:
		return s.giveUp(ctx, row)
	case dead && now.Sub(lastSign) > abandonedAfter:
		return s.abandon(ctx, row, "The process that queued it ended before it was sent, too long ago to buy it now. Nothing was bought.")
	}
	return row, nil
}

// isSubmitting reports whether this process has the task's POST under way: its
// own rows in that state are no leftovers.
func (s *Service) isSubmitting(row journal.Task, now time.Time) bool {
	return State(row.State) == Submitting && now.Before(row.Deadline.Add(time.Minute))
}

// abandon ends an order that was never sent; any other is left as it is.
func (s *Service) abandon(ctx context.Context, row journal.Task, reason string) (journal.Task, error) {
	if State(row.State) != Queued {
		return row, nil
	}
	lease := leaseOf(row)
	row, err := s.cfg.Journal.Change(ctx, row.ID, &lease, func(t *journal.Task) error {
		if State(t.State) == Queued {
			end(t, NotSubmitted, time.Now(), reason)
		}
		return nil
	})
	if err == nil {
		s.changed(row)
	}
	return row, err
}

func leaseOf(row journal.Task) journal.Lease {
	return journal.Lease{Holder: row.Holder, Fence: row.Fence}
}
