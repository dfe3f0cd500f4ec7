package journal_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"testing"
	"time"

	"wan-image-mcp/tasks/journal"
)

// openFast is a journal without fsync, for tests that write thousands of times.
func openFast(t testing.TB, path string) *journal.Journal {
	t.Helper()
	j, err := journal.OpenThrough(path, func(c driver.Connector) driver.Connector {
		return prepared{c, []string{"PRAGMA synchronous=OFF"}}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// prepared runs statements on each new connection.
type prepared struct {
	driver.Connector
	statements []string
}

func (p prepared) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := p.Connector.Connect(ctx)
	for _, s := range p.statements {
		if err == nil {
			_, err = conn.(driver.ExecerContext).ExecContext(ctx, s, nil)
		}
	}
	return conn, err
}

// street plays a service that refuses what is beyond its running limit, with
// jobs of 8 to 12 seconds, and a queue that moves every second.
type street struct {
	t       *testing.T
	j       *journal.Journal
	limit   int
	at      time.Duration
	ends    map[string]time.Duration
	session map[string]string
	asked   map[string]time.Duration
	served  []string // sessions in the order they were served
	waited  map[string][]time.Duration
}

func newStreet(t *testing.T, limit int) *street {
	s := &street{t: t, j: openFast(t, newFile(t)), limit: limit, ends: map[string]time.Duration{}, session: map[string]string{}, asked: map[string]time.Duration{}, waited: map[string][]time.Duration{}}
	if err := s.j.SlowDown(t.Context(), upstream, model, noon, true); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *street) order(name string, count int) {
	for range count {
		id := fmt.Sprintf("%s-%d", name, len(s.asked))
		s.session[id], s.asked[id] = name, s.at
		order(s.t, s.j, id, session(name), func(in *journal.Intent) {
			in.Task.Created, in.Task.LeaseUntil = noon.Add(s.at), noon.Add(s.at+time.Minute)
		})
	}
}

// serve lets n tasks through the gate.
func (s *street) serve(n int) {
	for left := n; left > 0; s.at += time.Second {
		for id, end := range s.ends {
			if end <= s.at {
				setState(s.t, s.j, id, "SUCCEEDED", false)
				delete(s.ends, id)
			}
		}
		if s.at%(30*time.Second) == 0 {
			if _, err := s.j.Renew(s.t.Context(), "p1", noon.Add(s.at+time.Minute)); err != nil {
				s.t.Fatal(err)
			}
		}
		pass, err := s.j.Submit(s.t.Context(), gate(s.at, func(g *journal.Gate) { g.Running, g.Spacing = s.limit, time.Second/2 }))
		if err != nil {
			s.t.Fatal(err)
		}
		if pass.Task == nil {
			continue
		}
		id := pass.Task.ID
		setState(s.t, s.j, id, "RUNNING", true)
		s.ends[id] = s.at + 8*time.Second + time.Duration(len(s.served)%5)*time.Second
		s.served = append(s.served, s.session[id])
		s.waited[s.session[id]] = append(s.waited[s.session[id]], s.at-s.asked[id])
		left--
	}
}

// Twenty sessions order at once, one of them 186 of the 300 pictures.
func TestOneBusySessionStarvesNobody(t *testing.T) {
	s := newStreet(t, 2)
	s.order("heavy", 186)
	for i := range 19 {
		s.order(fmt.Sprint("light", i), 6)
	}
	s.serve(3 * 20) // all have work all the time
	counts := map[string]float64{}
	for _, name := range s.served {
		counts[name]++
	}
	if got := jain(counts, 20); got < 0.99 {
		t.Errorf("Jain's fairness %.3f, want 1: %v", got, counts)
	}
	var light []time.Duration
	for name, waited := range s.waited {
		if name != "heavy" {
			light = append(light, waited...)
		}
	}
	// First come, first served: the light ones come after 186 others.
	if got, most := slices.Max(light), 186*s.at/60; got >= most {
		t.Errorf("the last light task waited %v, first come first served %v at least", got, most)
	}
}

func jain(counts map[string]float64, sessions float64) float64 {
	var sum, squares float64
	for _, c := range counts {
		sum, squares = sum+c, squares+c*c
	}
	return sum * sum / (sessions * squares)
}

func TestLightSessionIsServedAtOnce(t *testing.T) {
	s := newStreet(t, 2)
	s.order("heavy", 186)
	s.serve(20)
	s.order("light", 1)
	s.serve(1)
	if got := s.served[20]; got != "light" {
		t.Errorf("%s was served, want light", got)
	}
	s.order("light", 2) // coming again, it takes turns
	s.serve(4)
	if got, want := s.served[21:], []string{"heavy", "light", "heavy", "light"}; !slices.Equal(got, want) {
		t.Errorf("then %v, want %v", got, want)
	}
}

func TestNewcomersDoNotOvertakeForEver(t *testing.T) {
	s := newStreet(t, 1)
	s.order("patient", 5)
	s.order("another", 5)
	for i := range 40 {
		s.order(fmt.Sprint("new", i), 2)
		s.serve(1)
	}
	count := 0
	for _, name := range s.served {
		if name == "patient" {
			count++
		}
	}
	if count < 3 {
		t.Errorf("served %d times in 40 turns: %v", count, s.served)
	}
}

func TestSessionsOfSeveralProcessesTakeTurns(t *testing.T) {
	path := newFile(t)
	p1, p2 := openFast(t, path), openFast(t, path)
	for i := range 6 {
		order(t, p1, fmt.Sprint("a", i), leased, session("a"), process("p1"))
	}
	for i := range 3 {
		order(t, p2, fmt.Sprint("b", i), leased, session("b"), process("p2"))
	}
	var got []string
	for at := time.Duration(0); len(got) < 9; at += time.Second {
		for _, p := range []struct {
			j    *journal.Journal
			name string
		}{{p2, "p2"}, {p1, "p1"}} {
			pass, err := p.j.Submit(t.Context(), gate(at, by(p.name), func(g *journal.Gate) { g.Running = 9 }))
			if err != nil {
				t.Fatal(err)
			}
			if pass.Task != nil {
				setState(t, p.j, pass.Task.ID, "RUNNING", true)
				got = append(got, pass.Task.ID)
			}
		}
	}
	want := []string{"a0", "b0", "a1", "b1", "a2", "b2", "a3", "a4", "a5"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTurnsOfThoseWhoLeftAreForgotten(t *testing.T) {
	frozen(t, func(t *testing.T) {
		path := newFile(t)
		j := openFast(t, path)
		for i := range 50 {
			order(t, j, fmt.Sprint(i), leased, session(fmt.Sprint("s", i)))
		}
		for i := range 50 {
			expect(t, j, gate(time.Duration(i)*time.Second), fmt.Sprint(i), 0)
			setState(t, j, fmt.Sprint(i), "SUCCEEDED", false)
		}
		if got := query[int](t, path, "SELECT COUNT(*) FROM turn"); got != 0 {
			t.Errorf("%d sessions are remembered that wait for nothing", got)
		}
	})
}
