package tasks_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/tasks"
)

// admin turns a knob of the simulator.
func (w *world) admin(path, body string) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), http.MethodPost, "http://127.0.0.1:8080/admin/"+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	resp, err := w.sim.RoundTrip(req)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		w.Fatalf("admin %s: HTTP %d", path, resp.StatusCode)
	}
}

func (w *world) inject(f simulator.Fault) {
	w.Helper()
	if err := w.sim.Inject(f); err != nil {
		w.Fatal(err)
	}
}

func flash(prompt string) tasks.Order {
	return tasks.Order{Caller: me, Request: dashscope.ImageRequest{Model: "wan2.2-t2i-flash", Prompt: prompt, N: 1, Size: "512*512"}}
}

func TestLostAnswerIsFoundInABadList(t *testing.T) {
	for name, bend := range map[string]func(*world){
		"lags 40 s":            func(w *world) { w.admin("lag", `{"list_lag_ms":40000}`) },
		"fails for a while":    func(w *world) { w.inject(simulator.Fault{Op: "list", Kind: "status", Status: 500, N: 8}) },
		"is empty for a while": func(w *world) { w.inject(simulator.Fault{Op: "list", Kind: "empty", N: 4}) },
		"has other types":      func(w *world) { w.inject(simulator.Fault{Op: "list", Kind: "wrong_type", N: 4}) },
		"ends in the middle":   func(w *world) { w.inject(simulator.Fault{Op: "list", Kind: "truncate", N: 4}) },
		"lies for a while":     func(w *world) { w.inject(simulator.Fault{Op: "list", Kind: "lie", N: 10}) },
		"hangs":                func(w *world) { w.inject(simulator.Fault{Op: "list", Kind: "hang", N: 3}) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				l := w.live()
				defer l.end()
				bend(w)
				l.mustKeep(l.generate(flash("a door [sim:cut-after]")), 1)
				w.mustHaveCreated(1)
			})
		})
	}
}

func TestForeignTasksAreNotMistakenForOurs(t *testing.T) {
	for _, c := range []struct {
		name, foreign, model, size string
		fault                      string
		want                       tasks.State
	}{
		{"the prompt tells", `{"n":3,"model":"wan2.2-t2i-flash","size":"512*512","spread_ms":20000}`, "wan2.2-t2i-flash", "512*512", "[sim:cut-after]", tasks.Succeeded},
		{"only foreign prompts", `{"n":3,"model":"wan2.2-t2i-flash","size":"512*512","spread_ms":20000}`, "wan2.2-t2i-flash", "512*512", "[sim:cut-before]", tasks.NotSubmitted},
		{"the size tells", `{"n":3,"model":"wan2.6-t2i","size":"1440*1440","spread_ms":20000}`, "wan2.6-t2i", "1280*1280", "[sim:cut-after]", tasks.Succeeded},
		{"the count tells", `{"n":3,"model":"wan2.6-t2i","images":2,"spread_ms":20000}`, "wan2.6-t2i", "1280*1280", "[sim:cut-after]", tasks.Succeeded},
		{"nothing tells", `{"n":1,"model":"wan2.6-t2i","spread_ms":20000}`, "wan2.6-t2i", "1280*1280", "[sim:cut-after]", tasks.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				l := w.live()
				defer l.end()
				w.admin("foreign", c.foreign)
				ticket, err := l.Generate(w.Context(), tasks.Order{Caller: me, Request: dashscope.ImageRequest{Model: c.model, Prompt: "a door " + c.fault, N: 1, Size: c.size}})
				if err != nil {
					w.Fatal(err)
				}
				task, err := ticket.Wait(w.Context(), 20*time.Minute, nil)
				if err != nil {
					w.Fatal(err)
				}
				if task.State != c.want {
					w.Fatalf("got %s (%s), want %s", task.State, task.Reason, c.want)
				}
				if c.want == tasks.Succeeded {
					l.mustKeep(task, 1)
				}
			})
		})
	}
}

// A lost order of which only a part was made is found by how many were asked for.
func TestLostAnswerOfAPartialSuccess(t *testing.T) {
	for _, model := range []string{"wan2.6-t2i", "wan2.2-t2i-flash"} {
		inWorld(t, simulator.Options{}, func(w *world) {
			l := w.live()
			defer l.end()
			task := l.generate(tasks.Order{Caller: me, Request: dashscope.ImageRequest{Model: model, Prompt: "a door [sim:cut-after] [sim:partial]", N: 3, Size: smallest(model)}})
			if task.State != tasks.Succeeded || len(task.Pictures) != 3 || !task.Pictures[0].IsKept() || !task.Pictures[1].IsKept() {
				w.Errorf("%s: got %s (%s) with %d pictures, want SUCCEEDED with two of three", model, task.State, task.Reason, len(task.Pictures))
			}
			w.mustHaveCreated(1)
		})
	}
}

// What the service says of a task may be less, or more, than usual: nothing that
// may be ours is overlooked for it.
func TestLostAnswerInOtherWords(t *testing.T) {
	for _, c := range []struct {
		name, pattern, by string
		want              tasks.State
	}{
		{"the list names a version of the model", `"model_name":"wan2.6-t2i"`, `"model_name":"wan2.6-t2i-2025-12-16"`, tasks.Succeeded},
		{"nobody tells how many were asked for", `"task_metrics":\{[^}]*\}`, `"task_metrics":{}`, tasks.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				l := w.live(func(cfg *tasks.Config) { cfg.Client.Transport = retold(w.sim, c.pattern, c.by) })
				defer l.end()
				ticket := l.order(tasks.Order{Caller: me, Request: dashscope.ImageRequest{Prompt: "a door [sim:cut-after] [sim:partial]", N: 3}})
				task, err := ticket.Wait(w.Context(), 20*time.Minute, nil)
				if err != nil || task.State != c.want {
					w.Errorf("got %s (%s), %v, want %s", task.State, task.Reason, err, c.want)
				}
				w.mustHaveCreated(1)
			})
		})
	}
}

