package tasks

import (
	"slices"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/resources/store"
)

// State is where a task stands. The words are the ones that every answer uses.
type State string

// The states. Queued and Submitting come before the service has answered;
// Pending, Running and Succeeded are the service's own; the others end a task,
// except Unknown, which is a question that reconciling answers.
const (
	// Queued waits for its turn; nothing was sent, nothing can have been billed.
	Queued State = "QUEUED"
	// Submitting has its one POST under way.
	Submitting State = "SUBMITTING"
	// Pending is accepted and waits at the service.
	Pending State = "PENDING"
	// Running is being drawn.
	Running State = "RUNNING"
	// Succeeded has at least one picture.
	Succeeded State = "SUCCEEDED"
	// Failed was refused by the service or failed there; Code and Reason tell why.
	Failed State = "FAILED"
	// Canceled was taken back before it ran.
	Canceled State = "CANCELED"
	// Unknown was sent, and whether the service took it is not known yet.
	Unknown State = "UNKNOWN"
	// NotSubmitted provably never reached the service: nothing was bought.
	NotSubmitted State = "NOT_SUBMITTED"
	// Expired is one of ours that the service has forgotten (after 24 hours).
	Expired State = "EXPIRED"
)

// Terminal reports whether the state can change no more.
func (s State) Terminal() bool {
	switch s {
	case Succeeded, Failed, Canceled, NotSubmitted, Expired:
		return true
	}
	return false
}

// Caller is on whose behalf something is asked.
type Caller struct {
	// Owner owns the tasks: an authenticated name, else the operating system's user.
	Owner string
	// Session takes turns with the other sessions in the queue.
	Session string
	// AdoptForeign allows looking at service task ids that this program did not create.
	AdoptForeign bool
}

// Order is one wish for pictures.
type Order struct {
	Caller  Caller
	Request dashscope.ImageRequest
	// IdempotencyKey makes a repeated call find the first task. Empty means none.
	IdempotencyKey string
}

// Task is a snapshot of one order, from "asked for" to "pictures kept".
type Task struct {
	ID                string // 26 characters of a-z and 0-9
	Owner             string
	Upstream          string // base URL and account it belongs to
	UpstreamTaskID    string // the service's task_id, "" until accepted
	UpstreamRequestID string // the service's request_id of the create call
	State             State
	Code, Reason      string // why it failed, was not submitted, expired
	Request           dashscope.ImageRequest
	SeedChosen        bool // the seed is ours, not the caller's
	Sync              bool // asked over the synchronous endpoint
	Simulated         bool
	Foreign           bool // created elsewhere, adopted by its service id
	Billed            int  // pictures billed, -1 while not known
	Price             dashscope.CNY
	Created           time.Time
	Submitted         time.Time // zero until accepted
	Ended             time.Time // the service's own end time
	Pictures          []Picture
	Place             int           // place in line while Queued, from 1
	Expected          time.Duration // how long such a task is expected to run at the service
	Deduplicated      bool          // an earlier task was found instead of buying another
}

// Picture is one picture of a task.
type Picture struct {
	N            int           // from 1
	Kept         store.Picture // zero until it is on disk
	Link         dashscope.Secret
	LinkExpires  time.Time
	Path         string // where the readable copy is, "" for none
	ActualPrompt string
	Code, Reason string // why there is no picture, or why it could not be kept
}

// IsKept reports whether the bytes are on disk.
func (p Picture) IsKept() bool { return p.Kept.SHA256 != "" }

// IsComing reports whether the picture is still being fetched, for the first time
// or again after a failure that Reason tells.
func (p Picture) IsComing() bool {
	return !p.IsKept() && p.Link != "" && (p.Code == "" || p.Code == codeRetry)
}

// HasPictures reports whether there is a picture to give, on disk or by its link.
func (t Task) HasPictures() bool {
	return slices.ContainsFunc(t.Pictures, func(p Picture) bool { return p.IsKept() || p.Link != "" })
}

// Settled reports whether waiting longer brings nothing new: the task has ended
// and each picture is kept or is known not to come.
func (t Task) Settled() bool {
	if !t.State.Terminal() {
		return false
	}
	for _, p := range t.Pictures {
		if p.IsComing() {
			return false
		}
	}
	return true
}
