package tasks_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/tasks"
	"wan-image-mcp/tasks/journal"
)

// jump makes a task's row look as if the clock had jumped ahead by d since.
func (l *life) jump(id string, d time.Duration) {
	l.w.Helper()
	_, err := l.cfg.Journal.Change(l.w.Context(), id, nil, func(t *journal.Task) error {
		for _, at := range []*time.Time{&t.LeaseUntil, &t.NotBefore, &t.Sent, &t.Deadline, &t.Doubted, &t.Accepted, &t.Looked} {
			if !at.IsZero() {
				*at = at.Add(-d)
			}
		}
		t.ClockAhead, t.ClockKnown = d, true
		return nil
	})
	if err != nil {
		l.w.Fatal(err)
	}
}

func (l *life) order(o tasks.Order) *tasks.Ticket {
	l.w.Helper()
	ticket, err := l.Generate(l.w.Context(), o)
	if err != nil {
		l.w.Fatal(err)
	}
	return ticket
}

// until waits for a state.
func (l *life) until(ticket *tasks.Ticket, state tasks.State) {
	l.w.Helper()
	for range 1000 {
		task, err := ticket.Wait(l.w.Context(), 100*time.Millisecond, nil)
		if err != nil {
			l.w.Fatal(err)
		}
		if task.State == state {
			return
		}
	}
	l.w.Fatalf("the task did not become %s", state)
}

func TestClockJumps(t *testing.T) {
	for _, d := range []time.Duration{time.Hour, -time.Hour} {
		t.Run("while an outcome is unknown "+d.String(), func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				l := w.live()
				defer l.end()
				w.inject(simulator.Fault{Op: "list", Kind: "status", Status: 500, N: 3})
				ticket := l.order(flash("a door [sim:cut-after]"))
				l.until(ticket, tasks.Unknown)
				l.jump(ticket.Task().ID, d)
				start := time.Now()
				l.mustKeep(l.wait(ticket), 1)
				if took := time.Since(start); took > 10*time.Minute {
					w.Errorf("found after %v", took)
				}
				w.mustHaveCreated(1)
			})
		})
		t.Run("while the list does not show it "+d.String(), func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				hidden := true
				l := w.live(func(c *tasks.Config) {
					c.Client.Transport = bendList(w.sim, func(p *listed) {
						if hidden {
							p.rows, p.page["total"] = []map[string]any{}, 1000
						}
					})
				})
				defer l.end()
				ticket := l.order(flash("a door [sim:cut-after]"))
				l.until(ticket, tasks.Unknown)
				time.Sleep(20 * time.Second)
				l.jump(ticket.Task().ID, d)
				hidden = false
				start := time.Now()
				l.mustKeep(l.wait(ticket), 1)
				if took := time.Since(start); took > 10*time.Minute {
					w.Errorf("found after %v", took)
				}
			})
		})
		t.Run("while it is drawn "+d.String(), func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				l := w.live()
				defer l.end()
				ticket := l.order(flash("a door [sim:slow=30s]"))
				_, _ = ticket.Wait(w.Context(), 8*time.Second, nil)
				l.jump(ticket.Task().ID, d)
				start := time.Now()
				l.mustKeep(l.wait(ticket), 1)
				if took := time.Since(start); took > time.Minute {
					w.Errorf("kept after %v", took)
				}
			})
		})
		t.Run("while another waits for a doubt "+d.String(), func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				l := w.live()
				defer l.end()
				doubt := l.order(flash("a door [sim:cut-before]"))
				l.until(doubt, tasks.Unknown)
				l.jump(doubt.Task().ID, d)
				start := time.Now()
				l.mustKeep(l.generate(flash("another door")), 1)
				if took := time.Since(start); took > 5*time.Minute {
					w.Errorf("the line moved after %v", took)
				}
				if task := l.wait(doubt); task.State != tasks.NotSubmitted || time.Since(start) > 10*time.Minute {
					w.Errorf("the doubt: got %s after %v, want NOT_SUBMITTED within 10m", task.State, time.Since(start))
				}
			})
		})
		t.Run("while another waits for a doubt that stays one "+d.String(), func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				l := w.live()
				defer l.end()
				w.inject(simulator.Fault{Op: "list", Kind: "status", Status: 500, N: -1})
				doubt := l.order(flash("a door [sim:cut-before]"))
				l.until(doubt, tasks.Unknown)
				l.jump(doubt.Task().ID, d)
				start := time.Now()
				l.mustKeep(l.generate(flash("another door")), 1)
				if took := time.Since(start); took > 5*time.Minute {
					w.Errorf("the line moved after %v", took)
				}
			})
		})
	}
	t.Run("while it is queued in a living process", func(t *testing.T) {
		inWorld(t, simulator.Options{}, func(w *world) {
			a, b := w.live(), w.live()
			defer a.end()
			defer b.end()
			a.order(flash("a blocker [sim:hang-before]"))
			time.Sleep(time.Second)
			queued := a.order(flash("a queued door"))
			for range 10 {
				time.Sleep(700 * time.Millisecond)
				a.jump(queued.Task().ID, time.Hour)
			}
			a.mustKeep(a.wait(queued), 1)
		})
	})
}

