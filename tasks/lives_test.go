package tasks_test

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/tasks"
	"wan-image-mcp/tasks/journal"
)

func TestTwoProcessesShareTheWork(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		a, b := w.live(), w.live()
		defer b.end()
		ticket, err := a.Generate(w.Context(), flash("a door"))
		if err != nil {
			w.Fatal(err)
		}
		// What one process works on the other sees to its end.
		other, err := b.Attend(w.Context(), me, ticket.Task().ID)
		if err != nil {
			w.Fatal(err)
		}
		b.mustKeep(b.wait(other), 1)

		slow, err := a.Generate(w.Context(), flash("a slow door [sim:slow=60s]"))
		if err != nil {
			w.Fatal(err)
		}
		if _, err := slow.Wait(w.Context(), 10*time.Second, nil); err != nil {
			w.Fatal(err)
		}
		a.end()
		before := w.sim.Stats().Queries
		time.Sleep(2 * time.Second)
		if w.sim.Stats().Queries == before {
			w.Error("2 s after its process ended nobody had looked at the task")
		}
		again, err := b.Attend(w.Context(), me, slow.Task().ID)
		if err != nil {
			w.Fatal(err)
		}
		b.mustKeep(b.wait(again), 1)
		w.mustHaveCreated(2)
	})
}

func TestQueueKeepsToTheLimits(t *testing.T) {
	inWorld(t, simulator.Options{Speed: 4}, func(w *world) {
		a, b := w.live(), w.live()
		defer a.end()
		defer b.end()
		var tickets []*tasks.Ticket
		for i := range 24 {
			l := []*life{a, b}[i%2]
			ticket, err := l.Generate(w.Context(), flash("door "+string(rune('a'+i))))
			if err != nil {
				w.Fatal(err)
			}
			tickets = append(tickets, ticket)
		}
		if got := tickets[23].Task().Place; got != 0 {
			w.Logf("place: %d", got)
		}
		for i, ticket := range tickets {
			l := []*life{a, b}[i%2]
			l.mustKeep(l.wait(ticket), 1)
		}
		stats := w.sim.Stats()
		if stats.Throttled != 0 || stats.MaxCreates > 2 || stats.MaxQueries > 20 {
			w.Errorf("at the service's counter: %+v", stats)
		}
		w.mustHaveCreated(24)
	})
}

// A POST that lingers on its way, or in a process that was stopped, arrives nobody
// knows when: those after it keep their distance all the same.
func TestPaceAfterALatePOST(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		var late sync.Once
		l := w.live(func(c *tasks.Config) {
			c.Client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.Method == http.MethodPost {
					late.Do(func() { time.Sleep(3 * time.Second) })
				}
				return w.sim.RoundTrip(r)
			})
		})
		defer l.end()
		var tickets []*tasks.Ticket
		for i := range 4 {
			tickets = append(tickets, l.order(flash(fmt.Sprint("door ", i))))
		}
		for _, ticket := range tickets {
			l.mustKeep(l.wait(ticket), 1)
		}
		if stats := w.sim.Stats(); stats.Throttled != 0 || stats.MaxCreates > 2 {
			w.Errorf("%d POSTs within a second, %d refused; 2 a second are published", stats.MaxCreates, stats.Throttled)
		}
	})
}

func TestPlaceInLine(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		defer l.end()
		var last *tasks.Ticket
		for range 6 {
			ticket, err := l.Generate(w.Context(), flash("a door"))
			if err != nil {
				w.Fatal(err)
			}
			last = ticket
		}
		var places []int
		if _, err := last.Wait(w.Context(), time.Hour, func(t tasks.Task) {
			if t.State == tasks.Queued && (len(places) == 0 || places[len(places)-1] != t.Place) {
				places = append(places, t.Place)
			}
		}); err != nil {
			w.Fatal(err)
		}
		if len(places) < 2 || places[len(places)-1] != 1 {
			w.Errorf("places in line: got %v, want them to fall to 1", places)
		}
	})
}

func TestSessionsTakeTurns(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		defer l.end()
		for range 20 {
			if _, err := l.Generate(w.Context(), flash("a busy agent's door")); err != nil {
				w.Fatal(err)
			}
		}
		time.Sleep(5 * time.Second)
		o := flash("somebody else's door")
		o.Caller.Session = "two"
		start := time.Now()
		l.mustKeep(l.generate(o), 1)
		if got := time.Since(start); got > time.Minute {
			w.Errorf("behind a busy agent a single picture took %v", got)
		}
	})
}

func TestCancel(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		defer l.end()
		blocker, err := l.Generate(w.Context(), flash("a blocker [sim:hang-before]"))
		if err != nil {
			w.Fatal(err)
		}
		time.Sleep(time.Second)
		queued, err := l.Generate(w.Context(), flash("a queued door"))
		if err != nil {
			w.Fatal(err)
		}
		task, err := l.Cancel(w.Context(), me, queued.Task().ID)
		if err != nil || task.State != tasks.Canceled {
			w.Fatalf("cancel before the POST: got %s, %v", task.State, err)
		}
		l.wait(blocker)
		w.mustHaveCreated(0)

		waiting, err := l.Generate(w.Context(), flash("a waiting door [sim:queue=60s]"))
		if err != nil {
			w.Fatal(err)
		}
		if _, err := waiting.Wait(w.Context(), 5*time.Second, nil); err != nil {
			w.Fatal(err)
		}
		task, err = l.Cancel(w.Context(), me, waiting.Task().ID)
		if err != nil || task.State != tasks.Canceled {
			w.Fatalf("cancel while PENDING: got %s, %v", task.State, err)
		}
		done := l.generate(flash("a finished door"))
		if _, err := l.Cancel(w.Context(), me, done.ID); err == nil {
			w.Error("a finished task was canceled")
		}
	})
}

