package journal_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wan-image-mcp/tasks/journal"
)

func TestOrderIsAQueuedTask(t *testing.T) {
	j := openNew(t)
	in := intent("a", key("k"))
	got := order(t, j, "a", key("k"))
	want := in.Task
	want.State, want.Open = "QUEUED", true
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ordered (-want +got):\n%s", diff)
	}
	kept, err := j.Task(t.Context(), "a")
	if diff := cmp.Diff(want, kept); diff != "" || err != nil {
		t.Errorf("kept: %v (-want +got):\n%s", err, diff)
	}
}

func TestIdempotencyKey(t *testing.T) {
	for name, c := range map[string]struct {
		first, second []func(*journal.Intent)
		before        func(j *journal.Journal)
		found         bool
		err           error
	}{
		"same arguments":             {found: true},
		"other arguments":            {second: []func(*journal.Intent){same("other")}, err: journal.ErrKeyReused},
		"another owner's":            {second: []func(*journal.Intent){func(in *journal.Intent) { in.Task.Owner = "bob" }}},
		"another upstream's":         {second: []func(*journal.Intent){func(in *journal.Intent) { in.Task.Upstream = "simulated" }}},
		"another key":                {second: []func(*journal.Intent){key("other")}},
		"a year later":               {second: []func(*journal.Intent){func(in *journal.Intent) { in.Adoptable = noon.AddDate(1, 0, 0) }}, found: true},
		"after it was delivered":     {before: func(j *journal.Journal) { _ = j.Leave(t.Context(), "a", "p1", true, noon) }, found: true},
		"after it failed":            {before: func(j *journal.Journal) { setState(t, j, "a", "FAILED", false) }, found: true},
		"beyond the budget":          {second: []func(*journal.Intent){func(in *journal.Intent) { in.Budget = 1 }}, found: true},
		"after the key was set free": {before: func(j *journal.Journal) { change(t, j, "a", func(t *journal.Task) { t.Key = "" }) }},
	} {
		t.Run(name, func(t *testing.T) {
			j := openNew(t)
			order(t, j, "a", append(c.first, key("k"), same("f"))...)
			if c.before != nil {
				c.before(j)
			}
			got, found, err := j.Order(t.Context(), intent("b", append([]func(*journal.Intent){key("k"), same("f")}, c.second...)...))
			if !errors.Is(err, c.err) {
				t.Fatalf("got error %v, want %v", err, c.err)
			}
			want := map[bool]string{true: "a", false: "b"}[c.found]
			if c.err != nil {
				want = ""
			}
			if found != c.found || got.ID != want {
				t.Errorf("got task %q, found %v; want %q, %v", got.ID, found, want, c.found)
			}
		})
	}
}

func TestKeyUsedBy32AtOnce(t *testing.T) {
	path := newFile(t)
	journals := []*journal.Journal{open(t, path), open(t, path)}
	var mu sync.Mutex
	bought, answers := 0, map[string]int{}
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			got, found, err := journals[i%2].Order(t.Context(), intent(fmt.Sprint("t", i), key("k"), same("f")))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			answers[got.ID]++
			if !found {
				bought++
			}
		})
	}
	all.Wait()
	if bought != 1 || len(answers) != 1 {
		t.Errorf("%d bought, answers %v; want one task for all", bought, answers)
	}
}