// The answer to a POST comes long after everybody believed it lost.
func TestLateNews(t *testing.T) {
	late := func(w *world, after time.Duration, fail bool) func(*tasks.Config) {
		return func(c *tasks.Config) {
			c.Client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				resp, err := w.sim.RoundTrip(r)
				if r.Method == http.MethodPost {
					time.Sleep(after)
					if fail {
						return nil, errors.New("reset")
					}
				}
				return resp, err
			})
		}
	}
	t.Run("bad news do not undo what was found", func(t *testing.T) {
		inWorld(t, simulator.Options{}, func(w *world) {
			l := w.live(late(w, 100*time.Second, true))
			defer l.end()
			task := l.generate(flash("a door"))
			l.mustKeep(task, 1)
			time.Sleep(10 * time.Minute)
			again, err := l.Get(w.Context(), me, task.ID)
			if err != nil {
				w.Fatal(err)
			}
			l.mustKeep(again, 1)
		})
	})
	t.Run("the service's own answer beats a guess", func(t *testing.T) {
		inWorld(t, simulator.Options{}, func(w *world) {
			l := w.live(late(w, 3*time.Second, false))
			defer l.end()
			ticket := l.order(flash("a door"))
			l.until(ticket, tasks.Submitting)
			w.admin("foreign", `{"n":1,"model":"wan2.2-t2i-flash","size":"512*512","spread_ms":1}`)
			page, err := l.cfg.Client.Tasks(w.Context(), dashscope.TaskFilter{})
			if err != nil {
				w.Fatal(err)
			}
			var truth, foreign string
			for _, e := range w.sim.Log() {
				if e.TaskID != "" {
					truth = e.TaskID
				}
			}
			for _, row := range page.Tasks {
				if row.TaskID != truth {
					foreign = row.TaskID
				}
			}
			_, err = l.cfg.Journal.Change(w.Context(), ticket.Task().ID, nil, func(t *journal.Task) error {
				t.UpstreamID, t.State, t.Accepted = foreign, "PENDING", time.Now()
				t.Holder, t.Fence = "somebody", t.Fence+1
				return nil
			})
			if err != nil {
				w.Fatal(err)
			}
			if task := l.wait(ticket); task.UpstreamTaskID != truth {
				w.Errorf("got task %s of the service, want the one that it answered with, %s", task.UpstreamTaskID, truth)
			}
		})
	})
}

func TestOneBadCandidateDoesNotHideOurs(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		bad := "none"
		l := w.live(func(c *tasks.Config) {
			c.Client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				if strings.HasSuffix(r.URL.Path, bad) {
					return &http.Response{StatusCode: http.StatusInternalServerError, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
				}
				return w.sim.RoundTrip(r)
			})
		})
		defer l.end()
		w.admin("foreign", `{"n":1,"model":"wan2.2-t2i-flash","size":"512*512","spread_ms":1}`)
		page, err := l.cfg.Client.Tasks(w.Context(), dashscope.TaskFilter{})
		if err != nil || len(page.Tasks) == 0 {
			w.Fatal(err)
		}
		bad = page.Tasks[0].TaskID
		l.mustKeep(l.generate(flash("a door [sim:cut-after]")), 1)
	})
}

// The list does not show our task yet, but a foreign one that looks the same.
func TestForeignTaskInALaggingList(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		defer l.end()
		w.admin("foreign", `{"n":1,"model":"wan2.6-t2i","size":"1280*1280","spread_ms":1}`)
		time.Sleep(22 * time.Second)
		w.admin("lag", `{"list_lag_ms":20000}`)
		ticket := l.order(tasks.Order{Caller: me, Request: dashscope.ImageRequest{Prompt: "a door [sim:cut-after]", N: 1}})
		task, err := ticket.Wait(w.Context(), 20*time.Minute, nil)
		if err != nil {
			w.Fatal(err)
		}
		if task.State != tasks.Unknown {
			w.Errorf("got %s with task %s of the service, want UNKNOWN: two tasks may be it", task.State, task.UpstreamTaskID)
		}
	})
}

func TestTaskOfAnotherUpstreamIsLeftAlone(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		a := w.live()
		ticket := a.order(flash("a door [sim:slow=600s]"))
		_, _ = ticket.Wait(w.Context(), 10*time.Second, nil)
		ticket.Done(false)
		a.end()
		time.Sleep(3 * time.Minute)
		elsewhere, err := simulator.New(simulator.Options{})
		if err != nil {
			w.Fatal(err)
		}
		b := w.live(func(c *tasks.Config) { c.Upstream, c.Client.Transport = "another region", elsewhere })
		for range 6 {
			x, err := b.Attend(w.Context(), me, ticket.Task().ID)
			if err != nil {
				w.Fatal(err)
			}
			_, _ = x.Wait(w.Context(), 2*time.Second, nil)
			x.Done(false)
		}
		b.end()
		a = w.live()
		defer a.end()
		again, err := a.Attend(w.Context(), me, ticket.Task().ID)
		if err != nil {
			w.Fatal(err)
		}
		a.mustKeep(a.wait(again), 1)
	})
}

func TestSynchronousCallsRunSideBySide(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live(func(c *tasks.Config) { c.Sync = true })
		defer l.end()
		start := time.Now()
		var tickets []*tasks.Ticket
		for range 4 {
			tickets = append(tickets, l.order(tasks.Order{Caller: me, Request: dashscope.ImageRequest{Prompt: "a door", N: 1}}))
		}
		for _, ticket := range tickets {
			l.mustKeep(l.wait(ticket), 1)
		}
		if took := time.Since(start); took > 90*time.Second {
			w.Errorf("four at once took %v", took)
		}
	})
}
