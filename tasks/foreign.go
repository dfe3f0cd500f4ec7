package tasks

import (
	"context"
	"errors"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks/journal"
)

// adopt looks at a service id that this program has no row for. First it is
// offered to the doubts; what none of them claims becomes a foreign task.
func (s *Service) adopt(ctx context.Context, c Caller, id string) (journal.Task, error) {
	result, err := s.ask(ctx, id)
	if err != nil {
		return journal.Task{}, err
	}
	if result.Status == dashscope.StatusUnknown {
		return journal.Task{}, noSuchTask(id)
	}
	open, err := s.cfg.Journal.OpenTasks(ctx, s.cfg.Upstream)
	if err != nil {
		return journal.Task{}, err
	}
	offered := map[string]bool{} // models
	for _, row := range open {
		if State(row.State) != Unknown || row.Sync || offered[row.Model] {
			continue
		}
		offered[row.Model] = true
		if _, err := s.reconcile(ctx, row.Model); err != nil {
			return journal.Task{}, err
		}
	}
	if row, err := s.find(ctx, c, id); err == nil || !errors.Is(err, ErrNoSuchTask) {
		return row, err
	}
	now := time.Now()
	row := journal.Task{
		ID: newID(), Upstream: s.cfg.Upstream, Owner: c.Owner, Session: c.Session, Fingerprint: "foreign " + id,
		Foreign: true, UpstreamID: id, RequestID: result.RequestID, Request: []byte("{}"),
		State: string(Pending), Open: true, Holder: s.self.id, Fence: 1, LeaseUntil: now.Add(leaseTime),
		Created: now, Accepted: now, Billed: -1,
	}
	learn(&row, result, now)
	err = s.cfg.Journal.Insert(ctx, row)
	if errors.Is(err, journal.ErrClaimed) {
		return s.find(ctx, c, id) // another call was faster
	}
	if err != nil {
		return row, err
	}
	s.changed(row) // the next round of keepHouse works on it
	return row, nil
}

// yieldForeign gives up a row that was made for the service's task before it was
// known whose it is.
func (s *Service) yieldForeign(ctx context.Context, upstreamID, owner string) error {
	foreign, err := s.cfg.Journal.ByUpstreamID(ctx, s.cfg.Upstream, upstreamID)
	if errors.Is(err, journal.ErrNotFound) || (err == nil && !foreign.Foreign) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = s.cfg.Journal.Change(ctx, foreign.ID, nil, func(t *journal.Task) error {
		t.UpstreamID, t.Open, t.State, t.Reason = "", false, string(Canceled), "It turned out to be task "+owner+"."
		return nil
	})
	return err
}
