package tasks_test

import (
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/resources/store"
	"wan-image-mcp/tasks"
)

// noPictures has each download fail, and counts them.
func (w *world) noPictures(fetches *atomic.Int64) func(*tasks.Config) {
	return func(c *tasks.Config) {
		folder, err := store.Open(filepath.Join(w.dir, "other"), store.Options{
			MinFree: -1, AllowHosts: []string{"127.0.0.1:8080"},
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				fetches.Add(1)
				return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
			}),
		})
		if err != nil {
			w.Fatal(err)
		}
		c.Store = folder
	}
}

func TestFailedDownloadsAreTriedWithPauses(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		var fetches atomic.Int64
		l := w.live(w.noPictures(&fetches))
		defer l.end()
		ticket := l.order(flash("a door"))
		_, _ = ticket.Wait(w.Context(), 2*time.Minute, nil)
		if got := fetches.Load(); got < 3 || got > 30 {
			w.Errorf("downloads in two minutes: got %d, want a few", got)
		}
	})
}

// Many tasks whose pictures do not come are no reason to ask the service about them,
// nor to forget the pauses between two tries.
func TestManyFailedDownloadsLeaveTheServiceAlone(t *testing.T) {
	inWorld(t, simulator.Options{Speed: 10}, func(w *world) {
		const orders = 12 // more than it takes for the list to be read
		var fetches atomic.Int64
		l := w.live(w.noPictures(&fetches))
		defer l.end()
		var tickets []*tasks.Ticket
		for range orders {
			tickets = append(tickets, l.order(flash("a door")))
		}
		for _, ticket := range tickets {
			l.until(ticket, tasks.Succeeded)
		}
		asked := w.sim.Stats()
		fetches.Store(0)
		time.Sleep(10 * time.Minute)
		now := w.sim.Stats()
		if got := now.Lists + now.Queries - asked.Lists - asked.Queries; got != 0 {
			w.Errorf("questions about tasks that have ended: got %d, want 0", got)
		}
		if got := fetches.Load(); got < orders || got > 30*orders {
			w.Errorf("downloads in ten minutes: got %d, want a few for each of %d", got, orders)
		}
	})
}

// A few pictures come at a time, so that they do not take each other's time and memory.
func TestDownloadsAreFewAtATime(t *testing.T) {
	inWorld(t, simulator.Options{Speed: 10}, func(w *world) {
		var now, most atomic.Int64
		l := w.live(func(c *tasks.Config) {
			folder, err := store.Open(filepath.Join(w.dir, "other"), store.Options{
				MinFree: -1, AllowHosts: []string{"127.0.0.1:8080"},
				Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					for n := now.Add(1); ; {
						if was := most.Load(); was >= n || most.CompareAndSwap(was, n) {
							break
						}
					}
					defer now.Add(-1)
					time.Sleep(10 * time.Second) // longer than it takes until the last task has ended
					return w.sim.RoundTrip(r)
				}),
			})
			if err != nil {
				w.Fatal(err)
			}
			c.Store = folder
		})
		defer l.end()
		var tickets []*tasks.Ticket
		for range 3 {
			o := flash("a door")
			o.Request.N = 3
			tickets = append(tickets, l.order(o))
		}
		for _, ticket := range tickets {
			l.mustKeep(l.wait(ticket), 3)
		}
		if most.Load() != 4 {
			w.Errorf("downloads at once: got %d, want 4 of 9", most.Load())
		}
	})
}
