package tasks_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/tasks"
)

// A key that is replaced belongs to the same account: what was ordered with the old
// one is looked after with the new one, and counts against the same budget. Another
// account's tasks are left alone, and so are those that a process still works on.
func TestAnotherKeyOfTheAccount(t *testing.T) {
	slow := func(w *world, l *life) string {
		ticket := l.order(flash("a door [sim:slow=300s]"))
		_, _ = ticket.Wait(w.Context(), 10*time.Second, nil)
		ticket.Done(false)
		return ticket.Task().ID
	}
	for _, c := range []struct {
		name    string
		stays   bool // the process with the old key
		account bool // the new key is another account's
		want    string
	}{
		{"the old process is gone", false, false, "service#new"},
		{"the old process still works", true, false, "service#old"},
		{"another account", false, true, "service#old"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				old := w.live(orderedWith("old"))
				id := slow(w, old)
				if !c.stays {
					old.end()
				} else {
					defer old.end()
				}
				l := w.live(orderedWith("new"), func(cfg *tasks.Config) {
					if c.account {
						elsewhere, err := simulator.New(simulator.Options{})
						if err != nil {
							w.Fatal(err)
						}
						cfg.Client.Transport = elsewhere
					}
				})
				defer l.end()
				time.Sleep(10 * time.Second)
				row, err := l.cfg.Journal.Task(w.Context(), id)
				if err != nil || row.Upstream != c.want {
					w.Fatalf("the task is one of %s, %v; want %s", row.Upstream, err, c.want)
				}
				if c.want != "service#new" {
					return
				}
				ticket, err := l.Attend(w.Context(), me, id)
				if err != nil {
					w.Fatal(err)
				}
				l.mustKeep(l.wait(ticket), 1)
				if b, err := l.Budget(w.Context()); err != nil || b.ImagesToday != 1 {
					w.Errorf("the budget counts %d, %v; want 1", b.ImagesToday, err)
				}
				w.mustHaveCreated(1)
			})
		})
	}
}

// orderedWith is a process with another key of the same account.
func orderedWith(key string) func(*tasks.Config) {
	return func(c *tasks.Config) { c.Upstream, c.Address = "service#"+key, "service#" }
}

// The two keys' orders may have the same idempotency_key: what was paid for is
// looked after all the same.
func TestAnotherKeyWithTheSameIdempotencyKey(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		old, l := w.live(orderedWith("old")), w.live(orderedWith("new"))
		defer l.end()
		first, second := flash("a door [sim:slow=1800s]"), flash("a window")
		first.IdempotencyKey, second.IdempotencyKey = "k", "k"
		ticket := old.order(first)
		l.mustKeep(l.generate(second), 1)
		old.end()
		time.Sleep(2 * time.Minute)
		again, err := l.Attend(w.Context(), me, ticket.Task().ID)
		if err != nil {
			w.Fatal(err)
		}
		l.mustKeep(l.wait(again), 1)
		w.mustHaveCreated(2)
	})
}

// A task of the other key that somebody has asked for by the service's id is looked
// after already: it is no reason to ask about it each minute.
func TestAnotherKeyIsAskedAboutOnce(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		const prompt = "a door [sim:slow=30s]"
		old, l := w.live(orderedWith("old")), w.live(orderedWith("new"))
		defer l.end()
		w.inject(simulator.Fault{Op: "image", Kind: "status", Status: 503, N: -1})
		old.until(old.order(flash(prompt)), tasks.Succeeded)
		w.sim.ClearFaults()
		byHand, err := l.Attend(w.Context(), tasks.Caller{Owner: "me", AdoptForeign: true}, w.created(prompt))
		if err != nil {
			w.Fatal(err)
		}
		old.end()
		l.mustKeep(l.wait(byHand), 1)
		time.Sleep(5 * time.Minute)
		before := w.sim.Stats().Queries
		time.Sleep(30 * time.Minute)
		if got := w.sim.Stats().Queries - before; got != 0 {
			w.Errorf("questions about a task that is kept: got %d in half an hour, want none", got)
		}
	})
}

// Another account's task may be answered with a refusal: one is enough.
func TestAnotherAccountThatIsRefusedIsAskedOnce(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		old := w.live(orderedWith("old"))
		old.order(flash("a door [sim:slow=1800s]"))
		time.Sleep(10 * time.Second)
		old.end()
		asked := 0
		l := w.live(orderedWith("new"), func(c *tasks.Config) {
			c.Client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				asked++
				return &http.Response{
					StatusCode: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
					Body: io.NopCloser(strings.NewReader(`{"code":"AccessDenied","message":"Access denied.","request_id":"r1"}`)),
				}, nil
			})
		})
		defer l.end()
		time.Sleep(30 * time.Minute)
		if asked != 1 {
			w.Errorf("questions about another account's task: got %d in half an hour, want 1", asked)
		}
	})
}
