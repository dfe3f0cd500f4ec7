package tasks_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/tasks"
	"wan-image-mcp/tasks/journal"
)

// wan26 is an order for which the service tells no prompt.
func wan26(prompt string) tasks.Order {
	return tasks.Order{Caller: me, Request: dashscope.ImageRequest{Model: "wan2.6-t2i", Prompt: prompt, N: 1}}
}

// created is the service's id of the task with this prompt, "" for none.
func (w *world) created(prompt string) (id string) {
	for _, e := range w.sim.Log() {
		if e.TaskID != "" && e.Prompt == prompt {
			id = e.TaskID
		}
	}
	return id
}

// mustBe checks that the task is the one that the service made for its prompt.
func (l *life) mustBe(task tasks.Task) {
	l.w.Helper()
	l.mustKeep(task, 1)
	if want := l.w.created(task.Request.Prompt); task.UpstreamTaskID != want {
		l.w.Errorf("%s: got task %s of the service, want its own, %s", task.Request.Prompt, task.UpstreamTaskID, want)
	}
}

// Lost answers for which the service tells no prompt are told apart by time alone:
// the next submission of a model waits until no window overlaps.
func TestWindowsDoNotOverlap(t *testing.T) {
	for _, c := range []struct {
		name  string
		first string
		state tasks.State
	}{
		{"the first never arrived", "[sim:cut-before]", tasks.NotSubmitted},
		{"the first hangs and never arrives", "[sim:hang-before]", tasks.NotSubmitted},
		{"the first arrived", "[sim:cut-after]", tasks.Succeeded},
		{"the first hangs and arrived", "[sim:hang]", tasks.Succeeded},
		{"the first arrived late", "[sim:delay=50s]", tasks.Succeeded},
	} {
		for _, second := range []string{"[sim:cut-after]", "[sim:hang]", "[sim:delay=50s]"} {
			t.Run(c.name+" "+second, func(t *testing.T) {
				inWorld(t, simulator.Options{}, func(w *world) {
					l := w.live(w.tinyPictures, withDates)
					defer l.end()
					a, b := l.order(wan26("a door "+c.first)), l.order(wan26("a window "+second))
					first, next := l.wait(a), l.wait(b)
					if first.State != c.state {
						w.Errorf("the first: got %s (%s), want %s", first.State, first.Reason, c.state)
					}
					if c.state == tasks.Succeeded {
						l.mustBe(first)
					}
					l.mustBe(next)
				})
			})
		}
	}
}

// Two doubts whose windows overlap after all, and one task that fits both.
func TestTaskThatFitsTwoDoubts(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live(w.tinyPictures, withDates, func(c *tasks.Config) { c.UnknownGrace = 10 * time.Minute })
		defer l.end()
		a := l.order(wan26("a door [sim:cut-before]"))
		l.until(a, tasks.Unknown)
		b := l.order(wan26("a window [sim:cut-after]"))
		l.until(b, tasks.Unknown)
		_, err := l.cfg.Journal.Change(w.Context(), a.Task().ID, nil, func(t *journal.Task) error {
			t.Sent, t.Deadline = t.Sent.Add(80*time.Second), t.Deadline.Add(80*time.Second)
			return nil
		})
		if err != nil {
			w.Fatal(err)
		}
		for _, ticket := range []*tasks.Ticket{a, b} {
			task, err := ticket.Wait(w.Context(), 30*time.Minute, nil)
			if err != nil {
				w.Fatal(err)
			}
			if task.State != tasks.Unknown {
				w.Errorf("%s: got %s with task %s of the service, want UNKNOWN: it may be either's", task.Request.Prompt, task.State, task.UpstreamTaskID)
			}
		}
	})
}

// A long --unknown-grace puts off the conclusion that nothing was bought, and
// nothing else: the list is read as often, and the line waits no longer.
func TestLongGrace(t *testing.T) {
	const prompt = "a door [sim:cut-after]"
	inWorld(t, simulator.Options{}, func(w *world) {
		start := time.Now()
		l := w.live(w.tinyPictures, func(c *tasks.Config) {
			c.UnknownGrace = 9 * time.Minute
			c.Client.Transport = bendList(w.sim, func(p *listed) {
				if time.Since(start) < 2*time.Minute {
					p.hide(w.created(prompt))
				}
			})
		})
		defer l.end()
		lost, next := l.order(flash(prompt)), l.order(flash("a window"))
		l.mustBe(l.wait(next))
		if took := time.Since(start); took > 2*time.Minute {
			w.Errorf("the line moved after %v, want at most 2m", took)
		}
		l.mustBe(l.wait(lost))
		if took := time.Since(start); took > 4*time.Minute {
			w.Errorf("the task was found after %v, want at most 4m", took)
		}
	})
}

