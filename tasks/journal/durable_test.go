package journal_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"wan-image-mcp/tasks/journal"
)

// commitForEver is a process that does a task's writes as fast as it can, and
// tells each one after the journal has acknowledged it. It has an upstream of
// its own, so that a dead process's submission does not stop it.
func commitForEver(path, name string) error {
	ctx := context.Background()
	j, err := journal.Open(path)
	if err != nil {
		return err
	}
	mine := func(in *journal.Intent) {
		in.Task.Upstream, in.Process, in.Task.Holder = name, name, name
		in.Task.LeaseUntil = time.Now().Add(time.Minute)
	}
	for i := 0; ; i++ {
		id := fmt.Sprintf("%s-%d", name, i)
		if _, _, err := j.Order(ctx, intent(id, mine)); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(os.Stdout, "QUEUED", id); err != nil {
			return err
		}
		pass, err := j.Submit(ctx, journal.Gate{Upstream: name, Model: model, Holder: name, Running: 1 << 30, Now: time.Now()})
		if err != nil || pass.Task == nil {
			return fmt.Errorf("submit: %+v %w", pass, err)
		}
		if _, err := fmt.Fprintln(os.Stdout, "SUBMITTING", pass.Task.ID); err != nil {
			return err
		}
		lease := journal.Lease{Holder: name, Fence: 1}
		_, err = j.Change(ctx, id, &lease, func(t *journal.Task) error {
			t.State, t.UpstreamID = "PENDING", "up-"+id
			return nil
		})
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(os.Stdout, "PENDING", id); err != nil {
			return err
		}
	}
}

// Four processes write to one file and are killed at random moments, over and
// over. Nothing that was acknowledged is lost, and nobody hears of a lock.
func TestKilledProcessesLoseNothing(t *testing.T) {
	const rounds, processes = 5, 4
	path := newFile(t)
	var mu sync.Mutex
	reached := map[string]string{} // the last state that was acknowledged
	for round := range rounds {
		var all sync.WaitGroup
		for p := range processes {
			name := fmt.Sprintf("r%dp%d", round, p)
			cmd := child(t, "commit", name, path)
			all.Go(func() {
				for _, line := range killedAtRandom(t, cmd) {
					state, id, _ := strings.Cut(line, " ")
					if state == "error" {
						t.Errorf("%s: %s", name, id)
						continue
					}
					mu.Lock()
					reached[id] = state
					mu.Unlock()
				}
			})
		}
		all.Wait()
	}
	j := open(t, path)
	rank := map[string]int{"QUEUED": 1, "SUBMITTING": 2, "PENDING": 3}
	for id, state := range reached {
		got, err := j.Task(t.Context(), id)
		if err != nil || rank[got.State] < rank[state] {
			t.Errorf("%s was %s, is %q, %v", id, state, got.State, err)
		}
	}
	if got := query[string](t, path, "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("integrity: %s", got)
	}
	t.Logf("%d lives, %d tasks acknowledged, 0 lost", rounds*processes, len(reached))
	if len(reached) < rounds*processes {
		t.Errorf("only %d tasks were acknowledged: too few to prove anything", len(reached))
	}
}

// killedAtRandom runs a process, kills it some time after its first line and
// returns its whole lines.
func killedAtRandom(t *testing.T, cmd *exec.Cmd) (lines []string) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Error(err)
		return nil
	}
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return nil
	}
	life := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	reader := bufio.NewReader(out)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			break
		}
		if lines == nil {
			life.Reset(time.Duration(rand.IntN(400)) * time.Millisecond)
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	life.Stop()
	_ = cmd.Wait() // killed
	return lines
}

// A process that is killed while it creates the journal leaves nothing that the
// next one stumbles over.
func TestDeathWhileCreating(t *testing.T) {
	for range 10 {
		path := newFile(t)
		cmd := child(t, "open", "x", path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for range 1000 { // until it has begun
			if _, err := os.Stat(path); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(rand.IntN(10000)) * time.Microsecond)
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		order(t, open(t, path), "a")
	}
}

// The WAL does not grow without end while somebody reads at every moment, which
// keeps SQLite from starting it over.
func TestWALStaysSmall(t *testing.T) {
	path := newFile(t)
	j := openFast(t, path)
	order(t, j, "a")
	db := rawDB(t, path)
	defer db.Close()
	read := func() *sql.Tx {
		tx, err := db.BeginTx(context.Background(), nil)
		if err == nil {
			_, err = tx.ExecContext(context.Background(), "SELECT COUNT(*) FROM pace")
		}
		if err != nil {
			t.Error(err)
		}
		return tx
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for reading := read(); ; {
			select {
			case <-stop:
				_ = reading.Rollback()
				return
			case <-time.After(5 * time.Millisecond):
			}
			next := read() // before the other one ends
			_ = reading.Rollback()
			reading = next
		}
	}()
	for i := range 240 {
		order(t, j, fmt.Sprint("t", i), func(in *journal.Intent) { in.Task.Request = make([]byte, 100000) })
	}
	close(stop)
	<-done
	if got := walSize(t, path); got > 20<<20 {
		t.Errorf("the WAL has %d MB after 24 MB of orders", got>>20)
	}
}

func walSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
