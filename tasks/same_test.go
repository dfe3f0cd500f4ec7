package tasks_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/tasks"
)

func TestIdempotencyKey(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live(func(c *tasks.Config) { c.BudgetImagesPerDay = 2 })
		defer l.end()
		keyed := flash("a door")
		keyed.IdempotencyKey = "k1"

		ids := make([]string, 32)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() { ids[i] = l.generate(keyed).ID })
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] {
				w.Fatalf("32 calls with one key: got tasks %s and %s", ids[0], id)
			}
		}
		if again := l.generate(keyed); again.ID != ids[0] || !again.Deduplicated {
			w.Errorf("after the delivery: got %s (deduplicated %v), want %s", again.ID, again.Deduplicated, ids[0])
		}
		w.mustHaveCreated(1)

		other := flash("a window")
		other.IdempotencyKey = "k1"
		if _, err := l.Generate(w.Context(), other); !errors.Is(err, tasks.ErrKeyReused) {
			w.Errorf("same key, other arguments: got %v, want ErrKeyReused", err)
		}

		big := flash("three doors")
		big.Request.N, big.IdempotencyKey = 3, "k2"
		if _, err := l.Generate(w.Context(), big); !errors.Is(err, tasks.ErrBudget) {
			w.Errorf("over the budget: got %v, want ErrBudget", err)
		}
		small := flash("one door")
		small.IdempotencyKey = "k2"
		l.mustKeep(l.generate(small), 1) // the key of a refused call is free
	})
}

func TestKeyOfWhatWasNeverBoughtIsFree(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		defer l.end()
		o := flash("a door [sim:cut-before=1]")
		o.IdempotencyKey = "k"
		if task := l.generate(o); task.State != tasks.NotSubmitted {
			w.Fatalf("got %s, want NOT_SUBMITTED", task.State)
		}
		l.mustKeep(l.generate(o), 1)
	})
}

func TestSameArgumentsWithoutKey(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		defer l.end()
		first, err := l.Generate(w.Context(), flash("a door"))
		if err != nil {
			w.Fatal(err)
		}
		// Four calls at once are four pictures: each has its own live request.
		parallel, err := l.Generate(w.Context(), flash("a door"))
		if err != nil || parallel.Task().ID == first.Task().ID {
			w.Fatalf("a second live request: got %v, %v, want a task of its own", parallel.Task().ID, err)
		}
		// The client gives up on the first and asks again: it is the same order.
		ctx, cancel := context.WithCancel(w.Context())
		cancel()
		if _, err := first.Wait(ctx, time.Minute, nil); !errors.Is(err, context.Canceled) {
			w.Fatalf("canceled wait: got %v", err)
		}
		first.Done(false)
		again, err := l.Generate(w.Context(), flash("a door"))
		if err != nil || again.Task().ID != first.Task().ID || !again.Task().Deduplicated {
			w.Fatalf("asking again: got %+v, %v, want task %s", again.Task(), err, first.Task().ID)
		}
		l.mustKeep(l.wait(again), 1)
		// It was delivered: asking once more is a new purchase.
		if task := l.generate(flash("a door")); task.ID == first.Task().ID {
			w.Error("a call after the delivery got the old task")
		}
		l.wait(parallel)
		w.mustHaveCreated(3)
	})
}

func TestUndeliveredOrderIsForgottenAfterAWhile(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		defer l.end()
		first, err := l.Generate(w.Context(), flash("a door"))
		if err != nil {
			w.Fatal(err)
		}
		first.Done(false)
		time.Sleep(14 * time.Minute)
		again, err := l.Generate(w.Context(), flash("a door"))
		if err != nil || again.Task().ID != first.Task().ID {
			w.Errorf("14 minutes later: got %s, %v, want the order that nobody was given", again.Task().ID, err)
		}
		again.Done(false)
		time.Sleep(2 * time.Minute)
		if task := l.generate(flash("a door")); task.ID == first.Task().ID {
			w.Error("16 minutes later the same arguments found the old order")
		}
	})
}

func TestAnswerWithoutPicturesDeliversNothing(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		defer l.end()
		first, err := l.Generate(w.Context(), flash("a door"))
		if err != nil {
			w.Fatal(err)
		}
		if _, err := first.Wait(w.Context(), 0, nil); err != nil {
			w.Fatal(err)
		}
		first.Done(true) // "still running" was delivered, the picture was not
		if again := l.generate(flash("a door")); again.ID != first.Task().ID {
			w.Error("after 'still running' the same arguments bought another picture")
		}
		w.mustHaveCreated(1)
	})
}

func TestDeadProcessWaitsOnNothing(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		first, err := l.Generate(w.Context(), flash("a door"))
		if err != nil {
			w.Fatal(err)
		}
		l.end() // without first.Done
		l = w.live()
		defer l.end()
		if again := l.generate(flash("a door")); again.ID != first.Task().ID {
			w.Error("the request of a dead process counted as live")
		}
		w.mustHaveCreated(1)
	})
}

