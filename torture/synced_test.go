package torture_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestWrittenBeforeSent: when the first bytes of an order are on the network, the
// journal says already, to a reader of its own, that it is being submitted.
func TestWrittenBeforeSent(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "1000")
	wire := newWire(t, m.service.host, rand.New(rand.NewPCG(1, 1)))
	m.at(wire.listener.Addr().String())
	var mu sync.Mutex
	var sent [][]row
	wire.on(func() { // the order is held up until this returns
		rows := m.journal("state = 'SUBMITTING'")
		mu.Lock()
		defer mu.Unlock()
		sent = append(sent, rows)
	}, nil)
	go wire.run()
	s := m.serve("writer", nil).hello()
	for i, model := range []string{"wan2.6-t2i", "wan2.2-t2i-plus", "wan2.1-t2i-turbo"} {
		marker := "written-" + string(rune('a'+i))
		s.wait(s.tool("generate_image", map[string]any{"prompt": marker + " x", "model": model, "wait_seconds": 1}), time.Minute)
		mu.Lock()
		if len(sent) != i+1 || len(sent[i]) != 1 || sent[i][0].marker != marker {
			t.Errorf("when the first byte of %s left, the journal had %+v as being submitted", marker, sent)
		}
		mu.Unlock()
	}
}

// TestSyncedBeforeSent sees the system calls: between a call's arrival and the
// first byte of its order, everything that was written to the journal was synced,
// the intent and the slot each by itself.
func TestSyncedBeforeSent(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed; TestWrittenBeforeSent and the journal's own tests see the order of things without it")
	}
	t.Parallel()
	m := newMachine(t, "1000")
	trace := filepath.Join(t.TempDir(), "trace")
	s := m.serve("traced", nil, strace, "-f", "-y", "-s", "100", "-o", trace,
		"-e", "trace=read,write,pwrite64,fsync,fdatasync")
	select {
	case <-s.ended:
		t.Skipf("strace may not trace here: %s", s.stderr.String())
	case <-s.news:
	}
	s.wait(s.tool("generate_image", map[string]any{"prompt": "synced x", "model": "wan2.2-t2i-plus", "wait_seconds": 1}), time.Minute)
	s.leave(nil)
	s.gone()
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	steps := journalSteps(string(text))
	t.Log(strings.Join(steps, ", "))
	called, sent := slices.Index(steps, "called"), slices.Index(steps, "sent")
	if called < 0 || sent < called {
		t.Fatal("the trace has no call and, after it, its order")
	}
	before := strings.Join(steps[called+1:sent], " ")
	// A third writer, such as the renewal of a lease, may be at it when the order leaves:
	// SQLite lets it begin when the one before has synced.
	if strings.Count(before, "written synced") < 2 {
		t.Errorf("before the first byte of the order left, the journal was %s; want intent and slot written and synced", before)
	}
}

var (
	tracedLine = regexp.MustCompile(`^(\d+) +(.*)$`)
	resumed    = regexp.MustCompile(`^<\.\.\. \w+ resumed>(.*)$`)
)

// journalSteps reads what matters out of a trace: a call that came, the journal
// written and synced, an order sent. A system call that another thread interrupts
// stands on two lines; a sync counts at its end, everything else at its beginning.
func journalSteps(trace string) (steps []string) {
	begun := map[string]string{} // by thread
	note := func(step string) {
		if len(steps) == 0 || steps[len(steps)-1] != step {
			steps = append(steps, step)
		}
	}
	for line := range strings.Lines(trace) {
		parts := tracedLine.FindStringSubmatch(strings.TrimSpace(line))
		if parts == nil {
			continue
		}
		thread, text := parts[1], parts[2]
		ends := true
		if begin, found := strings.CutSuffix(text, "<unfinished ...>"); found {
			begun[thread], text, ends = begin, begin, false
		} else if end := resumed.FindStringSubmatch(text); end != nil {
			text = begun[thread] + end[1]
			if !strings.Contains(text, "sync(") && !strings.HasPrefix(text, "read(") {
				continue // it counted when it began
			}
		}
		switch {
		case strings.HasPrefix(text, "read(0<") && strings.Contains(text, "tools/call") && ends:
			note("called")
		case strings.HasPrefix(text, "pwrite64(") && strings.Contains(text, "journal.db-wal>"):
			note("written")
		case strings.Contains(text, "sync(") && strings.Contains(text, "journal.db-wal>") && ends && strings.HasSuffix(text, "= 0"):
			note("synced")
		case strings.HasPrefix(text, "write(") && strings.Contains(text, `"POST /api/`):
			note("sent")
		}
	}
	return steps
}
