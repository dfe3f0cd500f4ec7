package tools

import (
	"context"
	"fmt"
	"time"

	"wan-image-mcp/tasks"
)

// How progress is paced. mcp-go queues notifications apart from the answer, so
// that one sent close to another, or to the answer, may be lost or come after
// it; and some proxies cut a connection that is silent for long.
const (
	beat  = time.Second            // between messages while nothing changes
	gap   = 100 * time.Millisecond // at least, between two messages
	quiet = 50 * time.Millisecond  // at least, between the last one and the answer
)

// wait waits on a task for the rest of a call's time, and tells the client how
// far it is. An error means that the request ended first.
func (h *handlers) wait(ctx context.Context, c call, ticket *tasks.Ticket, seconds *int) (tasks.Task, error) {
	d := h.DefaultWait
	if seconds != nil {
		d = time.Duration(*seconds) * time.Second
	}
	d = max(0, d-time.Since(c.arrived))
	send := h.sender(ctx, c)
	if t := ticket.Task(); send == nil || d == 0 || t.Settled() {
		return ticket.Wait(ctx, d, nil)
	}
	r := startReport(send)
	t, err := ticket.Wait(ctx, d, r.update)
	r.stop(ctx, t)
	return t, err
}

// sender sends progress of a call, or is nil where the client did not ask for it.
func (h *handlers) sender(ctx context.Context, c call) func(float64, string) {
	meta := c.request.Params.Meta
	if meta == nil {
		return nil
	}
	switch meta.ProgressToken.(type) {
	case string, float64: // the kinds that the protocol allows, as JSON decodes them
	default:
		return nil
	}
	return func(progress float64, message string) {
		// A client that does not read misses progress, not its answer.
		_ = h.server.SendNotificationToClient(ctx, "notifications/progress", map[string]any{
			"progressToken": meta.ProgressToken, "progress": progress, "total": 100, "message": message,
		})
	}
}

// report tells a client the progress of one task: on each change, and every
// beat in between.
type report struct {
	send    func(progress float64, message string)
	changes chan tasks.Task // the newest that was not told yet
	quit    chan struct{}
	stopped chan struct{}

	// Of run's goroutine, and of stop after it.
	told  time.Time
	value float64
}

func startReport(send func(float64, string)) *report {
	r := &report{send: send, changes: make(chan tasks.Task, 1), quit: make(chan struct{}), stopped: make(chan struct{})}
	go r.run()
	return r
}

// update takes a change to tell, at once for the first. One caller at a time.
func (r *report) update(t tasks.Task) {
	select {
	case <-r.changes: // told by nobody yet, and old now
	default:
	}
	r.changes <- t
}

func (r *report) run() {
	defer close(r.stopped)
	var t tasks.Task
	select {
	case t = <-r.changes:
	case <-r.quit:
		return
	}
	r.tell(t)
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case t = <-r.changes:
		case <-tick.C:
		case <-r.quit:
			return
		}
		if wait := gap - time.Since(r.told); wait > 0 {
			select {
			case <-time.After(wait):
			case <-r.quit:
				return
			}
		}
		select {
		case t = <-r.changes:
		default:
		}
		r.tell(t)
	}
}

// tell sends a message whose value is above all before it, also when the task
// takes longer than expected or goes back to its queue.
func (r *report) tell(t tasks.Task) {
	share, message := stage(t)
	const end = 99 // 100 is done
	r.value = max(share, r.value+(end-r.value)/100)
	r.send(r.value, message)
	r.told = time.Now()
}

// stop ends the report and returns when the answer may be written.
func (r *report) stop(ctx context.Context, t tasks.Task) {
	close(r.quit)
	<-r.stopped
	if t.Settled() && pause(ctx, gap-time.Since(r.told)) {
		r.send(100, ending(t))
		r.told = time.Now()
	}
	pause(ctx, quiet-time.Since(r.told))
}

// ending says what a task came to.
func ending(t tasks.Task) string {
	if t.State != tasks.Succeeded {
		return "ended: " + string(t.State)
	}
	return "done, " + pictures(kept(t))
}

// pause waits, and reports whether the request is still there after it.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// stage says how far a task is, as a share of 100 and in words.
func stage(t tasks.Task) (share float64, message string) {
	switch t.State {
	case tasks.Queued:
		if t.Place > 0 {
			return 10 / float64(1+t.Place), fmt.Sprintf("queued, place %d in line (task %s)", t.Place, t.ID)
		}
		return 5, fmt.Sprintf("queued (task %s)", t.ID)
	case tasks.Submitting, tasks.Pending:
		return 10, fmt.Sprintf("submitted, waiting at the service (task %s)", t.ID)
	case tasks.Unknown:
		return 10, fmt.Sprintf("submitted, but the service's answer was lost; looking for it (task %s)", t.ID)
	case tasks.Running:
		return running(t)
	}
	if !t.Settled() {
		return 92, fmt.Sprintf("fetching, %d of %s", kept(t), pictures(len(t.Pictures)))
	}
	return 95, "finishing"
}

func running(t tasks.Task) (share float64, message string) {
	var took time.Duration
	if !t.Submitted.IsZero() {
		took = time.Since(t.Submitted)
	}
	if t.Expected <= 0 {
		return 15, fmt.Sprintf("running for %d s", seconds(took))
	}
	message = fmt.Sprintf("running, %d of about %d s", seconds(took), seconds(t.Expected))
	if took > t.Expected {
		message = fmt.Sprintf("running for %d s, usually about %d s", seconds(took), seconds(t.Expected))
	}
	return 15 + 75*min(1, float64(took)/float64(t.Expected)), message
}

// seconds rounds to whole ones, but never to none.
func seconds(d time.Duration) int { return max(1, int((d+time.Second/2)/time.Second)) }

func kept(t tasks.Task) int {
	n := 0
	for _, p := range t.Pictures {
		if p.IsKept() {
			n++
		}
	}
	return n
}

func pictures(n int) string {
	if n == 1 {
		return "1 picture"
	}
	return fmt.Sprintf("%d pictures", n)
}
