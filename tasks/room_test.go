package tasks_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/resources/store"
	"wan-image-mcp/tasks"
)

// What could not be kept is not bought. What was bought is given all the same.
func TestNoRoomNoOrder(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		bought := flash("a door")
		bought.IdempotencyKey = "k"
		ticket := l.order(bought)
		if _, err := ticket.Wait(w.Context(), time.Hour, nil); err != nil {
			w.Fatal(err)
		}
		ticket.Done(false)
		l.end()
		l = w.live(func(c *tasks.Config) {
			folder, err := store.Open(filepath.Join(w.dir, "pictures"), store.Options{
				Transport: w.sim, AllowHosts: []string{"127.0.0.1:8080"}, MinFree: -1, MaxBytes: 1 << 20,
			})
			if err := errors.Join(err, c.Store.Close()); err != nil {
				w.Fatal(err)
			}
			c.Store = folder
		})
		defer l.end()
		if _, err := l.Generate(w.Context(), flash("a window")); !errors.Is(err, store.ErrNoSpace) {
			w.Errorf("without room: got %v, want ErrNoSpace", err)
		}
		if again := l.generate(bought); again.ID != ticket.Task().ID {
			w.Errorf("what was bought: got task %s, want %s", again.ID, ticket.Task().ID)
		}
		time.Sleep(10 * time.Minute)
		w.mustHaveCreated(1)
	})
}

func TestOldestDeliveredMakesRoom(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		delivered := l.generate(flash("a delivered door"))
		undelivered, err := l.Generate(w.Context(), flash("an undelivered door"))
		if err != nil {
			w.Fatal(err)
		}
		if _, err := undelivered.Wait(w.Context(), time.Hour, nil); err != nil {
			w.Fatal(err)
		}
		undelivered.Done(false)
		used, err := l.cfg.Store.Used()
		if err != nil {
			w.Fatal(err)
		}
		l.end()

		l = w.live(func(c *tasks.Config) {
			c.Store, err = store.Open(filepath.Join(w.dir, "pictures"), store.Options{
				Transport: w.sim, AllowHosts: []string{"127.0.0.1:8080"}, MinFree: -1, MaxBytes: used + 8<<20 - 1,
			})
			if err != nil {
				w.Fatal(err)
			}
		})
		defer l.end()
		l.mustKeep(l.generate(flash("a new door")), 1)
		if _, _, err := l.Bytes(w.Context(), me, delivered.ID, 1); err == nil {
			w.Error("the delivered picture is still there")
		}
		if _, _, err := l.Bytes(w.Context(), me, undelivered.Task().ID, 1); err != nil {
			w.Errorf("the undelivered picture is gone: %v", err)
		}
		evicted, err := l.Get(w.Context(), me, delivered.ID)
		if err != nil {
			w.Fatal(err)
		}
		if !evicted.Settled() || !strings.Contains(evicted.Pictures[0].Reason, "--max-store-bytes") {
			w.Errorf("the removed picture: settled %v, %+v; want it settled, with the reason", evicted.Settled(), evicted.Pictures[0])
		}
	})
}

// A picture that no task knows, because a process died at the wrong moment, makes
// room before any that somebody may ask for. One that came just now is left alone.
func TestOrphansMakeRoomFirst(t *testing.T) {
	for _, c := range []struct {
		age  time.Duration
		want bool // that the delivered picture stays
	}{{2 * time.Hour, true}, {time.Minute, false}} {
		inWorld(t, simulator.Options{}, func(w *world) {
			l := w.live()
			delivered := l.generate(flash("a delivered door"))
			used, err := l.cfg.Store.Used()
			if err != nil {
				w.Fatal(err)
			}
			l.end()
			orphan := filepath.Join(w.dir, "pictures", strings.Repeat("0123456789abcdef", 4)+".png")
			if err := os.WriteFile(orphan, make([]byte, 4<<20), 0o600); err != nil {
				w.Fatal(err)
			}
			stored := time.Now().Add(-c.age)
			if err := os.Chtimes(orphan, stored, stored); err != nil {
				w.Fatal(err)
			}
			l = w.live(func(cfg *tasks.Config) {
				cfg.Store, err = store.Open(filepath.Join(w.dir, "pictures"), store.Options{
					Transport: w.sim, AllowHosts: []string{"127.0.0.1:8080"}, MinFree: -1, MaxBytes: used + 12<<20 - 1,
				})
				if err != nil {
					w.Fatal(err)
				}
			})
			defer l.end()
			l.mustKeep(l.generate(flash("a new door")), 1)
			if _, err := os.Stat(orphan); (err != nil) != c.want {
				w.Errorf("the orphan of %v: %v, want it gone: %v", c.age, err, c.want)
			}
			if _, _, err := l.Bytes(w.Context(), me, delivered.ID, 1); (err == nil) != c.want {
				w.Errorf("the delivered picture beside an orphan of %v: %v, want it kept: %v", c.age, err, c.want)
			}
		})
	}
}
