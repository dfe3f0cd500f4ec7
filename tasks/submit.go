package tasks

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
	offer := model.Offers[region(s.cfg.Client.Region)]
	if !ok || offer.Running == 0 {
		return otherTurn, fmt.Errorf("model %s is not offered in region %s", name, s.cfg.Client.Region)
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
	next := time.Now().Add(spacing(model.Offers[region(s.cfg.Client.Region)]) - usualTrip)
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

// outcome notes in the row what a POST came to.
func (s *Service) outcome(t *journal.Task, result *dashscope.Result, err error) error {
	now := time.Now()
	if err != nil && State(t.State) != Submitting {
		return nil // it was given up in the meantime, and what was found out since stands
	}
	if failure, ok := errors.AsType[*dashscope.Error](err); ok {
		t.Code, t.RequestID = failure.Code, failure.RequestID
	}
	switch {
	case err == nil:
		s.accept(t, result, now)
	case errors.Is(err, dashscope.ErrMayBeAccepted):
		s.doubt(t, now, "The answer to the submission was lost, so the service may have accepted it: "+err.Error())
	case errors.Is(err, dashscope.ErrThrottled) || errors.Is(err, dashscope.ErrNotSent) || errors.Is(err, dashscope.ErrOtherSpelling):
		s.repeat(t, now, err)
	default:
		end(t, Failed, now, err.Error())
	}
	return nil
}

// accept notes the service's task, or for a synchronous call its pictures.
func (s *Service) accept(t *journal.Task, result *dashscope.Result, now time.Time) {
	if t.UpstreamID != "" && t.UpstreamID == result.TaskID {
		return // it was given up in the meantime and found again
	}
	t.Pictures, t.Billed, t.Ended, t.Looked = nil, -1, time.Time{}, time.Time{}
	t.Code, t.Reason, t.InDoubt, t.Open = "", "", false, true
	t.RequestID, t.Accepted = result.RequestID, now
	if t.Holder != s.self.id { // it was given up in the meantime: here it is
		t.Holder, t.Fence, t.LeaseUntil = s.self.id, t.Fence+1, now.Add(leaseTime)
	}
	t.UpstreamID = result.TaskID
	t.State, t.Counted = string(Pending), t.N
	if result.Status != "" {
		learn(t, result, now)
	}
}

// doubt notes that nobody knows whether the service took it.
func (s *Service) doubt(t *journal.Task, now time.Time, reason string) {
	t.State, t.Reason = string(Unknown), reason
	t.Doubted, t.InDoubt, t.Reads = now, !t.Sync, 0
	if t.Sync {
		t.Reason += " A synchronous call leaves no task behind, so it cannot be found out."
	}
}

// repeat queues the task again, or ends it when it was sent often enough.
func (s *Service) repeat(t *journal.Task, now time.Time, err error) {
	most := maxPosts
	if errors.Is(err, dashscope.ErrAllocationQuota) {
		most = 2
	}
	hopeless := errors.Is(err, dashscope.ErrInvalid) || errors.Is(err, dashscope.ErrNoKey)
	if t.Posts < most && !hopeless {
		t.InDoubt = false
		t.State, t.Reason, t.NotBefore = string(Queued), "will be sent again: "+err.Error(), now.Add(backoff(t.Posts, err))
		return
	}
	if errors.Is(err, dashscope.ErrNotSent) {
		end(t, NotSubmitted, now, err.Error())
		return
	}
	end(t, Failed, now, err.Error())
}

// throttledPauses are between the POSTs of a task that the service is too busy
// for. Together they are more than a minute: one that refuses everything for as
// long costs nobody a picture.
var throttledPauses = [maxPosts - 1]time.Duration{2 * time.Second, 12 * time.Second, 48 * time.Second}

// allocationPause is a little more than the minute after which the quota is there
// again.
const allocationPause = time.Minute + 5*time.Second

// backoff is how long a task waits after so many POSTs: up to a quarter more than
// its pause when the service is busy, else full jitter below a ceiling that triples
// with each try.
func backoff(posts int, err error) time.Duration {
	base, most := 500*time.Millisecond, 8*time.Second
	switch {
	case errors.Is(err, dashscope.ErrOtherSpelling):
		return 0
	case errors.Is(err, dashscope.ErrAllocationQuota):
		base, most = 15*time.Second, time.Minute
	case errors.Is(err, dashscope.ErrThrottled):
		pause := throttledPauses[min(posts, len(throttledPauses))-1]
		return pause + rand.N(pause/4)
	}
	for range posts - 1 {
		base *= 3
	}
	return rand.N(min(base, most))
}

// refusals are how often in a row a model's submissions were refused because of
// too much at once, and until when they pause.
type refusals struct {
	inARow int
	until  time.Time
}

// slowDown makes every process wait after the service said "too much", longer each
// time that it says so again when the wait is over.
func (s *Service) slowDown(row journal.Task, err error) {
	if !errors.Is(err, dashscope.ErrThrottled) {
		if err == nil {
			s.mu.Lock()
			delete(s.refused, row.Model)
			s.mu.Unlock()
		}
		return
	}
	excess := errors.Is(err, dashscope.ErrConcurrency)
	pause := s.pauseAfter(row.Model, excess)
	if errors.Is(err, dashscope.ErrAllocationQuota) {
		pause = allocationPause
	}
	if failure, ok := errors.AsType[*dashscope.Error](err); ok && failure.RetryAfter > 0 {
		pause = min(failure.RetryAfter, time.Minute)
	}
	if err := s.cfg.Journal.SlowDown(context.Background(), row.Upstream, row.Model, time.Now().Add(pause), excess); err != nil {
		s.log.Error("the pace could not be lowered", "model", row.Model, "error", err)
	}
}

// pauseAfter counts one more refusal of the model's. One for too many tasks at once
// passes as soon as any of the account ends.
func (s *Service) pauseAfter(model string, excess bool) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.refused[model]
	if time.Since(r.until) > time.Minute {
		r = refusals{}
	}
	pause := throttledPauses[min(r.inARow, len(throttledPauses)-1)]
	if excess {
		pause = min(pause, throttledPauses[1])
	}
	s.refused[model] = refusals{r.inARow + 1, time.Now().Add(pause)}
	return pause
}

// end notes a final state without pictures, for which nothing is billed.
func end(t *journal.Task, state State, now time.Time, reason string) {
	t.State, t.Reason, t.Open, t.InDoubt = string(state), reason, false, false
	if t.Ended.IsZero() {
		t.Ended = now
	}
	t.Counted = 0
	if state == NotSubmitted || state == Canceled && t.UpstreamID == "" {
		t.Key = "" // nothing was bought with it
	}
}
