package torture_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// kill ends it at once and returns when it is gone.
func (s *server) kill() {
	s.mu.Lock()
	s.killed = true
	s.weigh()
	s.mu.Unlock()
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// leave tells it to end, by a signal or by the end of its input.
func (s *server) leave(signal os.Signal) {
	s.mu.Lock()
	s.leaving, s.closed = time.Now(), signal == nil
	s.weigh()
	s.mu.Unlock()
	if signal == nil {
		_ = s.in.Close()
		return
	}
	_ = s.cmd.Process.Signal(signal)
}

var mostResident = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// weigh notes the most memory that it had until now, where the system tells it of
// one that runs. What the system tells of one that has ended (ru_maxrss) begins with
// what the test itself had when it started it. It is called with s.mu held.
func (s *server) weigh() {
	if !s.isAlive() {
		return // its id may be another's by now
	}
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if told := mostResident.FindSubmatch(status); told != nil {
		kB, _ := strconv.ParseInt(string(told[1]), 10, 64)
		s.memory = max(s.memory, kB<<10)
	}
}

// mostToLeave is how long a server that was told to end may take, with a reserve
// for a machine with much to do.
const mostToLeave = 10 * time.Second

// gone waits for the end of a server that was told to end, and holds it to what it
// owes at its end: in time, with 0, nothing unsaid.
func (s *server) gone() {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(2 * mostToLeave):
		s.kill()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if took := s.endedAt.Sub(s.leaving); took > mostToLeave || (s.exitCode != 0 && !s.killed) {
		s.t.Errorf("%s ended %s after it was told to, with %d\n%s", s.name, took.Round(time.Millisecond), s.exitCode, tail(s.stderr.String(), 30))
	}
}

func (s *server) isAlive() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// isGreeted reports whether it has answered hello. Before that a signal may meet a
// process that does not listen yet.
func (s *server) isGreeted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, greeted := s.answers[1]
	return greeted
}

// pause stops it for a while, as a closed lid or a debugger does.
func (s *server) pause(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.cmd.Process.Signal(stop) != nil {
		return
	}
	s.stopped = true
	time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = s.cmd.Process.Signal(cont)
		s.stopped, s.continued = false, time.Now()
	})
}

func (s *server) isStopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
}

func (s *server) isLeaving() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.leaving.IsZero()
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
