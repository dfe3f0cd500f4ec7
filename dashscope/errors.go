package dashscope

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Outcome says what became of a create request, which decides whether it may be
// sent again. The zero value stands for requests that cost nothing.
type Outcome int

// What became of a create request.
const (
	NotSent       Outcome = iota + 1 // not a byte of it left; sending it again is safe
	Refused                          // the service said no; nothing was made or billed
	MayBeAccepted                    // nobody knows; a second one may be a second bill
)

// String returns not_sent, refused, may_be_accepted, or "" for the zero value.
func (o Outcome) String() string {
	switch o {
	case NotSent:
		return "not_sent"
	case Refused:
		return "refused"
	case MayBeAccepted:
		return "may_be_accepted"
	}
	return ""
}

// What an error is, for errors.Is.
var (
	// ErrNotSent is a create that provably never reached the service.
	ErrNotSent = errors.New("the request was not sent")
	// ErrRefused is a create that the service refused: nothing was made or billed.
	ErrRefused = errors.New("the service refused the request")
	// ErrMayBeAccepted is a create whose answer was lost. Look for its task with
	// Tasks; sending it again may buy a second set of pictures. Such an error is
	// none of the others here, whatever an answer said.
	ErrMayBeAccepted = errors.New("the service may have accepted the request")

	// ErrInvalid is a request that Validate refuses; a ValidationError is inside.
	ErrInvalid = fmt.Errorf("the request is not valid: %w", ErrNotSent)
	// ErrNoKey is a client without an API key.
	ErrNoKey = fmt.Errorf("no API key: %w", ErrNotSent)
	// ErrUnauthorized is a key that the service does not take: wrong, of another
	// region, or without a right to the model or workspace.
	ErrUnauthorized = errors.New("the API key is not accepted")

	// ErrThrottled is too much at once: the same request is welcome later. Of a
	// create it means refused.
	ErrThrottled = errors.New("throttled")
	// ErrConcurrency is throttling because too many tasks run at once.
	ErrConcurrency = fmt.Errorf("too many tasks at once: %w", ErrThrottled)
	// ErrAllocationQuota is throttling that takes about a minute to clear.
	ErrAllocationQuota = fmt.Errorf("allocated quota exceeded: %w", ErrThrottled)
	// ErrNoQuota is an account that cannot buy: unpaid, not activated, or its quota
	// used up. Waiting does not help.
	ErrNoQuota = errors.New("no quota")

	// ErrContent is a prompt or picture that the content check refused.
	ErrContent = errors.New("refused by the content check")
	// ErrWrongEndpoint is a model asked for on a path, or in a way, in which it is
	// not served.
	ErrWrongEndpoint = errors.New("model and endpoint do not match")
	// ErrModelNotFound is a model that the service does not know.
	ErrModelNotFound = errors.New("model not found")
	// ErrOtherSpelling is a model that the service does not know under the spelling
	// that was sent. The client has switched to the other one: one more Create is
	// safe and worthwhile.
	ErrOtherSpelling = fmt.Errorf("unknown spelling of the model: %w", ErrModelNotFound)
	// ErrExpired is a task that the service no longer knows; it forgets after 24 h.
	ErrExpired = errors.New("task expired or never existed")
)

// Error is a request that failed: what the service, the network or this package
// said about it. Its text tells what to do next, and holds no key, link or query.
type Error struct {
	Op        string  // create, create_sync, task, tasks or cancel
	Status    int     // of HTTP; 0 = no answer
	Code      string  // the service's: "InvalidApiKey"
	Message   string  // the service's, after Clean
	RequestID string  // the service's, for its support; "" = not told
	Outcome   Outcome // of create and create_sync; 0 for the others
	// RetryAfter is how long the service asked to wait; 0 = it did not ask.
	RetryAfter time.Duration
	Region     Region
	Err        error // the cause, where the answer is not all there is to say
}

// Unwrap returns what the error is, for errors.Is and errors.As: the sentinel of
// its outcome, that of its code, and its cause.
func (e *Error) Unwrap() []error {
	var is []error
	switch e.Outcome {
	case NotSent:
		is = append(is, ErrNotSent)
	case Refused:
		is = append(is, ErrRefused)
	case MayBeAccepted:
		is = append(is, ErrMayBeAccepted)
	}
	if kind := e.kind(); kind != nil {
		is = append(is, kind)
	}
	if e.Err != nil {
		is = append(is, e.Err)
	}
	return is
}

// Error says what happened and what to do, then in brackets what the service or
// the network said.
func (e *Error) Error() string {
	text, said := e.advice()
	var details []string
	if e.Status != 0 {
		details = append(details, fmt.Sprintf("HTTP %d", e.Status))
	}
	if e.Code != "" {
		details = append(details, strings.TrimSuffix(e.Code+": "+e.Message, ": "))
	}
	if e.Err != nil && !said {
		details = append(details, Clean(e.Err.Error()))
	}
	if e.RequestID != "" {
		details = append(details, "request_id "+e.RequestID)
	}
	if len(details) == 0 {
		return text
	}
	return text + " (" + strings.Join(details, "; ") + ")"
}

// plain is a cause that is already the whole sentence for the reader.
type plain struct {
	text string
	is   error // what it is for errors.Is; may be nil
}

func (p *plain) Error() string { return p.text }
func (p *plain) Unwrap() error { return p.is }
