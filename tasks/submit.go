package tasks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks/journal"
)

const (
	// maxPosts is how often a task may be sent at most, over all restarts.
	maxPosts = 4
	// maxQueued is how long a task waits for its turn before it is given up.
	maxQueued = 24 * time.Hour
	// paceShare of the published rate leaves room for jitter on the way.
	paceShare = 0.8
	// staleSlot is how old a slot may be when its POST starts: a process that was
	// stopped in between may have been taken for dead.
	staleSlot = 4 * time.Second
	// usualTrip is how long a POST and its answer may take without having arrived
	// too close to the next one: paceShare leaves room for it.
	usualTrip = 200 * time.Millisecond
	// otherTurn is how often the line is looked at when another process moves it.
	otherTurn = 500 * time.Millisecond
)

// dispatch calls up queued tasks as the gate allows, until ctx ends.
func (s *Service) dispatch(ctx context.Context) {
	for ctx.Err() == nil {
		wait := s.callUp(ctx)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-s.turn:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// callUp starts every submission that may start now and tells when to try again.
func (s *Service) callUp(ctx context.Context) time.Duration {
	models, err := s.cfg.Journal.Queued(ctx, s.cfg.Upstream, s.self.id)
	if err != nil {
		if ctx.Err() == nil { // at the end the journal is read no more
			s.log.Error("the queue could not be read", "error", err)
		}
		return otherTurn
	}
	s.setHungry(models)
	wait := time.Hour
	for _, name := range models {
		again, err := s.callUpModel(ctx, name)
		if err != nil && ctx.Err() == nil {
			s.log.Error("the queue could not be moved", "model", name, "error", err)
		}
		wait = min(wait, again)
	}
	return wait
}

func (s *Service) callUpModel(ctx context.Context, name string) (again time.Duration, err error) {
	model, ok := dashscope.LookupModel(name)
	offer, _ := model.Offer(s.cfg.Client.Region)
	if !ok || offer.Running == 0 {
		return otherTurn, s.abandonLine(ctx, name)
	}
	for ctx.Err() == nil {
		now := time.Now()
		ahead, known := s.cfg.Client.ClockOffset()
		pass, err := s.cfg.Journal.Submit(ctx, journal.Gate{
			Upstream: s.cfg.Upstream, Model: name, Holder: s.self.id,
			Spacing: spacing(offer),
			Running: offer.Running, Now: now, Deadline: now.Add(s.postTime(offer)),
			ClockAhead: ahead, ClockKnown: known,
		})
		if err != nil {
			return otherTurn, err
		}
		if pass.Task == nil {
			if pass.Wait > 0 {
				return pass.Wait, nil
			}
			return otherTurn, s.waitForSlot(ctx, name)
		}
		row := *pass.Task
		s.posts.Go(func() { s.submit(ctx, row) })
		s.news.wakeAll() // everybody else moved up
	}
	return otherTurn, nil
}

// abandonLine ends what is in line for a model that this program or its region no
// longer has.
func (s *Service) abandonLine(ctx context.Context, model string) error {
	rows, err := s.cfg.Journal.OpenTasks(ctx, s.cfg.Upstream)
	for _, row := range rows {
		if row.Model == model && row.Holder == s.self.id {
			_, failed := s.abandon(ctx, row, fmt.Sprintf("Model %s is not offered in region %s. Nothing was bought.", model, s.cfg.Client.Region.Canonical()))
			err = errors.Join(err, failed)
		}
	}
	return err
}

// spacing is the time between two submissions of a model, over all processes.
func spacing(offer dashscope.Offer) time.Duration {
	return time.Duration(float64(time.Second) / (paceShare * offer.SubmitsPerSecond))
}

// postTime is how long a POST may take.
func (s *Service) postTime(offer dashscope.Offer) time.Duration {
	if s.cfg.Sync && offer.Sync {
		return 300 * time.Second
	}
	return 30 * time.Second
}

// submit makes the one POST of a task that is SUBMITTING and writes down what
// became of it. Then the task is followed like any other.
func (s *Service) submit(ctx context.Context, row journal.Task) {
	s.changed(row)
	lease := leaseOf(row)
	var result *dashscope.Result
	var err error
	req, err := request(row)
	switch {
	case err != nil:
	case time.Since(row.Sent) > staleSlot:
		err = fmt.Errorf("%w: this process was stopped while it held the slot", dashscope.ErrNotSent)
	case row.Sync:
		result, err = s.cfg.Client.CreateSync(s.postCtx, req)
	default:
		result, err = s.cfg.Client.Create(s.postCtx, req)
	}
	s.makeRoomAfter(ctx, row)
	note := func(t *journal.Task) error { return s.outcome(t, result, err) }
	saved, saveErr := s.insist(row, lease, err == nil, note)
	if saveErr != nil {
		s.log.Error("the outcome of a submission could not be written down", "task", row.ID, "error", saveErr)
		return
	}
	s.log.Info("submitted", "task", saved.ID, "state", saved.State, "code", saved.Code,
		"upstream_task_id", saved.UpstreamID, "upstream_request_id", saved.RequestID)
	s.slowDown(saved, err)
	s.changed(saved)
	if saved.Open && saved.Holder == s.self.id && ctx.Err() == nil {
		s.work(ctx, saved, fresh)
	}
}

// makeRoomAfter keeps the next submission at its distance from a POST that took
// long, because the service may have got it only at the end. It is called while
// the task is still SUBMITTING, so that no other process can be faster.
func (s *Service) makeRoomAfter(ctx context.Context, row journal.Task) {
	if row.Sync || time.Since(row.Sent) <= usualTrip {
		return
	}
	model, _ := dashscope.LookupModel(row.Model)
	offer, _ := model.Offer(s.cfg.Client.Region)
	next := time.Now().Add(spacing(offer) - usualTrip)
	if err := s.cfg.Journal.SlowDown(context.WithoutCancel(ctx), row.Upstream, row.Model, next, false); err != nil {
		s.log.Error("the pace could not be lowered", "model", row.Model, "error", err)
	}
}

// insist writes an outcome down even when the disk is full for a while. A task
// that was accepted belongs to its row whoever holds it by now.
func (s *Service) insist(row journal.Task, lease journal.Lease, accepted bool, note func(*journal.Task) error) (journal.Task, error) {
	proof := &lease
	if accepted {
		proof = nil
	}
	for try := time.Duration(1); ; try++ {
		saved, err := s.cfg.Journal.Change(context.Background(), row.ID, proof, note)
		if err == nil || errors.Is(err, journal.ErrLost) || errors.Is(err, journal.ErrClaimed) {
			return saved, err
		}
		s.log.Error("the outcome of a submission is not written down yet", "task", row.ID, "error", err)
		select {
		case <-s.postCtx.Done():
			return saved, err
		case <-time.After(min(try, 10) * time.Second / 2):
		}
	}
}
