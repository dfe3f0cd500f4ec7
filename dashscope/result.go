package dashscope

import "time"

// Status is the state of a task.
type Status string

// The states of a task.
const (
	StatusPending   Status = "PENDING"   // queued
	StatusRunning   Status = "RUNNING"   // in work
	StatusSuspended Status = "SUSPENDED" // only in the SDK's list of states
	StatusSucceeded Status = "SUCCEEDED" // at least one picture was made
	StatusFailed    Status = "FAILED"    // no picture; not billed
	StatusCanceled  Status = "CANCELED"  // cancelled while it was pending
	StatusUnknown   Status = "UNKNOWN"   // older than 24 h, or never existed
)

// Terminal reports whether the state is final.
func (s Status) Terminal() bool {
	switch s {
	case StatusSucceeded, StatusFailed, StatusCanceled, StatusUnknown:
		return true
	}
	return false
}

// Result is what the service says about a task, in whichever form it said it.
type Result struct {
	TaskID    string // "" for a synchronous answer
	RequestID string // of this answer; "" = not told
	Status    Status

	Code, Message string // why a FAILED task failed

	// The service writes China time without a zone; these are in UTC+8. Zero = not told.
	SubmitTime, ScheduledTime, EndTime time.Time

	Images     []Image
	Total      int    // how many were asked for; 0 = not told
	ImageCount int    // what is billed; -1 = not told
	Size       string // of the pictures, "W*H"; "" = not told
}

// Image is one picture of a result, or why there is none.
type Image struct {
	// URL is the signed link, valid for about 24 h; "" = this picture failed. Keep
	// its query as it is, and send no Authorization with it.
	URL Secret
	// OrigPrompt and ActualPrompt are told by the models of the prompt form only,
	// the latter when prompt_extend was on. They are as the service wrote them.
	OrigPrompt, ActualPrompt string
	Code, Message            string // why it failed
}

// Err returns nil unless the task ended without pictures; then it says why, with
// the sentinels of this package: ErrContent, ErrExpired and so on.
func (r *Result) Err() error {
	e := &Error{Op: opTask, Code: r.Code, Message: r.Message, RequestID: r.RequestID}
	switch r.Status {
	case StatusFailed:
		if e.kind() == nil {
			e.Err = &plain{text: "the service could not make the pictures, nothing was billed: ask again"}
		}
	case StatusCanceled:
		e.Err = &plain{text: "the task was cancelled before it started, nothing was billed"}
	case StatusUnknown:
		e.Err = ErrExpired
	default:
		return nil
	}
	return e
}
