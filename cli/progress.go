package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"wan-image-mcp/tasks"
)

// screen lets log lines and a progress bar share stderr: the bar is the last
// line, and whatever else is written goes above it.
type screen struct {
	mu  sync.Mutex
	w   io.Writer
	bar string // what stands on the last line now
}

// Write puts whole lines above the bar.
func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draw("")
	return s.w.Write(b)
}

// show replaces the bar; "" takes it away.
func (s *screen) show(bar string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draw(bar)
}

func (s *screen) draw(bar string) {
	if bar == s.bar {
		return
	}
	// Blanks instead of an escape sequence: every console understands them.
	blank := strings.Repeat(" ", max(0, len(s.bar)-len(bar)))
	if bar == "" {
		fmt.Fprint(s.w, "\r"+blank+"\r")
	} else {
		fmt.Fprint(s.w, "\r"+bar+blank)
	}
	s.bar = bar
}

// progress tells a person how a wait goes on.
type progress struct {
	screen  *screen
	bar     bool // redraw one line instead of adding lines
	quiet   bool
	started time.Time

	mu   sync.Mutex
	task tasks.Task

	said   string // the last line, in line mode
	saidAt time.Time
}

const (
	barTick   = 100 * time.Millisecond
	lineTick  = time.Second
	lineEvery = 15 * time.Second // a line at least this often, so that nobody thinks it hangs
)

// update takes the newest snapshot.
func (g *progress) update(t tasks.Task) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.task = t
}

// run shows the task until stop is called.
func (g *progress) run() (stop func()) {
	if g.quiet {
		return func() {}
	}
	tick := lineTick
	if g.bar {
		tick = barTick
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			g.show(time.Now())
			select {
			case <-ticker.C:
			case <-quit:
				g.screen.show("")
				return
			}
		}
	}()
	return func() { close(quit); <-ended }
}

func (g *progress) show(now time.Time) {
	g.mu.Lock()
	t := g.task
	g.mu.Unlock()
	elapsed := now.Sub(g.started)
	if g.bar {
		g.screen.show(barLine(t, elapsed, now))
		return
	}
	line := stageOf(t) + expectation(t)
	if line == g.said && now.Sub(g.saidAt) < lineEvery {
		return
	}
	g.said, g.saidAt = line, now
	fmt.Fprintf(g.screen, "%s  %s\n", seconds(elapsed), line)
}

const barWidth = 24

// barLine is one line such as
//
//	[##########--------------]  drawing  5.2 s of about 12 s
func barLine(t tasks.Task, elapsed time.Duration, now time.Time) string {
	full := int(share(t, now) * barWidth)
	return fmt.Sprintf("[%s%s]  %s  %s%s", strings.Repeat("#", full), strings.Repeat("-", barWidth-full),
		stageOf(t), seconds(elapsed), expectation(t))
}

// share is how much of the expected time is over; never all of it while waiting.
func share(t tasks.Task, now time.Time) float64 {
	switch {
	case t.State == tasks.Succeeded:
		return 0.97
	case t.Submitted.IsZero() || t.Expected <= 0:
		return 0
	}
	return min(max(float64(now.Sub(t.Submitted))/float64(t.Expected), 0), 0.95)
}

func expectation(t tasks.Task) string {
	if t.Expected <= 0 || t.State.Terminal() {
		return ""
	}
	return fmt.Sprintf(", takes about %.0f s", max(1, t.Expected.Seconds()))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%5.1f s", d.Seconds()) }

// stageOf says in words where a task stands.
func stageOf(t tasks.Task) string {
	switch t.State {
	case "":
		return "starting"
	case tasks.Queued:
		if t.Place > 1 {
			return fmt.Sprintf("waiting, %d orders ahead", t.Place-1)
		}
		return "waiting for its turn"
	case tasks.Submitting:
		return "ordering"
	case tasks.Pending:
		return "ordered, waiting at the service"
	case tasks.Running:
		return "drawing"
	case tasks.Unknown:
		return "the answer to the order was lost, looking for it"
	case tasks.Succeeded:
		return "drawn, fetching"
	}
	return strings.ToLower(string(t.State))
}
