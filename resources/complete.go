package resources

import (
	"context"
	"strconv"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
)

// maxCompletions is what the protocol allows.
const maxCompletions = 100

// CompleteResourceArgument completes the variables of the templates: models, and
// the caller's own tasks and the numbers of their pictures. It is what mcp-go
// asks of a resource completion provider.
func (s *Shelf) CompleteResourceArgument(ctx context.Context, uri string, arg mcp.CompleteArgument, known mcp.CompleteContext) (*mcp.Completion, error) {
	var all []string
	var err error
	switch {
	case arg.Name == "model" && strings.HasPrefix(uri, "wan://models/"):
		for _, m := range s.models {
			all = append(all, m.ID)
			all = append(all, m.Aliases...)
		}
	case arg.Name == "task_id" && (strings.HasPrefix(uri, "wan://tasks/") || strings.HasPrefix(uri, "wan://images/")):
		all, err = s.taskIDs(ctx)
	case arg.Name == "n" && strings.HasPrefix(uri, "wan://images/"):
		all = s.pictureNumbers(ctx, known.Arguments["task_id"])
	}
	if err != nil {
		return nil, err
	}
	fit := []string{}
	for _, value := range all {
		if strings.HasPrefix(value, arg.Value) {
			fit = append(fit, value)
		}
	}
	shown := fit[:min(len(fit), maxCompletions)]
	return &mcp.Completion{Values: shown, Total: len(fit), HasMore: len(fit) > len(shown)}, nil
}

func (s *Shelf) taskIDs(ctx context.Context) ([]string, error) {
	recent, err := s.service.Recent(ctx, s.caller(ctx), maxCompletions)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(recent))
	for i, t := range recent {
		ids[i] = t.ID
	}
	return ids, nil
}

// pictureNumbers are none for a task that is not the caller's, or cannot be read:
// nothing to suggest is no failure.
func (s *Shelf) pictureNumbers(ctx context.Context, task string) []string {
	f, err := s.find(ctx, "wan://tasks/"+task)
	if err != nil {
		return nil
	}
	var numbers []string
	for _, p := range f.task.Pictures {
		if p.IsKept() {
			numbers = append(numbers, strconv.Itoa(p.N))
		}
	}
	return numbers
}
