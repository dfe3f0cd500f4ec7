package tools_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/tasks"
)

// lines is how get_task lists tasks.
type lines struct {
	Tasks []struct {
		TaskID    string `json:"task_id"`
		Status    tasks.State
		CreatedAt string `json:"created_at"`
		Prompt    string
		Model     string
		N, Kept   int
		Next      string
	}
}

func TestGetTask(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.connect("test", "")
		first := structured[tasks.Answer](w.T, c.call(w.T, "generate_image", fox))
		for _, id := range []string{first.TaskID, first.UpstreamTaskID, " " + first.TaskID + " "} {
			res := c.call(w.T, "get_task", fmt.Sprintf(`{"task_id": %q, "wait_seconds": null}`, id))
			a := structured[tasks.Answer](w.T, res)
			if a.TaskID != first.TaskID || a.Status != tasks.Succeeded || len(a.Images) != 1 || a.Images[0].Path != first.Images[0].Path {
				w.Errorf("%s: got %+v, want the first task", id, a)
			}
			if got := kinds(res); got != "text image/jpeg resource_link" {
				w.Errorf("got content %s", got)
			}
		}
		w.mustHaveBought(1)
	})
}

func TestGetTaskRefuses(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.connect("test", "")
		for args, want := range map[string]string{
			`{"task_id": "abcdefghijklmnopqrstuvwxyz"}`:                      "get_task without task_id",
			`{"task_id": "../../etc/passwd"}`:                                "no such task",
			`{"task_id": "` + strings.Repeat("x", 5000) + `"}`:               "no such task",
			`{"task_id": 12}`:                                                "task_id must be text in quotes, not 12",
			`{"id": "abcdefghijklmnopqrstuvwxyz"}`:                           `unknown argument "id"`,
			`{"taskId": "abcdefghijklmnopqrstuvwxyz"}`:                       "did you mean task_id?",
			`{"task_id": "abcdefghijklmnopqrstuvwxyz", "wait_seconds": 601}`: "0 to 600",
		} {
			res := c.call(w.T, "get_task", args)
			if !res.IsError {
				w.Errorf("%.60s: is not an error", args)
			}
			wantAll(w.T, text(res), want)
			if len(text(res)) > 500 {
				w.Errorf("%.60s: the answer has %d bytes", args, len(text(res)))
			}
		}
	})
}

// TestNewestTasks is for a model whose first answer was lost.
func TestNewestTasks(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.connect("test", "")
		res := c.call(w.T, "get_task", `{}`)
		if got := structured[lines](w.T, res).Tasks; got == nil || len(got) != 0 {
			w.Errorf("got %v, want an empty list", got)
		}
		wantAll(w.T, text(res), "no tasks yet")
		done := structured[tasks.Answer](w.T, c.call(w.T, "generate_image", fox))
		for i := range 11 {
			time.Sleep(time.Second)
			c.call(w.T, "generate_image", fmt.Sprintf(`{"prompt": "A dog\n %d", "wait_seconds": 0}`, i))
		}
		res = c.call(w.T, "get_task", `{"task_id": null}`)
		got := structured[lines](w.T, res).Tasks
		if len(got) != 10 || got[0].Prompt != "A dog 10" || got[9].Prompt != "A dog 1" {
			w.Fatalf("got %+v, want the ten newest, newest first", got)
		}
		for _, l := range got {
			wantAll(w.T, text(res), fmt.Sprintf("%s %s, wan2.6-t2i, 0 of 1 pictures, asked for at %s: %q", l.TaskID, l.Status, l.CreatedAt, l.Prompt))
			wantAll(w.T, l.Next, l.TaskID)
		}
		if strings.Contains(text(res), done.TaskID) {
			w.Error("the eleventh is listed")
		}
	})
}

// TestOwners: what is another's does not exist.
func TestOwners(t *testing.T) {
	inWorld(t, func(w *world) {
		mine := structured[tasks.Answer](w.T, w.connect("test", "").call(w.T, "generate_image", fox))
		w.deps.Caller = func(context.Context) tasks.Caller { return tasks.Caller{Owner: "another"} }
		c := w.connect("test", "")
		for _, id := range []string{mine.TaskID, mine.UpstreamTaskID} {
			res := c.call(w.T, "get_task", fmt.Sprintf(`{"task_id": %q}`, id))
			none := c.call(w.T, "get_task", fmt.Sprintf(`{"task_id": %q}`, other(id)))
			if !res.IsError || strings.ReplaceAll(text(res), id, "ID") != strings.ReplaceAll(text(none), other(id), "ID") {
				w.Errorf("another's task: got %q, want what a task that does not exist gets: %q", text(res), text(none))
			}
		}
		if got := structured[lines](w.T, c.call(w.T, "get_task", `{}`)).Tasks; len(got) != 0 {
			w.Errorf("another's tasks are listed: %+v", got)
		}
	})
}

// other is an id of the same form that does not exist.
func other(id string) string { return id[1:] + id[:1] }
