package tasks_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/resources/store"
	"wan-image-mcp/tasks"
	"wan-image-mcp/tasks/journal"
)

// world is the service, one state folder, and the lives of a server on it, all
// in fake time.
type world struct {
	*testing.T
	dir string
	sim *simulator.Simulator
}

// inWorld runs a test in a bubble of fake time.
func inWorld(t *testing.T, options simulator.Options, test func(w *world)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		options.Strict = true
		sim, err := simulator.New(options)
		if err != nil {
			t.Fatal(err)
		}
		test(&world{T: t, dir: dir, sim: sim})
		if got := sim.Stats().Violations; got != 0 {
			t.Errorf("violations at the strict simulator: got %d, want 0", got)
		}
	})
}

// life is one server process.
type life struct {
	*tasks.Service
	w      *world
	cfg    tasks.Config
	cancel context.CancelFunc
	ended  chan error
}

// live starts a server on the world's state folder.
func (w *world) live(change ...func(*tasks.Config)) *life {
	w.Helper()
	j, err := journal.Open(filepath.Join(w.dir, "journal.db"))
	if err != nil {
		w.Fatal(err)
	}
	folder, err := store.Open(filepath.Join(w.dir, "pictures"), store.Options{Transport: w.sim, AllowHosts: []string{"127.0.0.1:8080"}, MinFree: -1})
	if err != nil {
		w.Fatal(err)
	}
	l := &life{w: w, ended: make(chan error, 1)}
	l.cfg = tasks.Config{
		Client:  &dashscope.Client{APIKey: "sk-canary", BaseURL: "http://127.0.0.1:8080/api/v1", Transport: w.sim},
		Journal: j, Store: folder, Upstream: "simulator",
	}
	for _, c := range change {
		c(&l.cfg)
	}
	if l.Service, err = tasks.New(l.cfg); err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.Context())
	l.cancel = cancel
	go func() { l.ended <- l.Run(ctx) }()
	return l
}

// end stops the server as SIGTERM does.
func (l *life) end() {
	l.w.Helper()
	l.cancel()
	if err := <-l.ended; err != nil {
		l.w.Error(err)
	}
	if err := errors.Join(l.cfg.Journal.Close(), l.cfg.Store.Close()); err != nil {
		l.w.Error(err)
	}
}

var me = tasks.Caller{Owner: "me", Session: "one"}

func order(prompt string) tasks.Order {
	return tasks.Order{Caller: me, Request: dashscope.ImageRequest{Prompt: prompt, N: 1}}
}

// generate orders and waits until the pictures are there.
func (l *life) generate(o tasks.Order) tasks.Task {
	l.w.Helper()
	ticket, err := l.Generate(l.w.Context(), o)
	if err != nil {
		l.w.Fatal(err)
	}
	return l.wait(ticket)
}

func (l *life) wait(ticket *tasks.Ticket) tasks.Task {
	l.w.Helper()
	task, err := ticket.Wait(l.w.Context(), 48*time.Hour, nil)
	if err != nil {
		l.w.Fatal(err)
	}
	ticket.Done(true)
	return task
}

// mustKeep checks that the task has ended well, each picture on disk and intact.
func (l *life) mustKeep(task tasks.Task, n int) {
	l.w.Helper()
	if task.State != tasks.Succeeded || len(task.Pictures) != n {
		l.w.Fatalf("got %s with %d pictures (%s), want SUCCEEDED with %d", task.State, len(task.Pictures), task.Reason, n)
	}
	for _, p := range task.Pictures {
		_, data, err := l.Bytes(l.w.Context(), tasks.Caller{Owner: task.Owner}, task.ID, p.N)
		if err != nil {
			l.w.Fatal(err)
		}
		if !strings.HasPrefix(string(data), "\x89PNG") {
			l.w.Errorf("picture %d is no PNG", p.N)
		}
	}
}

func (w *world) mustHaveCreated(n int) {
	w.Helper()
	if got := w.sim.Stats().Accepted; got != n {
		w.Errorf("creates that the service accepted: got %d, want %d", got, n)
	}
}
