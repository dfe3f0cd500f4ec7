package tasks_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/tasks"
)

// posts notes when each POST leaves for the service.
type posts struct {
	mu sync.Mutex
	at []time.Time
}

func (p *posts) via(to http.RoundTripper) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPost {
			p.mu.Lock()
			p.at = append(p.at, time.Now())
			p.mu.Unlock()
		}
		return to.RoundTrip(r)
	}
}

func (p *posts) watch(w *world) func(*tasks.Config) {
	return func(c *tasks.Config) { c.Client.Transport = p.via(w.sim) }
}

func (p *posts) all() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

// What was not sent, or refused for now, is sent again: a few times, and then it
// is said that nothing was bought.
func TestSentAgain(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault simulator.Fault
		state tasks.State
		posts int
	}{
		{"no connection, three times", simulator.Fault{Kind: "refuse_connection", N: 3}, tasks.Succeeded, 4},
		{"no connection", simulator.Fault{Kind: "refuse_connection", N: 100}, tasks.NotSubmitted, 4},
		{"throttled", simulator.Fault{Kind: "status", Code: "Throttling.RateQuota", N: 100}, tasks.Failed, 4},
		{"too many tasks at once", simulator.Fault{Kind: "status", Code: "Throttling.Concurrency", N: 100}, tasks.Failed, 4},
		{"no quota for a minute", simulator.Fault{Kind: "status", Code: "Throttling.AllocationQuota", N: 100}, tasks.Failed, 2},
		{"no quota at all", simulator.Fault{Kind: "status", Code: "PrepaidBillOverdue", N: 100}, tasks.Failed, 1},
		{"500", simulator.Fault{Kind: "status", Status: 500, N: 100}, tasks.NotSubmitted, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				var sent posts
				l := w.live(sent.watch(w))
				defer l.end()
				c.fault.Op = "create"
				w.inject(c.fault)
				o := flash("a door")
				o.IdempotencyKey = "k"
				task := l.generate(o)
				if task.State != c.state {
					w.Fatalf("got %s (%s), want %s", task.State, task.Reason, c.state)
				}
				if got := len(sent.all()); got != c.posts {
					w.Errorf("POSTs: got %d, want %d", got, c.posts)
				}
				if c.state == tasks.Succeeded {
					l.mustKeep(task, 1)
					return
				}
				w.mustHaveCreated(0)
				if b, err := l.Budget(w.Context()); err != nil || b.ImagesToday != 0 {
					w.Errorf("budget: got %+v, %v, want nothing spent", b, err)
				}
				if c.state == tasks.NotSubmitted { // the key of what was never bought is free
					w.sim.ClearFaults()
					l.mustKeep(l.generate(o), 1)
				}
			})
		})
	}
}

// The pages of the service disagree about how a model is spelt: the one that it
// does not know costs a POST, not the picture.
func TestOtherSpelling(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		refused := 0
		l := w.live(func(c *tasks.Config) {
			c.Client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.Method != http.MethodPost {
					return w.sim.RoundTrip(r)
				}
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return nil, err
				}
				if bytes.Contains(body, []byte("wanx2.1-t2i-turbo")) {
					refused++
					return &http.Response{
						StatusCode: http.StatusNotFound, Header: http.Header{}, Request: r,
						Body: io.NopCloser(strings.NewReader(`{"code":"ModelNotFound","message":"Model not exist."}`)),
					}, nil
				}
				body = bytes.ReplaceAll(body, []byte("wan2.1-t2i-turbo"), []byte("wanx2.1-t2i-turbo")) // as the simulator knows it
				r.Body = io.NopCloser(bytes.NewReader(body))
				r.ContentLength = int64(len(body))
				return w.sim.RoundTrip(r)
			})
		})
		defer l.end()
		o := tasks.Order{Caller: me, Request: dashscope.ImageRequest{Model: "wan2.1-t2i-turbo", Prompt: "a door", N: 1, Size: "512*512"}}
		l.mustKeep(l.generate(o), 1)
		if refused != 1 {
			w.Errorf("refused spellings: got %d, want 1", refused)
		}
	})
}

