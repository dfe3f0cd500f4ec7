package tasks_test

import (
	"testing"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/tasks"
)

// TestBadLuckAtSubmission holds the promise about money: whatever happens to the
// one POST, there is at most one paid task, and its pictures are kept, or it is
// said plainly that nothing was bought.
func TestBadLuckAtSubmission(t *testing.T) {
	for _, c := range []struct {
		name, marker string
		state        tasks.State
		code         string
		accepted     int
	}{
		{"nothing", "", tasks.Succeeded, "", 1},
		{"cut before it was accepted", "[sim:cut-before]", tasks.NotSubmitted, "", 0},
		{"cut after it was accepted", "[sim:cut-after]", tasks.Succeeded, "", 1},
		{"hang after it was accepted", "[sim:hang]", tasks.Succeeded, "", 1},
		{"hang before it was accepted", "[sim:hang-before]", tasks.NotSubmitted, "", 0},
		{"accepted late, after the time limit", "[sim:delay=40s]", tasks.Succeeded, "", 1},
		{"truncated answer", "[sim:truncate]", tasks.Succeeded, "", 1},
		{"empty answer", "[sim:empty]", tasks.Succeeded, "", 1},
		{"answer of the wrong types", "[sim:wrong-type]", tasks.Succeeded, "", 1},
		{"gateway's HTML", "[sim:html]", tasks.NotSubmitted, "", 0},
		{"500 after it was accepted", "[sim:500-after]", tasks.Succeeded, "", 1},
		{"502 after it was accepted", "[sim:502-after]", tasks.Succeeded, "", 1},
		{"503 after it was accepted", "[sim:503-after]", tasks.Succeeded, "", 1},
		{"504 after it was accepted", "[sim:504-after]", tasks.Succeeded, "", 1},
		{"408 after it was accepted", "[sim:408-after]", tasks.Succeeded, "", 1},
		{"500 instead", "[sim:500]", tasks.NotSubmitted, "InternalError", 0},
		{"throttled twice", "[sim:429=2]", tasks.Succeeded, "", 1},
		{"throttled for ever", "[sim:429]", tasks.Failed, "Throttling.RateQuota", 0},
		{"refused content", "[sim:refuse]", tasks.Failed, "DataInspectionFailed", 0},
		{"unpaid bill", "[sim:refuse=Arrearage]", tasks.Failed, "Arrearage", 0},
		{"fails at the service", "[sim:fail]", tasks.Failed, "InternalError.Algo", 1},
	} {
		for _, model := range []string{"wan2.6-t2i", "wan2.2-t2i-flash"} {
			t.Run(c.name+" "+model, func(t *testing.T) {
				inWorld(t, simulator.Options{Speed: 5}, func(w *world) {
					l := w.live()
					defer l.end()
					task := l.generate(tasks.Order{Caller: me, Request: dashscope.ImageRequest{Model: model, Prompt: "a door " + c.marker, N: 1, Size: smallest(model)}})
					w.mustHaveCreated(c.accepted)
					if task.State != c.state || task.Code != c.code {
						w.Fatalf("got %s %q (%s), want %s %q", task.State, task.Code, task.Reason, c.state, c.code)
					}
					if task.State == tasks.Succeeded {
						l.mustKeep(task, 1)
						return
					}
					if task.Reason == "" {
						w.Error("an end without pictures gives no reason")
					}
					if got, err := l.Budget(w.Context()); err != nil || got.ImagesToday != 0 {
						w.Errorf("budget: got %+v, %v, want nothing spent", got, err)
					}
				})
			})
		}
	}
}

// smallest keeps the drawing of test pictures short.
func smallest(model string) string {
	if model == "wan2.6-t2i" {
		return "1280*1280"
	}
	return "512*512"
}

func TestUnknownSaysSoUntilTheGraceIsOver(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		defer l.end()
		ticket, err := l.Generate(w.Context(), order("a door [sim:cut-before]"))
		if err != nil {
			w.Fatal(err)
		}
		task, err := ticket.Wait(w.Context(), 55*time.Second, nil)
		if err != nil {
			w.Fatal(err)
		}
		if task.State != tasks.Unknown || task.Answer().Next == "" {
			w.Fatalf("within the grace: got %s, want UNKNOWN with the next call", task.State)
		}
		if b, _ := l.Budget(w.Context()); b.ImagesToday != 1 {
			w.Errorf("an unknown outcome keeps its reservation: got %d, want 1", b.ImagesToday)
		}
		if task := l.wait(ticket); task.State != tasks.NotSubmitted {
			w.Errorf("after the grace: got %s, want NOT_SUBMITTED", task.State)
		}
	})
}
