package tasks_test

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/resources/store"
	"wan-image-mcp/tasks"
)

// smallDisk puts the world's state folder on a disk of its own.
func (w *world) smallDisk(bytes string) {
	w.Helper()
	w.dir = filepath.Join(w.dir, "disk")
	if err := os.Mkdir(w.dir, 0o700); err != nil {
		w.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", w.dir, "tmpfs", 0, "size="+bytes); err != nil {
		w.Skipf("a small disk needs the right to mount: %v", err)
	}
	w.Cleanup(func() {
		if err := syscall.Unmount(w.dir, syscall.MNT_DETACH); err != nil {
			w.Error(err)
		}
	})
}

// fill takes the last byte of the disk, until the returned function gives it back.
func (w *world) fill() (free func()) {
	w.Helper()
	name := filepath.Join(w.dir, "filler")
	file, err := os.Create(name)
	if err != nil {
		w.Fatal(err)
	}
	chunk := make([]byte, 4096)
	_, _ = rand.Read(chunk)
	for err == nil {
		_, err = file.Write(chunk)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		w.Fatal(err)
	}
	_ = file.Close()
	return func() {
		if err := os.Remove(name); err != nil {
			w.Error(err)
		}
	}
}

// TestFullDisk fills the disk at each step of a task's life.
func TestFullDisk(t *testing.T) {
	for _, c := range []struct {
		name, marker string
		fillAt       time.Duration
	}{
		{"while the service has the submission", "[sim:delay=5s]", 2 * time.Second},
		{"while it is drawn", "[sim:slow=20s]", 10 * time.Second},
		{"before a lost answer is found", "[sim:cut-after]", 500 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				w.smallDisk("12m")
				l := w.live()
				defer l.end()
				l.mustKeep(l.generate(flash("a first door")), 1)
				ticket, err := l.Generate(w.Context(), flash("a door "+c.marker))
				if err != nil {
					w.Fatal(err)
				}
				time.Sleep(c.fillAt)
				free := w.fill()
				time.Sleep(90 * time.Second)
				free()
				l.mustKeep(l.wait(ticket), 1)
				w.mustHaveCreated(2)
			})
		})
	}
	// Nothing but the answer to the POST tells what became of it.
	t.Run("while the service has the submission, and its list fails", func(t *testing.T) {
		inWorld(t, simulator.Options{}, func(w *world) {
			w.smallDisk("12m")
			l := w.live()
			defer l.end()
			w.inject(simulator.Fault{Op: "list", Kind: "status", Status: 500, N: -1})
			l.mustKeep(l.generate(flash("a first door")), 1)
			ticket := l.order(flash("a door [sim:delay=5s]"))
			time.Sleep(2 * time.Second)
			free := w.fill()
			time.Sleep(90 * time.Second)
			free()
			l.mustKeep(l.wait(ticket), 1)
			w.mustHaveCreated(2)
		})
	})
	t.Run("before the order", func(t *testing.T) {
		inWorld(t, simulator.Options{}, func(w *world) {
			w.smallDisk("12m")
			l := w.live()
			defer l.end()
			free := w.fill()
			var refused int
			for range 50 { // what SQLite had set aside takes a few
				ticket, err := l.Generate(w.Context(), flash("a door"))
				if err != nil {
					refused++
					continue
				}
				task, err := ticket.Wait(w.Context(), time.Minute, nil)
				if err != nil {
					w.Fatal(err)
				}
				ticket.Done(false)
				if task.State.Terminal() && task.State != tasks.Succeeded {
					w.Errorf("on a full disk a task ended %s (%s)", task.State, task.Reason)
				}
			}
			if refused == 0 {
				w.Error("a full disk refused no order")
			}
			free()
			time.Sleep(30 * time.Minute)
			l.mustKeep(l.generate(flash("a last door")), 1)
		})
	})
}

// The end of a request that a full disk has no place for is written down later: the
// same order again is no purchase.
func TestFullDiskKeepsNoRequestAlive(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		w.smallDisk("12m")
		l := w.live()
		defer l.end()
		first := l.order(flash("a door [sim:slow=100s]"))
		time.Sleep(10 * time.Second)
		free := w.fill()
		for tries := 0; ; tries++ { // what SQLite had set aside takes a few
			other, err := l.Attend(w.Context(), me, first.Task().ID)
			if err != nil {
				break
			}
			other.Done(false)
			if tries == 1000 {
				w.Fatal("a full disk refused no request")
			}
		}
		first.Done(false)
		free()
		time.Sleep(5 * time.Second)
		if again := l.order(flash("a door [sim:slow=100s]")); again.Task().ID != first.Task().ID {
			w.Errorf("the same order again: got %s, want %s", again.Task().ID, first.Task().ID)
		}
		w.mustHaveCreated(1)
	})
}

// A disk that has become full since the order takes the new picture in place of
// older ones that were delivered.
func TestFullDiskMakesRoom(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		disk := &world{T: w.T, dir: w.TempDir()}
		disk.smallDisk("20m")
		l := w.live(func(c *tasks.Config) {
			folder, err := store.Open(filepath.Join(disk.dir, "pictures"), store.Options{Transport: w.sim, AllowHosts: []string{"127.0.0.1:8080"}, MinFree: 1})
			if err := errors.Join(err, c.Store.Close()); err != nil {
				w.Fatal(err)
			}
			c.Store = folder
		})
		defer l.end()
		for range 3 {
			l.mustKeep(l.generate(flash("a delivered door")), 1)
		}
		ticket := l.order(flash("a door [sim:slow=20s]"))
		time.Sleep(10 * time.Second)
		disk.fill()
		task, err := ticket.Wait(w.Context(), 5*time.Minute, nil)
		if err != nil {
			w.Fatal(err)
		}
		l.mustKeep(task, 1)
	})
}
