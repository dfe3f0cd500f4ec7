package journal_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wan-image-mcp/tasks/journal"
)

func ids(tasks []journal.Task, err error) string {
	all := ""
	for _, t := range tasks {
		all += t.ID + " "
	}
	if err != nil {
		all += err.Error()
	}
	return all
}

func TestLists(t *testing.T) {
	j := openNew(t)
	order(t, j, "y", createdAt(noon)) // three in one millisecond: the order of arrival counts
	order(t, j, "z", createdAt(noon), process("p2"))
	order(t, j, "x", createdAt(noon))
	order(t, j, "early", createdAt(noon.Add(-time.Minute)), func(in *journal.Intent) { in.Task.Model = "wan2.2-t2i-flash" })
	order(t, j, "bobs", func(in *journal.Intent) { in.Task.Owner = "bob" })
	order(t, j, "simulated", func(in *journal.Intent) { in.Task.Upstream = "simulated" })
	setState(t, j, "x", "SUCCEEDED", false)
	ctx := t.Context()
	for name, c := range map[string][2]string{
		"recent":           {"x z y early ", ids(j.Recent(ctx, upstream, "ann", 10))},
		"the two newest":   {"x z ", ids(j.Recent(ctx, upstream, "ann", 2))},
		"of a stranger":    {"", ids(j.Recent(ctx, upstream, "eve", 10))},
		"open":             {"y z early bobs ", ids(j.OpenTasks(ctx, upstream))},
		"no doubts so far": {"", ids(j.InDoubt(ctx, upstream, model))},
	} {
		if diff := cmp.Diff(c[0], c[1]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	order(t, j, "synchronous")
	for id, sent := range map[string]time.Duration{"z": 2, "y": 1, "early": 0, "synchronous": 0} {
		change(t, j, id, func(t *journal.Task) {
			t.State, t.Sent, t.Sync = "UNKNOWN", noon.Add(sent*time.Second), id == "synchronous"
		})
	}
	if diff := cmp.Diff("y z ", ids(j.InDoubt(ctx, upstream, model))); diff != "" {
		t.Errorf("in doubt (-want +got):\n%s", diff)
	}
}

func TestQueuedModels(t *testing.T) {
	j := openNew(t)
	for i, name := range []string{"m1", "m1", "m2", "m3", "m4"} {
		order(t, j, fmt.Sprint(i), func(in *journal.Intent) { in.Task.Model = name })
	}
	change(t, j, "3", func(t *journal.Task) { t.Holder = "p2" })
	setState(t, j, "4", "RUNNING", true)
	got, err := j.Queued(t.Context(), upstream, "p1")
	if diff := cmp.Diff([]string{"m1", "m2"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestServed(t *testing.T) {
	j := openNew(t)
	for i := range 5 {
		order(t, j, fmt.Sprint(i))
		change(t, j, fmt.Sprint(i), func(t *journal.Task) {
			t.Served, t.Ended = time.Duration(i)*time.Second, noon.Add(time.Duration(i)*time.Minute)
		})
	}
	got, err := j.Served(t.Context(), upstream, model, 3)
	if diff := cmp.Diff([]time.Duration{2 * time.Second, 3 * time.Second, 4 * time.Second}, got); diff != "" || err != nil {
		t.Errorf("the newest three, oldest first: %v (-want +got):\n%s", err, diff)
	}
}

func TestSpent(t *testing.T) {
	j := openNew(t)
	for i, at := range []time.Duration{-time.Second, 0, time.Hour} {
		order(t, j, fmt.Sprint(i), createdAt(noon.Add(at)), func(in *journal.Intent) { in.Task.N, in.Task.Counted = 4, 4 })
	}
	change(t, j, "2", func(t *journal.Task) { t.Counted = 1 })
	count, price, err := j.Spent(t.Context(), upstream, noon)
	if count != 5 || price != 5*200000 || err != nil {
		t.Errorf("got %d for %d, %v; want 5 for 1000000", count, price, err)
	}
	if count, _, err := j.Spent(t.Context(), "simulated", noon); count != 0 || err != nil {
		t.Errorf("another upstream: got %d, %v", count, err)
	}
}

func TestChanged(t *testing.T) {
	path := newFile(t)
	j, other := open(t, path), open(t, path)
	version := func() int64 {
		t.Helper()
		v, err := j.Changed(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	before := version()
	order(t, j, "a")
	if _, err := j.Recent(t.Context(), upstream, "ann", 1); err != nil {
		t.Fatal(err)
	}
	if version() != before {
		t.Error("our own write looks like another process's")
	}
	// Whatever becomes of cancelled calls, one and the same connection compares.
	for i := range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Duration(i*10)*time.Microsecond, cancel)
		_, _, _ = j.Order(ctx, intent(fmt.Sprint("t", i)))
		_, _ = j.Changed(ctx)
		cancel()
	}
	if version() != before {
		t.Error("cancelled calls look like another process's writes")
	}
	for range 3 {
		attend(t, other, "p2", 1)
		after := version()
		if after == before {
			t.Error("another process's write does not show")
		}
		before = after
	}
}

func TestEviction(t *testing.T) {
	j := openNew(t)
	// Deliveries in another order than the arrivals; "shared" is in two tasks.
	for id, c := range map[string]struct {
		delivered int // minutes after noon, 0 for never
		open      bool
		pictures  []string
	}{
		"a": {3, false, []string{"third", ""}},
		"b": {1, false, []string{"first"}},
		"c": {0, false, []string{"undelivered", "halfshared"}},
		"d": {1, false, []string{"halfshared"}},
		"e": {2, true, []string{"stillopen"}},
		"f": {2, false, []string{"second", "shared"}},
		"g": {9, false, []string{"shared"}},
	} {
		order(t, j, id)
		change(t, j, id, func(t *journal.Task) {
			t.State, t.Open = "SUCCEEDED", c.open
			if c.delivered > 0 {
				t.Delivered = noon.Add(time.Duration(c.delivered) * time.Minute)
			}
			for i, sha := range c.pictures {
				t.Pictures = append(t.Pictures, journal.Picture{N: i + 1, SHA256: sha, Bytes: 7})
			}
		})
	}
	expectEvictable := func(limit int, want ...string) {
		t.Helper()
		got, err := j.Evictable(t.Context(), limit)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	expectEvictable(10, "first", "second", "third", "shared")
	expectEvictable(1, "first")
	for _, sha := range []string{"first", "shared"} {
		if err := j.Evict(t.Context(), sha, "Removed", "made room"); err != nil {
			t.Fatal(err)
		}
	}
	expectEvictable(10, "second", "third")
	for id, n := range map[string]int{"f": 1, "g": 0} {
		task, err := j.Task(t.Context(), id)
		want := journal.Picture{N: n + 1, Bytes: 7, Code: "Removed", Reason: "made room"}
		if diff := cmp.Diff(want, task.Pictures[n]); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", id, err, diff)
		}
	}

	// A new task has come to need it between the two calls.
	order(t, j, "new")
	change(t, j, "new", func(t *journal.Task) { t.Pictures = []journal.Picture{{N: 1, SHA256: "second"}} })
	for _, sha := range []string{"second", "undelivered", "stillopen"} {
		if err := j.Evict(t.Context(), sha, "Removed", "made room"); !errors.Is(err, journal.ErrNeeded) {
			t.Errorf("evict %s: got %v, want ErrNeeded", sha, err)
		}
	}
	if got, err := j.Task(t.Context(), "f"); got.Pictures[0].SHA256 != "second" || err != nil {
		t.Errorf("a needed picture was evicted: %+v, %v", got.Pictures, err)
	}
}

// A task and its pictures are read as they were at one moment.
func TestReadsAreConsistent(t *testing.T) {
	path := newFile(t)
	j, writer := open(t, path), open(t, path)
	order(t, j, "a")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			change(t, writer, "a", func(t *journal.Task) {
				t.Posts, t.Pictures = i, []journal.Picture{{N: 1, Bytes: int64(i)}}
			})
		}
	}()
	for range 300 {
		got, err := j.Task(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Pictures) == 1 && got.Pictures[0].Bytes != int64(got.Posts) {
			t.Errorf("row %d with picture %d", got.Posts, got.Pictures[0].Bytes)
			break
		}
	}
	close(stop)
	<-done
}
