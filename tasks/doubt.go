package tasks

import (
	"context"
	"slices"
	"time"

	"wan-image-mcp/tasks/journal"
)

const (
	// blockTime is how long a doubt keeps other submissions of its model back, so
	// that no two windows overlap.
	blockTime = 2 * windowMargin
	// candidateGap is between two looks at candidates that have not ended.
	candidateGap = 3 * time.Second
	// provable is how long a list without a task proves that there is none.
	provable = linkLife - time.Hour
	// nudgedGap is between two readings of the list for a caller who asks.
	nudgedGap = 2 * time.Second
)

// resolve tries to find out what became of a submission whose answer was lost,
// and tells when to try again. It never sends anything again.
func (s *Service) resolve(ctx context.Context, row journal.Task, nudged bool) (next time.Duration, err error) {
	now := time.Now()
	if row.InDoubt && !blocks(row, now) {
		if err := s.unblock(ctx, row); err != nil {
			return 0, err
		}
	}
	if row.Sync || now.Sub(row.Sent) > linkLife {
		return s.neverKnown(ctx, row, now)
	}
	if wait := s.nextReading(row, now); wait > 0 && (!nudged || now.Sub(row.Looked) < nudgedGap) {
		return s.orUnblock(row, now, wait), nil
	}
	undecided, err := s.reconcile(ctx, row.Model)
	if err != nil {
		return candidateGap, err
	}
	if undecided {
		return candidateGap, nil
	}
	row, err = s.cfg.Journal.Task(ctx, row.ID)
	if err != nil || State(row.State) != Unknown {
		return 0, err
	}
	now = time.Now()
	return s.orUnblock(row, now, max(s.nextReading(row, now), 100*time.Millisecond)), nil
}

// blocks reports whether the doubt's window may overlap with that of a submission
// that starts now. A time that lies impossibly far ahead was written before the
// clock was set back.
func blocks(t journal.Task, now time.Time) bool {
	left := blockedFor(t, now)
	return left > 0 && left < 10*time.Minute
}

func blockedFor(t journal.Task, now time.Time) time.Duration {
	until := t.Doubted
	if t.Deadline.After(until) {
		until = t.Deadline
	}
	return until.Add(blockTime).Sub(now)
}

// orUnblock shortens a wait to when the doubt lets other submissions go.
func (s *Service) orUnblock(row journal.Task, now time.Time, wait time.Duration) time.Duration {
	if row.InDoubt && blocks(row, now) {
		return min(wait, blockedFor(row, now))
	}
	return wait
}

// unblock lets other submissions of the model go: windows overlap no more.
func (s *Service) unblock(ctx context.Context, row journal.Task) error {
	lease := leaseOf(row)
	row, err := s.cfg.Journal.Change(ctx, row.ID, &lease, func(t *journal.Task) error {
		t.InDoubt = false
		return nil
	})
	if err == nil {
		s.changed(row)
	}
	return err
}

// neverKnown ends a doubt that nothing can resolve any more. It keeps counting
// against the budget.
func (s *Service) neverKnown(ctx context.Context, row journal.Task, now time.Time) (time.Duration, error) {
	if now.Sub(row.Sent) <= linkLife {
		return linkLife - now.Sub(row.Sent) + time.Second, nil
	}
	lease := leaseOf(row)
	row, err := s.cfg.Journal.Change(ctx, row.ID, &lease, func(t *journal.Task) error {
		if State(t.State) != Unknown {
			return nil
		}
		counted := t.Counted
		end(t, Expired, now, "Whether the service accepted it could not be found out within 24 hours. "+t.Reason)
		t.Counted = counted
		return nil
	})
	if err == nil {
		s.changed(row)
	}
	return 0, err
}

// readingsAfter is when the list is read, counted from the doubt; then each
// minute up to ten, then each hour.
var readingsAfter = []time.Duration{0, 2 * time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second}

// nextReading is how long to wait before the list is worth reading again.
func (s *Service) nextReading(row journal.Task, now time.Time) time.Duration {
	since := now.Sub(row.Doubted)
	last := row.Looked.Sub(row.Doubted)
	if row.Looked.Before(row.Doubted) || row.Looked.After(now) || row.Doubted.After(now) {
		return 0 // not yet read, or the clock was set back
	}
	gap := time.Minute
	if since > 10*time.Minute {
		gap = time.Hour
	}
	next := gap - now.Sub(row.Looked)
	for _, due := range append(slices.Clone(readingsAfter), s.cfg.UnknownGrace) {
		if last < due {
			next = min(next, due-since)
		}
	}
	if row.Reads > 0 && now.Sub(row.Sent) <= provable { // one more list may settle it
		next = min(next, time.Second-now.Sub(row.Looked))
	}
	return max(next, 0)
}

// noteReading writes down that the list was read and settled nothing.
func (s *Service) noteReading(ctx context.Context, doubt journal.Task, why string) error {
	return s.noteDoubt(ctx, doubt, func(t *journal.Task, now time.Time) { t.Reason, t.Reads, t.Looked = why, 0, now })
}

// noteAbsence counts a whole list without a candidate. Two of them after the grace
// are taken as proof that the service never took it.
func (s *Service) noteAbsence(ctx context.Context, doubt journal.Task) error {
	return s.noteDoubt(ctx, doubt, func(t *journal.Task, now time.Time) {
		t.Looked = now
		if now.Sub(t.Doubted) < s.cfg.UnknownGrace || now.Sub(t.Sent) > provable {
			return // too early to tell, or so late that the list has forgotten
		}
		if t.Reads++; t.Reads >= 2 {
			end(t, NotSubmitted, now, "The service has no task for it: the submission never arrived and nothing was bought. Calling generate_image again is safe.")
		}
	})
}

func (s *Service) noteDoubt(ctx context.Context, doubt journal.Task, note func(*journal.Task, time.Time)) error {
	now := time.Now()
	row, err := s.cfg.Journal.Change(ctx, doubt.ID, nil, func(t *journal.Task) error {
		if State(t.State) != Unknown {
			return nil
		}
		if t.Doubted.After(now) { // the clock was set back: the grace starts again
			t.Doubted = now
		}
		t.InDoubt = blocks(*t, now)
		note(t, now)
		return nil
	})
	if err == nil && (row.State != doubt.State || row.InDoubt != doubt.InDoubt || row.Reason != doubt.Reason) {
		s.changed(row)
	}
	return err
}
