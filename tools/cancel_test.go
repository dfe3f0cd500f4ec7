package tools_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"wan-image-mcp/tasks"
)

// leave makes a call whose request ends after a while, and returns the task it
// was about.
func (c *caller) leave(w *world, arguments string, after time.Duration) lines {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), after)
	defer cancel()
	var req mcp.CallToolRequest
	req.Params.Name, req.Params.Arguments = "generate_image", json.RawMessage(arguments)
	start := time.Now()
	_, _ = c.CallTool(ctx, req)
	if got := time.Since(start); got > after+100*time.Millisecond {
		w.Errorf("the call lived for %v after its request, want it to end", got-after)
	}
	return structured[lines](w.T, c.call(w.T, "get_task", `{}`))
}

// busy fills all that the service takes of the model at once, for half a minute.
func busy(w *world, c *caller) {
	w.Helper()
	for i := range 4 {
		c.call(w.T, "generate_image", fmt.Sprintf(`{`+small+`"prompt": "busy %d [sim:slow=30s]", "wait_seconds": 3}`, i))
	}
}

// TestCancelBeforeThePost: a client that takes its wish back in time spends
// nothing; one that is only gone still gets what it asked for.
func TestCancelBeforeThePost(t *testing.T) {
	for _, canceled := range []bool{true, false} {
		inWorld(t, func(w *world) {
			delivered := false
			w.deps.Canceled = func(context.Context) bool { return canceled }
			w.deps.AfterWrite = func(ctx context.Context, done func(bool)) {
				delivered = ctx.Err() == nil
				done(delivered)
			}
			c := w.connect("test", "")
			busy(w, c)
			newest := c.leave(w, `{`+small+`"prompt": "A fox", "wait_seconds": 600}`, time.Second).Tasks[0]
			if delivered {
				w.Error("an answer after the end of its request counts as delivered")
			}
			res := c.call(w.T, "get_task", fmt.Sprintf(`{"task_id": %q, "wait_seconds": 240}`, newest.TaskID))
			a := structured[tasks.Answer](w.T, res)
			if canceled {
				if a.Status != tasks.Canceled || res.IsError {
					w.Errorf("canceled: got %s, want CANCELED", a.Status)
				}
				wantAll(w.T, text(res), "CANCELED: ", "Nothing is paid")
				w.mustHaveBought(4)
				return
			}
			if a.Status != tasks.Succeeded || len(a.Images) != 1 {
				w.Errorf("disconnected: got %s, want the picture", a.Status)
			}
			w.mustHaveBought(5)
		})
	}
}

// TestCancelAfterThePost: what was bought is kept, and the same call finds it.
func TestCancelAfterThePost(t *testing.T) {
	inWorld(t, func(w *world) {
		w.deps.Canceled = func(ctx context.Context) bool { return ctx.Err() != nil }
		c := w.connect("test", "")
		newest := c.leave(w, `{`+small+`"prompt": "A fox"}`, 5*time.Second).Tasks[0]
		if newest.Status != tasks.Running && newest.Status != tasks.Pending {
			w.Fatalf("got %s, want a task at the service", newest.Status)
		}
		a := structured[tasks.Answer](w.T, c.call(w.T, "generate_image", `{`+small+`"prompt": "A fox"}`))
		if a.TaskID != newest.TaskID || !a.Deduplicated || a.Status != tasks.Succeeded {
			w.Errorf("the same call: got %s of %s, want the picture of %s", a.Status, a.TaskID, newest.TaskID)
		}
		w.mustHaveBought(1)
	})
}

// TestCancelOfASharedTask: whoever of two leaves, the first or the second, the
// other still gets what both asked for.
func TestCancelOfASharedTask(t *testing.T) {
	const wait = `"wait_seconds": 600, "idempotency_key": "fox"}`
	for _, firstLeaves := range []bool{true, false} {
		inWorld(t, func(w *world) {
			w.deps.Canceled = func(ctx context.Context) bool { return ctx.Err() != nil }
			c := w.connect("test", "")
			busy(w, c)
			stay := func(after time.Duration) <-chan *mcp.CallToolResult {
				got := make(chan *mcp.CallToolResult, 1)
				go func() {
					time.Sleep(after)
					got <- c.call(w.T, "generate_image", `{`+small+`"prompt": "A fox", `+wait)
				}()
				return got
			}
			first := time.Duration(0)
			if firstLeaves {
				first = time.Second
			}
			got := stay(first)
			time.Sleep(time.Second - first)
			c.leave(w, `{`+small+`"prompt": "A fox", `+wait, 2*time.Second)
			if a := structured[tasks.Answer](w.T, <-got); a.Status != tasks.Succeeded || a.Deduplicated != firstLeaves {
				w.Errorf("first leaves %v: got %s, deduplicated %v", firstLeaves, a.Status, a.Deduplicated)
			}
			w.mustHaveBought(5)
		})
	}
}

// A call that panicked waits on nothing any more.
func TestPanicEndsTheWaiting(t *testing.T) {
	inWorld(t, func(w *world) {
		w.deps.AfterWrite = func(context.Context, func(bool)) { panic("a fault") }
		faulty := newServer(w.T, w.deps).GetTool("generate_image").Handler
		func() {
			defer func() { _ = recover() }()
			var req mcp.CallToolRequest
			req.Params.Name, req.Params.Arguments = "generate_image", json.RawMessage(`{`+small+`"prompt": "A fox"}`)
			_, _ = faulty(w.Context(), req)
			w.Error("want a panic")
		}()
		w.deps.AfterWrite = nil
		a := structured[tasks.Answer](w.T, w.connect("test", "").call(w.T, "generate_image", `{`+small+`"prompt": "A fox"}`))
		if !a.Deduplicated {
			w.Errorf("the same call bought %s", a.TaskID)
		}
		w.mustHaveBought(1)
	})
}
