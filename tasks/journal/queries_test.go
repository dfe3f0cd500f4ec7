package journal_test

import (
	"os"
	"path/filepath"
	"sync"
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

// Many processes ask at once: each turn is given out once, and none is skipped.
func TestQueryTurnsAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queries.db")
	now := time.Now()
	var mu sync.Mutex
	seen := map[time.Duration]int{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			q, err := journal.OpenQueries(path)
			if err != nil {
				t.Error(err)
				return
			}
			defer q.Close()
			for range 40 {
				turn, err := q.Turn(t.Context(), "upstream", 50*time.Millisecond, now)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				seen[turn]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for i := range 320 {
		if turn := time.Duration(i) * 50 * time.Millisecond; seen[turn] != 1 {
			t.Errorf("the turn in %v was given out %d times", turn, seen[turn])
		}
	}
}

// The lock is held for longer than SQLite itself waits.
func TestQueryTurnsArePatient(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queries.db")
	q, err := journal.OpenQueries(path)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	db := rawDB(t, path)
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	if err == nil {
		_, err = tx.ExecContext(t.Context(), "DELETE FROM turn")
	}
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(400*time.Millisecond, func() { _ = tx.Rollback() })
	if _, err := q.Turn(t.Context(), "upstream", time.Second, time.Now()); err != nil {
		t.Errorf("got %v, want a turn", err)
	}
}

func TestDamagedQueryTurnsAreMadeAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queries.db")
	if err := os.WriteFile(path, make([]byte, 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	q, err := journal.OpenQueries(path)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if turn, err := q.Turn(t.Context(), "upstream", time.Second, time.Now()); turn != 0 || err != nil {
		t.Errorf("got %v, %v; want a turn at once", turn, err)
	}
}
