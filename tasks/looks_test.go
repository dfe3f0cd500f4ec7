package tasks_test

import (
	"bytes"
	"context"
	"net/http"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/tasks"
)

// Another process asks about the task just before its end, and has the answer
// long after.
func TestLateLookTakesNoPictureBack(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		var asked atomic.Bool
		a := w.live()
		defer a.end()
		b := w.live(func(c *tasks.Config) {
			c.Client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				asked.Store(true)
				time.Sleep(2 * time.Minute)
				return w.sim.RoundTrip(r.Clone(context.WithoutCancel(r.Context())))
			})
		})
		defer b.end()
		ticket := a.order(flash("a door [sim:slow=30s]"))
		time.Sleep(10 * time.Second)
		late := make(chan error)
		go func() {
			var err error
			for !asked.Load() && err == nil { // it asks only if a has not just asked
				time.Sleep(700 * time.Millisecond)
				_, err = b.Attend(w.Context(), me, ticket.Task().ID)
			}
			late <- err
		}()
		task := a.wait(ticket)
		a.mustKeep(task, 1)
		if err := <-late; err != nil {
			w.Fatal(err)
		}
		again := a.now(task.ID)
		a.mustKeep(again, 1)
		if !again.Pictures[0].IsKept() || !again.Settled() {
			w.Errorf("after a late look: got %+v, want the picture kept", again.Pictures[0])
		}
	})
}

// denial is what the service says of a task that it does not know.
const denial = `{"request_id":"r","output":{"task_id":"","task_status":"UNKNOWN"}}`

// The service denies a task that it took: that is believed when it does nothing
// else, and the pictures count as bought.
func TestServiceThatDeniesATask(t *testing.T) {
	for _, c := range []struct {
		name string
		each int // answer that is a denial
		want tasks.State
	}{
		{"always", 1, tasks.Expired},
		{"every other time", 2, tasks.Succeeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				looks := 0
				l := w.live(func(cfg *tasks.Config) {
					cfg.Client.Transport = bendTask(w.sim, func(body []byte) []byte {
						if looks++; looks%c.each == 0 {
							return []byte(denial)
						}
						return body
					})
				})
				defer l.end()
				start := time.Now()
				task := l.generate(flash("a door [sim:slow=1800s]"))
				if task.State != c.want {
					w.Fatalf("got %s (%s), want %s", task.State, task.Reason, c.want)
				}
				if took := time.Since(start); c.want == tasks.Expired && took > time.Hour {
					w.Errorf("it was believed after %v", took)
				}
				if b, err := l.Budget(w.Context()); err != nil || b.ImagesToday != 1 {
					w.Errorf("budget: got %+v, %v, want 1", b, err)
				}
			})
		})
	}
}

// What was billed is what the service says, also for pictures that it did not
// give; but nothing that it says gives the day more pictures.
func TestBilledIsWhatTheServiceSays(t *testing.T) {
	for said, want := range map[string]int{"2": 2, "-5": 1, "99999999999999": 1, `"many"`: 1} {
		t.Run(said, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				l := w.live(func(c *tasks.Config) {
					c.Client.Transport = bendTask(w.sim, func(body []byte) []byte {
						return bytes.Replace(body, []byte(`"image_count":1`), []byte(`"image_count":`+said), 1)
					})
				})
				defer l.end()
				o := flash("doors [sim:partial]")
				o.Request.N = 2
				if task := l.generate(o); task.Billed != want {
					w.Errorf("billed: got %d, want %d", task.Billed, want)
				}
				if b, err := l.Budget(w.Context()); err != nil || b.ImagesToday != want {
					w.Errorf("budget: got %+v, %v, want %d", b, err, want)
				}
			})
		})
	}
}

// A picture that failed without a word still has a reason for its reader.
func TestPictureThatFailedWithoutAWord(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		message := regexp.MustCompile(`"message":"[^"]*"`)
		l := w.live(func(c *tasks.Config) {
			c.Client.Transport = bendTask(w.sim, func(body []byte) []byte { return message.ReplaceAll(body, []byte(`"message":""`)) })
		})
		defer l.end()
		o := flash("doors [sim:partial]")
		o.Request.N = 2
		task := l.generate(o)
		if len(task.Pictures) != 2 || !task.Pictures[0].IsKept() || task.Pictures[1].Code == "" || task.Pictures[1].Reason == "" {
			w.Errorf("got %+v, want a picture, and a code and a reason for the other", task.Pictures)
		}
	})
}
