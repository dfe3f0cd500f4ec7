package tasks_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/tasks"
	"wan-image-mcp/tasks/journal"
)

// A service that says "too much" to everything for a minute costs nobody a
// picture, and no task more than four POSTs.
func TestBusyForAMinute(t *testing.T) {
	for _, code := range []string{"Throttling.RateQuota", "Throttling.Concurrency", "Throttling.AllocationQuota"} {
		for _, count := range []int{1, 12} {
			t.Run(fmt.Sprint(code, " ", count), func(t *testing.T) {
				inWorld(t, simulator.Options{Speed: 4}, func(w *world) {
					for _, op := range []string{"create", "task", "list", "cancel"} {
						w.inject(simulator.Fault{Op: op, Kind: "status", Status: 429, Code: code, N: 100_000})
					}
					time.AfterFunc(time.Minute, w.sim.ClearFaults)
					lives := []*life{w.live(w.tinyPictures), w.live(w.tinyPictures)}
					defer lives[0].end()
					defer lives[1].end()
					var tickets []*tasks.Ticket
					for i := range count {
						o := flash(fmt.Sprint("door ", i))
						o.Caller.Session = fmt.Sprint("session ", i%3)
						tickets = append(tickets, lives[i%2].order(o))
					}
					for i, ticket := range tickets {
						lives[i%2].mustKeep(lives[i%2].wait(ticket), 1)
					}
					rows, err := lives[0].cfg.Journal.Recent(w.Context(), "simulator", "me", 100)
					if err != nil || len(rows) != count {
						w.Fatal(rows, err)
					}
					for _, row := range rows {
						if row.Posts > 4 {
							w.Errorf("%s was sent %d times", row.Request, row.Posts)
						}
					}
					w.mustHaveCreated(count)
					if got := w.sim.Stats().Refused; got > 12 {
						w.Errorf("%d refusals within a minute", got)
					}
				})
			})
		}
	}
}

// bent is a way to the service on which the list's statuses are changed.
func bent(to http.RoundTripper, status string) roundTrip {
	return retold(to, `"status":"[A-Z]+"`, `"status":"`+status+`"`)
}

// Twenty tasks are watched through a list that lags, lies or fails: each is known
// to have ended soon after it has, and the service is asked no more than it allows.
func TestListThatCannotBeTrusted(t *testing.T) {
	for name, bend := range map[string]func(*world) http.RoundTripper{
		"tells the truth":         nil,
		"says that all goes on":   func(w *world) http.RoundTripper { return bent(w.sim, "RUNNING") },
		"says that all has ended": func(w *world) http.RoundTripper { return bent(w.sim, "SUCCEEDED") },
		"says what nobody knows":  func(w *world) http.RoundTripper { return bent(w.sim, "UNKNOWN") },
		"shows tasks a minute late": func(w *world) http.RoundTripper {
			w.admin("lag", `{"list_lag_ms":60000}`)
			return w.sim
		},
		"knows other tasks": func(w *world) http.RoundTripper { return w.always("lie") },
		"never answers":     func(w *world) http.RoundTripper { return w.always("hang") },
		"fails": func(w *world) http.RoundTripper {
			w.inject(simulator.Fault{Op: "list", Kind: "status", Status: 500, N: 100_000})
			return w.sim
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 5))
			var mu sync.Mutex
			took := func(string) time.Duration {
				mu.Lock()
				defer mu.Unlock()
				return duration(services[1].draw(r))
			}
			inWorld(t, simulator.Options{Took: took}, func(w *world) {
				via := http.RoundTripper(w.sim)
				if bend != nil {
					via = bend(w)
				}
				l := w.live(w.tinyPictures, func(c *tasks.Config) { c.Client.Transport = via })
				defer l.end()
				var d delays
				known := map[string]bool{}
				l.Subscribe(func(task tasks.Task) {
					mu.Lock()
					defer mu.Unlock()
					if task.State.Terminal() && !known[task.ID] {
						known[task.ID] = true
						d.add(time.Since(task.Ended))
					}
				})
				var tickets []*tasks.Ticket
				for i := range 36 {
					model := []string{"wan2.5-t2i-preview", "wan2.6-t2i", "wan2.2-t2i-flash"}[i%3]
					tickets = append(tickets, l.order(tasks.Order{Caller: me, Request: dashscope.ImageRequest{
						Model: model, Prompt: fmt.Sprint("door ", i), N: 1, Size: map[bool]string{true: "512*512"}[model == "wan2.2-t2i-flash"],
					}}))
				}
				for _, ticket := range tickets {
					if task := l.wait(ticket); task.State != tasks.Succeeded {
						w.Errorf("got %s (%s), want SUCCEEDED", task.State, task.Reason)
					}
				}
				mean, p95 := d.meanAndP95()
				stats := w.sim.Stats()
				w.Logf("known %.2f s after the end, p95 %.2f, last %.2f; %d looks and %d lists", mean, p95, d.all[len(d.all)-1], stats.Queries, stats.Lists)
				if mean > 3 || p95 > 10 {
					w.Errorf("known %.1f s after the end, p95 %.1f; want at most 3 and 10", mean, p95)
				}
				if stats.Throttled > 0 || stats.MaxQueries > 20 {
					w.Errorf("%d refusals, %d questions within a second", stats.Throttled, stats.MaxQueries)
				}
			})
		})
	}
}

