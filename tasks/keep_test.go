package tasks_test

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/resources/store"
	"wan-image-mcp/tasks"
)

func TestBadLuckWithPictures(t *testing.T) {
	for _, c := range []struct {
		name string
		bend func(*world)
		kept bool
	}{
		{"cut twice", func(w *world) { w.inject(simulator.Fault{Op: "image", Kind: "cut_after", N: 2}) }, true},
		{"host down for an hour", func(w *world) {
			w.inject(simulator.Fault{Op: "image", Kind: "status", Status: 503, N: 1000})
			go func() { time.Sleep(time.Hour); w.sim.ClearFaults() }()
		}, true},
		{"links die at once", func(w *world) {
			go func() { time.Sleep(time.Hour); w.sim.ClearFaults() }()
			w.inject(simulator.Fault{Op: "image", Kind: "status", Status: 403, N: 1})
		}, true},
		{"wrong length", func(w *world) { w.inject(simulator.Fault{Op: "image", Kind: "wrong_length", N: 2}) }, true},
		{"HTML once", func(w *world) { w.inject(simulator.Fault{Op: "image", Kind: "html"}) }, true},
		{"a redirect once", func(w *world) { w.inject(simulator.Fault{Op: "image", Kind: "redirect"}) }, true},
		{"a private link once", func(w *world) { w.inject(simulator.Fault{Op: "task", Kind: "private_link", N: 2}) }, true},
		{"gzip bomb", func(w *world) { w.inject(simulator.Fault{Op: "image", Kind: "gzip_bomb", N: 1000}) }, false},
		{"HTML", func(w *world) { w.inject(simulator.Fault{Op: "image", Kind: "html", N: 1000}) }, false},
		{"SVG", func(w *world) { w.inject(simulator.Fault{Op: "image", Kind: "wrong_type", N: 1000}) }, false},
		{"a private address", func(w *world) { w.inject(simulator.Fault{Op: "task", Kind: "private_link", N: 1000}) }, false},
		{"a redirect to a private address", func(w *world) { w.inject(simulator.Fault{Op: "image", Kind: "redirect", N: 1000}) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				l := w.live()
				defer l.end()
				c.bend(w)
				task := l.generate(flash("a door"))
				w.mustHaveCreated(1)
				if task.State != tasks.Succeeded || len(task.Pictures) != 1 {
					w.Fatalf("got %s with %d pictures", task.State, len(task.Pictures))
				}
				if task.Pictures[0].Link == "" {
					w.Error("the service's link is not given")
				}
				if !c.kept {
					if task.Pictures[0].IsKept() || task.Pictures[0].Reason == "" {
						w.Errorf("got %+v, want a reason and no picture", task.Pictures[0])
					}
					return
				}
				time.Sleep(2 * time.Hour)
				again, err := l.Get(w.Context(), me, task.ID)
				if err != nil {
					w.Fatal(err)
				}
				l.mustKeep(again, 1)
			})
		})
	}
}

func TestPicturesOutliveTheService(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		defer l.end()
		task := l.generate(flash("a door"))
		time.Sleep(26 * time.Hour)
		again, err := l.Attend(w.Context(), me, task.ID)
		if err != nil {
			w.Fatal(err)
		}
		l.mustKeep(l.wait(again), 1)
	})
}

func TestServerThatSleptTooLong(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		ticket, err := l.Generate(w.Context(), flash("a door"))
		if err != nil {
			w.Fatal(err)
		}
		if _, err := ticket.Wait(w.Context(), 2*time.Second, nil); err != nil {
			w.Fatal(err)
		}
		l.end()
		time.Sleep(26 * time.Hour)
		l = w.live()
		defer l.end()
		again, err := l.Attend(w.Context(), me, ticket.Task().ID)
		if err != nil {
			w.Fatal(err)
		}
		if task := l.wait(again); task.State != tasks.Expired || task.Reason == "" {
			w.Errorf("got %s (%s), want EXPIRED", task.State, task.Reason)
		}
	})
}

// A link that is dead, or leads nowhere, is replaced by the one that the service
// gives when it is asked again.
func TestFreshLink(t *testing.T) {
	link := regexp.MustCompile(`"url":"[^"]*"`)
	t.Run("for one that has died", func(t *testing.T) {
		inWorld(t, simulator.Options{}, func(w *world) {
			l := w.live()
			defer l.end()
			w.inject(simulator.Fault{Op: "image", Kind: "status", Status: 503, N: -1})
			ticket := l.order(flash("a door"))
			l.until(ticket, tasks.Succeeded)
			w.admin("expire", `{"links":true}`)
			w.sim.ClearFaults()
			task, err := ticket.Wait(w.Context(), 5*time.Minute, nil)
			if err != nil {
				w.Fatal(err)
			}
			l.mustKeep(task, 1)
		})
	})
	t.Run("for one to a private address", func(t *testing.T) {
		inWorld(t, simulator.Options{}, func(w *world) {
			told := 0
			l := w.live(func(c *tasks.Config) {
				c.Client.Transport = bendTask(w.sim, func(body []byte) []byte {
					if link.Match(body) {
						told++
					}
					if told == 1 {
						return link.ReplaceAll(body, []byte(`"url":"https://10.0.0.1/x.png"`))
					}
					return body
				})
			})
			defer l.end()
			task, err := l.order(flash("a door")).Wait(w.Context(), 5*time.Minute, nil)
			if err != nil {
				w.Fatal(err)
			}
			l.mustKeep(task, 1)
		})
	})
}

