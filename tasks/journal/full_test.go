package journal_test

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"testing"

	"wan-image-mcp/tasks/journal"
)

func TestFullJournal(t *testing.T) {
	path := newFile(t)
	j, err := journal.OpenThrough(path, func(c driver.Connector) driver.Connector {
		return prepared{c, []string{"PRAGMA max_page_count=100"}}
	})
	if err != nil {
		t.Fatal(err)
	}
	written := fill(t, j)
	if err := j.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	usableAgain(t, open(t, path), written) // without the limit there is room
}

// fill orders until the journal is full and returns how many there are.
func fill(t *testing.T, j *journal.Journal) (written int) {
	t.Helper()
	large := func(in *journal.Intent) { in.Task.Request = make([]byte, 20000) }
	for ; ; written++ {
		_, _, err := j.Order(t.Context(), intent(fmt.Sprint("t", written), large))
		if errors.Is(err, journal.ErrFull) {
			break
		}
		if err != nil || written > 1000 {
			t.Fatalf("order %d: %v, want ErrFull in the end", written, err)
		}
	}
	if written == 0 {
		t.Fatal("the journal was full from the start")
	}
	for range 3 { // as often as it is tried: a clear answer, nothing half written, all readable
		if _, _, err := j.Order(t.Context(), intent("late", large)); !errors.Is(err, journal.ErrFull) {
			t.Errorf("got %v, want ErrFull", err)
		}
		if _, err := j.Task(t.Context(), "late"); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("the refused order: got %v, want ErrNotFound", err)
		}
		if all, err := j.OpenTasks(t.Context(), upstream); len(all) != written || err != nil {
			t.Errorf("got %d tasks, %v; want %d", len(all), err, written)
		}
	}
	return written
}

// usableAgain checks a journal that has room again.
func usableAgain(t *testing.T, j *journal.Journal, written int) {
	t.Helper()
	order(t, j, "late", func(in *journal.Intent) { in.Task.Request = make([]byte, 20000) })
	change(t, j, "t0", func(t *journal.Task) { t.State = "UNKNOWN" })
	if all, err := j.OpenTasks(t.Context(), upstream); len(all) != written+1 || err != nil {
		t.Errorf("got %d tasks, %v; want %d", len(all), err, written+1)
	}
}
