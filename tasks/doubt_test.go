package tasks_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/tasks"
)

// What has not ended yet, or is not known for now, may be ours: the question stays
// open for as long.
func TestCandidateThatIsNotKnownYet(t *testing.T) {
	t.Run("it runs for longer than the grace", func(t *testing.T) {
		inWorld(t, simulator.Options{}, func(w *world) {
			l := w.live()
			defer l.end()
			l.mustBe(l.generate(wan26("a door [sim:cut-after][sim:slow=300s]")))
		})
	})
	t.Run("the service denies it for a while", func(t *testing.T) {
		inWorld(t, simulator.Options{}, func(w *world) {
			l := w.live()
			defer l.end()
			w.admin("foreign", `{"n":1,"model":"wan2.2-t2i-flash","size":"512*512","prompt":"another's door","spread_ms":1}`)
			w.inject(simulator.Fault{Op: "task", Kind: "lie", N: -1})
			ticket := l.order(flash("a door [sim:cut-before]"))
			time.Sleep(5 * time.Minute)
			w.sim.ClearFaults()
			if task := l.wait(ticket); task.State != tasks.NotSubmitted {
				w.Errorf("got %s with task %s of the service, want NOT_SUBMITTED", task.State, task.UpstreamTaskID)
			}
		})
	})
}

// Nothing tells what became of a submission until the service has forgotten it:
// that is said, and the pictures count as bought.
func TestNeverFoundOut(t *testing.T) {
	const prompt = "a door [sim:cut-after]"
	for name, fails := range map[string]bool{
		"the list always fails":        true,
		"the list comes back too late": false, // an empty one is no proof when the day is nearly over
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				hidden := func(c *tasks.Config) {
					c.Client.Transport = bendList(w.sim, func(p *listed) { p.hide(w.created(prompt)) })
				}
				l := w.live(hidden)
				w.inject(simulator.Fault{Op: "list", Kind: "status", Status: 500, N: -1})
				ticket := l.order(flash(prompt))
				l.until(ticket, tasks.Unknown)
				l.end()
				time.Sleep(23*time.Hour + 15*time.Minute)
				if !fails {
					w.sim.ClearFaults()
				}
				l = w.live(hidden)
				defer l.end()
				for range 4 { // who asks has the list read again
					again, err := l.Attend(w.Context(), me, ticket.Task().ID)
					if err != nil {
						w.Fatal(err)
					}
					_, _ = again.Wait(w.Context(), 10*time.Second, nil)
					again.Done(false)
				}
				l.mustExpire(ticket.Task().ID, 1)
			})
		})
	}
}

// mustExpire waits until it is said that the task's outcome will never be known.
func (l *life) mustExpire(id string, bought int) {
	l.w.Helper()
	ticket, err := l.Attend(l.w.Context(), me, id)
	if err != nil {
		l.w.Fatal(err)
	}
	if task := l.wait(ticket); task.State != tasks.Expired || task.Reason == "" {
		l.w.Errorf("got %s (%s), want EXPIRED", task.State, task.Reason)
	}
	count, _, err := l.cfg.Journal.Spent(l.w.Context(), "simulator", time.Time{})
	if err != nil || count != bought {
		l.w.Errorf("pictures that count as bought: got %d, %v, want %d", count, err, bought)
	}
}

// A lost synchronous answer leaves no task that could be found. It keeps nothing
// else back meanwhile.
func TestLostSynchronousAnswer(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		sync := func(c *tasks.Config) { c.Sync = true }
		l := w.live(sync)
		w.inject(simulator.Fault{Op: "sync", Kind: "cut_after"})
		ticket := l.order(wan26("a lost door"))
		l.until(ticket, tasks.Unknown)
		start := time.Now()
		l.mustKeep(l.generate(wan26("another door")), 1)
		if took := time.Since(start); took > time.Minute {
			w.Errorf("the next call waited %v", took)
		}
		time.Sleep(3 * time.Minute)
		if got := l.now(ticket.Task().ID).State; got != tasks.Unknown {
			w.Errorf("after three minutes: got %s, want UNKNOWN", got)
		}
		l.end()
		time.Sleep(24 * time.Hour)
		l = w.live(sync)
		defer l.end()
		l.mustExpire(ticket.Task().ID, 2)
		if lists := w.sim.Stats().Lists; lists != 0 {
			w.Errorf("the list was read %d times, where the task cannot be", lists)
		}
	})
}

// The service's id of a lost submission, asked for by hand, is the lost task.
func TestServiceIDOfALostSubmission(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		fails := true
		l := w.live(func(c *tasks.Config) {
			c.Client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				if fails && strings.HasSuffix(r.URL.Path, "/tasks/") {
					return &http.Response{StatusCode: http.StatusBadGateway, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
				}
				return w.sim.RoundTrip(r)
			})
		})
		defer l.end()
		ticket := l.order(flash("a door [sim:cut-after]"))
		time.Sleep(20 * time.Second)
		fails = false
		again, err := l.Attend(w.Context(), tasks.Caller{Owner: "me", AdoptForeign: true}, w.created("a door [sim:cut-after]"))
		if err != nil {
			w.Fatal(err)
		}
		if got, want := again.Task().ID, ticket.Task().ID; got != want {
			w.Errorf("got task %s, want %s", got, want)
		}
		l.mustBe(l.wait(ticket))
	})
}