// A download is tried until the link dies, and then no more.
func TestLinkDiesBeforeThePictureComes(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		w.inject(simulator.Fault{Op: "image", Kind: "status", Status: 503, N: -1})
		ticket := l.order(flash("a door"))
		l.until(ticket, tasks.Succeeded)
		l.end()
		time.Sleep(23*time.Hour + 50*time.Minute)
		l = w.live()
		defer l.end()
		if task := l.now(ticket.Task().ID); task.Settled() {
			w.Errorf("ten minutes before the link dies: got %+v, want it still tried", task.Pictures)
		}
		again, err := l.Attend(w.Context(), me, ticket.Task().ID)
		if err != nil {
			w.Fatal(err)
		}
		task := l.wait(again)
		if task.State != tasks.Succeeded || task.Pictures[0].Code != "LinkExpired" || task.Pictures[0].Reason == "" {
			w.Errorf("got %s, %+v, want SUCCEEDED without its picture, for the link has expired", task.State, task.Pictures)
		}
		open, err := l.cfg.Journal.OpenTasks(w.Context(), "simulator")
		if err != nil || len(open) != 0 {
			w.Errorf("open tasks: got %d, %v, want none", len(open), err)
		}
	})
}

func TestDamagedPictureIsFetchedAgain(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live()
		defer l.end()
		task := l.generate(flash("a door"))
		files, err := filepath.Glob(filepath.Join(w.dir, "pictures", "*"+task.Pictures[0].Kept.SHA256+"*"))
		if err != nil || len(files) != 1 {
			w.Fatalf("files of the picture: %v, %v", files, err)
		}
		data, err := os.ReadFile(files[0])
		if err != nil {
			w.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(files[0], data, 0o600); err != nil {
			w.Fatal(err)
		}
		l.mustKeep(task, 1)
	})
}

// What the service gives the second time need not be the same bytes: it may have
// packed the picture anew.
func TestLostPictureIsReadAsItIsFetchedAgain(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		var again bytes.Buffer
		if err := png.Encode(&again, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
			w.Fatal(err)
		}
		lost := false
		l := w.live(func(c *tasks.Config) {
			folder, err := store.Open(filepath.Join(w.dir, "other"), store.Options{
				MinFree: -1, AllowHosts: []string{"127.0.0.1:8080"},
				Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					if !lost {
						return w.sim.RoundTrip(r)
					}
					return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(again.Bytes())), ContentLength: -1, Request: r}, nil
				}),
			})
			if err != nil {
				w.Fatal(err)
			}
			c.Store = folder
		})
		defer l.end()
		task := l.generate(flash("a door"))
		lost = true
		if err := l.cfg.Store.Remove(task.Pictures[0].Kept.SHA256); err != nil {
			w.Fatal(err)
		}
		p, data, err := l.Bytes(w.Context(), me, task.ID, 1)
		if err != nil || !bytes.Equal(data, again.Bytes()) || p.Kept.Width != 8 {
			w.Errorf("got %d bytes, %d pixels wide, %v; want the %d bytes that came the second time", len(data), p.Kept.Width, err, again.Len())
		}
	})
}

func TestReadableCopies(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		out := filepath.Join(w.dir, "out")
		l := w.live(func(c *tasks.Config) { c.OutputDir = out })
		defer l.end()
		o := flash("A flower shop with windows")
		o.Request.N = 2
		task := l.generate(o)
		l.mustKeep(task, 2)
		for _, p := range task.Pictures {
			if !strings.Contains(filepath.Base(p.Path), "flower-shop") {
				w.Errorf("path: got %q, want a readable name", p.Path)
			}
			if _, err := os.Stat(p.Path); err != nil {
				w.Error(err)
			}
		}
	})
}

// A folder that cannot be written costs the readable copy, never the picture.
func TestNoReadableCopy(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		file := filepath.Join(w.dir, "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			w.Fatal(err)
		}
		l := w.live(func(c *tasks.Config) { c.OutputDir = filepath.Join(file, "out") })
		defer l.end()
		task := l.generate(flash("a door"))
		l.mustKeep(task, 1)
		if task.Pictures[0].Path != "" {
			w.Errorf("path: got %q, want none", task.Pictures[0].Path)
		}
	})
}
