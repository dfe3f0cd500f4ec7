package tasks_test

import (
	"net/http"
	"testing"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/tasks"
)

// A success that comes without its pictures is asked about again: they are paid for.
func TestSuccessWithoutItsPictures(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers int // that lack pictures
		change  func(output map[string]any, usage map[string]any)
		want    int
	}{
		{"none at first", 2, func(output, _ map[string]any) { output["choices"], output["results"] = []any{}, []any{} }, 2},
		{"one of two at first", 1, func(output, _ map[string]any) {
			output["results"] = output["results"].([]any)[:1]
		}, 2},
		{"none and no bill at first", 2, func(output, usage map[string]any) { delete(output, "results"); clear(usage) }, 2},
		{"none ever", 1000, func(output, _ map[string]any) { output["results"] = []any{} }, 0},
		{"a bill beyond the order", 1000, func(_, usage map[string]any) { usage["image_count"] = 1e12 }, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				lacking := 0
				l := w.live(func(cfg *tasks.Config) {
					cfg.Client.Transport = rewritten(w.sim, isOfService, func(_ *http.Request, answer map[string]any) {
						output, _ := answer["output"].(map[string]any)
						usage, _ := answer["usage"].(map[string]any)
						if output["task_status"] == "SUCCEEDED" && lacking < c.answers {
							lacking++
							c.change(output, usage)
						}
					})
				})
				defer l.end()
				o := flash("a door")
				o.Request.N = 2
				task := l.generate(o)
				w.mustHaveCreated(1)
				if c.want > 0 {
					l.mustKeep(task, c.want)
					return
				}
				if task.State != tasks.Succeeded || len(task.Pictures) != 2 || task.Pictures[0].Reason == "" || task.Pictures[1].Reason == "" {
					w.Errorf("got %s with %+v, want two reasons", task.State, task.Pictures)
				}
				if took := time.Since(task.Created); took > 5*time.Minute {
					w.Errorf("it took %v to say so", took)
				}
			})
		})
	}
}

// wan2.6 leaves out of its answer what it could not make; it is said all the same.
func TestPartialSuccessIsSaid(t *testing.T) {
	for _, model := range []string{"wan2.6-t2i", "wan2.2-t2i-flash"} {
		inWorld(t, simulator.Options{}, func(w *world) {
			l := w.live()
			defer l.end()
			task := l.generate(tasks.Order{Caller: me, Request: dashscope.ImageRequest{Model: model, Prompt: "a door [sim:partial]", N: 3, Size: smallest(model)}})
			var kept, told int
			for _, p := range task.Pictures {
				switch {
				case p.IsKept():
					kept++
				case p.Reason != "":
					told++
				}
			}
			if task.State != tasks.Succeeded || kept != 2 || told != 1 {
				w.Errorf("%s: got %s, %d kept and %d reasons, want SUCCEEDED, 2 and 1", model, task.State, kept, told)
			}
			if b, err := l.Budget(w.Context()); err != nil || b.ImagesToday != 2 {
				w.Errorf("%s: got %+v, %v, want 2 pictures spent", model, b, err)
			}
		})
	}
}
