package tasks_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"wan-image-mcp/tasks"
)

// TestDeadWhoeverLooks: many who look at a dead process at once, in one process and
// in several, do not take each other for it, nor does a living one die of it.
func TestDeadWhoeverLooks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start := func() tasks.Process {
		p, err := tasks.StartProcess(dir)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	dead, living, first, second := start(), start(), start(), start()
	if !first.Alive(dead.ID()) {
		t.Fatal("it is dead already")
	}
	if err := dead.Die(); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var risen, fallen atomic.Int32
	for i := range 8 {
		all.Go(func() {
			looker := []tasks.Process{first, second}[i%2]
			for range 500 {
				if looker.Alive(dead.ID()) {
					risen.Add(1)
				}
				if !looker.Alive(living.ID()) {
					fallen.Add(1)
				}
			}
		})
	}
	all.Wait()
	if risen.Load() > 0 || fallen.Load() > 0 {
		t.Errorf("of 4000 looks %d found the dead process alive and %d the living one dead", risen.Load(), fallen.Load())
	}
}
