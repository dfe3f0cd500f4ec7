package tasks_test

import (
	"maps"
	"net/http"
	"strconv"
	"testing"
	"time"

	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/tasks"
)

// A list that makes no sense is no proof that nothing was bought.
func TestListThatProvesNothing(t *testing.T) {
	const nonsense = 5 * time.Minute // longer than the grace
	for name, lie := range map[string]map[string]any{
		"no total":           {"data": []any{}},
		"a negative total":   {"total": -3, "total_page": -1, "data": []any{}},
		"a total of words":   {"total": "many", "data": []any{}},
		"more rows than all": {"total": 0, "data": []any{map[string]any{"task_id": "another", "model_name": "wan2.6-t2i"}}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				began := time.Now()
				l := w.live(func(c *tasks.Config) {
					c.Client.Transport = rewritten(w.sim, isList, func(_ *http.Request, answer map[string]any) {
						if time.Since(began) < nonsense {
							clear(answer)
							maps.Copy(answer, lie)
						}
					})
				})
				defer l.end()
				l.mustKeep(l.generate(flash("a door [sim:cut-after]")), 1)
				w.mustHaveCreated(1)
			})
		})
	}
}

// A service that gives fewer rows a page than were asked for, and does not tell how
// many pages there are, is read to the end all the same.
func TestListInSmallPages(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		whole := roundTrip(func(r *http.Request) (*http.Response, error) { // one page with everything
			r = r.Clone(r.Context())
			q := r.URL.Query()
			q.Del("page_no")
			r.URL.RawQuery = q.Encode()
			return w.sim.RoundTrip(r)
		})
		l := w.live(func(c *tasks.Config) {
			c.Client.Transport = rewritten(whole, isList, func(r *http.Request, answer map[string]any) {
				rows, _ := answer["data"].([]any)
				for i := range 3 {
					rows = append([]any{map[string]any{"task_id": "another-" + strconv.Itoa(i), "model_name": "wan2.6-t2i"}}, rows...)
				}
				page, _ := strconv.Atoi(r.URL.Query().Get("page_no"))
				delete(answer, "total_page")
				answer["total"], answer["data"] = len(rows), rows[min(2*page-2, len(rows)):min(2*page, len(rows))]
			})
		})
		defer l.end()
		l.mustKeep(l.generate(flash("a door [sim:cut-after]")), 1)
		w.mustHaveCreated(1)
	})
}

// Without the service's clock, and the simulator tells none in this process, a task
// is not excluded because of ours.
func TestListByAnotherClock(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live(func(c *tasks.Config) {
			c.Client.Transport = bendList(w.sim, func(p *listed) {
				for _, row := range p.rows {
					row["gmt_create"] = made(row) + (5 * time.Minute).Milliseconds()
				}
			})
		})
		defer l.end()
		l.mustKeep(l.generate(flash("a door [sim:cut-after]")), 1)
		w.mustHaveCreated(1)
	})
}

// A list that leaves our task out, in ways that show, proves nothing, however
// often it is read. When it is whole again, the task is found.
func TestListThatLeavesOursOut(t *testing.T) {
	const prompt = "a door [sim:cut-after]"
	for name, bend := range map[string]func(p *listed, ours string, readings int){
		"a row cannot be read": func(p *listed, ours string, _ int) {
			p.hide(ours)
			p.rows = append(p.rows, map[string]any{"status": "SUCCEEDED"})
		},
		"it counts more tasks than it shows": func(p *listed, ours string, _ int) {
			p.hide(ours)
			p.page["total"] = len(p.rows) + 1
		},
		"only one was whole": func(p *listed, ours string, readings int) {
			p.hide(ours)
			if readings != 1 {
				p.page["total"] = 100
			}
		},
		"no two of them were whole one after the other": func(p *listed, ours string, readings int) {
			p.hide(ours)
			if readings%2 == 0 {
				p.page["total"] = 100
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				var sent time.Time
				readings := 0 // after the grace
				l := w.live(func(c *tasks.Config) {
					c.Client.Transport = bendList(w.sim, func(p *listed) {
						since := time.Since(sent)
						if since > time.Minute {
							readings++
						}
						if since < 9*time.Minute {
							bend(p, w.created(prompt), readings)
						}
					})
				})
				defer l.end()
				sent = time.Now()
				l.mustBe(l.generate(flash(prompt)))
				if readings < 3 {
					w.Errorf("readings after the grace: got %d, want some", readings)
				}
			})
		})
	}
}

// A list that is not whole may hide ours behind another client's task that looks
// the same.
func TestLookalikeInAListThatIsNotWhole(t *testing.T) {
	const prompt = "a door [sim:cut-after]"
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live(func(c *tasks.Config) {
			c.Client.Transport = bendList(w.sim, func(p *listed) {
				p.hide(w.created(prompt))
				p.page["total"] = len(p.rows) + 1
			})
		})
		defer l.end()
		w.admin("foreign", `{"n":1,"model":"wan2.6-t2i","size":"1280*1280","spread_ms":1}`)
		task, err := l.order(wan26(prompt)).Wait(w.Context(), 20*time.Minute, nil)
		if err != nil || task.State != tasks.Unknown {
			w.Errorf("got %s with task %s of the service, %v; want UNKNOWN", task.State, task.UpstreamTaskID, err)
		}
	})
}

// Ten thousand newer tasks of other clients: ours is on one of the last pages, and
// only all of them together prove that there is none.
func TestTaskBehindTenThousand(t *testing.T) {
	for marker, want := range map[string]tasks.State{"[sim:cut-after]": tasks.Succeeded, "[sim:cut-before]": tasks.NotSubmitted} {
		t.Run(marker, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				l := w.live(withDates)
				defer l.end()
				w.inject(simulator.Fault{Op: "list", Kind: "status", Status: 500, N: -1})
				ticket := l.order(flash("a door " + marker))
				time.Sleep(5 * time.Minute)
				w.admin("foreign", `{"n":10000,"model":"wan2.2-t2i-flash","size":"512*512","spread_ms":1000}`)
				w.sim.ClearFaults()
				task := l.wait(ticket)
				if task.State != want {
					w.Fatalf("got %s (%s), want %s", task.State, task.Reason, want)
				}
				if want == tasks.Succeeded {
					l.mustBe(task)
				}
			})
		})
	}
}

// A list that tells less of each task than the service's pages promise.
func TestListThatTellsLittle(t *testing.T) {
	for _, field := range []string{"model_name", "gmt_create"} {
		t.Run(field, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				l := w.live(func(c *tasks.Config) {
					c.Client.Transport = bendList(w.sim, func(p *listed) {
						for _, row := range p.rows {
							delete(row, field)
						}
					})
				})
				defer l.end()
				l.mustBe(l.generate(flash("a door [sim:cut-after]")))
			})
		})
	}
}
