package tasks

import (
	"errors"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks/journal"
)

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
