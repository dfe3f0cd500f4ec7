package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"wan-image-mcp/tasks/journal"
)

// reconcile matches a model's doubts with the tasks of the account that nobody
// claims. It reports whether candidates are still running, so that a look soon
// is worthwhile.
func (s *Service) reconcile(ctx context.Context, model string) (undecided bool, err error) {
	s.reconciling.Lock()
	defer s.reconciling.Unlock()
	doubts, err := s.cfg.Journal.InDoubt(ctx, s.cfg.Upstream, model)
	if err != nil || len(doubts) == 0 {
		clear(s.examined)
		return false, err
	}
	candidates, whole, err := s.candidates(ctx, model, doubts)
	if err != nil {
		return false, err
	}
	for _, doubt := range doubts {
		open, err := s.match(ctx, doubt, doubts, candidates, whole)
		if err != nil && !errors.Is(err, journal.ErrLost) && !errors.Is(err, journal.ErrClaimed) {
			return false, err
		}
		undecided = undecided || open
	}
	return undecided, nil
}

// match adopts the candidate that must be the doubt's, or concludes that there
// is none, or leaves the question open.
func (s *Service) match(ctx context.Context, doubt journal.Task, doubts []journal.Task, candidates []*candidate, whole bool) (undecided bool, err error) {
	req, err := request(doubt)
	if err != nil {
		return false, err
	}
	var possible []*candidate
	unlike := 0
	for _, c := range candidates {
		if c.claimed || !s.inWindow(c.TaskRow, doubt) {
			continue
		}
		switch c.verdict(req) {
		case mine:
			return false, s.adoptCandidate(ctx, doubt, c)
		case maybe:
			possible = append(possible, c)
			undecided = undecided || c.result == nil
		case unlikely:
			unlike++
		}
	}
	switch {
	case undecided:
		return true, s.noteDoubt(ctx, doubt, func(t *journal.Task, _ time.Time) {
			t.Reason = "A task of the account may be it and has not ended yet."
		})
	case len(possible) > 0 && !whole, len(possible) == 1 && time.Since(doubt.Doubted) < s.cfg.UnknownGrace:
		// The list may lag: until the grace is over another one may turn up.
		return true, s.noteReading(ctx, doubt, "A task of the account may be it; whether it is the only one shows when the list is complete.")
	case len(possible) == 1 && s.onlyFits(possible[0], doubt, doubts):
		return false, s.adoptCandidate(ctx, doubt, possible[0])
	case len(possible) > 0:
		return false, s.noteReading(ctx, doubt, fmt.Sprintf("%d tasks of the account may be it, and the service does not tell their prompts.", len(possible)))
	case unlike > 0:
		return false, s.noteReading(ctx, doubt, "A task of the account with fewer pictures may be it, and the service does not tell its prompt.")
	case !whole:
		return false, s.noteReading(ctx, doubt, "The service's task list could not be read whole.")
	}
	return false, s.noteAbsence(ctx, doubt)
}

// onlyFits reports whether the candidate can be no other doubt's.
func (s *Service) onlyFits(c *candidate, doubt journal.Task, doubts []journal.Task) bool {
	return !slices.ContainsFunc(doubts, func(d journal.Task) bool { return d.ID != doubt.ID && s.inWindow(c.TaskRow, d) })
}

// adoptCandidate gives the doubt its task. The journal sees to it that no other
// row has it.
func (s *Service) adoptCandidate(ctx context.Context, doubt journal.Task, c *candidate) error {
	now := time.Now()
	if err := s.yieldForeign(ctx, c.TaskID, doubt.ID); err != nil {
		return err
	}
	row, err := s.cfg.Journal.Change(ctx, doubt.ID, nil, func(t *journal.Task) error {
		if State(t.State) != Unknown {
			return nil
		}
		t.UpstreamID, t.RequestID = c.TaskID, c.RequestID
		t.Accepted, t.InDoubt, t.Code, t.Reason, t.Reads = now, false, "", "", 0
		t.State = string(Pending)
		learn(t, c.result, now)
		return nil
	})
	if err != nil {
		return err
	}
	c.claimed = true
	if row.UpstreamID != c.TaskID {
		return nil // it was resolved in the meantime
	}
	s.log.Info("found a submission whose answer was lost", "task", row.ID, "upstream_task_id", row.UpstreamID, "state", row.State)
	s.changed(row)
	s.nudge(row.ID)
	return nil
}
