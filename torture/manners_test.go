package torture_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"wan-image-mcp/dashscope"
)

// judgeService reads what the service thinks of its client's manners.
func (w *world) judgeService() {
	stats := w.service.stats()
	w.verdict.queries = stats.Queries + stats.Lists + stats.Cancels
	w.verdict.mostQueries = stats.MaxQueries
	w.verdict.faults += int(w.wire.broken.Load())
	if stats.Violations > 0 {
		w.wrong("the service counts %d slips that cost money or leak secrets", stats.Violations)
	}
	w.judgePace(queries, 20)
	for _, m := range dashscope.Models() {
		offer := m.Offers[dashscope.Beijing]
		w.judgePace(offer.Spelling, int(offer.SubmitsPerSecond))
	}
}

// queries is what looking, listing and canceling are noted under.
const queries = "queries"

// judgePace holds what arrived against what is published, over all processes.
func (w *world) judgePace(what string, perSecond int) {
	at := w.arrived[what]
	slices.SortFunc(at, time.Time.Compare)
	for i := perSecond; i < len(at); i++ {
		if d := at[i].Sub(at[i-perSecond]); d < second {
			w.wrong("%s: %d within %s; %d a second are published", what, perSecond+1, d, perSecond)
		}
	}
}

// second is the shortest that "per second" is taken for here: a network and a
// machine with other work bring requests closer together than they were sent, and
// net/http asks again by itself when a connection breaks.
const second = 800 * time.Millisecond

// mostMemory is what one life may take, in bytes.
const mostMemory = 150 << 20

// judgeLives reads what the servers said on the way.
func (w *world) judgeLives() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.all {
		w.verdict.mostMemory = max(w.verdict.mostMemory, s.memory)
		if s.memory > mostMemory {
			w.wrong("%s had %d MiB of memory", s.name, s.memory>>20)
		}
		said := s.stderr.String()
		w.verdict.adopted += strings.Count(said, "found a submission whose answer was lost")
		for _, never := range []string{key, "Signature=", "panic:", "goroutine ", "DATA RACE", "internal error of"} {
			if i := strings.Index(said, never); i >= 0 {
				w.wrong("%s says %q on stderr: ...%s...", s.name, never, said[max(0, i-300):min(len(said), i+2000)])
			}
		}
	}
	for _, c := range w.calls {
		w.verdict.calls++
		if c.answered.IsZero() {
			w.verdict.lostAnswers++
		}
		if c.answer.Deduplicated {
			w.verdict.retold++
		}
	}
}

var pictureName = regexp.MustCompile(`^([0-9a-f]{64})\.png$`)

// judgeFiles reads every file that the program wrote.
func (w *world) judgeFiles() {
	err := filepath.WalkDir(w.home, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.Contains(b, []byte(key)) {
			w.wrong("the key is in %s", path)
		}
		if bytes.Contains(b, []byte("Signature=")) && !strings.HasPrefix(entry.Name(), "journal.db") {
			w.wrong("a signed link is in %s", path)
		}
		if filepath.Base(filepath.Dir(path)) != "pictures" || strings.HasPrefix(entry.Name(), ".tmp-") {
			return nil
		}
		sum := sha256.Sum256(b)
		if name := pictureName.FindStringSubmatch(entry.Name()); name == nil || name[1] != hex.EncodeToString(sum[:]) {
			w.wrong("%s has the hash %x", path, sum)
		}
		return nil
	})
	if err != nil {
		w.wrong("%v", err)
	}
}
