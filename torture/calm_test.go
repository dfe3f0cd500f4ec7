package torture_test

import (
	"os"
	"path/filepath"
	"time"
)

// readLog takes over what the service noted of orders; its log forgets.
func (w *world) readLog() {
	entries := w.service.log(w.seen)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range entries {
		w.seen = e.Seq
		switch e.Op {
		case "create":
			w.arrived[e.Model] = append(w.arrived[e.Model], e.Time)
		case "task", "list", "cancel":
			w.arrived[queries] = append(w.arrived[queries], e.Time)
		}
		if e.Accepted {
			w.creates = append(w.creates, e)
		}
	}
}

// calm ends all trouble and lets one new server settle everything; excess is what the service does from now on with what is beyond its limits.
func (w *world) calm(excess string) {
	for _, s := range w.running {
		s.kill()
		w.verdict.kills++
	}
	w.running = nil
	for _, s := range w.all {
		if s.isLeaving() {
			s.gone()
		}
	}
	w.goodLuck(excess)
	w.start().hello()
	w.settle()
}

// settle gives the server that runs the time to bring everything to its end.
func (w *world) settle() {
	s := w.running[len(w.running)-1]
	deadline := time.Now().Add(3 * time.Minute)
	for open := w.journal("open = 1"); len(open) > 0; open = w.journal("open = 1") {
		if time.Now().After(deadline) {
			for _, row := range open {
				w.wrong("task %s of %s has no end: %s %s", row.id, row.marker, row.state, row.reason)
			}
			break
		}
		for _, row := range open { // who asks is told sooner
			w.askAbout(s, row.id)
		}
		time.Sleep(500 * time.Millisecond)
	}
	w.readLog()
}

// keepLogs writes down what everybody said, where -artifacts says.
func (w *world) keepLogs() {
	dir := w.t.ArtifactDir()
	for _, s := range w.all {
		_ = os.WriteFile(filepath.Join(dir, s.name+".log"), []byte(s.stderr.String()), 0o600)
	}
	_ = os.WriteFile(filepath.Join(dir, "service.json"), mustJSON(w.service.log(0)), 0o600)
	for _, name := range []string{"journal.db", "journal.db-wal"} {
		if b, err := os.ReadFile(filepath.Join(w.state, name)); err == nil {
			_ = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
	}
	w.t.Logf("what everybody said (kept with -artifacts): %s", dir)
}
