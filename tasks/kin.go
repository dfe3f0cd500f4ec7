package tasks

import (
	"context"
	"errors"
	"net/http"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks/journal"
)

// kinEvery is how often orders of other keys are looked for.
const kinEvery = time.Minute

// joinKin takes over what was ordered with other keys of the same account, such as
// the one that was replaced, until ctx ends. The journal knows accounts by their
// keys only; that two are one shows when the service knows the other's task.
func (s *Service) joinKin(ctx context.Context) {
	strangers := map[string]bool{}
	tick := time.NewTicker(kinEvery)
	defer tick.Stop()
	for s.cfg.Address != "" {
		if err := s.findKin(ctx, strangers); err != nil && ctx.Err() == nil {
			s.log.Warn("orders of other keys could not be looked through", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// findKin asks the service about one task of each other upstream at its address for
// which no process works. Those of which nothing can be taken over are noted in
// strangers.
func (s *Service) findKin(ctx context.Context, strangers map[string]bool) error {
	rows, err := s.cfg.Journal.OpenElsewhere(ctx, s.cfg.Upstream, s.cfg.Address)
	if err != nil {
		return err
	}
	worked := map[string]bool{}
	proof := map[string]journal.Task{}
	for _, row := range rows {
		worked[row.Upstream] = worked[row.Upstream] || s.self.alive(row.Holder)
		if row.UpstreamID != "" {
			proof[row.Upstream] = row
		}
	}
	for upstream, row := range proof {
		if worked[upstream] || strangers[upstream] {
			continue
		}
		moved, failed := s.join(ctx, row)
		// Where nothing moved, either it is another account, or somebody has asked
		// for each of its tasks by the service's id.
		strangers[upstream] = failed == nil && moved == 0
		err = errors.Join(err, failed) // the others are not to wait for it
	}
	return err
}

// join takes over the orders of the upstream that the row is of, if the service
// knows the row's task, and reports how many they are.
func (s *Service) join(ctx context.Context, row journal.Task) (moved int64, err error) {
	result, err := s.ask(ctx, row.UpstreamID)
	if said, ok := errors.AsType[*dashscope.Error](err); ok && (said.Status == http.StatusNotFound || said.Status == http.StatusForbidden) {
		return 0, nil // one way to say that it is none of this account's
	}
	if err != nil || result.Status == dashscope.StatusUnknown {
		return 0, err
	}
	moved, err = s.cfg.Journal.Join(ctx, row.Upstream, s.cfg.Upstream, time.Now().Add(-linkLife))
	if moved > 0 {
		s.ordered.Store(true) // there is work to take over
		s.log.Info("took over the orders of another key of the account", "tasks", moved)
	}
	return moved, err
}