// A server that is told to end waits a moment for the answer to its POST: with the
// service's id in the journal nobody has to search for the task.
func TestAnswersAreWaitedForAtTheEnd(t *testing.T) {
	for _, c := range []struct {
		delay string
		most  time.Duration
		known bool
	}{
		{"3s", 3 * time.Second, true},
		{"20s", 7 * time.Second, false},
	} {
		t.Run(c.delay, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				l := w.live()
				ticket := l.order(flash("a door [sim:delay=" + c.delay + "]"))
				time.Sleep(time.Second)
				start := time.Now()
				l.end()
				if took := time.Since(start); took > c.most {
					w.Errorf("it ended after %v, want at most %v", took, c.most)
				}
				l = w.live()
				defer l.end()
				task, err := l.Get(w.Context(), me, ticket.Task().ID)
				if err != nil {
					w.Fatal(err)
				}
				if got := task.UpstreamTaskID != ""; got != c.known {
					w.Errorf("the service's id is known: got %v (%s), want %v", got, task.State, c.known)
				}
				again, err := l.Attend(w.Context(), me, task.ID)
				if err != nil {
					w.Fatal(err)
				}
				l.mustKeep(l.wait(again), 1)
				w.mustHaveCreated(1)
			})
		})
	}
}

// A process that was stopped between its slot and its POST does not send any more:
// by then others may have concluded that it never did.
func TestStoppedBeforeItsPost(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		var once sync.Once
		at := make(chan struct{})
		const stopped = 5 * time.Minute
		a, b := w.live(), w.live()
		defer a.end()
		defer b.end()
		a.Subscribe(func(t tasks.Task) {
			if t.State == tasks.Submitting {
				once.Do(func() { close(at); time.Sleep(stopped) })
			}
		})
		ticket := a.order(flash("a door"))
		<-at
		for start := time.Now(); time.Since(start) < stopped-time.Second; time.Sleep(100 * time.Millisecond) {
			a.loseLease(ticket.Task().ID)
		}
		if task := b.now(ticket.Task().ID); task.State != tasks.NotSubmitted {
			w.Fatalf("while it is stopped: got %s (%s), want NOT_SUBMITTED", task.State, task.Reason)
		}
		time.Sleep(10 * time.Minute)
		if task := a.now(ticket.Task().ID); task.State != tasks.NotSubmitted {
			w.Errorf("after it: got %s (%s), want NOT_SUBMITTED still", task.State, task.Reason)
		}
		w.mustHaveCreated(0)
	})
}

func (l *life) now(id string) tasks.Task {
	l.w.Helper()
	task, err := l.Get(l.w.Context(), me, id)
	if err != nil {
		l.w.Fatal(err)
	}
	return task
}

// The answer to a POST comes when the task was given up, found again and kept.
func TestLateAnswerTakesNoPictureBack(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live(func(c *tasks.Config) {
			c.Client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.Method != http.MethodPost {
					return w.sim.RoundTrip(r)
				}
				resp, err := w.sim.RoundTrip(r)
				if err != nil {
					return nil, err
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body = io.NopCloser(bytes.NewReader(body))
				time.Sleep(5 * time.Minute)
				return resp, err
			})
		})
		defer l.end()
		start := time.Now()
		task := l.generate(flash("a door"))
		l.mustKeep(task, 1)
		if took := time.Since(start); took > 3*time.Minute {
			w.Errorf("it was found after %v, want it given up when no answer can come any more", took)
		}
		l.Subscribe(func(t tasks.Task) {
			if t.State != tasks.Succeeded || !t.Pictures[0].IsKept() {
				w.Errorf("a task that had its picture became %s", t.State)
			}
		})
		time.Sleep(10 * time.Minute)
		l.mustKeep(l.now(task.ID), 1)
		w.mustHaveCreated(1)
	})
}

// A key whose call was taken back before anything was bought is free again.
func TestKeyOfACanceledOrderIsFree(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		defer l.end()
		l.order(flash("a blocker [sim:hang-before]"))
		time.Sleep(time.Second)
		o := flash("a door")
		o.IdempotencyKey = "k"
		first := l.order(o)
		if task, ok, err := first.Cancel(w.Context()); !ok || err != nil {
			w.Fatalf("got %s, %v, %v, want it canceled", task.State, ok, err)
		}
		first.Done(false)
		l.mustKeep(l.generate(o), 1)
	})
}
