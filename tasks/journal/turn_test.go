package journal_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wan-image-mcp/tasks/journal"
)

// gate lets p1 submit at noon plus after: one a second, two at once at the service.
func gate(after time.Duration, with ...func(*journal.Gate)) journal.Gate {
	now := noon.Add(after)
	g := journal.Gate{Upstream: upstream, Model: model, Holder: "p1", Spacing: time.Second, Running: 2, Now: now, Deadline: now.Add(30 * time.Second)}
	for _, change := range with {
		change(&g)
	}
	return g
}

func by(holder string) func(*journal.Gate) { return func(g *journal.Gate) { g.Holder = holder } }

// leased keeps an order in line for the minutes that a test plays.
func leased(in *journal.Intent) { in.Task.LeaseUntil = noon.Add(2 * time.Minute) }

// frozen runs a test whose clock stands still, so that no time is added to the
// gate's for what the disk takes.
func frozen(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// expect asks the gate: task is who passes ("" for nobody).
func expect(t *testing.T, j *journal.Journal, g journal.Gate, task string, wait time.Duration) {
	t.Helper()
	pass, err := j.Submit(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	if pass.Task != nil {
		got = pass.Task.ID
	}
	if got != task || pass.Wait != wait {
		t.Fatalf("at %v: got task %q, wait %v; want %q, %v", g.Now.Sub(noon), got, pass.Wait, task, wait)
	}
}

func TestSubmit(t *testing.T) {
	frozen(t, func(t *testing.T) {
		j := openNew(t)
		order(t, j, "a")
		g := gate(time.Second, func(g *journal.Gate) { g.ClockAhead, g.ClockKnown = 90*time.Second, true })
		pass, err := j.Submit(t.Context(), g)
		if err != nil || pass.Task == nil {
			t.Fatalf("got %+v, %v", pass, err)
		}
		got, err := j.Task(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if got.State != "SUBMITTING" || got.Posts != 1 || !got.Open {
			t.Errorf("got state %s, posts %d, open %v; want SUBMITTING, 1, true", got.State, got.Posts, got.Open)
		}
		if got.ClockAhead != g.ClockAhead || !got.ClockKnown {
			t.Errorf("the service's clock was %v ahead (known: %v), want %v", got.ClockAhead, got.ClockKnown, g.ClockAhead)
		}
		if !got.Sent.Equal(g.Now) || !got.Deadline.Equal(g.Deadline) {
			t.Errorf("sent %v, deadline %v; want %v, %v", got.Sent, got.Deadline, g.Now, g.Deadline)
		}
	})
}

func TestPace(t *testing.T) {
	frozen(t, func(t *testing.T) {
		j := openNew(t)
		order(t, j, "a", leased)
		order(t, j, "b", leased)
		order(t, j, "c", leased)
		order(t, j, "other", leased, func(in *journal.Intent) { in.Task.Model = "wan2.2-t2i-flash" })
		expect(t, j, gate(0), "a", 0)
		setState(t, j, "a", "RUNNING", true)
		expect(t, j, gate(400*time.Millisecond), "", 600*time.Millisecond)
		expect(t, j, gate(400*time.Millisecond, func(g *journal.Gate) { g.Model = "wan2.2-t2i-flash" }), "other", 0)
		expect(t, j, gate(1100*time.Millisecond), "b", 0)
		setState(t, j, "b", "RUNNING", true)

		// A 429 slows every process down; a shorter pause does not shorten it.
		for _, pause := range []time.Duration{20 * time.Second, 5 * time.Second} {
			if err := j.SlowDown(t.Context(), upstream, model, noon.Add(pause), false); err != nil {
				t.Fatal(err)
			}
		}
		expect(t, j, gate(10*time.Second), "", 10*time.Second)
		expect(t, j, gate(20*time.Second), "c", 0)
	})
}

func TestPaceIsKeptWhenTheLockWasWaitedFor(t *testing.T) {
	path := newFile(t)
	j, other := open(t, path), open(t, path)
	order(t, j, "a", leased)
	order(t, j, "b", leased)
	order(t, j, "x")
	locked, unlock := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		_, err := other.Change(t.Context(), "x", nil, func(*journal.Task) error {
			close(locked)
			<-unlock
			return nil
		})
		done <- err
	}()
	<-locked
	time.AfterFunc(400*time.Millisecond, func() { close(unlock) })
	expect(t, j, gate(0), "a", 0) // real 400 ms later
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	setState(t, j, "a", "RUNNING", true)
	pass, err := j.Submit(t.Context(), gate(400*time.Millisecond))
	if err != nil || pass.Task != nil || pass.Wait < 900*time.Millisecond {
		t.Errorf("got task %v, wait %v, error %v; want the whole second after the one that went late", pass.Task, pass.Wait, err)
	}
}

func TestRunningLimit(t *testing.T) {
	frozen(t, func(t *testing.T) {
		j := openNew(t)
		ids := []string{"a", "b", "c", "d", "e", "f", "g"}
		for _, id := range ids {
			order(t, j, id, leased)
		}
		at := time.Duration(0)
		next := func(want string) {
			t.Helper()
			at += time.Second
			expect(t, j, gate(at), want, 0)
			if want != "" {
				setState(t, j, want, "PENDING", true)
			}
		}
		for _, id := range ids[:4] { // twice the running limit while the service queues the excess
			next(id)
		}
		next("")
		setState(t, j, "a", "SUCCEEDED", false)
		next("e")
		next("")

		if err := j.SlowDown(t.Context(), upstream, model, noon, true); err != nil { // it refused the excess
			t.Fatal(err)
		}
		setState(t, j, "b", "SUCCEEDED", false)
		setState(t, j, "c", "FAILED", false)
		next("")
		setState(t, j, "d", "SUCCEEDED", false)
		next("f")
		next("")
		if err := j.SlowDown(t.Context(), upstream, model, noon, false); err != nil { // known for good
			t.Fatal(err)
		}
		next("")
	})
}

func TestWhatBlocksTheGate(t *testing.T) {
	for name, c := range map[string]struct {
		other func(*journal.Task)
		goes  bool
	}{
		"a submission under way":              {other: func(t *journal.Task) { t.State = "SUBMITTING" }},
		"a synchronous one under way":         {other: func(t *journal.Task) { t.State, t.Sync = "SUBMITTING", true }, goes: true},
		"an outcome in doubt":                 {other: func(t *journal.Task) { t.State, t.InDoubt = "UNKNOWN", true }},
		"an outcome whose window is over":     {other: func(t *journal.Task) { t.State = "UNKNOWN" }, goes: true},
		"a running task":                      {other: func(t *journal.Task) { t.State = "RUNNING" }, goes: true},
		"a doubt that was settled":            {other: func(t *journal.Task) { t.State, t.Open, t.InDoubt = "NOT_SUBMITTED", false, true }, goes: true},
		"a submission of somebody else":       {other: func(t *journal.Task) { t.State, t.Foreign = "SUBMITTING", true }, goes: true},
		"a submission of another model":       {other: func(t *journal.Task) { t.State, t.Model = "SUBMITTING", "wan2.2-t2i-flash" }, goes: true},
		"an interrupted one of a dead holder": {other: func(t *journal.Task) { t.State, t.Holder, t.LeaseUntil = "SUBMITTING", "gone", noon.Add(-time.Hour) }},
	} {
		t.Run(name, func(t *testing.T) {
			frozen(t, func(t *testing.T) {
				j := openNew(t)
				order(t, j, "first")
				change(t, j, "first", c.other)
				order(t, j, "a")
				expect(t, j, gate(0), map[bool]string{true: "a", false: ""}[c.goes], 0)
			})
		})
	}
}

func TestWhoIsNotInLine(t *testing.T) {
	for name, first := range map[string]func(*journal.Task){
		"it must not go yet":         func(t *journal.Task) { t.NotBefore = noon.Add(time.Minute) },
		"its process is gone":        func(t *journal.Task) { t.LeaseUntil = noon },
		"its lease is from tomorrow": func(t *journal.Task) { t.LeaseUntil = noon.Add(24 * time.Hour) },
		"it was canceled":            func(t *journal.Task) { t.State, t.Open = "CANCELED", false },
	} {
		t.Run(name, func(t *testing.T) {
			frozen(t, func(t *testing.T) {
				j := openNew(t)
				order(t, j, "first")
				change(t, j, "first", first)
				order(t, j, "second", process("p2"), session("s2"))
				if place, err := j.Place(t.Context(), upstream, model, "first", noon); place != 0 || err != nil {
					t.Errorf("got place %d, error %v; want 0", place, err)
				}
				expect(t, j, gate(0, by("p2")), "second", 0)
			})
		})
	}
}

func TestHeadOfLineBelongsToItsProcess(t *testing.T) {
	frozen(t, func(t *testing.T) {
		j := openNew(t)
		order(t, j, "a", leased, process("p1"))
		order(t, j, "b", leased, process("p2"), session("s2"))
		expect(t, j, gate(0, by("p2")), "", 0)
		expect(t, j, gate(0, by("p1")), "a", 0)
		setState(t, j, "a", "RUNNING", true)
		expect(t, j, gate(500*time.Millisecond, by("p1")), "", 0) // p1 has nothing to wait for
		expect(t, j, gate(time.Second, by("p2")), "b", 0)
	})
}

func TestPlace(t *testing.T) {
	frozen(t, func(t *testing.T) {
		j := openNew(t)
		for _, o := range [][2]string{{"a1", "a"}, {"a2", "a"}, {"a3", "a"}, {"b1", "b"}, {"c1", "c"}, {"b2", "b"}} {
			order(t, j, o[0], leased, session(o[1]))
		}
		places := func(at time.Duration) map[string]int {
			got := map[string]int{}
			for _, id := range []string{"a1", "a2", "a3", "b1", "b2", "c1", "none"} {
				place, err := j.Place(t.Context(), upstream, model, id, noon.Add(at))
				if err != nil {
					t.Fatal(err)
				}
				got[id] = place
			}
			return got
		}
		want := map[string]int{"a1": 1, "b1": 2, "c1": 3, "a2": 4, "b2": 5, "a3": 6, "none": 0}
		if diff := cmp.Diff(want, places(0)); diff != "" {
			t.Errorf("at first (-want +got):\n%s", diff)
		}
		expect(t, j, gate(0), "a1", 0)
		want = map[string]int{"b1": 1, "c1": 2, "a2": 3, "b2": 4, "a3": 5, "a1": 0, "none": 0}
		if diff := cmp.Diff(want, places(0)); diff != "" {
			t.Errorf("after a1 (-want +got):\n%s", diff)
		}
		order(t, j, "d1", leased, session("d")) // newcomers come after those that have waited longer, before those served since
		if place, _ := j.Place(t.Context(), upstream, model, "d1", noon); place != 3 {
			t.Errorf("newcomer: got place %d, want 3", place)
		}
	})
}

// Wall clocks jump. Nothing that was written by the old time may hold up the
// queue for as long as the jump, and the pace holds where it can be known.
func TestClockJumps(t *testing.T) {
	for name, jump := range map[string]time.Duration{
		"an hour back": -time.Hour, "an hour forward": time.Hour, "a day back": -24 * time.Hour, "a year forward": 365 * 24 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			frozen(t, func(t *testing.T) {
				j := openNew(t)
				order(t, j, "a")
				order(t, j, "b")
				order(t, j, "c")
				expect(t, j, gate(0), "a", 0)
				setState(t, j, "a", "RUNNING", true)
				change(t, j, "b", func(t *journal.Task) { t.NotBefore = noon.Add(30 * time.Second) })
				if err := j.SlowDown(t.Context(), upstream, model, noon.Add(time.Minute), false); err != nil {
					t.Fatal(err)
				}

				expect(t, j, gate(jump), "", 0) // the leases are not of this time; their process renews them
				if _, err := j.Renew(t.Context(), "p1", noon.Add(jump+10*time.Second)); err != nil {
					t.Fatal(err)
				}
				if jump < 0 {
					expect(t, j, gate(jump), "", time.Second)
					jump += time.Second
				}
				expect(t, j, gate(jump), "b", 0)
				setState(t, j, "b", "RUNNING", true)
				expect(t, j, gate(jump+500*time.Millisecond), "", 500*time.Millisecond)
				expect(t, j, gate(jump+time.Second), "c", 0)
			})
		})
	}
}
