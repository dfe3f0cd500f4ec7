package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"wan-image-mcp/tasks/journal"
)

// A disk that is really full, and then is not.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("journal test", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("only root may mount a small disk here (%v); TestFullJournal stands in for it", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "journal.db")
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 200<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	atRest := filepath.Join(dir, "rest.db")
	if err := openOnly(atRest, ""); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	written := fill(t, j)
	for _, path := range []string{atRest, filepath.Join(dir, "new.db")} {
		if _, err := journal.Open(path); !errors.Is(err, journal.ErrFull) {
			t.Errorf("%s on the full disk: got %v, want ErrFull", path, err)
		}
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	usableAgain(t, j, written)
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	again, err := journal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := again.OpenTasks(t.Context(), upstream); len(all) != written+1 || err != nil {
		t.Errorf("opened again: got %d tasks, %v; want %d", len(all), err, written+1)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	if got := query[string](t, path, "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("integrity: %s", got)
	}
}