func TestAdoptionWithoutKey(t *testing.T) {
	leave := func(t *testing.T, j *journal.Journal, delivered bool) {
		if err := j.Leave(t.Context(), "a", "p1", delivered, noon); err != nil {
			t.Fatal(err)
		}
	}
	in := func(state string, open bool) func(*testing.T, *journal.Journal) {
		return func(t *testing.T, j *journal.Journal) {
			setState(t, j, "a", state, open)
			leave(t, j, false)
		}
	}
	left := func(t *testing.T, j *journal.Journal) { leave(t, j, false) }
	for name, c := range map[string]struct {
		before func(*testing.T, *journal.Journal)
		second func(*journal.Intent)
		found  bool
	}{
		"nobody waits on it":        {before: left, found: true},
		"somebody waits on it":      {},
		"one of two still waits":    {before: func(t *testing.T, j *journal.Journal) { attend(t, j, "p1", 1); leave(t, j, false) }},
		"a dead process waits":      {second: func(in *journal.Intent) { in.Alive = func(p string) bool { return p == "p2" } }, found: true},
		"it was delivered":          {before: func(t *testing.T, j *journal.Journal) { leave(t, j, true) }},
		"it is too old":             {before: left, second: func(in *journal.Intent) { in.Adoptable = noon.Add(time.Millisecond) }},
		"it is just young enough":   {before: left, second: func(in *journal.Intent) { in.Adoptable = noon }, found: true},
		"the arguments differ":      {before: left, second: same("other")},
		"the owner differs":         {before: left, second: func(in *journal.Intent) { in.Task.Owner = "bob" }},
		"the upstream differs":      {before: left, second: func(in *journal.Intent) { in.Task.Upstream = "simulated" }},
		"a key asks for a new one":  {before: left, second: key("new")},
		"it is being submitted":     {before: in("SUBMITTING", true), found: true},
		"it runs":                   {before: in("RUNNING", true), found: true},
		"its outcome is unknown":    {before: in("UNKNOWN", true), found: true},
		"it succeeded, undelivered": {before: in("SUCCEEDED", false), found: true},
		"it failed":                 {before: in("FAILED", false)},
		"it was canceled":           {before: in("CANCELED", false)},
		"it was not submitted":      {before: in("NOT_SUBMITTED", false)},
		"it expired":                {before: in("EXPIRED", false)},
	} {
		t.Run(name, func(t *testing.T) {
			j := openNew(t)
			order(t, j, "a", same("f"))
			if c.before != nil {
				c.before(t, j)
			}
			second := intent("b", same("f"), process("p2"))
			if c.second != nil {
				c.second(&second)
			}
			got, found, err := j.Order(t.Context(), second)
			want := map[bool]string{true: "a", false: "b"}[c.found]
			if err != nil || found != c.found || got.ID != want {
				t.Fatalf("got task %q, found %v, error %v; want %q, %v", got.ID, found, err, want, c.found)
			}
			// Whoever was found is waited on now: a third call is a new purchase.
			third, found, err := j.Order(t.Context(), intent("c", same(second.Task.Fingerprint), func(in *journal.Intent) {
				in.Task.Owner, in.Task.Upstream = second.Task.Owner, second.Task.Upstream
				in.Alive, in.Adoptable = second.Alive, second.Adoptable
			}))
			if name == "a key asks for a new one" {
				return
			}
			if err != nil || found || third.ID != "c" {
				t.Errorf("third call: task %q, found %v, error %v; want a new one", third.ID, found, err)
			}
		})
	}
}

// attend counts live requests that wait on task a.
func attend(t *testing.T, j *journal.Journal, process string, by int) {
	t.Helper()
	if err := j.Attend(t.Context(), "a", process, by); err != nil {
		t.Fatal(err)
	}
}

func TestAttendance(t *testing.T) {
	path := newFile(t)
	j := open(t, path)
	order(t, j, "a")
	attend(t, j, "p2", 1)
	attend(t, j, "p2", 1)
	attend(t, j, "p2", -1)
	attend(t, j, "p3", 1)
	attend(t, j, "p1", -1)
	attend(t, j, "p1", -1) // one too many counts nothing
	const list = "SELECT COALESCE(GROUP_CONCAT(process || count, ' '), '') FROM attendance"
	if diff := cmp.Diff("p21 p31", query[string](t, path, list)); diff != "" {
		t.Errorf("attendance (-want +got):\n%s", diff)
	}
	if err := j.Sweep(t.Context(), func(p string) bool { return p == "p3" }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("p31", query[string](t, path, list)); diff != "" {
		t.Errorf("after the sweep (-want +got):\n%s", diff)
	}
	for _, err := range []error{j.Attend(t.Context(), "none", "p1", 1), j.Leave(t.Context(), "none", "p1", true, noon)} {
		if !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("unknown task: got error %v, want ErrNotFound", err)
		}
	}
}

func TestLeaveNotesTheFirstDelivery(t *testing.T) {
	j := openNew(t)
	order(t, j, "a")
	for _, c := range []struct {
		delivered bool
		at, want  time.Time
	}{
		{false, noon, time.Time{}},
		{true, noon.Add(time.Second), noon.Add(time.Second)},
		{true, noon.Add(time.Hour), noon.Add(time.Second)},
	} {
		if err := j.Leave(t.Context(), "a", "p1", c.delivered, c.at); err != nil {
			t.Fatal(err)
		}
		got, err := j.Task(t.Context(), "a")
		if diff := cmp.Diff(c.want, got.Delivered); diff != "" || err != nil {
			t.Errorf("delivered %v at %v: %v (-want +got):\n%s", c.delivered, c.at, err, diff)
		}
	}
}

