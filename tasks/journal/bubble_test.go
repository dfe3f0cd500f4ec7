package journal_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wan-image-mcp/tasks/journal"
)

// Tests of the packages above run in a bubble with a clock of its own: a journal
// opened in it must work there, and leave nothing behind when it is closed.
func TestJournalInABubble(t *testing.T) {
	path := newFile(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		p1, err := journal.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		p2, err := journal.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				j := []*journal.Journal{p1, p2}[i%2]
				id := fmt.Sprint("t", i)
				if _, _, err := j.Order(ctx, intent(id)); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Minute)
				if _, err := j.Task(ctx, id); err != nil {
					t.Error(err)
				}
				if _, err := j.Changed(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := time.Since(start); got != time.Minute {
			t.Errorf("it took %v of the bubble's time, want 1m", got)
		}
		ended, cancelNow := context.WithCancel(ctx)
		cancelNow()
		if _, err := p1.Recent(ended, upstream, "ann", 5); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want Canceled", err)
		}
		if err := errors.Join(p1.Close(), p2.Close()); err != nil {
			t.Error(err)
		}
	})
}

func TestCloseLeavesNoGoroutine(t *testing.T) {
	path := newFile(t)
	before := runtime.NumGoroutine()
	for range 5 {
		j, err := journal.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.Recent(t.Context(), upstream, "ann", 5); err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}
