package tasks_test

import (
	"testing"
	"time"

	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/tasks"
)

// TestFirstLookInAFastSimulation: before it has learned anything, a service waits
// as long as a task takes in the simulator, not in life.
func TestFirstLookInAFastSimulation(t *testing.T) {
	t.Parallel()
	inWorld(t, simulator.Options{Speed: 200}, func(w *world) {
		l := w.live(func(c *tasks.Config) { c.Speed = 200 })
		defer l.end()
		began := time.Now()
		l.mustKeep(l.generate(order("a lighthouse")), 1)
		if took := time.Since(began); took > time.Second {
			w.Errorf("the picture took %s, want less than a second", took)
		}
	})
}
