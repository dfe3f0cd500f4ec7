package tasks_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/tasks"
	"wan-image-mcp/tasks/journal"
)

// inFlight are the tasks that are watched at once.
const inFlight = 50

// fifty is what watching fifty tasks at once came to.
type fifty struct {
	mean, p95          float64 // delay in seconds
	queries, throttled float64 // per task
}

// figureFifty watches fifty tasks all the time: as soon as one is known to have
// ended, another begins.
func figureFifty(t *testing.T) {
	count := 150
	if *figures {
		count = 500
	}
	row := table(t, "fifty (simulated)\tclient\tmean delay s\tp95 s\tqueries a task\t429 a task\tdelay x ours\tqueries x ours")
	all := services
	if !*figures {
		all = services[:1]
	}
	for i, s := range all {
		var ours fifty
		run := func(name string, watch func(*figureWorld, int) fifty) fifty {
			var got fifty
			t.Run(s.name+" "+name, func(t *testing.T) {
				inFigure(t, drawn(s, uint64(i)), func(f *figureWorld) { got = watch(f, count) })
			})
			if ours == (fifty{}) {
				ours = got
			}
			if got != (fifty{}) {
				row("%s\t%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.1f\t%.1f", s.name, name, got.mean, got.p95, got.queries, got.throttled, got.mean/ours.mean, got.queries/ours.queries)
			}
			return got
		}
		got := run("ours", watchWithService)
		if got.mean > 1 || got.throttled > 0 {
			t.Errorf("%s: mean delay %.2f s, %.2f refusals a task; the goals are 1 and 0", s.name, got.mean, got.throttled)
		}
		if i == 0 && got.queries > 2 {
			t.Errorf("%s: %.2f queries a task; the goal is 2", s.name, got.queries)
		}
		if !*figures {
			continue
		}
		run("official SDK's plan", watchWith(sdk, nil))
		run("the same behind a limiter", watchWith(sdk, rate.NewLimiter(19, 1)))
		run("each second", watchWith(fixed(1), nil))
	}
}

// drawn draws the times of tasks.
func drawn(s service, seed uint64) func(string) time.Duration {
	r := rand.New(rand.NewPCG(11, seed))
	return func(string) time.Duration { return duration(s.draw(r)) }
}

// create has the service begin a task that takes no slot of anybody.
func (f *figureWorld) create() string {
	f.Helper()
	req, err := http.NewRequestWithContext(f.Context(), http.MethodPost, "http://127.0.0.1:8080/admin/foreign", strings.NewReader(`{"n":1,"spread_ms":0}`))
	if err != nil {
		f.Fatal(err)
	}
	resp, err := f.sim.RoundTrip(req)
	if err != nil {
		f.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var made struct {
		IDs []string `json:"task_ids"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || len(made.IDs) != 1 {
		f.Fatal(made, err)
	}
	return made.IDs[0]
}

// keepFifty calls watch for count tasks, always fifty at once.
func (f *figureWorld) keepFifty(count int, watch func(id string)) {
	var all sync.WaitGroup
	left := make(chan struct{}, count)
	for range count {
		left <- struct{}{}
	}
	close(left)
	for range inFlight {
		all.Go(func() {
			for range left {
				watch(f.create())
			}
		})
	}
	all.Wait()
}

func fiftyOf(d *delays, stats simulator.Stats, count int) fifty {
	mean, p95 := d.meanAndP95()
	n := float64(count)
	return fifty{mean, p95, float64(stats.Queries+stats.Lists) / n, float64(stats.Throttled) / n}
}

// watchWithService has the production code watch the tasks. It finds them in the
// journal as those of a process that has ended, which is the way to have fifty at
// once: the running limits of the models would not let it buy so many.
func watchWithService(f *figureWorld, count int) fifty {
	other, err := journal.Open(filepath.Join(f.dir, "journal.db"))
	if err != nil {
		f.Fatal(err)
	}
	defer func() { _ = other.Close() }() // nothing more is asked of it
	l := f.serve()
	defer l.end()
	var d delays
	var mu sync.Mutex
	waiting := map[string]chan struct{}{}
	stop := l.Subscribe(func(task tasks.Task) {
		mu.Lock()
		defer mu.Unlock()
		if known := waiting[task.ID]; known != nil && task.State.Terminal() {
			d.add(time.Since(task.Ended))
			close(known)
			delete(waiting, task.ID)
		}
	})
	defer stop()
	f.keepFifty(count, func(id string) {
		known, now := make(chan struct{}), time.Now()
		row := journal.Task{
			ID: id, Upstream: l.cfg.Upstream, Owner: me.Owner, Session: me.Session, Fingerprint: id, Model: dashscope.DefaultModel, N: 1,
			Foreign: true, UpstreamID: id, Request: []byte("{}"), State: string(tasks.Pending), Open: true,
			Holder: "gone", Created: now, Accepted: now, Looked: now, Billed: -1,
		}
		mu.Lock()
		waiting[id] = known
		mu.Unlock()
		if err := other.Insert(f.Context(), row); err != nil {
			f.Error(err)
			return
		}
		<-known
	})
	return fiftyOf(&d, f.sim.Stats(), count)
}

func watchWith(next plan, limiter *rate.Limiter) func(*figureWorld, int) fifty {
	return func(f *figureWorld, count int) fifty {
		client, d := plainClient{f.net}, &delays{}
		f.keepFifty(count, func(id string) {
			d.add(client.follow(f.T, id, next, func() {
				if limiter != nil {
					_ = limiter.Wait(f.Context()) // the test's own end
				}
			}))
		})
		return fiftyOf(d, f.sim.Stats(), count)
	}
}
