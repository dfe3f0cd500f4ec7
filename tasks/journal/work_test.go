package journal_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wan-image-mcp/tasks/journal"
)

// whole is a task with every field set.
func whole() journal.Task {
	at := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
	return journal.Task{
		ID: "whole", Upstream: upstream, Owner: "ann", Session: "s1", Key: "key", Fingerprint: "f", Model: model, N: 2,
		Request: []byte(`{"prompt":"花\u0000"}`), SeedChosen: true, Sync: true, Foreign: true,
		State: "RUNNING", Code: "Throttling", Reason: "why", Open: true, Holder: "p1", Fence: 7, LeaseUntil: at(1),
		Posts: 3, NotBefore: at(2), UpstreamID: "up-1", RequestID: "req-1", Created: at(3), Sent: at(4), Deadline: at(5),
		ClockAhead: -90 * time.Second, ClockKnown: true,
		Doubted: at(6), InDoubt: true, Reads: 2, Accepted: at(7), Ended: at(8), Served: 9 * time.Second, Looked: at(10),
		Billed: 1, Price: 200000, Counted: 2, Delivered: at(11),
		Pictures: []journal.Picture{
			{N: 1, SHA256: "abc", MIME: "image/png", Width: 1280, Height: 720, Bytes: 12345, Link: "https://x/1?Signature=s", LinkExpires: at(12), Path: "/a b", ActualPrompt: "ein\nHaus", Code: "c", Reason: "r"},
			{N: 2, Reason: "DataInspectionFailed"},
		},
	}
}

func TestEveryFieldIsKept(t *testing.T) {
	j := openNew(t)
	want := whole()
	if err := j.Insert(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	got, err := j.Task(t.Context(), "whole")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Fatalf("inserted: %v (-want +got):\n%s", err, diff)
	}
	want = journal.Task{
		ID: want.ID, Upstream: want.Upstream, Owner: want.Owner, Fingerprint: want.Fingerprint, Created: want.Created,
		Request: []byte("{}"), Billed: -1, Pictures: []journal.Picture{{N: 1}, {N: 2, SHA256: "def"}},
	}
	got, err = j.Change(t.Context(), "whole", nil, func(t *journal.Task) error { *t = want; return nil })
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("changed: %v (-want +got):\n%s", err, diff)
	}
	got, err = j.ByUpstreamID(t.Context(), upstream, "up-1")
	if !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("by its former id: got %v, %v", got, err)
	}
	got, err = j.Task(t.Context(), "whole")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("kept: %v (-want +got):\n%s", err, diff)
	}
}

func TestChangeNeedsTheLease(t *testing.T) {
	j := openNew(t)
	order(t, j, "a")
	mine := journal.Lease{Holder: "p1", Fence: 1}
	reason := func(text string) func(*journal.Task) error {
		return func(t *journal.Task) error { t.Reason = text; return nil }
	}
	if _, err := j.Change(t.Context(), "a", &mine, reason("mine")); err != nil {
		t.Fatal(err)
	}
	taken, err := j.Claim(t.Context(), "a", mine, "p2", noon.Add(time.Minute))
	if err != nil || taken.Holder != "p2" || taken.Fence != 2 || !taken.LeaseUntil.Equal(noon.Add(time.Minute)) {
		t.Fatalf("claim: got %s, fence %d, until %v, error %v", taken.Holder, taken.Fence, taken.LeaseUntil, err)
	}
	for name, lease := range map[string]journal.Lease{"old": mine, "right holder, old fence": {Holder: "p2", Fence: 1}, "right fence, old holder": {Holder: "p1", Fence: 2}} {
		if got, err := j.Change(t.Context(), "a", &lease, reason(name)); !errors.Is(err, journal.ErrLost) || got.ID != "" {
			t.Errorf("%s lease: got %q, error %v; want ErrLost", name, got.ID, err)
		}
	}
	if got, err := j.Change(t.Context(), "a", nil, reason("true whoever holds it")); err != nil || got.Reason != "true whoever holds it" {
		t.Errorf("without a lease: %v", err)
	}
	if _, err := j.Change(t.Context(), "none", nil, reason("")); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("unknown task: got %v, want ErrNotFound", err)
	}
}

