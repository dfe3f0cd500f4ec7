package journal_test

import (
	"path/filepath"
	"testing"
	"time"

	"wan-image-mcp/tasks/journal"
)

func TestQueryTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queries.db")
	var processes [2]*journal.Queries
	for i := range processes {
		q, err := journal.OpenQueries(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := q.Close(); err != nil {
				t.Error(err)
			}
		})
		processes[i] = q
	}
	now := time.Now()
	turn := func(i int, at time.Time, want time.Duration) {
		t.Helper()
		got, err := processes[i].Turn(t.Context(), "upstream", 50*time.Millisecond, at)
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("got a turn in %v, want %v", got, want)
		}
	}
	turn(0, now, 0)
	turn(1, now, 50*time.Millisecond)
	turn(0, now, 100*time.Millisecond)
	turn(1, now.Add(time.Second), 0)                   // a gap is not saved up
	turn(0, now.Add(time.Second), 50*time.Millisecond) //
	turn(1, now.Add(-time.Hour), 0)                    // the clock was set back
	turn(0, now.Add(-time.Hour), 50*time.Millisecond)  //
	other, err := processes[0].Turn(t.Context(), "other", 50*time.Millisecond, now)
	if err != nil || other != 0 {
		t.Errorf("another upstream: got %v, %v, want a turn at once", other, err)
	}
}