// A command asks more than once for what its user waits for all the time.
func TestCommandWaitsUntilItEnds(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		command := func(c *tasks.Config) { c.Command = true }
		one := w.live(command)
		first := one.order(flash("a door [sim:slow=100s]"))
		first.Done(false) // and get_task comes next
		other := w.live(command)
		second := other.order(flash("a door [sim:slow=100s]"))
		if second.Task().ID == first.Task().ID {
			w.Error("two commands at once: the second found the first one's order, want one of its own")
		}
		time.Sleep(10 * time.Second)
		one.end() // interrupted
		third := other.order(flash("a door [sim:slow=100s]"))
		if third.Task().ID != first.Task().ID {
			w.Errorf("after the end of a command: got %s, want its order %s", third.Task().ID, first.Task().ID)
		}
		other.mustKeep(other.wait(third), 1)
		third.Done(true) // and yet it may not reach the user
		other.end()
		last := w.live(command)
		defer last.end()
		if again := last.order(flash("a door [sim:slow=100s]")); again.Task().ID != first.Task().ID {
			w.Errorf("before the delivery: got %s, want %s", again.Task().ID, first.Task().ID)
		}
		if err := last.Delivered(w.Context(), me, first.Task().ID); err != nil {
			w.Error(err)
		}
		if again := last.order(flash("a door [sim:slow=100s]")); again.Task().ID != second.Task().ID {
			w.Errorf("after the delivery: got %s, want %s", again.Task().ID, second.Task().ID)
		}
		w.mustHaveCreated(2)
	})
}

func TestOwnersAreStrangers(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		defer l.end()
		mine := l.generate(flash("a door"))
		stranger := tasks.Caller{Owner: "stranger", AdoptForeign: true}
		const nothing = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
		_, missing := l.Attend(w.Context(), stranger, nothing)
		_, foreign := l.Attend(w.Context(), stranger, mine.ID)
		if missing == nil || foreign == nil {
			w.Fatalf("got %v and %v, want errors", missing, foreign)
		}
		if got, want := blank(foreign, mine.ID), blank(missing, nothing); got != want {
			w.Errorf("another owner's task: got %q, want as for none: %q", got, want)
		}
		if _, _, err := l.Bytes(w.Context(), stranger, mine.ID, 1); !errors.Is(err, tasks.ErrNoSuchTask) {
			w.Errorf("another owner's picture: got %v", err)
		}
		if _, err := l.Cancel(w.Context(), stranger, mine.ID); !errors.Is(err, tasks.ErrNoSuchTask) {
			w.Errorf("another owner's cancel: got %v", err)
		}
		if got, err := l.Recent(w.Context(), stranger, 10); err != nil || len(got) != 0 {
			w.Errorf("another owner's list: got %d tasks, %v", len(got), err)
		}
		// By the service's id a stranger gets at most what the account shows anyone,
		// never the owner's row.
		if _, err := l.Attend(w.Context(), stranger, mine.UpstreamTaskID); err == nil {
			w.Error("another owner's task was handed out by its service id")
		}
	})
}

func blank(err error, id string) string {
	text := err.Error()
	for i := 0; i+len(id) <= len(text); i++ {
		if text[i:i+len(id)] == id {
			return text[:i] + "ID" + text[i+len(id):]
		}
	}
	return text
}

func TestBudget(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		limit := func(c *tasks.Config) { c.BudgetImagesPerDay, c.MaxImagesPerCall = 3, 3 }
		l := w.live(limit)
		four := flash("doors")
		four.Request.N = 4
		if _, err := l.Generate(w.Context(), four); err == nil || !strings.Contains(err.Error(), "--max-images-per-call") {
			w.Errorf("four images in a call: got %v, want a refusal that names the flag", err)
		}
		two := flash("two doors")
		two.Request.N = 2
		l.mustKeep(l.generate(two), 2)
		l.end()
		l = w.live(limit) // the count survives the process
		defer l.end()
		_, err := l.Generate(w.Context(), two)
		if !errors.Is(err, tasks.ErrBudget) {
			w.Fatalf("over the budget: got %v, want ErrBudget", err)
		}
		w.Log(err)
		failing := flash("a door [sim:fail]")
		l.generate(failing) // not billed, so it gives its place back
		l.mustKeep(l.generate(flash("a third door")), 1)
		if b, err := l.Budget(w.Context()); err != nil || b.ImagesToday != 3 || b.Limit != 3 || b.ResetsAt == "" {
			w.Errorf("budget: got %+v, %v", b, err)
		}
		now := time.Now()
		time.Sleep(time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 1, 0, now.Location()).Sub(now))
		l.mustKeep(l.generate(flash("tomorrow's door")), 1)
	})
}

func TestPartialSuccessIsPaidInPart(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		defer l.end()
		o := flash("doors [sim:partial]")
		o.Request.N = 3
		task := l.generate(o)
		if task.State != tasks.Succeeded || task.Billed != 2 || len(task.Pictures) != 3 {
			w.Fatalf("got %s, billed %d, %d pictures, want SUCCEEDED, 2, 3", task.State, task.Billed, len(task.Pictures))
		}
		if !task.Pictures[0].IsKept() || !task.Pictures[1].IsKept() || task.Pictures[2].Reason == "" {
			w.Errorf("got %+v, want two pictures and a reason", task.Pictures)
		}
		if b, _ := l.Budget(w.Context()); b.ImagesToday != 2 {
			w.Errorf("budget: got %d, want 2", b.ImagesToday)
		}
	})
}