func TestTwoLostAnswersWithOnePromptAreTwoTasks(t *testing.T) {
	for _, model := range []string{"wan2.6-t2i", "wan2.2-t2i-flash"} {
		t.Run(model, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				l := w.live()
				defer l.end()
				var tickets []*tasks.Ticket
				for range 2 {
					ticket, err := l.Generate(w.Context(), tasks.Order{Caller: me, Request: dashscope.ImageRequest{Model: model, Prompt: "a door [sim:cut-after]", N: 1, Size: smallest(model)}})
					if err != nil {
						w.Fatal(err)
					}
					tickets = append(tickets, ticket)
				}
				a, b := l.wait(tickets[0]), l.wait(tickets[1])
				l.mustKeep(a, 1)
				l.mustKeep(b, 1)
				if a.UpstreamTaskID == b.UpstreamTaskID {
					w.Error("both have the same task of the service")
				}
				w.mustHaveCreated(2)
			})
		})
	}
}

func TestForeignIDs(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		defer l.end()
		mine := l.generate(order("a door"))
		adopter := tasks.Caller{Owner: "me", AdoptForeign: true}
		found, err := l.Attend(w.Context(), me, mine.UpstreamTaskID)
		if err != nil || found.Task().ID != mine.ID {
			w.Fatalf("our task by the service's id: got %v, %v", found, err)
		}
		found.Done(true)

		w.admin("foreign", `{"n":1}`)
		page, err := l.cfg.Client.Tasks(w.Context(), dashscope.TaskFilter{})
		if err != nil {
			w.Fatal(err)
		}
		var foreign string
		for _, row := range page.Tasks {
			if row.TaskID != mine.UpstreamTaskID {
				foreign = row.TaskID
			}
		}
		if _, err := l.Attend(w.Context(), me, foreign); err == nil {
			w.Error("a foreign task was adopted for a caller who may not")
		}
		ticket, err := l.Attend(w.Context(), adopter, foreign)
		if err != nil {
			w.Fatal(err)
		}
		l.mustKeep(l.wait(ticket), 1)
		if _, err := l.Attend(w.Context(), adopter, "00000000-0000-0000-0000-000000000000"); err == nil {
			w.Error("a task that does not exist was adopted")
		}
		if b, _ := l.Budget(w.Context()); b.ImagesToday != 1 {
			w.Errorf("budget: got %d, want 1: a foreign task was not bought here", b.ImagesToday)
		}
	})
}

// A service id that nobody knows is offered to all doubts of a model with one reading
// of the list, which may be long.
func TestForeignIDCostsOneReadingOfTheList(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		defer l.end()
		w.admin("foreign", `{"n":1}`)
		page, err := l.cfg.Client.Tasks(w.Context(), dashscope.TaskFilter{})
		if err != nil {
			w.Fatal(err)
		}
		w.inject(simulator.Fault{Op: "list", Kind: "status", Status: 500, N: -1})
		for range 3 {
			l.until(l.order(flash("a door [sim:cut-before]")), tasks.Unknown)
			time.Sleep(3 * time.Minute)
		}
		w.sim.ClearFaults()
		before := w.sim.Stats().Lists
		if _, err := l.Attend(w.Context(), tasks.Caller{Owner: "me", AdoptForeign: true}, page.Tasks[0].TaskID); err != nil {
			w.Fatal(err)
		}
		if got := w.sim.Stats().Lists - before; got != 1 {
			w.Errorf("pages of the list: got %d, want 1", got)
		}
	})
}

// TestForeignRowYields: somebody asked for a service id by hand while our own
// submission with that id was still a question, and the list did not show it yet.
func TestForeignRowYields(t *testing.T) {
	const prompt = "a door [sim:cut-after]"
	inWorld(t, simulator.Options{}, func(w *world) {
		hidden := true
		l := w.live(func(c *tasks.Config) {
			c.Client.Transport = bendList(w.sim, func(p *listed) {
				if hidden {
					p.hide(w.created(prompt))
				}
			})
		})
		defer l.end()
		ticket := l.order(flash(prompt))
		time.Sleep(20 * time.Second)
		byHand, err := l.Attend(w.Context(), tasks.Caller{Owner: "me", AdoptForeign: true}, w.created(prompt))
		if err != nil || byHand.Task().ID == ticket.Task().ID {
			w.Fatalf("by the service's id: got %s, %v, want a row of its own for now", byHand.Task().ID, err)
		}
		hidden = false
		l.mustBe(l.wait(ticket))
		if got := l.now(byHand.Task().ID); got.State != tasks.Canceled || !strings.Contains(got.Reason, ticket.Task().ID) {
			w.Errorf("the row that was made by hand is %s (%s), want CANCELED with the name of the task", got.State, got.Reason)
		}
		if b, err := l.Budget(w.Context()); err != nil || b.ImagesToday != 1 {
			w.Errorf("budget: got %+v, %v, want 1", b, err)
		}
	})
}
