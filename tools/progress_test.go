package tools_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"

	"wan-image-mcp/tasks"
)

// told is one progress message as a client got it.
type told struct {
	at       time.Time
	token    any
	progress float64
	total    float64
	message  string
}

// listener collects progress.
type listener struct {
	mu  sync.Mutex
	all []told
}

func listen(c *caller) *listener {
	l := &listener{}
	c.OnNotification(func(n mcp.JSONRPCNotification) {
		if n.Method != "notifications/progress" {
			return
		}
		f := n.Params.AdditionalFields
		l.mu.Lock()
		defer l.mu.Unlock()
		one := told{at: time.Now(), token: f["progressToken"]}
		one.progress, _ = f["progress"].(float64)
		one.message, _ = f["message"].(string)
		switch total := f["total"].(type) {
		case int:
			one.total = float64(total)
		case float64:
			one.total = total
		}
		l.all = append(l.all, one)
	})
	return l
}

func (l *listener) take() []told {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.all
	l.all = nil
	return all
}

func withToken(tool, arguments string, token any) mcp.CallToolRequest {
	var req mcp.CallToolRequest
	req.Params.Name, req.Params.Arguments = tool, json.RawMessage(arguments)
	req.Params.Meta = &mcp.Meta{ProgressToken: token}
	return req
}

// TestProgress: what a client needs to trust the messages, in both eras.
func TestProgress(t *testing.T) {
	for _, version := range []string{"2025-06-18", ""} {
		inWorld(t, func(w *world) {
			c := w.connect("test", version)
			l := listen(c)
			res := c.send(w.T, withToken("generate_image", `{`+small+`"prompt": "A fox"}`, "token-1"))
			end := time.Now()
			got := l.take()
			rules(w, got, end)
			for _, one := range got {
				if one.token != "token-1" {
					w.Errorf("got token %v, want token-1", one.token)
				}
			}
			var words []string
			for _, one := range got {
				words = append(words, one.message)
			}
			all := strings.Join(words, "\n")
			id := structured[tasks.Answer](w.T, res).TaskID
			wantAll(w.T, all, "(task "+id+")", "submitted, waiting at the service", "running, ", " of about ", "done, 1 picture")
			if len(got) < 15 {
				w.Errorf("got %d messages in %v, want one a second", len(got), took)
			}
		})
	}
}

// rules are those that hold for every call's messages.
func rules(w *world, got []told, end time.Time) {
	w.Helper()
	for i, one := range got {
		if one.total != 100 || one.progress < 0 || one.progress > 100 {
			w.Errorf("message %d: got %v of %v", i, one.progress, one.total)
		}
		if i == 0 {
			continue
		}
		if one.progress <= got[i-1].progress {
			w.Errorf("message %d: progress %v after %v, want it to rise", i, one.progress, got[i-1].progress)
		}
		if gap := one.at.Sub(got[i-1].at); gap < 100*time.Millisecond || gap > 15*time.Second {
			w.Errorf("message %d: %v after the one before, want 100 ms to 15 s", i, gap)
		}
	}
	if len(got) > 0 {
		if gap := end.Sub(got[len(got)-1].at); gap < 50*time.Millisecond || gap > 15*time.Second {
			w.Errorf("the answer came %v after the last message, want 50 ms to 15 s", gap)
		}
	}
}

// TestProgressInLine: a call that waits for others says its place, and the time
// that a stuck task takes never stops the value from rising.
func TestProgressInLine(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.connect("test", "")
		busy(w, c)
		c.call(w.T, "generate_image", `{`+small+`"prompt": "before me", "wait_seconds": 0}`)
		l := listen(c)
		c.send(w.T, withToken("generate_image", `{`+small+`"prompt": "A fox", "wait_seconds": 600}`, 1))
		got := l.take()
		rules(w, got, time.Now())
		if len(got) == 0 || !strings.HasPrefix(got[0].message, "queued, place 2 in line (task ") {
			w.Fatalf("got %+v, want a place in line first", got)
		}
		c.send(w.T, withToken("generate_image", `{`+small+`"prompt": "A fox [sim:stuck]", "wait_seconds": 120}`, 2))
		got = l.take()
		rules(w, got, time.Now())
		if last := got[len(got)-1].message; !strings.Contains(last, ", usually about ") {
			w.Errorf("got %q, want that it takes longer than usual", last)
		}
	})
}

// TestProgressOfAFailure: the last message does not call it done.
func TestProgressOfAFailure(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.connect("test", "")
		l := listen(c)
		c.send(w.T, withToken("generate_image", `{`+small+`"prompt": "A fox [sim:fail]"}`, 1))
		got := l.take()
		rules(w, got, time.Now())
		if len(got) == 0 || got[len(got)-1].message != "ended: FAILED" {
			w.Errorf("got %+v, want it to end with FAILED", got)
		}
	})
}

// TestProgressTokens: any kind that the protocol has is sent back as it came; any
// other, and none, gets no messages. All get their answer.
func TestProgressTokens(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.connect("test", "")
		l := listen(c)
		for _, tt := range []struct {
			token any
			want  bool
		}{
			{"", true},
			{"a\u0000\"b", true},
			{0, true},
			{-7, true},
			{1 << 40, true},
			{nil, false},
			{true, false},
			{[]string{"a"}, false},
			{map[string]any{"a": 1}, false},
		} {
			id := structured[tasks.Answer](w.T, c.call(w.T, "generate_image", `{`+small+`"prompt": "A fox [sim:stuck]", "wait_seconds": 0, "idempotency_key": "k"}`)).TaskID
			l.take()
			res := c.send(w.T, withToken("get_task", `{"task_id": "`+id+`", "wait_seconds": 3}`, tt.token))
			got := l.take()
			if (len(got) > 0) != tt.want || res.IsError {
				w.Errorf("token %v: got %d messages, error %v", tt.token, len(got), res.IsError)
			}
			for _, one := range got {
				a, _ := json.Marshal(one.token)
				b, _ := json.Marshal(tt.token)
				if diff := cmp.Diff(string(b), string(a)); diff != "" {
					w.Errorf("token (-want +got):\n%s", diff)
				}
			}
		}
	})
}

// TestNoProgressForAnAnswerAtOnce: messages would only delay it.
func TestNoProgressForAnAnswerAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.connect("test", "")
		c.call(w.T, "generate_image", fox)
		l := listen(c)
		start := time.Now()
		c.send(w.T, withToken("generate_image", fox, 1))
		c.send(w.T, withToken("generate_image", `{`+small+`"prompt": "A dog", "wait_seconds": 0}`, 2))
		if got, gone := l.take(), time.Since(start); len(got) != 0 || gone != 0 {
			w.Errorf("got %d messages in %v, want none at once", len(got), gone)
		}
	})
}
