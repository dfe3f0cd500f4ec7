package tasks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	// blockTime is how long a doubt keeps other submissions of its model back, so
	// that no two windows overlap.
	blockTime = 2 * windowMargin
	// listPage and maxPages bound one reading of the service's task list.
	listPage = 100
	maxPages = 500
	// maxExamined bounds the tasks that one round asks about.
	maxExamined = 200
	// candidateGap is between two looks at candidates that have not ended.
	candidateGap = 3 * time.Second
	// nudgedGap is between two readings of the list for a caller who asks.
	nudgedGap = 2 * time.Second
)

// resolve tries to find out what became of a submission whose answer was lost,
// and tells when to try again. It never sends anything again.
func (s *Service) resolve(ctx context.Context, row journal.Task, nudged bool) (next time.Duration, err error) {
	now := time.Now()
	if row.InDoubt && !blocks(row, now) {
		if err := s.unblock(ctx, row); err != nil {
			return 0, err
		}
	}
	if row.Sync || now.Sub(row.Sent) > linkLife {
		return s.neverKnown(ctx, row, now)
	}
	if wait := s.nextReading(row, now); wait > 0 && (!nudged || now.Sub(row.Looked) < nudgedGap) {
		return wait, nil
	}
	undecided, err := s.reconcile(ctx, row.Model)
	if err != nil {
		return candidateGap, err
	}
	if undecided {
		return candidateGap, nil
	}
	row, err = s.cfg.Journal.Task(ctx, row.ID)
	if err != nil || State(row.State) != Unknown {
		return 0, err
	}
	return max(s.nextReading(row, time.Now()), 100*time.Millisecond), nil
}

// blocks reports whether the doubt's window may overlap with that of a submission
// that starts now. A time that lies impossibly far ahead was written before the
// clock was set back.
func blocks(t journal.Task, now time.Time) bool {
	until := t.Doubted
	if t.Deadline.After(until) {
		until = t.Deadline
	}
	left := until.Add(blockTime).Sub(now)
	return left > 0 && left < 10*time.Minute
}

// unblock lets other submissions of the model go: windows overlap no more.
func (s *Service) unblock(ctx context.Context, row journal.Task) error {
	lease := leaseOf(row)
	row, err := s.cfg.Journal.Change(ctx, row.ID, &lease, func(t *journal.Task) error {
		t.InDoubt = false
		return nil
	})
	if err == nil {
		s.changed(row)
	}
	return err
}

// neverKnown ends a doubt that nothing can resolve any more. It keeps counting
// against the budget.
func (s *Service) neverKnown(ctx context.Context, row journal.Task, now time.Time) (time.Duration, error) {
	if now.Sub(row.Sent) <= linkLife {
		return linkLife - now.Sub(row.Sent) + time.Second, nil
	}
	lease := leaseOf(row)
	row, err := s.cfg.Journal.Change(ctx, row.ID, &lease, func(t *journal.Task) error {
		if State(t.State) != Unknown {
			return nil
		}
		counted := t.Counted
		end(t, Expired, now, "Whether the service accepted it could not be found out within 24 hours. "+t.Reason)
		t.Counted = counted
		return nil
	})
	if err == nil {
		s.changed(row)
	}
	return 0, err
}

// readingsAfter is when the list is read, counted from the doubt; then each
// minute up to ten, then each hour.
var readingsAfter = []time.Duration{0, 2 * time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second}

// nextReading is how long to wait before the list is worth reading again.
func (s *Service) nextReading(row journal.Task, now time.Time) time.Duration {
	since := now.Sub(row.Doubted)
	last := row.Looked.Sub(row.Doubted)
	if row.Looked.Before(row.Doubted) || row.Looked.After(now) || row.Doubted.After(now) {
		return 0 // not yet read, or the clock was set back
	}
	dues := append(slices.Clone(readingsAfter), s.cfg.UnknownGrace, s.cfg.UnknownGrace+time.Second)
	slices.Sort(dues)
	for _, due := range dues {
		if last < due && due <= 10*time.Minute {
			return max(due-since, 0)
		}
	}
	gap := time.Minute
	if since > 10*time.Minute {
		gap = time.Hour
	}
	return max(gap-now.Sub(row.Looked), 0)
}

// candidate is a task of the account that no row claims.
type candidate struct {
	dashscope.TaskRow
	result  *dashscope.Result // nil while it has not ended, or was not looked at yet
	claimed bool
}

