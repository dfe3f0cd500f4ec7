package dashscope

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The service's codes by what they mean. From its error-code page; where a code
// has two meanings kindOf also looks at the text.
var (
	codesNoQuota = []string{
		"AllocationQuota.FreeTierOnly", "Arrearage", "AccessDenied.Unpurchased",
		"CommodityNotPurchased", "PrepaidBillOverdue", "PostpaidBillOverdue",
	}
	codesAllocation = []string{"Throttling.AllocationQuota", "insufficient_quota"}
	codesContent    = []string{"DataInspectionFailed", "IPInfringementSuspect"}
	codesDenied     = []string{
		"InvalidApiKey", "NOT AUTHORIZED", "AccessDenied", "Model.AccessDenied",
		"Workspace.AccessDenied", "Endpoint.AccessDenied", "WorkSpaceNotFound",
	}
	codesOther = []string{"InvalidParameter", "UnsupportedOperation", "NotFound", "Conflict"}

	// Texts of an allocation quota that does not come back within a minute.
	textsGone = []string{"free allocated quota exceeded", "quota has been exhausted", "month allocated quota exceeded"}
	// Texts of a model asked for on the path of another form, or in a way it is not served.
	textsEndpoint = []string{"url error", "does not support asynchronous", "does not support synchronous"}
)

// kindOf returns the sentinel for a service's code, nil if there is none.
func kindOf(code, message string) error {
	text := strings.ToLower(message)
	says := func(part string) bool { return strings.Contains(text, part) }
	switch {
	case slices.Contains(codesNoQuota, code):
		return ErrNoQuota
	case slices.Contains(codesAllocation, code) && slices.ContainsFunc(textsGone, says):
		return ErrNoQuota
	case slices.Contains(codesAllocation, code):
		return ErrAllocationQuota
	case code == "Throttling.Concurrency":
		return ErrConcurrency
	case code == "Throttling", strings.HasPrefix(code, "Throttling."), code == "LimitRequests":
		return ErrThrottled
	case slices.Contains(codesContent, code):
		return ErrContent
	case code == "ModelNotFound", code == "InvalidParameter" && says("model not exist"):
		return ErrModelNotFound
	case (code == "InvalidParameter" || code == "AccessDenied") && slices.ContainsFunc(textsEndpoint, says):
		return ErrWrongEndpoint
	case slices.Contains(codesDenied, code):
		return ErrUnauthorized
	}
	return nil
}

// isRefusal reports whether a code is known to mean that nothing was accepted.
func isRefusal(code, message string) bool {
	return kindOf(code, message) != nil || slices.Contains(codesOther, code) ||
		strings.HasPrefix(code, "InvalidParameter.") || strings.HasPrefix(code, "BadRequest.")
}

// isRepeatable reports whether a code makes callers send the same again.
func isRepeatable(code, message string) bool {
	kind := kindOf(code, message)
	return errors.Is(kind, ErrThrottled) || errors.Is(kind, ErrModelNotFound)
}

// outcomeOf decides what an answer without a task id says about a create. Money
// hangs on it: only what is certain counts as refused, all else may have been
// accepted. What says 200 and no at once is never reason to send it again. code is
// "" when the answer was not the service's own JSON.
func outcomeOf(status int, code, message string) Outcome {
	switch {
	case status >= 300 && status < 400:
		return Refused // a redirect, which is never followed: not the service
	case code == "":
		return MayBeAccepted
	case status < 300:
		if isRefusal(code, message) && !isRepeatable(code, message) {
			return Refused
		}
		return MayBeAccepted
	}
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden,
		http.StatusNotFound, http.StatusRequestEntityTooLarge:
		return Refused
	case http.StatusTooManyRequests:
		if kind := kindOf(code, message); errors.Is(kind, ErrThrottled) || errors.Is(kind, ErrNoQuota) {
			return Refused
		}
	}
	return MayBeAccepted
}

// kind returns the sentinel for what the answer said.
func (e *Error) kind() error {
	switch {
	case e.Outcome == MayBeAccepted:
		return nil // what it said does not matter: it must not be sent again
	case e.Code == "" && e.Status == http.StatusTooManyRequests:
		return ErrThrottled
	case e.Code != "" && e.Status == http.StatusUnauthorized:
		return ErrUnauthorized
	}
	return kindOf(e.Code, e.Message)
}

// advice returns the sentence for the reader, and whether it repeats the cause.
func (e *Error) advice() (text string, said bool) {
	var own *plain
	var invalid *ValidationError
	switch {
	case e.Outcome == MayBeAccepted:
		return "the service may have accepted the request, but its answer was lost: do not send it again, look for its task in the task list", false
	case errors.As(e.Err, &own):
		return own.text, true
	case errors.As(e.Err, &invalid):
		return invalid.Error(), true
	case e.Outcome == NotSent:
		return "the request was not sent and nothing was bought: check the network, the proxy and the base URL, then try again", false
	}
	if text := e.adviceOnKind(); text != "" {
		return text, false
	}
	switch {
	case e.Outcome == Refused:
		return "the service refused the request, nothing was made or billed: correct what it names", false
	case e.Code == "UnsupportedOperation" && e.Op == opCancel:
		return "the task cannot be cancelled: only a PENDING one can", false
	case e.Status >= 500:
		return "the service has trouble of its own: try again later", false
	case e.Status >= 400 || e.Code != "":
		return "the service answered with an error", false
	case e.Status != 0:
		return "the service's answer could not be used: try again, and if it stays so check the base URL", false
	}
	return "the service did not answer: check the network, the proxy and the base URL, then try again", false
}

func (e *Error) adviceOnKind() string {
	region := e.Region.Canonical()
	switch {
	case errors.Is(e.Err, ErrOtherSpelling):
		return "the service does not know the model under this spelling: the other one will be sent from now on, try once more"
	case errors.Is(e.Err, ErrExpired):
		return "the service does not know this task: it forgets tasks and links after 24 hours"
	}
	kind := e.kind()
	is := func(target error) bool { return errors.Is(kind, target) }
	switch {
	case is(ErrUnauthorized):
		if e.Code != "InvalidApiKey" && e.Status != http.StatusUnauthorized {
			return fmt.Sprintf("the API key has no right to this model or workspace in region %s: enable the model for it in the console, and check the region, a key is valid in one region only", region)
		}
		return fmt.Sprintf("the API key is not valid in region %s: check the key, and check the region, a key is valid in one region only", region)
	case is(ErrNoQuota):
		return fmt.Sprintf("the account cannot buy pictures in region %s: pay, activate the model or raise its quota in the console; waiting does not help", region)
	case is(ErrAllocationQuota):
		return "the account's quota per minute is used up, nothing was made or billed: try again in a minute"
	case is(ErrConcurrency):
		return "too many of the account's tasks run at once, nothing was made or billed: try again when one has finished"
	case is(ErrThrottled):
		return "the account sent too many requests, nothing was made or billed: try again in a few seconds"
	case is(ErrContent):
		return "the content check refused the prompt or the picture, nothing was billed: change the prompt, or try once with prompt_extend false"
	case is(ErrWrongEndpoint):
		return "the model is not served on this endpoint: this client and the service disagree, or the base URL belongs to another service"
	case is(ErrModelNotFound):
		return fmt.Sprintf("the service does not know the model in region %s, or the key may not use it: choose another model, or enable it in the console", region)
	}
	return ""
}
