package cli

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wan-image-mcp/tasks"
)

// TestBarLine: the bar tells stage, elapsed and expected time, and is never full
// while somebody waits.
func TestBarLine(t *testing.T) {
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for _, test := range []struct {
		task tasks.Task
		want string
	}{
		{tasks.Task{}, "[------------------------]  starting    5.2 s"},
		{tasks.Task{State: tasks.Queued, Place: 3, Expected: 12 * time.Second}, "[------------------------]  waiting, 2 orders ahead    5.2 s, takes about 12 s"},
		{tasks.Task{State: tasks.Running, Submitted: ago(6 * time.Second), Expected: 12 * time.Second}, "[############------------]  drawing    5.2 s, takes about 12 s"},
		{tasks.Task{State: tasks.Running, Submitted: ago(time.Hour), Expected: 12 * time.Second}, "[######################--]  drawing    5.2 s, takes about 12 s"},
		{tasks.Task{State: tasks.Succeeded, Submitted: ago(time.Hour)}, "[#######################-]  drawn, fetching    5.2 s"},
	} {
		if got := barLine(test.task, 5200*time.Millisecond, now); got != test.want {
			t.Errorf("%s: the bar is\n%s, want\n%s", test.task.State, got, test.want)
		}
	}
}

// TestScreen: a log line stands above the bar, whole, and the bar goes away.
func TestScreen(t *testing.T) {
	var b bytes.Buffer
	s := &screen{w: &b}
	s.show("[##--]  drawing")
	if _, err := s.Write([]byte("a log line\n")); err != nil {
		t.Fatal(err)
	}
	s.show("[###-]")
	s.show("")
	blank := strings.Repeat(" ", len("[##--]  drawing"))
	want := "\r[##--]  drawing" + "\r" + blank + "\r" + "a log line\n" + "\r[###-]" + "\r      \r"
	if got := b.String(); got != want {
		t.Errorf("the screen got %q, want %q", got, want)
	}
}

// TestLines: without a terminal there is a line for each change, and one from time
// to time; --quiet says nothing.
func TestLines(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var b bytes.Buffer
			g := &progress{screen: &screen{w: &b}, quiet: quiet, started: time.Now()}
			g.update(tasks.Task{State: tasks.Queued})
			stop := g.run()
			time.Sleep(2500 * time.Millisecond)
			g.update(tasks.Task{State: tasks.Running, Submitted: time.Now(), Expected: 30 * time.Second})
			time.Sleep(20 * time.Second)
			stop()
			want := "  0.0 s  waiting for its turn\n  3.0 s  drawing, takes about 30 s\n 18.0 s  drawing, takes about 30 s\n"
			if quiet {
				want = ""
			}
			if got := b.String(); got != want {
				t.Errorf("quiet %v: it says\n%swant\n%s", quiet, got, want)
			}
		})
	}
}

func TestQuoted(t *testing.T) {
	for text, want := range map[string]string{"plain": "plain", "two words": "'two words'", "it's": `'it'\''s'`, "$HOME": "'$HOME'"} {
		if got := quoted(text); got != want && got != `"`+text+`"` {
			t.Errorf("quoted(%s) = %s, want %s", text, got, want)
		}
	}
}