// reconcile matches a model's doubts with the tasks of the account that nobody
// claims. It reports whether candidates are still running, so that a look soon
// is worthwhile.
func (s *Service) reconcile(ctx context.Context, model string) (undecided bool, err error) {
	s.reconciling.Lock()
	defer s.reconciling.Unlock()
	doubts, err := s.cfg.Journal.InDoubt(ctx, s.cfg.Upstream, model)
	if err != nil || len(doubts) == 0 {
		clear(s.examined)
		return false, err
	}
	candidates, whole, err := s.candidates(ctx, model, doubts)
	if err != nil {
		return false, err
	}
	for _, doubt := range doubts {
		open, err := s.match(ctx, doubt, doubts, candidates, whole)
		if err != nil && !errors.Is(err, journal.ErrLost) && !errors.Is(err, journal.ErrClaimed) {
			return false, err
		}
		undecided = undecided || open
	}
	return undecided, nil
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
			if !seen[row.TaskID] && (row.Model == model || row.Model == "") {
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

// match adopts the candidate that must be the doubt's, or concludes that there
// is none, or leaves the question open.
func (s *Service) match(ctx context.Context, doubt journal.Task, doubts []journal.Task, candidates []*candidate, whole bool) (undecided bool, err error) {
	req, err := request(doubt)
	if err != nil {
		return false, err
	}
	var possible []*candidate
	for _, c := range candidates {
		if c.claimed || !s.inWindow(c.TaskRow, doubt) {
			continue
		}
		switch c.verdict(req) {
		case mine:
			return false, s.adoptCandidate(ctx, doubt, c)
		case maybe:
			possible = append(possible, c)
			undecided = undecided || c.result == nil
		}
	}
	switch {
	case undecided:
		return true, s.noteDoubt(ctx, doubt, func(t *journal.Task, _ time.Time) {
			t.Reason = "A task of the account may be it and has not ended yet."
		})
	case len(possible) > 0 && !whole, len(possible) == 1 && time.Since(doubt.Doubted) < s.cfg.UnknownGrace:
		// The list may lag: until the grace is over another one may turn up.
		return true, s.noteReading(ctx, doubt, "A task of the account may be it; whether it is the only one shows when the list is complete.")
	case len(possible) == 1 && s.onlyFits(possible[0], doubt, doubts):
		return false, s.adoptCandidate(ctx, doubt, possible[0])
	case len(possible) > 0:
		return false, s.noteReading(ctx, doubt, fmt.Sprintf("%d tasks of the account may be it, and the service does not tell their prompts.", len(possible)))
	case !whole:
		return false, s.noteReading(ctx, doubt, "The service's task list could not be read whole.")
	}
	return false, s.noteAbsence(ctx, doubt)
}

// What a candidate is to a doubt.
type verdict int

const (
	other verdict = iota
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
	if count > 0 && count != req.N {
		return other
	}
	if c.result.Size != "" && c.result.Size != req.Size {
		return other
	}
	if told {
		return mine
	}
	return maybe
}

// onlyFits reports whether the candidate can be no other doubt's.
func (s *Service) onlyFits(c *candidate, doubt journal.Task, doubts []journal.Task) bool {
	return !slices.ContainsFunc(doubts, func(d journal.Task) bool { return d.ID != doubt.ID && s.inWindow(c.TaskRow, d) })
}

// adoptCandidate gives the doubt its task. The journal sees to it that no other
// row has it.
func (s *Service) adoptCandidate(ctx context.Context, doubt journal.Task, c *candidate) error {
	now := time.Now()
	if err := s.yieldForeign(ctx, c.TaskID, doubt.ID); err != nil {
		return err
	}
	row, err := s.cfg.Journal.Change(ctx, doubt.ID, nil, func(t *journal.Task) error {
		if State(t.State) != Unknown {
			return nil
		}
		t.UpstreamID, t.RequestID = c.TaskID, c.RequestID
		t.Accepted, t.InDoubt, t.Code, t.Reason, t.Reads = now, false, "", "", 0
		t.State = string(Pending)
		learn(t, c.result, now)
		return nil
	})
	if err != nil {
		return err
	}
	c.claimed = true
	if row.UpstreamID != c.TaskID {
		return nil // it was resolved in the meantime
	}
	s.log.Info("found a submission whose answer was lost", "task", row.ID, "upstream_task_id", row.UpstreamID, "state", row.State)
	s.changed(row)
	s.nudge(row.ID)
	return nil
}

// yieldForeign gives up a row that was made for the service's task before it was
// known whose it is.
func (s *Service) yieldForeign(ctx context.Context, upstreamID, owner string) error {
	foreign, err := s.cfg.Journal.ByUpstreamID(ctx, s.cfg.Upstream, upstreamID)
	if errors.Is(err, journal.ErrNotFound) || (err == nil && !foreign.Foreign) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = s.cfg.Journal.Change(ctx, foreign.ID, nil, func(t *journal.Task) error {
		t.UpstreamID, t.Open, t.State, t.Reason = "", false, string(Canceled), "It turned out to be task "+owner+"."
		return nil
	})
	return err
}

// noteReading writes down that the list was read and settled nothing.
func (s *Service) noteReading(ctx context.Context, doubt journal.Task, why string) error {
	return s.noteDoubt(ctx, doubt, func(t *journal.Task, now time.Time) { t.Reason, t.Reads, t.Looked = why, 0, now })
}

// noteAbsence counts a whole list without a candidate. Two of them after the grace
// are taken as proof that the service never took it.
func (s *Service) noteAbsence(ctx context.Context, doubt journal.Task) error {
	return s.noteDoubt(ctx, doubt, func(t *journal.Task, now time.Time) {
		t.Looked = now
		if now.Sub(t.Doubted) < s.cfg.UnknownGrace || now.Sub(t.Sent) > linkLife-time.Hour {
			return // too early to tell, or so late that the list has forgotten
		}
		if t.Reads++; t.Reads >= 2 {
			end(t, NotSubmitted, now, "The service has no task for it: the submission never arrived and nothing was bought. Calling generate_image again is safe.")
		}
	})
}

func (s *Service) noteDoubt(ctx context.Context, doubt journal.Task, note func(*journal.Task, time.Time)) error {
	now := time.Now()
	row, err := s.cfg.Journal.Change(ctx, doubt.ID, nil, func(t *journal.Task) error {
		if State(t.State) != Unknown {
			return nil
		}
		if t.Doubted.After(now) { // the clock was set back: the grace starts again
			t.Doubted = now
		}
		t.InDoubt = blocks(*t, now)
		note(t, now)
		return nil
	})
	if err == nil && (row.State != doubt.State || row.InDoubt != doubt.InDoubt || row.Reason != doubt.Reason) {
		s.changed(row)
	}
	return err
}

// adopt looks at a service id that this program has no row for. First it is
// offered to the doubts; what none of them claims becomes a foreign task.
func (s *Service) adopt(ctx context.Context, c Caller, id string) (journal.Task, error) {
	result, err := s.ask(ctx, id)
	if err != nil {
		return journal.Task{}, err
	}
	if result.Status == dashscope.StatusUnknown {
		return journal.Task{}, noSuchTask(id)
	}
	open, err := s.cfg.Journal.OpenTasks(ctx, s.cfg.Upstream)
	if err != nil {
		return journal.Task{}, err
	}
	for _, row := range open {
		if State(row.State) == Unknown && !row.Sync {
			if _, err := s.reconcile(ctx, row.Model); err != nil {
				return journal.Task{}, err
			}
		}
	}
	if row, err := s.find(ctx, c, id); err == nil || !errors.Is(err, ErrNoSuchTask) {
		return row, err
	}
	now := time.Now()
	row := journal.Task{
		ID: newID(), Upstream: s.cfg.Upstream, Owner: c.Owner, Session: c.Session, Fingerprint: "foreign " + id,
		Foreign: true, UpstreamID: id, RequestID: result.RequestID, Request: []byte("{}"),
		State: string(Pending), Open: true, Holder: s.self.id, Fence: 1, LeaseUntil: now.Add(leaseTime),
		Created: now, Accepted: now, Billed: -1,
	}
	learn(&row, result, now)
	row.Counted = 0 // it was not bought with this program
	err = s.cfg.Journal.Insert(ctx, row)
	if errors.Is(err, journal.ErrClaimed) {
		return s.find(ctx, c, id) // another call was faster
	}
	if err != nil {
		return row, err
	}
	s.changed(row) // the next round of keepHouse works on it
	return row, nil
}
