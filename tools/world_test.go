package tools_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/resources/store"
	"wan-image-mcp/tasks"
	"wan-image-mcp/tasks/journal"
	"wan-image-mcp/tools"
)

// took is how long every task runs in these tests.
const took = 20 * time.Second

// world is the whole path, from an MCP client to the simulated service, in fake
// time.
type world struct {
	*testing.T
	sim     *simulator.Simulator
	service *tasks.Service
	deps    tools.Deps // change it before the first connect
	out     string     // the output folder
}

// inWorld runs a test in a bubble of fake time. changes apply to the service.
func inWorld(t *testing.T, test func(w *world), changes ...func(*tasks.Config)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		sim, err := simulator.New(simulator.Options{Strict: true, Took: func(string) time.Duration { return took }})
		if err != nil {
			t.Fatal(err)
		}
		w := &world{T: t, sim: sim, out: filepath.Join(dir, "out")}
		defer w.live(dir, changes)()
		w.deps = tools.Deps{Service: w.service, Caller: func(context.Context) tasks.Caller { return me }}
		test(w)
		if got := sim.Stats().Violations; got != 0 {
			t.Errorf("violations at the strict simulator: got %d, want 0", got)
		}
	})
}

var me = tasks.Caller{Owner: "me", Session: "one"}

// live starts the service; end stops it.
func (w *world) live(dir string, changes []func(*tasks.Config)) (end func()) {
	w.Helper()
	j, err := journal.Open(filepath.Join(dir, "journal.db"))
	if err != nil {
		w.Fatal(err)
	}
	const host = "127.0.0.1:8080"
	folder, err := store.Open(filepath.Join(dir, "pictures"), store.Options{Transport: w.sim, AllowHosts: []string{host}, MinFree: -1})
	if err != nil {
		w.Fatal(err)
	}
	cfg := tasks.Config{
		Client:  &dashscope.Client{APIKey: "sk-canary", BaseURL: "http://" + host + "/api/v1", Transport: w.sim},
		Journal: j, Store: folder, Upstream: "simulator", OutputDir: w.out, BudgetImagesPerDay: 200,
	}
	for _, change := range changes {
		change(&cfg)
	}
	if w.service, err = tasks.New(cfg); err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.service.Run(ctx) }()
	return func() {
		cancel()
		if err := errors.Join(<-ended, j.Close(), folder.Close()); err != nil {
			w.Error(err)
		}
	}
}

// connect is a client of these tools.
func (w *world) connect(name, version string) *caller {
	w.Helper()
	return connect(w.T, newServer(w.T, w.deps), name, version)
}

func (w *world) mustHaveBought(n int) {
	w.Helper()
	if got := w.sim.Stats().Accepted; got != n {
		w.Errorf("creates that the service accepted: got %d, want %d", got, n)
	}
}
