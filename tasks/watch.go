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
	// linkLife is how long the service keeps tasks and pictures after their end.
	linkLife = 24 * time.Hour
	// forgottenAfter and forgottenReads say when "no such task" is believed of a
	// task that is younger than that: right after the create it may mean a delay.
	forgottenAfter = 2 * time.Minute
	forgottenReads = 5
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
			s.knowAs(d, row.UpstreamID)
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

// learn notes an answer of the service about the task. What has ended stays so.
func learn(t *journal.Task, result *dashscope.Result, now time.Time) {
	if State(t.State).Terminal() {
		return
	}
	t.Looked = now
	if result.Status != dashscope.StatusUnknown {
		t.Reads = 0
	}
	switch result.Status {
	case dashscope.StatusRunning:
		t.State = string(Running)
	case dashscope.StatusSucceeded:
		succeed(t, result, now)
	case dashscope.StatusFailed:
		t.Code = result.Code
		ended(t, result)
		end(t, Failed, now, result.Err().Error())
	case dashscope.StatusCanceled:
		ended(t, result)
		end(t, Canceled, now, "It was canceled before it ran; nothing is billed.")
	case dashscope.StatusUnknown:
		forgotten(t, now)
	default:
		t.State = string(Pending)
	}
}

func ended(t *journal.Task, result *dashscope.Result) {
	t.Ended = result.EndTime
	began := result.ScheduledTime
	if began.IsZero() {
		began = result.SubmitTime
	}
	if !began.IsZero() && result.EndTime.After(began) {
		t.Served = result.EndTime.Sub(began)
	}
}

// succeed notes the pictures: those that came and those that did not.
func succeed(t *journal.Task, result *dashscope.Result, now time.Time) {
	ended(t, result)
	if t.Ended.IsZero() {
		t.Ended = now
	}
	came := 0
	for i, image := range result.Images {
		p := journal.Picture{
			N: i + 1, Link: image.URL.Reveal(),
			ActualPrompt: image.ActualPrompt, Code: image.Code, Reason: dashscope.Clean(image.Message),
		}
		if p.Link != "" {
			came++
			p.LinkExpires = t.Ended.Add(linkLife)
		} else if p.Reason == "" {
			p.Reason = "the service gave no picture and no reason"
		}
		t.Pictures = append(t.Pictures, p)
	}
	t.State, t.Reason, t.Open = string(Succeeded), "", came > 0
	t.Billed = came
	if result.ImageCount >= 0 {
		t.Billed = result.ImageCount
	}
	if !t.Foreign { // what was bought elsewhere is not this program's spending
		t.Counted = t.Billed
	}
}

// forgotten notes that the service does not know the task (any more).
func forgotten(t *journal.Task, now time.Time) {
	t.Reads++
	if age := now.Sub(t.Accepted); age < linkLife-time.Hour && (age < forgottenAfter || t.Reads < forgottenReads) {
		return
	}
	counted := t.Counted
	end(t, Expired, now, "The service no longer knows the task: it keeps tasks and pictures for 24 hours. Pictures that were fetched in time are kept.")
	t.Counted = counted // it may have been billed
}
