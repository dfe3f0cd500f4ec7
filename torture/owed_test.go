package torture_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/dashscope/simulator"
)

// reach is how long a cancel or the end of input may take to be heard of: a repeat
// on the same connection comes behind it, one at another server must not be first.
const reach = time.Second

// isWaitedFor reports whether anybody waits on a call for the wish, or on get_task
// for one of its tasks, as far as the server by can know that is asked next.
func (w *world) isWaitedFor(k *wish, by *server) bool {
	for s, calls := range w.pending {
		if slices.ContainsFunc(calls, func(c *call) bool {
			return (c.wish == k || c.task != "" && w.subject(c.task) == k) && !s.hasLeft(c.canceled, by)
		}) {
			return true
		}
	}
	return false
}

// hasLeft reports whether a server knows that nobody waits on its call: it is dead,
// or it has heard that the call was canceled or its input has ended.
func (s *server) hasLeft(canceled time.Time, by *server) bool {
	if !s.isAlive() {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || time.Since(s.continued) < reach {
		return false
	}
	heard := func(since time.Time) bool { return !since.IsZero() && (s == by || time.Since(since) > reach) }
	return heard(canceled) || s.closed && heard(s.leaving)
}

// subject is the wish that a task is for, by our id or the service's.
func (w *world) subject(task string) *wish {
	if k := w.owners[task]; k != nil {
		return k
	}
	for _, create := range w.creates {
		if create.TaskID == task {
			return w.wishOf(create.Prompt)
		}
	}
	return nil
}

// owed is how many sets of pictures the client may have to pay for: one, one more
// for each call that it sent beside another on purpose, and one more for each that
// it sent when it had been given all that it had ordered before.
func (k *wish) owed() int {
	if k.key != "" {
		return 1
	}
	owed := 0
	for i, c := range k.calls {
		if i == 0 || c.parallel || k.givenBy(c.over()) >= owed {
			owed++
		}
	}
	return owed
}

func (k *wish) givenBy(t time.Time) (count int) {
	for _, at := range k.given {
		if at.Before(t) {
			count++
		}
	}
	return count
}

// over is when the call had come to its end, in whatever way.
func (c *call) over() time.Time {
	if !c.answered.IsZero() {
		return c.answered
	}
	if !c.canceled.IsZero() {
		return c.canceled.Add(time.Second)
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return c.server.endedAt
}

// story is what the client did for the wish, for a reader of a failure.
func (w *world) story(k *wish) string {
	const clock = "15:04:05.000"
	var b strings.Builder
	for _, c := range w.calls {
		if c.wish != k && (c.task == "" || w.subject(c.task) != k) {
			continue
		}
		fmt.Fprintf(&b, "  %s %s request %d %s", c.sent.Format(clock), c.server.name, c.id, c.task)
		if c.parallel {
			b.WriteString(" in addition")
		}
		if !c.canceled.IsZero() {
			fmt.Fprintf(&b, ", canceled %s", c.canceled.Format(clock))
		}
		if c.answered.IsZero() {
			fmt.Fprintf(&b, ", no answer, over %s\n", c.over().Format(clock))
			continue
		}
		fmt.Fprintf(&b, ", answered %s: %s %s, found again %v, pictures %v\n", c.answered.Format(clock),
			c.answer.TaskID, c.answer.Status, c.answer.Deduplicated, c.answer.hasPictures())
	}
	for id, at := range k.given {
		fmt.Fprintf(&b, "  %s the pictures of %s were there\n", at.Format(clock), id)
	}
	return b.String()
}

// TestGivenByTheServiceID: pictures that came with get_task, asked by the service's
// id, were given like others, and the call after them buys once more.
func TestGivenByTheServiceID(t *testing.T) {
	t.Parallel()
	k := &wish{marker: "m1x0000", given: map[string]time.Time{}}
	s := &server{ended: make(chan struct{})}
	w := &world{
		machine: &machine{t: t}, byMarker: map[string]*wish{k.marker: k}, pending: map[*server][]*call{},
		history: history{owners: map[string]*wish{}, ends: map[string]end{}},
		creates: []simulator.Entry{{TaskID: "the-service-id", Prompt: k.marker + " a fox", Accepted: true}},
	}
	at := time.Now()
	k.calls = []*call{{server: s, wish: k, sent: at, canceled: at.Add(-time.Minute)}}
	asked := &call{server: s, id: 2, task: "the-service-id", sent: at}
	w.pending[s] = []*call{asked}
	w.heard(s, asked.id, message{Result: mustJSON(map[string]any{"structuredContent": map[string]any{
		"task_id": "ours", "status": "SUCCEEDED", "images": []any{map[string]any{"resource_uri": "wan://task/ours/1"}},
	}})})
	if len(k.given) != 1 {
		t.Fatalf("the client was given %v", k.given)
	}
	k.calls = append(k.calls, &call{server: s, wish: k, sent: time.Now(), answered: time.Now().Add(time.Second)})
	if k.owed() != 2 {
		t.Errorf("%d sets of pictures are owed", k.owed())
	}
}