// A task with the same prompt that was made before or after the lost submission
// is another client's.
func TestSamePromptAtAnotherTime(t *testing.T) {
	const foreign = `{"n":1,"model":"wan2.2-t2i-flash","size":"512*512","prompt":"a door [sim:cut-before]","spread_ms":1}`
	for name, when := range map[string]time.Duration{"before": -5 * time.Minute, "after": 5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				l := w.live(withDates)
				defer l.end()
				if when < 0 {
					w.admin("foreign", foreign)
					time.Sleep(-when)
				} else {
					w.inject(simulator.Fault{Op: "list", Kind: "status", Status: 500, N: -1})
				}
				ticket := l.order(flash("a door [sim:cut-before]"))
				l.until(ticket, tasks.Unknown)
				if when > 0 {
					time.Sleep(when)
					w.admin("foreign", foreign)
					w.sim.ClearFaults()
				}
				if task := l.wait(ticket); task.State != tasks.NotSubmitted {
					w.Errorf("got %s with task %s of the service, want NOT_SUBMITTED", task.State, task.UpstreamTaskID)
				}
			})
		})
	}
}

// The clocks of the service: its Date header may be far from ours, and the times
// in its list some seconds from that.
func TestServiceWithAnotherClock(t *testing.T) {
	for _, c := range []struct{ date, list time.Duration }{
		{time.Hour, time.Hour}, {-time.Hour, -time.Hour}, {0, 20 * time.Second}, {0, -20 * time.Second},
	} {
		for _, known := range []bool{false, true} {
			t.Run(c.date.String()+" "+c.list.String()+map[bool]string{true: " known", false: " not known"}[known], func(t *testing.T) {
				inWorld(t, simulator.Options{}, func(w *world) {
					shifted := bendList(w.sim, func(p *listed) {
						for _, row := range p.rows {
							row["gmt_create"] = made(row) + c.list.Milliseconds()
						}
					})
					l := w.live(w.tinyPictures, func(cfg *tasks.Config) {
						cfg.Client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
							resp, err := shifted(r)
							if err == nil {
								resp.Header.Set("Date", time.Now().Add(c.date).UTC().Format(http.TimeFormat))
							}
							return resp, err
						})
					})
					defer l.end()
					if known {
						l.mustBe(l.generate(wan26("a wall")))
					}
					l.mustBe(l.generate(wan26("a door [sim:cut-after]")))
				})
			})
		}
	}
}

// While one process reads the list, another finds the task: what the first
// concludes then comes too late.
func TestResolvedWhileTheListIsRead(t *testing.T) {
	const prompt = "a door [sim:cut-after]"
	for _, c := range []struct {
		name, foreign string
		after         time.Duration
	}{
		// Just before the second list without it, which would be the proof.
		{"which has no candidate", "", 60500 * time.Millisecond},
		// Just before the first list that is old enough to be believed.
		{"which has another client's task", `{"n":1,"model":"wan2.6-t2i","size":"1280*1280","spread_ms":1}`, 59 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				var due atomic.Bool // then l and ticket are set
				var l *life
				var ticket *tasks.Ticket
				l = w.live(w.tinyPictures, func(cfg *tasks.Config) {
					cfg.Client.Transport = bendList(w.sim, func(p *listed) {
						p.hide(w.created(prompt))
						if due.CompareAndSwap(true, false) {
							l.resolved(ticket.Task().ID, w.created(prompt))
						}
					})
				})
				defer l.end()
				ticket = l.order(wan26(prompt))
				l.until(ticket, tasks.Unknown)
				if c.foreign != "" {
					w.admin("foreign", c.foreign)
				}
				time.Sleep(c.after)
				due.Store(true)
				l.mustBe(l.wait(ticket))
			})
		})
	}
}

// resolved gives a row its task, as another process would.
func (l *life) resolved(id, upstreamID string) {
	l.w.Helper()
	_, err := l.cfg.Journal.Change(l.w.Context(), id, nil, func(t *journal.Task) error {
		t.UpstreamID, t.State, t.Accepted, t.InDoubt = upstreamID, "PENDING", time.Now(), false
		return nil
	})
	if err != nil {
		l.w.Fatal(err)
	}
}
