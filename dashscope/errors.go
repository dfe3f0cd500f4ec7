package dashscope

import (
	"errors"
	"fmt"
	"time"
)

// Outcome says what became of a create request, which is what decides whether
// it may be sent again. The zero value stands for requests that cost nothing.
type Outcome int

// What became of a create request.
const (
	NotSent       Outcome = iota + 1 // not a byte of it left; sending it again is safe
	Refused                          // the service said no; nothing was made or billed
	MayBeAccepted                    // nobody knows; a second one may be a second bill
)

// String returns not_sent, refused, may_be_accepted, or "" for the zero value.
func (o Outcome) String() string {
	return [...]string{"", "not_sent", "refused", "may_be_accepted"}[max(0, min(int(o), 3))]
}

// What an error is, for errors.Is.
var (
	// ErrNotSent is a create that provably never reached the service.
	ErrNotSent = errors.New("the request was not sent")
	// ErrRefused is a create that the service refused: nothing was made or billed.
	ErrRefused = errors.New("the service refused the request")
	// ErrMayBeAccepted is a create whose answer was lost. Look for its task with
	// Tasks; sending it again may buy a second set of pictures.
	ErrMayBeAccepted = errors.New("the service may have accepted the request")

	// ErrInvalid is a request that Validate refuses. It was not sent.
	ErrInvalid = fmt.Errorf("the request is not valid: %w", ErrNotSent)
	// ErrNoKey is a client without an API key. Nothing was sent.
	ErrNoKey = fmt.Errorf("no API key: %w", ErrNotSent)
	// ErrUnauthorized is a key that the service does not take: wrong, of another
	// region, or without a right to the model or workspace.
	ErrUnauthorized = errors.New("the API key is not accepted")

	// ErrThrottled is too much at once: the same request is welcome later.
	ErrThrottled = errors.New("throttled")
	// ErrConcurrency is throttling because too many tasks run at once.
	ErrConcurrency = fmt.Errorf("too many tasks at once: %w", ErrThrottled)
	// ErrAllocationQuota is throttling that takes about a minute to clear.
	ErrAllocationQuota = fmt.Errorf("allocated quota: %w", ErrThrottled)
	// ErrNoQuota is an account that cannot buy: unpaid, not activated, or its
	// quota used up. Waiting does not help.
	ErrNoQuota = errors.New("no quota")

	// ErrContent is a prompt or picture that the content check refused.
	ErrContent = errors.New("refused by the content check")
	// ErrWrongEndpoint is a model asked for on a path, or in a way, that it is not
	// served on.
	ErrWrongEndpoint = errors.New("model and endpoint do not match")
	// ErrModelNotFound is a model that the service does not know under any spelling.
	ErrModelNotFound = errors.New("model not found")
	// ErrOtherSpelling is a model that the service does not know under the spelling
	// that was sent. The client now uses the other one: one more Create is safe and
	// worthwhile.
	ErrOtherSpelling = fmt.Errorf("unknown spelling of the model: %w", ErrModelNotFound)
	// ErrExpired is a task that the service no longer knows; it forgets after 24 h.
	ErrExpired = errors.New("task expired or never existed")
)

// Error is a request that failed: what the service, the network or this package
// said. Its text says what to do next and holds no key, link or query.
type Error struct {
	Op        string        // create, create_sync, task, tasks or cancel
	Status    int           // of HTTP; 0 = no answer
	Code      string        // the service's, "InvalidApiKey"
	Message   string        // the service's, cleaned (see Clean)
	RequestID string        // the service's, for its support
	Outcome   Outcome       // of create and create_sync; 0 for the others

	RetryAfter time.Duration // how long the service asked to wait; 0 = it did not
	Region     Region
	Err        error // the cause, where it was not an answer
}

// Error tells what happened and what to do.
func (e *Error) Error() string { return e.Op }

// Clean makes text from outside fit to be shown.
func Clean(s string) string { return s }
