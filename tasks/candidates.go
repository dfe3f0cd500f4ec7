package tasks

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks/journal"
)

const (
	// windowMargin is how far outside of "sent to given up" the service's own time
	// of a create may lie.
	windowMargin = 30 * time.Second
	// listPage and maxPages bound one reading of the service's task list.
	listPage = 100
	maxPages = 500
	// maxExamined bounds the tasks that one round asks about.
	maxExamined = 200
)

// candidate is a task of the account that no row claims.
type candidate struct {
	dashscope.TaskRow
	result  *dashscope.Result // nil while it has not ended, or was not looked at yet
	claimed bool
}

// candidates reads the whole task list of a model and keeps the unclaimed tasks
// in one of the windows, the likeliest first. whole is false when the list cannot
// prove that a task does not exist.
func (s *Service) candidates(ctx context.Context, model string, doubts []journal.Task) (found []*candidate, whole bool, err error) {
	rows, whole, err := s.list(ctx, model)
	if err != nil {
		return nil, false, err
	}
	for _, row := range rows {
		if !slices.ContainsFunc(doubts, func(d journal.Task) bool { return s.inWindow(row, d) }) {
			continue
		}
		claimed, err := s.cfg.Journal.ByUpstreamID(ctx, s.cfg.Upstream, row.TaskID)
		if err == nil && !claimed.Foreign {
			continue
		}
		if err != nil && !errors.Is(err, journal.ErrNotFound) {
			return nil, false, err
		}
		found = append(found, &candidate{TaskRow: row})
	}
	sent := doubts[0].Sent
	slices.SortStableFunc(found, func(a, b *candidate) int {
		return cmp.Compare(a.Created.Sub(sent).Abs(), b.Created.Sub(sent).Abs())
	})
	return found, whole, s.examine(ctx, doubts, found)
}

// examine asks what the candidates are, those that ended once, until each doubt
// has found its own. What is left for a later round counts as not ended.
func (s *Service) examine(ctx context.Context, doubts []journal.Task, candidates []*candidate) error {
	if len(s.examined) > maxPages*listPage {
		clear(s.examined)
	}
	missing, asked := len(doubts), 0
	for _, c := range candidates {
		if c.result = s.examined[c.TaskID]; c.result == nil && asked < maxExamined {
			asked++
			result, err := s.ask(ctx, c.TaskID)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil { // it stays a candidate, and the others are looked at all the same
				s.log.Debug("a task of the account cannot be looked at", "upstream_task_id", c.TaskID, "error", err)
				continue
			}
			if result.Status.Terminal() && result.Status != dashscope.StatusUnknown {
				c.result = result
				s.examined[c.TaskID] = result
			}
		}
		for _, d := range doubts {
			if req, err := request(d); err == nil && c.verdict(req) == mine {
				if missing--; missing == 0 {
					return nil
				}
				break
			}
		}
	}
	return nil
}

// list reads every page of the service's task list and keeps the model's tasks. It
// does not let the service filter: by which spelling it lists a model is its own
// affair, and a task that is overlooked here is money lost.
func (s *Service) list(ctx context.Context, model string) (rows []dashscope.TaskRow, whole bool, err error) {
	seen := map[string]bool{}
	whole = true
	for page := 1; page <= maxPages; page++ {
		answer, err := s.askList(ctx, dashscope.TaskFilter{Page: page, PageSize: listPage})
		if err != nil {
			return nil, false, err
		}
		whole = whole && answer.Unreadable == 0 && !answer.Uncounted
		before := len(seen)
		for _, row := range answer.Tasks {
			if !seen[row.TaskID] && isOf(row.Model, model) {
				rows = append(rows, row)
			}
			seen[row.TaskID] = true
		}
		if isLast(answer, page, len(seen)-before, len(seen)) {
			return rows, whole && len(seen) >= answer.Total, nil
		}
	}
	return rows, false, nil
}

// isOf reports whether a task that is listed under that name may be one of the
// model. The service may name the version that it took for it.
func isOf(listed, model string) bool {
	return listed == "" || listed == model || strings.HasPrefix(listed, model+"-")
}

// isLast reports whether nothing follows a page. Where the number of pages is not
// told, the service may give fewer rows a page than were asked for.
func isLast(answer *dashscope.TaskPage, page, fresh, seen int) bool {
	switch {
	case len(answer.Tasks)+answer.Unreadable == 0:
		return true
	case answer.TotalPages > 0:
		return page >= answer.TotalPages
	}
	return fresh == 0 || !answer.Uncounted && seen >= answer.Total
}

// inWindow reports whether the service made the task when the doubt's POST may
// have reached it, by the service's clock.
func (s *Service) inWindow(row dashscope.TaskRow, doubt journal.Task) bool {
	if row.Created.IsZero() {
		return true // a list that does not tell excludes nothing
	}
	ahead, known := doubt.ClockAhead, doubt.ClockKnown
	if !known {
		ahead, known = s.cfg.Client.ClockOffset()
	}
	if !known {
		return true // by our clock alone, which may be wrong, nothing is excluded
	}
	from, to := doubt.Sent.Add(ahead-windowMargin), doubt.Deadline.Add(ahead+windowMargin)
	return !row.Created.Before(from) && !row.Created.After(to)
}

// What a candidate is to a doubt.
type verdict int

const (
	other    verdict = iota
	unlikely         // another's, or ours with fewer pictures than asked for: nothing can be concluded
	maybe
	mine
)

// verdict compares what a finished task tells with what was asked for.
func (c *candidate) verdict(req dashscope.ImageRequest) verdict {
	if c.result == nil {
		return maybe
	}
	told := false
	for _, image := range c.result.Images {
		if image.OrigPrompt == "" {
			continue
		}
		told = true
		if strings.TrimSpace(image.OrigPrompt) != strings.TrimSpace(req.Prompt) {
			return other
		}
	}
	count := c.result.Total // wan2.6 leaves out of its answer what it could not make
	if count == 0 {
		count = len(c.result.Images)
	}
	switch {
	case count > req.N, count > 0 && count < req.N && c.result.Total > 0:
		return other
	case c.result.Size != "" && c.result.Size != req.Size:
		return other
	case count > 0 && count < req.N:
		return unlikely
	case told:
		return mine
	}
	return maybe
}
