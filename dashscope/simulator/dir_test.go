package simulator_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"wan-image-mcp/dashscope/simulator"
)

// TestTwoProcesses has two simulators share a folder as two processes would.
func TestTwoProcesses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tasks")
	one := newLab(t, simulator.Options{Dir: dir, Speed: 1000})
	two := newLab(t, simulator.Options{Dir: dir, Speed: 1000})

	id := one.mustCreate("wan2.2-t2i-flash", "a shop", `{"n":1,"size":"512*512"}`)
	time.Sleep(200 * time.Millisecond)
	links := two.links(two.task(id))
	if len(links) != 1 {
		t.Fatalf("the second process sees %s", two.task(id).body)
	}
	a, b := one.do("GET", links[0], ""), two.do("GET", links[0], "")
	if a.status != 200 || a.body != b.body {
		t.Errorf("picture: got %d and %d, want the same 200", a.status, b.status)
	}

	waiting := two.mustCreate("wanx2.1-t2i-plus", "[sim:queue=1h]", `{"n":1}`)
	if got := one.state(waiting); got != "PENDING" {
		t.Errorf("the first process sees %q, want PENDING", got)
	}
	one.do("POST", "/api/v1/tasks/"+waiting+"/cancel", "")
	if got := two.state(waiting); got != "CANCELED" {
		t.Errorf("canceled by the first, the second sees %q", got)
	}
	if got := two.do("GET", "/api/v1/tasks", "").get("total"); got != 2.0 {
		t.Errorf("the second lists %v tasks, want 2", got)
	}

	again := newLab(t, simulator.Options{Dir: dir})
	if got := again.state(id); got != "SUCCEEDED" {
		t.Errorf("after a restart: got %s", got)
	}
	info, err := os.Stat(filepath.Join(dir, id+".json"))
	if err != nil {
		t.Fatal(err)
	}
	folder, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && (info.Mode().Perm() != 0o600 || folder.Mode().Perm() != 0o700) {
		t.Errorf("modes: got %v in %v, want 0600 in 0700", info.Mode(), folder.Mode())
	}
}

// TestSharedQueue has the tasks of one process fill the slots of another.
func TestSharedQueue(t *testing.T) {
	dir := t.TempDir()
	one, two := newLab(t, simulator.Options{Dir: dir}), newLab(t, simulator.Options{Dir: dir})
	one.mustCreate("wan2.2-t2i-plus", "x", `{"n":1}`)
	one.mustCreate("wan2.2-t2i-plus", "x", `{"n":1}`)
	third := two.mustCreate("wan2.2-t2i-plus", "x", `{"n":1}`)
	time.Sleep(50 * time.Millisecond)
	if got := two.state(third); got != "PENDING" {
		t.Errorf("third of a model that runs two: got %s, want PENDING", got)
	}
}

func TestDamagedFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("README.json", "not a task, and not ours")
	if _, err := simulator.New(simulator.Options{Dir: dir}); err != nil {
		t.Errorf("a stranger's file: got %v, want it left alone", err)
	}
	write("502a00b1-19d9-4839-a82f-000000000000.json", "{")
	if _, err := simulator.New(simulator.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "502a00b1") {
		t.Errorf("a damaged task: got %v, want an error that names it", err)
	}
	if _, err := simulator.New(simulator.Options{Dir: filepath.Join(dir, "README.json")}); err == nil {
		t.Error("a file for a folder: got no error")
	}
	l := newLab(t, simulator.Options{Dir: t.TempDir()})
	if got := l.state("..%2F..%2Fetc"); got == "SUCCEEDED" {
		t.Errorf("a path for an id: got %s", got)
	}
}

// TestManyAtOnce is for the race detector.
func TestManyAtOnce(t *testing.T) {
	l := newLab(t, simulator.Options{Dir: t.TempDir(), Speed: 1000})
	var wait sync.WaitGroup
	for _, model := range []string{"wan2.5-t2i-preview", "wan2.2-t2i-plus", "wan2.2-t2i-flash", "wanx2.1-t2i-plus"} {
		wait.Go(func() {
			for range 2 {
				id := l.create(model, "x", `{"n":1,"size":""}`).text("output", "task_id")
				l.do("GET", "/api/v1/tasks", "")
				l.do("POST", "/api/v1/tasks/"+id+"/cancel", "")
				l.task(id)
				l.do("POST", "/admin/expire", `{"links":true}`)
				l.do("GET", "/admin/log", "")
				l.sim.Stats()
			}
		})
	}
	wait.Wait()
	if got := l.sim.Stats().Accepted; got == 0 {
		t.Errorf("accepted: got %d", got)
	}
}
