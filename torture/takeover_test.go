package torture_test

import (
	"fmt"
	"testing"
	"time"
)

// soon is within which a task of a dead process is looked at.
const soon = 2 * time.Second

// attempts: a machine that stands still for a second is no fault of the program,
// but not each time.
const attempts = 3

// TestNextLifeLooksSoon: the process that works on a task is killed, and the next
// one asks the service about it within two seconds of its start.
func TestNextLifeLooksSoon(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "50")
	took := time.Hour
	for i := 0; i < attempts && took > soon; i++ {
		first := m.serve("first", nil).hello()
		id := m.orderSlow(first, i)
		first.kill()
		second := m.serve("second", nil)
		took = min(took, m.lookAfter(id, second.started))
		second.kill()
	}
	if took > soon {
		t.Errorf("the task was looked at %s after the new start, %d times in a row", took, attempts)
	}
	t.Logf("looked at after %s", took.Round(time.Millisecond))
}

// TestSurvivorLooksSoon: the same where another process lives already: within two
// seconds of the death.
func TestSurvivorLooksSoon(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "50")
	took := time.Hour
	survivor := m.serve("survivor", nil).hello()
	for i := 0; i < attempts && took > soon; i++ {
		first := m.serve("first", nil).hello()
		id := m.orderSlow(first, i)
		first.kill()
		took = min(took, m.lookAfter(id, time.Now()))
	}
	if took > soon {
		t.Errorf("the task was looked at %s after the death, %d times in a row\n%s", took, attempts, tail(survivor.stderr.String(), 20))
	}
	t.Logf("looked at after %s", took.Round(time.Millisecond))
}

// orderSlow orders a picture that takes longer than the test, and returns the
// service's id once the answer is written down.
func (m *machine) orderSlow(s *server, i int) (id string) {
	m.t.Helper()
	call := s.tool("generate_image", map[string]any{
		"prompt": fmt.Sprintf("takeover%d [sim:slow=10m]", i), "model": "wan2.2-t2i-plus", "size": "512*512", "wait_seconds": 1,
	})
	answered, _ := s.wait(call, time.Minute)
	a, err := readAnswer(answered)
	if err != nil || a.UpstreamID == "" {
		m.t.Fatalf("no slow task: %+v, %v", a, err)
	}
	return a.UpstreamID
}

// lookAfter waits for the first look at the task after a moment.
func (m *machine) lookAfter(id string, moment time.Time) (took time.Duration) {
	m.t.Helper()
	until(m.t, 30*time.Second, "a look at the task", func() bool {
		for _, e := range m.service.log(0) {
			if e.Op == "task" && e.TaskID == id && e.Time.After(moment) {
				took = e.Time.Sub(moment)
				return true
			}
		}
		return false
	})
	return took
}
