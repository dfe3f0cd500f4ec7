package simulator_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wan-image-mcp/dashscope/simulator"
)

func TestSubmitsPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, simulator.Options{})
		const n = `{"n":1}`
		l.mustCreate("wan2.6-t2i", "1", n)
		time.Sleep(999 * time.Millisecond)
		refused := l.create("wan2.6-t2i", "2", n)
		if refused.status != 429 || refused.text("code") != "Throttling.RateQuota" {
			t.Errorf("second create within a second: got %d %s, want 429", refused.status, refused.body)
		}
		l.golden("error_429", refused)
		l.mustCreate("wan2.2-t2i-plus", "another model has its own pace", n)
		time.Sleep(time.Millisecond)
		l.mustCreate("wan2.6-t2i", "3", n)

		got := l.sim.Stats()
		if got.Accepted != 3 || got.Refused != 1 || got.Throttled != 1 || got.MaxCreates != 3 || got.Models["wan2.6-t2i"].MaxCreates != 2 {
			t.Errorf("stats: got %+v", got)
		}
	})
}

func TestQueriesPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, simulator.Options{})
		id := l.mustCreate("wan2.6-t2i", "x", `{"n":1}`)
		for i := range 20 {
			var a answer
			switch i % 3 {
			case 0:
				a = l.task(id)
			case 1:
				a = l.do("GET", "/api/v1/tasks/", "")
			default:
				a = l.do("POST", "/api/v1/tasks/"+id+"/cancel", "")
			}
			if a.status == 429 {
				t.Fatalf("query %d: got 429", i+1)
			}
		}
		if a := l.task(id); a.status != 429 {
			t.Errorf("query 21: got %d, want 429", a.status)
		}
		time.Sleep(time.Second)
		if a := l.task(id); a.status != 200 {
			t.Errorf("a second later: got %d, want 200", a.status)
		}
		if got := l.sim.Stats(); got.MaxQueries != 21 {
			t.Errorf("max queries: got %d, want 21", got.MaxQueries)
		}
	})
}

// TestQueue fills a model of two running tasks and looks at every moment.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := func(string) time.Duration { return 10 * time.Second }
		l := newLab(t, simulator.Options{Took: took})
		var ids []string
		for range 6 {
			ids = append(ids, l.mustCreate("wan2.2-t2i-plus", "x", `{"n":1}`))
			time.Sleep(time.Second)
		}
		var order []string
		for {
			var running []string
			for _, id := range ids {
				switch l.state(id) {
				case "RUNNING":
					running = append(running, id)
				case "SUCCEEDED":
					if !slices.Contains(order, id) {
						order = append(order, id)
					}
				}
			}
			if len(running) > 2 {
				t.Fatalf("%d tasks run at once", len(running))
			}
			if len(order) == len(ids) {
				break
			}
			time.Sleep(500 * time.Millisecond)
		}
		if !slices.Equal(order, ids) {
			t.Errorf("ended in another order than they came: %v", order)
		}
		got := l.sim.Stats().Models["wan2.2-t2i-plus"]
		if got.MaxRunning != 2 || got.MaxOpen != 6 {
			t.Errorf("stats: got %+v, want 2 running and 6 open at most", got)
		}

		l.admin("POST", "/admin/excess", `{"excess":"refuse"}`)
		l.mustCreate("wan2.2-t2i-plus", "x", `{"n":1}`)
		l.mustCreate("wan2.2-t2i-plus", "x", `{"n":1}`)
		time.Sleep(time.Second)
		if a := l.create("wan2.2-t2i-plus", "x", `{"n":1}`); a.status != 429 || a.text("code") != "Throttling.Concurrency" {
			t.Errorf("third at once: got %d %s, want 429 Throttling.Concurrency", a.status, a.body)
		}
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, simulator.Options{})
		id := l.mustCreate("wan2.6-t2i", "x [sim:queue=1m]", `{"n":1}`)
		if a := l.do("POST", "/api/v1/tasks/"+id+"/cancel", ""); a.status != 200 || a.get("output") != nil {
			t.Errorf("cancel: got %d %s, want 200 without output", a.status, a.body)
		}
		time.Sleep(2 * time.Minute)
		if got := l.state(id); got != "CANCELED" {
			t.Errorf("canceled task: got %s", got)
		}
	})
}

// TestDurations draws times around the published figures, and the same ones
// for the same seed.
func TestDurations(t *testing.T) {
	draw := func(seed int64, speed float64) (all []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, simulator.Options{Seed: seed, Speed: speed})
			for range 15 {
				start := time.Now()
				id := l.mustCreate("wan2.6-t2i", "x", `{"n":1}`)
				for l.state(id) != "SUCCEEDED" {
					time.Sleep(250 * time.Millisecond)
				}
				all = append(all, time.Since(start))
				time.Sleep(time.Second)
			}
		})
		return all
	}
	life := draw(1, 0)
	sorted := slices.Sorted(slices.Values(life))
	if middle := sorted[len(sorted)/2]; middle < 22*time.Second || middle > 33*time.Second || sorted[0] == sorted[14] {
		t.Errorf("durations: got %v, want about 27 s", sorted)
	}
	if !slices.Equal(life, draw(1, 0)) {
		t.Error("the same seed draws other durations")
	}
	if slices.Equal(life, draw(2, 0)) {
		t.Error("another seed draws the same durations")
	}
	if fast := draw(1, 10); fast[0] < life[0]/11 || fast[0] > life[0]/9 {
		t.Errorf("ten times faster: got %v, want a tenth of %v", fast[0], life[0])
	}
}

// TestExpiry has ids and links end after a day, and links hold against
// changes before it.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, simulator.Options{})
		id := l.mustCreate("wan2.2-t2i-flash", "x", `{"n":1,"size":"512*512"}`)
		link := l.links(l.finish(id))[0]
		if a := l.do("GET", link, ""); a.status != 200 || a.header.Get("Content-Type") != "image/png" {
			t.Fatalf("picture: got %d %s", a.status, a.body)
		}
		for name, changed := range map[string]string{
			"no_query":      strings.Split(link, "?")[0],
			"later_expiry":  strings.Replace(link, "Expires=", "Expires=9", 1),
			"other_picture": strings.Replace(link, "-1.png", "-2.png", 1),
			"signature":     strings.Replace(link, "Signature=", "Signature=A", 1),
		} {
			a := l.do("GET", changed, "")
			if a.status != 403 {
				t.Errorf("%s: got %d, want 403", name, a.status)
			}
			if name == "signature" {
				l.golden("image_signature", a)
			}
		}
		time.Sleep(24*time.Hour - time.Minute)
		if a := l.do("GET", link, ""); a.status != 200 {
			t.Errorf("link just before a day: got %d, want 200", a.status)
		}
		if got := l.state(id); got != "SUCCEEDED" {
			t.Errorf("id just before a day: got %s", got)
		}
		time.Sleep(time.Minute)
		expired := l.do("GET", link, "")
		l.golden("image_expired", expired)
		if got := l.state(id); got != "UNKNOWN" {
			t.Errorf("id after a day: got %s, want UNKNOWN", got)
		}
		if a := l.do("GET", "/api/v1/tasks", ""); a.get("total") != 0.0 {
			t.Errorf("list after a day: got %s", a.body)
		}
	})
}