func TestClaimIsWonOnce(t *testing.T) {
	path := newFile(t)
	journals := []*journal.Journal{open(t, path), open(t, path)}
	order(t, journals[0], "a")
	var all sync.WaitGroup
	won := make(chan string, 16)
	for i := range 16 {
		all.Go(func() {
			name := fmt.Sprint("q", i)
			_, err := journals[i%2].Claim(t.Context(), "a", journal.Lease{Holder: "p1", Fence: 1}, name, noon)
			if err == nil {
				won <- name
			} else if !errors.Is(err, journal.ErrLost) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(won) != 1 {
		t.Fatalf("%d claims won, want 1", len(won))
	}
	got, err := journals[0].Task(t.Context(), "a")
	if name := <-won; got.Holder != name || got.Fence != 2 || err != nil {
		t.Errorf("held by %s with fence %d, error %v; want %s, 2", got.Holder, got.Fence, err, name)
	}
	setState(t, journals[0], "a", "SUCCEEDED", false)
	if _, err := journals[0].Claim(t.Context(), "a", journal.Lease{Holder: got.Holder, Fence: 2}, "late", noon); !errors.Is(err, journal.ErrLost) {
		t.Errorf("claim of an ended task: got %v, want ErrLost", err)
	}
}

func TestServiceTaskBelongsToOneRow(t *testing.T) {
	j := openNew(t)
	order(t, j, "a")
	order(t, j, "b")
	order(t, j, "other", func(in *journal.Intent) { in.Task.Upstream = "simulated" })
	adopt := func(t *journal.Task) error { t.UpstreamID, t.State = "up", "PENDING"; return nil }
	if _, err := j.Change(t.Context(), "a", nil, adopt); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Change(t.Context(), "b", nil, adopt); !errors.Is(err, journal.ErrClaimed) {
		t.Errorf("second row: got %v, want ErrClaimed", err)
	}
	foreign := whole()
	foreign.UpstreamID = "up"
	if err := j.Insert(t.Context(), foreign); !errors.Is(err, journal.ErrClaimed) {
		t.Errorf("foreign row: got %v, want ErrClaimed", err)
	}
	if _, err := j.Change(t.Context(), "other", nil, adopt); err != nil {
		t.Errorf("another upstream's: %v", err)
	}
	got, err := j.ByUpstreamID(t.Context(), upstream, "up")
	if got.ID != "a" || err != nil {
		t.Errorf("got %q, %v; want a", got.ID, err)
	}
	if got, err := j.Task(t.Context(), "b"); got.State != "QUEUED" || err != nil {
		t.Errorf("the loser is %s, %v; want it unchanged", got.State, err)
	}
}

func TestFailedChangeChangesNothing(t *testing.T) {
	j := openNew(t)
	want := order(t, j, "a")
	boom := errors.New("boom")
	for name, fn := range map[string]func(*journal.Task) error{
		"error": func(t *journal.Task) error {
			t.State, t.Pictures = "FAILED", []journal.Picture{{N: 1}}
			return boom
		},
		"another task": func(t *journal.Task) error { t.ID = "b"; return nil },
		"another day":  func(t *journal.Task) error { t.Created = noon.Add(24 * time.Hour); return nil },
		"panic":        func(t *journal.Task) error { t.State = "FAILED"; panic(boom) },
	} {
		func() {
			defer func() { _ = recover() }()
			if got, err := j.Change(t.Context(), "a", nil, fn); err == nil || got.ID != "" {
				t.Errorf("%s: got task %q and no error", name, got.ID)
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := j.Attend(ctx, "a", "p1", 1); err != nil {
			t.Fatalf("%s: the journal cannot be written any more: %v", name, err)
		}
		got, err := j.Task(t.Context(), "a")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	if _, err := j.Change(t.Context(), "a", nil, func(*journal.Task) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("got error %v, want fn's own", err)
	}
}

func TestChangesDoNotOverwriteEachOther(t *testing.T) {
	path := newFile(t)
	journals := []*journal.Journal{open(t, path), open(t, path)}
	order(t, journals[0], "a")
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() { change(t, journals[i%2], "a", func(t *journal.Task) { t.Posts++ }) })
	}
	all.Wait()
	if got, err := journals[1].Task(t.Context(), "a"); got.Posts != 60 || err != nil {
		t.Errorf("got %d, %v; want 60", got.Posts, err)
	}
}

func TestRenew(t *testing.T) {
	j := openNew(t)
	order(t, j, "a", process("p1"))
	order(t, j, "b", process("p1"))
	order(t, j, "ended", process("p1"))
	order(t, j, "others", process("p2"))
	setState(t, j, "ended", "FAILED", false)
	until := noon.Add(time.Minute)
	if count, err := j.Renew(t.Context(), "p1", until); count != 2 || err != nil {
		t.Errorf("got %d, %v; want 2", count, err)
	}
	for id, want := range map[string]time.Time{"a": until, "b": until, "ended": noon.Add(10 * time.Second), "others": noon.Add(10 * time.Second)} {
		if got, err := j.Task(t.Context(), id); !got.LeaseUntil.Equal(want) || err != nil {
			t.Errorf("%s until %v, %v; want %v", id, got.LeaseUntil, err, want)
		}
	}
}

// A context ends the wait for another process, and never tears a write apart.
func TestContext(t *testing.T) {
	path := newFile(t)
	j, other := open(t, path), open(t, path)
	order(t, j, "a")
	locked, unlock, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		_, err := other.Change(t.Context(), "a", nil, func(*journal.Task) error { close(locked); <-unlock; return nil })
		done <- err
	}()
	<-locked
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, _, err := j.Order(ctx, intent("b")); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 5*time.Second {
		t.Errorf("got error %v after %v, want the deadline", err, time.Since(start))
	}
	if got, err := j.Task(t.Context(), "a"); err != nil || got.ID != "a" {
		t.Errorf("reading while another process writes: %v", err)
	}
	time.AfterFunc(700*time.Millisecond, func() { close(unlock) }) // longer than SQLite itself waits
	if _, _, err := j.Order(t.Context(), intent("b")); err != nil {
		t.Errorf("patient order: %v", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}

	ended, cancel := context.WithCancel(t.Context())
	if _, err := j.Change(ended, "b", nil, func(*journal.Task) error { cancel(); return nil }); err != nil {
		t.Errorf("cancelled while it wrote: %v; want it to end as it would have", err)
	}
	if _, _, err := j.Order(ended, intent("c")); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want Canceled", err)
	}
	if _, err := j.Task(ended, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want Canceled", err)
	}
}

// Cancelled at random moments, a write is either whole and reported, or not there.
func TestCancelledWrites(t *testing.T) {
	path := newFile(t)
	j := open(t, path)
	for i := range 60 {
		ctx, cancel := context.WithCancel(t.Context())
		timer := time.AfterFunc(time.Duration(i*50)*time.Microsecond, cancel)
		id := fmt.Sprint("t", i)
		_, _, err := j.Order(ctx, intent(id))
		_, taskErr := j.Task(t.Context(), id)
		if (err == nil) != (taskErr == nil) {
			t.Errorf("ordering said %v, reading %v", err, taskErr)
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("got error %v, want Canceled", err)
		}
		timer.Stop()
		cancel()
	}
}