func TestBudget(t *testing.T) {
	pictures := func(n int) func(*journal.Intent) {
		return func(in *journal.Intent) { in.Task.N, in.Task.Counted = n, n }
	}
	for name, c := range map[string]struct {
		ask  []func(*journal.Intent)
		want *journal.OverBudgetError
	}{
		"exactly what is left":  {ask: []func(*journal.Intent){pictures(4)}},
		"one more":              {ask: []func(*journal.Intent){pictures(5)}, want: &journal.OverBudgetError{Asked: 5, Left: 4, Limit: 10}},
		"a limit lowered below": {ask: []func(*journal.Intent){func(in *journal.Intent) { in.Budget = 3 }}, want: &journal.OverBudgetError{Asked: 1, Left: 0, Limit: 3}},
		"no limit":              {ask: []func(*journal.Intent){pictures(1000), func(in *journal.Intent) { in.Budget = 0 }}},
		"another upstream":      {ask: []func(*journal.Intent){pictures(10), func(in *journal.Intent) { in.Task.Upstream = "simulated" }}},
		"the next day":          {ask: []func(*journal.Intent){pictures(10), func(in *journal.Intent) { in.Day, in.Task.Created = noon.Add(time.Hour), noon.Add(2*time.Hour) }}},
		"another owner":         {ask: []func(*journal.Intent){pictures(5), func(in *journal.Intent) { in.Task.Owner = "bob" }}, want: &journal.OverBudgetError{Asked: 5, Left: 4, Limit: 10}},
	} {
		t.Run(name, func(t *testing.T) {
			path := newFile(t)
			j := open(t, path)
			order(t, j, "a", pictures(4))
			order(t, j, "b", pictures(4))
			change(t, j, "b", func(t *journal.Task) { t.Counted = 2 }) // two of them were billed
			ask := intent("c", append([]func(*journal.Intent){key("k"), func(in *journal.Intent) { in.Budget = 10 }}, c.ask...)...)
			_, _, err := j.Order(t.Context(), ask)
			var over *journal.OverBudgetError
			errors.As(err, &over)
			if diff := cmp.Diff(c.want, over); diff != "" || (err != nil) != (c.want != nil) {
				t.Fatalf("got error %v (-want +got):\n%s", err, diff)
			}
			if c.want == nil {
				return
			}
			left := query[string](t, path, `SELECT (SELECT COUNT(*) FROM task WHERE id = 'c') || (SELECT COUNT(*) FROM attendance WHERE task = 'c')`)
			if left != "00" {
				t.Errorf("the refusal left %s tasks and attendances", left)
			}
			order(t, j, "d", key("k"), same("anything")) // the key is free again
		})
	}
}

func TestBudgetOfManyAtOnce(t *testing.T) {
	path := newFile(t)
	journals := []*journal.Journal{open(t, path), open(t, path)}
	var all sync.WaitGroup
	refused := make(chan error, 24)
	for i := range 24 {
		all.Go(func() {
			_, _, err := journals[i%2].Order(t.Context(), intent(fmt.Sprint("t", i), func(in *journal.Intent) { in.Budget = 10 }))
			if err != nil {
				refused <- err
			}
		})
	}
	all.Wait()
	count, price, err := journals[0].Spent(t.Context(), upstream, noon)
	if count != 10 || price != 10*200000 || err != nil || len(refused) != 14 {
		t.Errorf("%d pictures for %d bought, %d refused, error %v; want exactly 10", count, price, len(refused), err)
	}
}

func TestOnlyRepeat(t *testing.T) {
	path := newFile(t)
	j := open(t, path)
	only := func(in *journal.Intent) { in.OnlyRepeat = true }
	if _, _, err := j.Order(t.Context(), intent("a", key("k"), only)); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("got error %v, want ErrNotFound", err)
	}
	if got := query[int](t, path, "SELECT (SELECT COUNT(*) FROM task) + (SELECT COUNT(*) FROM attendance)"); got != 0 {
		t.Errorf("it left %d rows behind", got)
	}
	order(t, j, "a", key("k"), same("f"))
	if got, found, err := j.Order(t.Context(), intent("b", key("k"), same("f"), only)); got.ID != "a" || !found || err != nil {
		t.Errorf("got task %q, found %v, error %v; want a", got.ID, found, err)
	}
}
