package tasks_test

import (
	"fmt"
	"testing"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/tasks"
)

// The service says when it wants to be asked again: that is heeded, within reason.
func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		said        string
		least, most time.Duration
	}{
		{"40", 40 * time.Second, 45 * time.Second},
		{"3000", time.Minute, 65 * time.Second},
	} {
		t.Run(c.said, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				var sent posts
				l := w.live(sent.watch(w))
				defer l.end()
				w.inject(simulator.Fault{Op: "create", Kind: "status", Code: "Throttling.RateQuota", RetryAfter: c.said})
				l.mustKeep(l.generate(flash("a door")), 1)
				at := sent.all()
				if len(at) != 2 {
					w.Fatalf("POSTs: got %d, want 2", len(at))
				}
				if got := at[1].Sub(at[0]); got < c.least || got > c.most {
					w.Errorf("the second POST came after %v, want %v to %v", got, c.least, c.most)
				}
			})
		})
	}
}

func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		err         error
		posts       int
		least, most time.Duration
	}{
		{dashscope.ErrNotSent, 1, 0, 500 * time.Millisecond},
		{dashscope.ErrNotSent, 2, 0, 1500 * time.Millisecond},
		{dashscope.ErrNotSent, 3, 0, 4500 * time.Millisecond},
		{dashscope.ErrThrottled, 1, 2 * time.Second, 2500 * time.Millisecond},
		{dashscope.ErrThrottled, 3, 48 * time.Second, time.Minute},
		{dashscope.ErrAllocationQuota, 1, 0, 15 * time.Second},
	} {
		t.Run(fmt.Sprint(c.err, " ", c.posts), func(t *testing.T) {
			var low, high int
			for range 1000 {
				switch got := tasks.Backoff(c.posts, c.err); {
				case got < c.least || got > c.most:
					t.Fatalf("got %v, want %v to %v", got, c.least, c.most)
				case got < (c.least+c.most)/2:
					low++
				default:
					high++
				}
			}
			if low < 300 || high < 300 {
				t.Errorf("%d below the middle and %d above: it is to be anything in between", low, high)
			}
		})
	}
}

// Refusals that were followed by a success, or that are long over, make nobody
// wait longer.
func TestPausesBeginAnew(t *testing.T) {
	refuseOnce := simulator.Fault{Op: "create", Kind: "status", Code: "Throttling.RateQuota"}
	t.Run("after a success", func(t *testing.T) {
		inWorld(t, simulator.Options{Speed: 100}, func(w *world) {
			var sent posts
			l := w.live(w.tinyPictures, sent.watch(w))
			defer l.end()
			for range 3 {
				w.inject(refuseOnce)
				l.mustKeep(l.generate(flash("a door")), 1)
			}
			w.mustPause(sent.all(), 3)
		})
	})
	t.Run("after a while", func(t *testing.T) {
		inWorld(t, simulator.Options{}, func(w *world) {
			var sent posts
			l := w.live(w.tinyPictures, sent.watch(w))
			defer l.end()
			always := refuseOnce
			always.N = -1
			w.inject(always)
			if task := l.generate(flash("a door")); task.State != tasks.Failed {
				w.Fatalf("got %s, want FAILED", task.State)
			}
			w.sim.ClearFaults()
			time.Sleep(3 * time.Minute)
			w.inject(refuseOnce)
			l.mustKeep(l.generate(flash("a window")), 1)
			w.mustPause(sent.all()[4:], 1)
		})
	})
}

// mustPause checks that each refusal was followed by its second POST soon.
func (w *world) mustPause(sent []time.Time, refusals int) {
	w.Helper()
	if len(sent) != 2*refusals {
		w.Fatalf("POSTs: got %d, want %d", len(sent), 2*refusals)
	}
	for i := 0; i < len(sent); i += 2 {
		if got := sent[i+1].Sub(sent[i]); got < 2*time.Second || got > 4*time.Second {
			w.Errorf("the POST after refusal %d came after %v, want 2 to 4 s", i/2+1, got)
		}
	}
}
