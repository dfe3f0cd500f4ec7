package journal_test

import (
	"errors"
	"testing"

	"wan-image-mcp/tasks/journal"
)

func TestWithdraw(t *testing.T) {
	for name, c := range map[string]struct {
		before func(t *testing.T, j *journal.Journal)
		own    int
		alive  func(string) bool
		ok     bool
	}{
		"nobody else waits":          {own: 1, ok: true},
		"a request of ours waits":    {own: 0},
		"two requests of ours wait":  {own: 1, before: func(t *testing.T, j *journal.Journal) { attend(t, j, "p1", 1) }},
		"another process's waits":    {own: 1, before: func(t *testing.T, j *journal.Journal) { attend(t, j, "p2", 1) }},
		"a dead process's waits":     {own: 1, before: func(t *testing.T, j *journal.Journal) { attend(t, j, "p2", 1) }, alive: func(p string) bool { return p == "p1" }, ok: true},
		"it is being submitted":      {own: 1, before: func(t *testing.T, j *journal.Journal) { setState(t, j, "a", "SUBMITTING", true) }},
		"it has been withdrawn once": {own: 1, before: func(t *testing.T, j *journal.Journal) { setState(t, j, "a", "CANCELED", false) }},
	} {
		t.Run(name, func(t *testing.T) {
			j := openNew(t)
			order(t, j, "a")
			if c.before != nil {
				c.before(t, j)
			}
			if c.alive == nil {
				c.alive = everybody
			}
			_, ok, err := j.Withdraw(t.Context(), "a", "p1", c.own, c.alive, func(t *journal.Task) { t.Reason = "withdrawn" })
			got, readErr := j.Task(t.Context(), "a")
			if err := errors.Join(err, readErr); err != nil || ok != c.ok || (got.Reason == "withdrawn") != c.ok {
				t.Errorf("got %v, reason %q, error %v; want %v", ok, got.Reason, err, c.ok)
			}
		})
	}
	if _, _, err := openNew(t).Withdraw(t.Context(), "none", "p1", 1, everybody, func(*journal.Task) {}); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("unknown task: got %v, want ErrNotFound", err)
	}
}
