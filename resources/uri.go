package resources

import (
	"regexp"
	"strings"

	"wan-image-mcp/tasks"
)

// reference is what a URI of ours points at. Exactly one of budget, model and
// task is set.
type reference struct {
	budget bool
	model  string
	task   string
	n      int // of a picture, 0 for the task itself
}

// A URI is taken exactly as it is written. mcp-go's templates decode %2e%2e%2f
// before anyone can look.
var (
	pictureURI = regexp.MustCompile(`^wan://images/([a-z0-9]{26})/([1-9])$`)
	taskURI    = regexp.MustCompile(`^wan://tasks/([a-z0-9]{26})$`)
	modelURI   = regexp.MustCompile(`^wan://models/([A-Za-z0-9._-]{1,64})$`)
)

// parse reports false for what cannot be a resource of ours.
func parse(uri string) (reference, bool) {
	if uri == tasks.BudgetURI {
		return reference{budget: true}, true
	}
	if m := pictureURI.FindStringSubmatch(uri); m != nil {
		return reference{task: m[1], n: int(m[2][0] - '0')}, true
	}
	if m := taskURI.FindStringSubmatch(uri); m != nil {
		return reference{task: m[1]}, true
	}
	if m := modelURI.FindStringSubmatch(uri); m != nil {
		return reference{model: m[1]}, true
	}
	return reference{}, false
}

// maxShown is how much of an unknown URI is repeated.
const maxShown = 100

// printable is uri, cut, with everything unusual replaced, fit for an error text.
func printable(uri string) string {
	shown := strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '?'
		}
		return r
	}, uri[:min(len(uri), maxShown)])
	if len(uri) > maxShown {
		shown += "..."
	}
	return shown
}
