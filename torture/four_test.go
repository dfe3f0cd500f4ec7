package torture_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"wan-image-mcp/dashscope"
)

// fourLives is how many processes live and die, four at a time.
const fourLives = 12

// fourBudget is less than what their clients want.
const fourBudget = 32

// TestFourProcesses: four processes at a time share one state folder, and each of
// them may be killed or stand still at any moment. The service counts what it was
// asked for; no error reaches a user, every task ends, and the budget is spent to
// the last picture and no further.
func TestFourProcesses(t *testing.T) {
	for _, excess := range []string{"queue", "refuse"} {
		t.Run("the excess is "+excess+"d", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, rand.Uint64N(1e9)+1, "8")
			w.kind, w.company, w.budget = true, 4, fourBudget
			w.admin("excess", map[string]any{"excess": excess})
			for w.lives < fourLives {
				w.live()
			}
			w.calm(excess)
			w.spendTheRest()
			w.settle()            // without a death: what is not sent is not bought
			w.judgeLimits(excess) // before the judge asks the service too
			v := w.judge()
			w.judgeAnswers()
			t.Logf("seed %d\n%sthe service counted %+v", w.seed, v.table(), w.service.stats().Models)
			if t.Failed() {
				w.keepLogs()
			}
		})
	}
}

// spendTheRest orders single pictures until the budget refuses one.
func (w *world) spendTheRest() {
	s := w.running[len(w.running)-1]
	for i := range fourBudget + 1 {
		marker := fmt.Sprintf("m%drest%02d", w.seed, i)
		k := &wish{marker: marker, key: "key-" + marker, given: map[string]time.Time{}}
		k.args = map[string]any{"prompt": marker + " a door", "model": "wan2.6-t2i", "idempotency_key": k.key}
		w.mu.Lock()
		w.wishes, w.byMarker[marker] = append(w.wishes, k), k
		w.mu.Unlock()
		c := w.generate(s, k, 0, false)
		s.wait(c.id, time.Minute)
		until(w.t, time.Minute, "an answer", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return !c.answered.IsZero() })
		if c.answer.TaskID == "" {
			return
		}
	}
	w.wrong("%d more pictures were ordered, and the budget of %d refused none", fourBudget+1, fourBudget)
}

// judgeLimits holds the service's own counters against what is published.
func (w *world) judgeLimits(excess string) {
	stats := w.service.stats()
	learned := 0
	for _, m := range dashscope.Models() {
		offer := m.Offers[dashscope.Beijing]
		got := stats.Models[offer.Spelling]
		most := 2 * offer.Running
		if excess == "refuse" {
			most = offer.Running
			learned++
		}
		if got.MaxCreates > int(offer.SubmitsPerSecond) || got.MaxRunning > offer.Running || got.MaxOpen > most {
			w.wrong("%s: %+v; published are %g a second and %d at once", m.ID, got, offer.SubmitsPerSecond, offer.Running)
		}
	}
	if stats.MaxQueries > 20 || stats.Throttled > learned {
		w.wrong("%d queries within a second, %d requests refused as too many", stats.MaxQueries, stats.Throttled)
	}
	if stats.Pictures != fourBudget {
		w.wrong("%d pictures were bought; the budget is %d", stats.Pictures, fourBudget)
	}
}

// judgeAnswers: whoever asked got a picture, a task to ask for, or the plain word
// that an order was taken back, by a death or by its client, before it was sent.
func (w *world) judgeAnswers() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.calls {
		if c.answer.isError && c.answer.TaskID != "" && !slices.Contains([]string{"NOT_SUBMITTED", "CANCELED"}, c.answer.Status) {
			w.wrong("%s: request %d was answered with an error: %s", c.server.name, c.id, c.answer.text)
		}
	}
}