func TestTicketCancelsOnlyForItself(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		a, b := w.live(), w.live()
		defer a.end()
		defer b.end()
		if _, err := a.Generate(w.Context(), flash("a blocker [sim:hang-before]")); err != nil {
			w.Fatal(err)
		}
		time.Sleep(time.Second)
		shared := flash("a shared door")
		shared.IdempotencyKey = "k"
		first, err := a.Generate(w.Context(), shared)
		if err != nil {
			w.Fatal(err)
		}
		for _, l := range []*life{a, b} {
			second, err := l.Generate(w.Context(), shared)
			if err != nil {
				w.Fatal(err)
			}
			if _, ok, err := second.Cancel(w.Context()); ok || err != nil {
				w.Fatalf("canceled what another live request waits on: %v, %v", ok, err)
			}
			second.Done(false)
		}
		if task, ok, err := first.Cancel(w.Context()); !ok || err != nil || task.State != tasks.Canceled {
			w.Fatalf("the last live request: got %v, %v, %s, want it canceled", ok, err, task.State)
		}
		first.Done(false)
		w.mustHaveCreated(0)
	})
}

// TestTicketCancelsWhileItsClientLeaves: a client that cancels stops waiting in the
// same moment, and its own leaving must not count as somebody else who waits.
func TestTicketCancelsWhileItsClientLeaves(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		defer l.end()
		if _, err := l.Generate(w.Context(), flash("a blocker [sim:hang-before]")); err != nil {
			w.Fatal(err)
		}
		time.Sleep(time.Second)
		for i := range 50 {
			ticket, err := l.Generate(w.Context(), flash(fmt.Sprintf("an unwanted door %d", i)))
			if err != nil {
				w.Fatal(err)
			}
			leaving, left := make(chan struct{}), make(chan struct{})
			go func() { defer close(left); close(leaving); ticket.Done(false) }()
			<-leaving
			for range i {
				runtime.Gosched() // so that the two meet at different points
			}
			if task, ok, err := ticket.Cancel(w.Context()); !ok || err != nil || task.State != tasks.Canceled {
				w.Fatalf("try %d: got %v, %v, %s, want it canceled", i, ok, err, task.State)
			}
			<-left
		}
		w.mustHaveCreated(0)
	})
}

func TestOldOrdersAreNotBoughtByALaterStart(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		if _, err := l.Generate(w.Context(), flash("a blocker [sim:hang-before]")); err != nil {
			w.Fatal(err)
		}
		time.Sleep(time.Second)
		queued, err := l.Generate(w.Context(), flash("a queued door"))
		if err != nil {
			w.Fatal(err)
		}
		l.end()
		time.Sleep(time.Hour)
		l = w.live()
		defer l.end()
		again, err := l.Attend(w.Context(), me, queued.Task().ID)
		if err != nil {
			w.Fatal(err)
		}
		if task := l.wait(again); task.State != tasks.NotSubmitted {
			w.Errorf("got %s, want NOT_SUBMITTED", task.State)
		}
		w.mustHaveCreated(0)
	})
}

// An order for a model that this program no longer has, left by an older one, comes
// to a plain end instead of to an error twice a second.
func TestModelThatIsNoLongerOffered(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		defer l.end()
		now := time.Now()
		row := journal.Task{
			ID: strings.Repeat("a", 26), Upstream: l.cfg.Upstream, Owner: me.Owner, Session: me.Session, Fingerprint: "f", Model: "wan0-t2i", N: 1,
			Request: []byte("{}"), State: string(tasks.Queued), Open: true, Holder: "gone", LeaseUntil: now, Created: now, Billed: -1, Counted: 1,
		}
		other, err := journal.Open(filepath.Join(w.dir, "journal.db"))
		if err != nil {
			w.Fatal(err)
		}
		if err := errors.Join(other.Insert(w.Context(), row), other.Close()); err != nil {
			w.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		task, err := l.Get(w.Context(), me, row.ID)
		if err != nil || task.State != tasks.NotSubmitted || !strings.Contains(task.Reason, "wan0-t2i is not offered in region beijing") {
			w.Errorf("got %s (%s), %v, want NOT_SUBMITTED with the reason", task.State, task.Reason, err)
		}
	})
}

func TestSync(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live(func(c *tasks.Config) { c.Sync = true })
		defer l.end()
		o := tasks.Order{Caller: me, Request: dashscope.ImageRequest{Prompt: "a door", N: 2}}
		task := l.generate(o)
		l.mustKeep(task, 2)
		if !task.Sync || task.UpstreamTaskID != "" {
			w.Errorf("got task %q of the service, want a synchronous call without one", task.UpstreamTaskID)
		}
		w.inject(simulator.Fault{Op: "sync", Kind: "cut_after"})
		ticket, err := l.Generate(w.Context(), tasks.Order{Caller: me, Request: dashscope.ImageRequest{Prompt: "a lost door", N: 1}})
		if err != nil {
			w.Fatal(err)
		}
		lost, err := ticket.Wait(w.Context(), 10*time.Minute, nil)
		if err != nil || lost.State != tasks.Unknown || lost.Reason == "" {
			w.Errorf("a lost synchronous answer: got %s (%s), %v, want UNKNOWN", lost.State, lost.Reason, err)
		}
		w.mustHaveCreated(2)
	})
}
