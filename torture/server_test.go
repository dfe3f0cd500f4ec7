package torture_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// buffer is what a process said.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// server is one life of the program, over stdio.
type server struct {
	t       *testing.T
	name    string
	cmd     *exec.Cmd
	in      io.WriteCloser
	stderr  buffer
	started time.Time

	// hear gets each answer, as it comes; it must be quick.
	hear func(s *server, id int, m message)

	mu        sync.Mutex
	last      int             // id of the last request
	asked     map[int]bool    // requests without an answer
	answers   map[int]message //
	killed    bool            // it may end in the middle of a line
	closed    bool            // its input
	leaving   time.Time       // when it was told to end, zero for never
	stopped   bool            // by pause
	continued time.Time
	news      chan struct{} // gets a value with each answer
	ended     chan struct{} // closed when all it said was read and it has been waited for
	endedAt   time.Time     // then
	exitCode  int           // then
	memory    int64         // the most it had, in bytes, when it was killed or told to end
}

// message is what a server sends: an answer, or a notification.
type message struct {
	Version string          `json:"jsonrpc"`
	ID      *int            `json:"id"`
	Method  string          `json:"method"`
	Result  json.RawMessage `json:"result"`
	Error   *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// serve starts a life. It says hello by itself; hello waits until it is answered.
func (m *machine) serve(name string, hear func(*server, int, message), wrap ...string) *server {
	m.t.Helper()
	args := append(wrap, binary, "serve")
	s := &server{
		t: m.t, name: name, cmd: exec.Command(args[0], args[1:]...), hear: hear,
		asked: map[int]bool{}, answers: map[int]message{},
		ended: make(chan struct{}), news: make(chan struct{}, 1),
	}
	s.cmd.Env, s.cmd.Dir, s.cmd.Stderr = m.env(), m.home, &s.stderr
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		m.t.Fatal(err)
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	s.started = time.Now()
	if err := s.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { s.kill(); <-s.ended })
	go s.read(stdout)
	s.send("initialize", map[string]any{
		"protocolVersion": "2025-11-25", "capabilities": map[string]any{},
		"clientInfo": map[string]any{"name": "torture", "version": "1"},
	})
	return s
}

// hello waits until the server has answered.
func (s *server) hello() *server {
	s.t.Helper()
	s.wait(1, time.Minute)
	return s
}

// send makes a request and returns its id at once. A server that is gone does not
// get it.
func (s *server) send(method string, params any) (id int) {
	s.mu.Lock()
	s.last++
	id = s.last
	s.asked[id] = true
	s.mu.Unlock()
	s.write(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	return id
}

// tool calls a tool and returns at once.
func (s *server) tool(name string, arguments map[string]any) (id int) {
	return s.send("tools/call", map[string]any{"name": name, "arguments": arguments})
}

// cancel takes a request back.
func (s *server) cancel(id int) {
	s.mu.Lock()
	if s.asked[id] {
		s.asked[id] = false
	}
	s.mu.Unlock()
	s.write(map[string]any{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": map[string]any{"requestId": id}})
}

func (s *server) write(m any) {
	_, _ = s.in.Write(append(mustJSON(m), '\n')) // a server that died does not read
}

// wait returns the answer to a request, or none when the server ends without it.
func (s *server) wait(id int, within time.Duration) (m message, ok bool) {
	s.t.Helper()
	limit := time.After(within)
	for {
		s.mu.Lock()
		m, ok = s.answers[id]
		s.mu.Unlock()
		if ok {
			return m, true
		}
		select {
		case <-s.news:
		case <-s.ended:
			s.mu.Lock()
			m, ok = s.answers[id]
			s.mu.Unlock()
			return m, ok
		case <-limit:
			s.t.Fatalf("%s: %s without an answer to request %d", s.name, within, id)
		}
	}
}

// read takes in everything that the server says, and holds it to the protocol:
// only JSON-RPC on stdout, one answer for each request.
func (s *server) read(stdout io.Reader) {
	defer close(s.ended)
	r := bufio.NewReader(stdout)
	for {
		line, err := r.ReadBytes('\n')
		if err == nil {
			s.take(line)
			continue
		}
		s.mu.Lock()
		if len(line) > 0 && !s.killed {
			s.t.Errorf("%s: stdout ends in the middle of a line: %.200q", s.name, line)
		}
		s.mu.Unlock()
		break
	}
	err := s.cmd.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endedAt = time.Now()
	s.exitCode = s.cmd.ProcessState.ExitCode()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Errorf("%s: %v", s.name, err)
	}
}

func (s *server) take(line []byte) {
	var m message
	if err := json.Unmarshal(line, &m); err != nil || m.Version != "2.0" || (m.ID == nil) == (m.Method == "") {
		s.t.Errorf("%s: not a JSON-RPC message on stdout: %.300q", s.name, line)
		return
	}
	if m.ID == nil {
		return
	}
	s.mu.Lock()
	if _, ok := s.asked[*m.ID]; !ok {
		s.t.Errorf("%s: an answer to nothing: %.300q", s.name, line)
	}
	if (m.Result == nil) == (m.Error == nil) {
		s.t.Errorf("%s: an answer needs either a result or an error: %.300q", s.name, line)
	}
	delete(s.asked, *m.ID)
	s.answers[*m.ID] = m
	s.mu.Unlock()
	select {
	case s.news <- struct{}{}:
	default:
	}
	if s.hear != nil {
		s.hear(s, *m.ID, m)
	}
}

// waiting is how many answers the client waits for.
func (s *server) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := 0
	for _, waits := range s.asked {
		if waits {
			waiting++
		}
	}
	return waiting
}

// resource asks for a resource and returns it.
func (s *server) resource(uri string) (mime string, blob []byte, err error) {
	s.t.Helper()
	m, ok := s.wait(s.send("resources/read", map[string]any{"uri": uri}), time.Minute)
	if !ok {
		return "", nil, errors.New("the server has ended")
	}
	if m.Error != nil {
		return "", nil, fmt.Errorf("%s: %s", uri, m.Error.Message)
	}
	var got struct {
		Contents []struct {
			MIME string `json:"mimeType"`
			Blob []byte `json:"blob"`
			Text string `json:"text"`
		} `json:"contents"`
	}
	if err := json.Unmarshal(m.Result, &got); err != nil || len(got.Contents) != 1 {
		return "", nil, fmt.Errorf("%s: %d contents, %w", uri, len(got.Contents), err)
	}
	c := got.Contents[0]
	if c.Blob == nil {
		c.Blob = []byte(c.Text)
	}
	return c.MIME, c.Blob, nil
}
