package dashscope_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wan-image-mcp/dashscope"
)

// clock notes when each request arrived.
type clock struct {
	mu    sync.Mutex
	times []time.Time
}

func (c *clock) answer(body string) transport {
	return func(*http.Request) (*http.Response, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.times = append(c.times, time.Now())
		return response(200, body), nil
	}
}

// busiest returns the most requests that any span of a second held, both ends
// counted.
func (c *clock) busiest() int {
	slices.SortFunc(c.times, time.Time.Compare)
	most := 0
	for i, from := range c.times {
		n := 0
		for _, t := range c.times[i:] {
			if t.Sub(from) <= time.Second {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

func TestCreatesKeepTheirPace(t *testing.T) {
	for _, c := range []struct {
		model  string
		region dashscope.Region
		perSec int
	}{
		{"wan2.6-t2i", dashscope.Beijing, 1},
		{"wan2.6-t2i", dashscope.Singapore, 5},
		{"wan2.2-t2i-flash", dashscope.Beijing, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			var seen clock
			client := &dashscope.Client{APIKey: testKey, Region: c.region, Transport: seen.answer(accepted)}
			start := time.Now()
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					if _, err := client.Create(ctx, dashscope.ImageRequest{Model: c.model, Prompt: "x", N: 1}); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if got := seen.busiest(); got != c.perSec {
				t.Errorf("%s in %s: up to %d creates a second, want %d", c.model, c.region, got, c.perSec)
			}
			// Not much slower than published either.
			if took, most := time.Since(start), time.Duration(19*1.1/float64(c.perSec)*float64(time.Second)); took > most {
				t.Errorf("%s in %s: 20 creates took %v, want at most %v", c.model, c.region, took, most)
			}
		})
	}
}

func TestModelsDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen clock
		c := client(seen.answer(accepted))
		start := time.Now()
		for _, m := range dashscope.Models() {
			if _, err := c.Create(t.Context(), dashscope.ImageRequest{Model: m.ID, Prompt: "x", N: 1}); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("one create of each model took %v, want none to wait", took)
		}
	})
}

func TestQueriesShareTheirPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var seen clock
		c := client(seen.answer(`{"output":{"task_status":"PENDING"},"total":0,"data":[]}`))
		start := time.Now()
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() { _, _ = c.Task(ctx, testID) })
			wg.Go(func() { _, _ = c.Tasks(ctx, dashscope.TaskFilter{}) })
			wg.Go(func() { _, _ = c.Cancel(ctx, testID) })
		}
		wg.Wait()
		if len(seen.times) != 90 || seen.busiest() != 20 {
			t.Errorf("%d queries, up to %d a second, want 90 and 20", len(seen.times), seen.busiest())
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("90 queries took %v", took)
		}
	})
}

func TestWaitingForATurnCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen clock
		c := client(seen.answer(accepted))
		if _, err := c.Create(t.Context(), flowerShop()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second/2, cancel)
		result, err := c.Create(ctx, flowerShop())
		checkOutcome(t, result, err, dashscope.NotSent)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled while waiting: %v", err)
		}

		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		result, err = c.Create(short, flowerShop())
		checkOutcome(t, result, err, dashscope.NotSent)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("too little time to wait: %v", err)
		}
		if len(seen.times) != 1 {
			t.Errorf("%d creates, want 1", len(seen.times))
		}
	})
}

func TestObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type seen struct {
			op, outcome string
			took        time.Duration
		}
		var got []seen
		slow := func(status int, body string) transport {
			return func(*http.Request) (*http.Response, error) {
				time.Sleep(time.Second)
				return response(status, body), nil
			}
		}
		for _, do := range []transport{
			slow(200, accepted), slow(401, fault("InvalidApiKey", "m")), slow(500, ""),
		} {
			c := client(do)
			c.Observe = func(op, outcome string, took time.Duration) { got = append(got, seen{op, outcome, took}) }
			_, _ = c.Create(t.Context(), flowerShop())
			_, _ = c.Task(t.Context(), testID)
			_, _ = c.Create(t.Context(), dashscope.ImageRequest{}) // refused here, no request
		}
		want := []seen{
			{"create", "ok", time.Second},
			{"task", "ok", time.Second},
			{"create", "refused", time.Second},
			{"task", "error", time.Second},
			{"create", "may_be_accepted", time.Second},
			{"task", "error", time.Second},
		}
		if !slices.Equal(got, want) {
			t.Errorf("observed %v, want %v", got, want)
		}
	})
}
