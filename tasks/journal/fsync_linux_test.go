package journal_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"wan-image-mcp/tasks/journal"
)

func init() { children["mark"] = markEachWrite }

// markEachWrite is a process that says what it is about to write, and that it
// has been written.
func markEachWrite(path, _ string) error {
	ctx := context.Background()
	j, err := journal.Open(path)
	if err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"order", func() error { _, _, err := j.Order(ctx, intent("a")); return err }},
		{"submit", func() error { _, err := j.Submit(ctx, gate(0)); return err }},
		{"change", func() error {
			_, err := j.Change(ctx, "a", nil, func(t *journal.Task) error { t.UpstreamID = "up"; return nil })
			return err
		}},
		{"leave", func() error { return j.Leave(ctx, "a", "p1", true, noon) }},
		{"claim", func() error {
			_, err := j.Claim(ctx, "a", journal.Lease{Holder: "p1", Fence: 1}, "p2", noon)
			return err
		}},
	} {
		fmt.Fprintln(os.Stderr, "begin", step.name)
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Fprintln(os.Stderr, "end", step.name)
	}
	return j.Close()
}

// What a method has acknowledged is on the disk: the kernel was asked to sync
// the WAL between the call and the return.
func TestWritesAreSynced(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed, and nothing else here sees a process's fsync calls")
	}
	path, trace := newFile(t), filepath.Join(t.TempDir(), "trace")
	cmd := child(t, "mark", "x", path)
	cmd.Args = append([]string{strace, "-f", "-y", "-e", "trace=write,fsync,fdatasync", "-o", trace}, cmd.Path)
	cmd.Path = strace
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "ptrace") {
			t.Skipf("strace may not trace here: %s", out)
		}
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	seen, step := map[string]int{}, ""
	for line := range strings.Lines(string(b)) {
		switch {
		case strings.Contains(line, `"begin `):
			step = strings.Fields(line[strings.Index(line, `"begin `):])[1]
			step = strings.TrimSuffix(strings.Split(step, `\n`)[0], `"`)
		case strings.Contains(line, `"end `):
			if seen[step] == 0 {
				t.Errorf("%s returned before its row was on the disk", step)
			}
			step = ""
		case strings.Contains(line, "sync(") && strings.Contains(line, "-wal>") && step != "":
			seen[step]++
		}
	}
	if len(seen) != 5 {
		t.Errorf("saw syncs in %v, want all five steps", seen)
	}
}
