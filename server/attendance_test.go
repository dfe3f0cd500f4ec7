package server_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"wan-image-mcp/server"
)

// Whatever becomes of calls and their clients, none counts as live when all have
// ended: each repeat of what it asked for would be a new purchase.
func TestNoCallIsLiveForEver(t *testing.T) {
	const clients, calls = 10, 4
	w := newWorld(t)
	s := serve(t, w, server.Config{})
	first := s.call(s.session(), small("a boat")).answer(t).TaskID
	var wg sync.WaitGroup
	for i := range clients * calls {
		if i%clients == 0 {
			wg.Wait()
		}
		c := &fickle{site: s, w: w, message: order(i, first), patience: time.Duration(rand.IntN(700)) * time.Millisecond}
		fates := []func(){c.modern, c.hangsUp, c.cancels, c.deletes, c.leavesSSE, c.cancelsSSE, c.cancelsStdio, c.endsStdio, c.breaksStdio}
		wg.Go(fates[rand.IntN(len(fates))])
	}
	wg.Wait()
	live := w.live()
	for start := time.Now(); live > 0 && time.Since(start) < 20*time.Second; live = w.live() {
		time.Sleep(50 * time.Millisecond)
	}
	if live > 0 {
		t.Errorf("calls that count as live: %d", live)
	}
}

// order is a call that orders or waits, with or without progress.
func order(i int, task string) string {
	m := call("7", "generate_image", fmt.Sprintf(`{"prompt":"a boat [sim:slow=%dms]","model":"wan2.2-t2i-flash","size":"512*512","wait_seconds":1}`, rand.IntN(700)))
	if i%4 == 0 {
		m = call("7", "get_task", fmt.Sprintf(`{"task_id":%q}`, task))
	}
	if i%2 == 0 {
		m = strings.Replace(m, `"params":{`, `"params":{"_meta":{"progressToken":"p"},`, 1)
	}
	return m
}

// live is how many calls the journal counts as live.
func (w *world) live() (count int) {
	w.t.Helper()
	db, err := sql.Open("sqlite", "file:"+w.journal+"?_pragma=busy_timeout(10000)")
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(w.t.Context(), "SELECT COALESCE(SUM(count), 0) FROM attendance").Scan(&count); err != nil {
		w.t.Fatal(err)
	}
	return count
}

// fickle is a client that makes one call and loses its patience.
type fickle struct {
	*site
	w        *world
	message  string
	patience time.Duration
}

// post sends a message and does not look at the answer.
func (c *fickle) post(ctx context.Context, path, message string, h ...headers) {
	res, err := c.try(ctx, "POST", path, strings.NewReader(message), append(h, jsonBody)...)
	if err == nil {
		_, _ = io.Copy(io.Discard, res.Body)
	}
}

func (c *fickle) impatient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.Context(), c.patience)
}

func (c *fickle) modern() {
	ctx, cancel := c.impatient()
	defer cancel()
	name, args, _ := strings.Cut(c.message[strings.Index(c.message, `"name":"`)+8:], `","arguments":`)
	res, err := c.try(ctx, "POST", "/mcp", strings.NewReader(modernCall("7", name, args[:len(args)-2])), modern(name), jsonBody)
	if err == nil && res.StatusCode != http.StatusOK {
		c.Errorf("got %s", res.Status)
	}
}

func (c *fickle) hangsUp() {
	session := c.session()
	ctx, cancel := c.impatient()
	defer cancel()
	c.post(ctx, "/mcp", c.message, session)
}

func (c *fickle) cancels() { c.says("POST", cancelled("7")) }
func (c *fickle) deletes() { c.says("DELETE", "") }

// says says something about its session while the call runs.
func (c *fickle) says(method, message string) {
	session := c.session()
	var wg sync.WaitGroup
	wg.Go(func() { c.post(c.Context(), "/mcp", c.message, session) })
	time.Sleep(c.patience)
	if res := c.do(method, "/mcp", message, session, jsonBody); res.StatusCode >= http.StatusBadRequest {
		c.Errorf("%s: got %s", method, res.Status)
	}
	wg.Wait()
}

func (c *fickle) leavesSSE() {
	sse := openSSE(c.site)
	sse.post(c.message)
	time.Sleep(c.patience)
	sse.close()
}

func (c *fickle) cancelsSSE() {
	sse := openSSE(c.site)
	sse.post(c.message)
	time.Sleep(c.patience)
	sse.post(cancelled("7"))
	time.Sleep(c.patience)
	sse.close()
}

func (c *fickle) cancelsStdio() {
	p := dial(c.TB, c.w)
	go func() { _, _ = io.Copy(io.Discard, p.out) }()
	p.send(initialize, initialized, c.message)
	time.Sleep(c.patience)
	p.send(cancelled("7"))
	time.Sleep(c.patience)
	p.in.Close()
}

func (c *fickle) endsStdio() {
	p := dial(c.TB, c.w)
	p.start()
	p.send(c.message) // and nobody reads
	time.Sleep(c.patience)
	p.in.Close()
}

func (c *fickle) breaksStdio() {
	p := dial(c.TB, c.w)
	p.start()
	p.send(c.message)
	time.Sleep(c.patience)
	p.out.Close()
}
