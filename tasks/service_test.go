package tasks_test

import (
	"testing"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/tasks"
)

func TestEveryModelMakesPictures(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		defer l.end()
		for _, m := range dashscope.Models() {
			task := l.generate(tasks.Order{Caller: me, Request: dashscope.ImageRequest{Model: m.ID, Prompt: "A flower shop", N: 2}})
			l.mustKeep(task, 2)
			if got, want := task.Pictures[0].Kept.Width, m.DefaultSize.Width; got != want {
				w.Errorf("%s: width: got %d, want %d", m.ID, got, want)
			}
		}
		w.mustHaveCreated(len(dashscope.Models()))
	})
}

// A task is looked at within two seconds of a start, also when the process before
// was killed right after the service's answer, and has a long time to go.
func TestRestartLooksSoon(t *testing.T) {
	for _, pause := range []time.Duration{0, 500 * time.Millisecond, 3 * time.Second} {
		inWorld(t, simulator.Options{}, func(w *world) {
			first := w.live()
			ticket, err := first.Generate(w.Context(), order("A flower shop"))
			if err != nil {
				w.Fatal(err)
			}
			if _, err := ticket.Wait(w.Context(), 100*time.Millisecond, nil); err != nil {
				w.Fatal(err)
			}
			first.end()
			time.Sleep(pause)
			before := w.sim.Stats().Queries
			second := w.live()
			defer second.end()
			time.Sleep(2 * time.Second)
			if w.sim.Stats().Queries == before {
				w.Errorf("not looked at within 2 s of a start %v later", pause)
			}
		})
	}
}

func TestRestartTakesUp(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		first := w.live()
		ticket, err := first.Generate(w.Context(), order("A flower shop"))
		if err != nil {
			w.Fatal(err)
		}
		if _, err := ticket.Wait(w.Context(), 3*time.Second, nil); err != nil {
			w.Fatal(err)
		}
		first.end()
		time.Sleep(time.Hour)
		second := w.live()
		defer second.end()
		again, err := second.Attend(w.Context(), me, ticket.Task().ID)
		if err != nil {
			w.Fatal(err)
		}
		start := time.Now()
		second.mustKeep(second.wait(again), 1)
		if got := time.Since(start); got > 3*time.Second {
			w.Errorf("a picture that had been ready for an hour took %v", got)
		}
		w.mustHaveCreated(1)
	})
}
