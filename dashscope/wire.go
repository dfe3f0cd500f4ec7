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

// TaskFilter narrows the list of tasks. Zero fields do not narrow.
type TaskFilter struct {
	TaskID string
	// Start and End bound the time of submission, at most 24 h apart. With neither
	// the list covers the last 24 h, with one the 24 h from it.
	Start, End time.Time
	Model      string // any spelling; the region's own is sent
	Status     Status
	Page       int // from 1; 0 = the first
	PageSize   int // 0 = the service's default, 10
}

// TaskPage is one page of the account's tasks, newest first.
type TaskPage struct {
	Total, TotalPages, Page, PageSize int
	RequestID                         string
	Tasks                             []TaskRow
	// Unreadable counts rows without a usable task id. A page with such rows does
	// not prove that a task is missing.
	Unreadable int
}

// TaskRow is one task of a list. It tells neither prompt nor pictures.
type TaskRow struct {
	TaskID, RequestID string
	Model             string // the shown spelling where the catalogue has the model
	Status            Status
	// Created is when the service took the request; a zero time was not told.
	Created, Started, Ended time.Time
	Region                  string // the service's name for it, "cn-beijing"
}