// always has the list fail in one way.
func (w *world) always(kind string) http.RoundTripper {
	w.Helper()
	w.inject(simulator.Fault{Op: "list", Kind: kind, N: 100_000})
	return w.sim
}

// From one day to the next the service takes three times as long, and then again
// as long as before.
func TestTimesThatTriple(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	slower := 1.0
	took := func(string) time.Duration { return duration(slower * services[0].draw(r)) }
	inWorld(t, simulator.Options{Took: took}, func(w *world) {
		l := w.live(w.tinyPictures)
		defer l.end()
		var d delays
		known := map[string]bool{}
		l.Subscribe(func(task tasks.Task) {
			if task.State.Terminal() && !known[task.ID] {
				known[task.ID] = true
				d.add(time.Since(task.Ended))
			}
		})
		for _, day := range []struct {
			slower     float64
			mean, most float64 // delay in seconds that is admitted
			looks      float64 // a task
		}{
			{1, 1.7, 6, 6.3}, // what the official SDK's plan comes to
			{3, 2.3, 6, 1.6 * 10.5},
			{1, 1.7, 6, 6.3},
		} {
			slower, d.all = day.slower, nil
			before := w.sim.Stats().Queries
			for i := range 20 {
				l.mustKeep(l.generate(flash(fmt.Sprintf("door %g %d", day.slower, i))), 1)
			}
			mean, _ := d.meanAndP95()
			most, looks := d.all[len(d.all)-1], float64(w.sim.Stats().Queries-before)/20
			w.Logf("times %g as long: known %.2f s after the end, at most %.1f, %.1f looks", day.slower, mean, most, looks)
			if mean > day.mean || most > day.most || looks > day.looks {
				w.Errorf("times %g as long: known %.2f s after the end, at most %.1f, %.1f looks; want at most %.2f, %.1f, %.1f", day.slower, mean, most, looks, day.mean, day.most, day.looks)
			}
			time.Sleep(12 * time.Hour)
		}
	})
}

// stopped is a process that stands still in the middle of a POST, as after
// SIGSTOP: its lease runs out, another process takes over what it held, and then
// it goes on.
func TestStoppedWhileItHoldsTheSlot(t *testing.T) {
	for _, c := range []struct {
		name    string
		before  bool // before the POST has left
		stopped time.Duration
		states  []tasks.State
		created int
	}{
		{"before its POST", true, 20 * time.Second, []tasks.State{tasks.Succeeded}, 1},
		{"before its POST, until it has timed out", true, 40 * time.Second, []tasks.State{tasks.NotSubmitted}, 0},
		{"after its POST", false, 20 * time.Second, []tasks.State{tasks.Succeeded}, 1},
		{"after its POST, until it has timed out", false, 40 * time.Second, []tasks.State{tasks.Succeeded}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				var posting sync.Once
				at := make(chan struct{})
				stop := func() { posting.Do(func() { close(at); time.Sleep(c.stopped) }) }
				a := w.live(func(cfg *tasks.Config) {
					cfg.Client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
						if r.Method == http.MethodPost && c.before {
							stop()
						}
						resp, err := w.sim.RoundTrip(r)
						if r.Method == http.MethodPost && !c.before {
							stop()
						}
						return resp, err
					})
				})
				b := w.live()
				defer a.end()
				defer b.end()
				ticket := a.order(flash("a door"))
				next := b.order(flash("another door"))
				<-at
				for start := time.Now(); time.Since(start) < c.stopped; time.Sleep(100 * time.Millisecond) {
					a.loseLease(ticket.Task().ID)
				}
				task := a.wait(ticket)
				if task.State != c.states[0] {
					w.Fatalf("got %s (%s), want %v", task.State, task.Reason, c.states)
				}
				if task.State == tasks.Succeeded {
					a.mustKeep(task, 1)
				}
				start := time.Now()
				b.mustKeep(b.wait(next), 1)
				if took := time.Since(start); took > 2*time.Minute {
					w.Errorf("the other process waited %v more", took)
				}
				w.mustHaveCreated(c.created + 1)
			})
		})
	}
}

// loseLease has the lease of a task run out, if its first holder still has it.
func (l *life) loseLease(id string) {
	l.w.Helper()
	_, err := l.cfg.Journal.Change(l.w.Context(), id, nil, func(t *journal.Task) error {
		if t.Fence == 1 {
			t.LeaseUntil = time.Now().Add(-time.Second)
		}
		return nil
	})
	if err != nil {
		l.w.Fatal(err)
	}
}
