package journal_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// POSIX drops a process's locks on a file when the process closes any descriptor
// of it. A process that opens its journal a second time keeps them.
func TestOpeningAgainKeepsTheLocks(t *testing.T) {
	path := newFile(t)
	order(t, open(t, path), "a")
	before := locksOn(t, path)
	if before == 0 {
		t.Fatal("an open journal has no lock: this test sees nothing")
	}
	open(t, path)
	if after := locksOn(t, path); after < before {
		t.Errorf("%d locks, %d before the file was opened again", after, before)
	}
}

// locksOn counts the locks that this process holds on a file.
func locksOn(t *testing.T, path string) int {
	t.Helper()
	var info syscall.Stat_t
	if err := syscall.Stat(path, &info); err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadFile("/proc/locks")
	if err != nil {
		t.Skipf("the system does not tell its locks: %v", err)
	}
	count := 0
	for line := range strings.Lines(string(all)) {
		if strings.Contains(line, fmt.Sprintf(" %d ", os.Getpid())) && strings.Contains(line, fmt.Sprintf(":%d ", info.Ino)) {
			count++
		}
	}
	return count
}
