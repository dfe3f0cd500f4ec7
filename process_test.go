package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what should take seconds: with the race
// detector, on a busy machine, that is long.
const patience = 4 * time.Minute

// machine is a user's computer: a home, an environment, and processes on it.
type machine struct {
	t    *testing.T
	home string
	env  []string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	home := t.TempDir()
	return &machine{t: t, home: home, env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "USERPROFILE=" + home, "LOCALAPPDATA=" + home,
		"SystemRoot=" + os.Getenv("SystemRoot"), "WAN_IMAGE_MCP_STATE_DIR=" + filepath.Join(home, "state"),
	}}
}

func (m *machine) set(name, value string) { m.env = append(m.env, name+"="+value) }

// process is one run of the program with pipes to it.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	out    chan string // lines of stdout
	stderr buffer
	id     int // of the last request
}

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

func (m *machine) start(args ...string) *process {
	m.t.Helper()
	p := &process{t: m.t, cmd: exec.Command("wan-image-mcp", args...), out: make(chan string, 1000)}
	p.cmd.Env, p.cmd.Dir, p.cmd.Stderr = m.env, m.home, &p.stderr
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		m.t.Fatal(err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	go func() {
		defer close(p.out)
		for r := bufio.NewReader(stdout); ; {
			line, err := r.ReadString('\n')
			if line != "" {
				p.out <- line
			}
			if err != nil {
				return
			}
		}
	}()
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() }) // a test that hangs leaves nothing behind
	m.t.Cleanup(func() {
		late.Stop()
		_ = p.cmd.Process.Kill()
	})
	return p
}

// line is the next line of stdout that matches.
func (p *process) line(pattern string) string {
	p.t.Helper()
	wanted := regexp.MustCompile(pattern)
	deadline := time.After(patience)
	for {
		select {
		case line, ok := <-p.out:
			if !ok {
				p.t.Fatalf("it ended without %q; stderr: %s", pattern, p.stderr.String())
			}
			if wanted.MatchString(line) {
				return strings.TrimSpace(line)
			}
		case <-deadline:
			p.t.Fatalf("no line %q in time; stderr: %s", pattern, p.stderr.String())
		}
	}
}

// say sends a request and returns without its answer.
func (p *process) say(method string, params any) {
	p.t.Helper()
	p.id++
	b, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": p.id, "method": method, "params": params})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.stdin.Write(append(b, '\n')); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) hello() *process {
	p.t.Helper()
	p.say("initialize", map[string]any{
		"protocolVersion": "2025-11-25", "capabilities": map[string]any{},
		"clientInfo": map[string]any{"name": "test", "version": "1"},
	})
	p.line(fmt.Sprintf(`"id":%d\b`, p.id))
	return p
}

// tool calls a tool and returns the answer as it came.
func (p *process) tool(name string, arguments map[string]any) string {
	p.t.Helper()
	p.say("tools/call", map[string]any{"name": name, "arguments": arguments})
	return p.line(fmt.Sprintf(`"id":%d\b`, p.id))
}

// end waits for the process and returns its exit code.
func (p *process) end(within time.Duration) int {
	p.t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.cmd.Wait() // the exit code tells
	}()
	select {
	case <-ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		p.t.Errorf("it goes on after %s", within)
		return -1
	}
}

// service is a simulator in a process of its own.
type service struct {
	*process
	base, host string
}

func (m *machine) service() *service {
	m.t.Helper()
	p := m.start("simulate", "--listen", "127.0.0.1:0", "--speed", "1000", "--strict")
	s := &service{process: p}
	s.base = strings.TrimPrefix(p.line("^DASHSCOPE_HTTP_BASE_URL="), "DASHSCOPE_HTTP_BASE_URL=")
	s.host = strings.TrimPrefix(p.line("^WAN_IMAGE_MCP_ALLOW_IMAGE_HOST="), "WAN_IMAGE_MCP_ALLOW_IMAGE_HOST=")
	m.set("DASHSCOPE_HTTP_BASE_URL", s.base)
	m.set("WAN_IMAGE_MCP_ALLOW_IMAGE_HOST", s.host)
	return s
}

type stats struct {
	Accepted   int `json:"accepted"`
	Violations int `json:"violations"`
}

func (s *service) stats() (got stats) {
	s.t.Helper()
	answer, err := http.Get("http://" + s.host + "/admin/stats")
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
		s.t.Fatal(err)
	}
	return got
}

// until waits for something to become true.
func until(t *testing.T, what string, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !true(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s in time", what)
		}
	}
}

const key = "sk-canary00000000000000000000001"

// TestKilled: kill -9 during a task, a new start, and the picture is there; the
// service saw one order.
func TestKilled(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.set("DASHSCOPE_API_KEY", key)
	upstream := m.service()
	first := m.start("serve").hello()
	first.say("tools/call", map[string]any{"name": "generate_image", "arguments": map[string]any{"prompt": "a lighthouse [sim:slow=2s]", "model": "wan2.2-t2i-flash", "size": "512*512"}})
	until(t, "an order", func() bool { return upstream.stats().Accepted == 1 })
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.end(5 * time.Second)

	second := m.start("serve").hello()
	list := second.tool("get_task", nil)
	id := regexp.MustCompile(`"task_id":"([a-z0-9]{26})"`).FindStringSubmatch(list)
	if id == nil {
		t.Fatalf("after the restart there is no task: %s", list)
	}
	// Killed in the moment of the order, the task is UNKNOWN first, and then found.
	var answer string
	for deadline := time.Now().Add(patience); ; {
		answer = second.tool("get_task", map[string]any{"task_id": id[1], "wait_seconds": 50})
		if strings.Contains(answer, "wan://images/"+id[1]+"/1") || time.Now().After(deadline) {
			break
		}
	}
	if !strings.Contains(answer, `"status":"SUCCEEDED"`) || !strings.Contains(answer, "wan://images/"+id[1]+"/1") {
		t.Fatalf("after the restart the task is %s", answer)
	}
	second.say("resources/read", map[string]any{"uri": "wan://images/" + id[1] + "/1"})
	if blob := second.line(fmt.Sprintf(`"id":%d\b`, second.id)); !strings.Contains(blob, `"blob":"iVBORw0KGgo`) {
		t.Errorf("the picture is %.200s", blob)
	}
	// The same wish again finds the task: nobody had received its pictures before.
	if got := upstream.stats(); got.Accepted != 1 || got.Violations != 0 {
		t.Errorf("the service saw %+v, want one order and no slip", got)
	}
	second.stdin.Close()
	if code := second.end(6 * time.Second); code != 0 {
		t.Errorf("it ended with %d: %s", code, second.stderr.String())
	}
}

// TestSignals: SIGTERM and Ctrl-C end a server with 0 within six seconds, in the
// middle of a call too.
func TestSignals(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals to send to another process")
	}
	t.Parallel()
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			p := m.start("serve", "--simulate").hello()
			p.say("tools/call", map[string]any{"name": "generate_image", "arguments": map[string]any{"prompt": "x [sim:slow=60s]"}})
			time.Sleep(300 * time.Millisecond)
			if err := p.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			p.line(fmt.Sprintf(`"id":%d\b.*task_id`, p.id)) // the call is answered with where the task stands
			if code := p.end(6 * time.Second); code != 0 {
				t.Errorf("it ended with %d: %s", code, p.stderr.String())
			}
		})
	}
}

// TestTokenFileReload: SIGHUP lets new tokens in and removed ones out; a file with
// a mistake changes nothing, and stderr tells where the mistake is.
func TestTokenFileReload(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGHUP")
	}
	t.Parallel()
	m := newMachine(t)
	m.set("WAN_IMAGE_MCP_TOKEN", "token-of-the-house-000000000000")
	file := filepath.Join(m.home, "tokens")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	line := func(token string) string { return fmt.Sprintf("%s %x\n", token[:3], sha256.Sum256([]byte(token))) }
	const ann, bea = "ann-token-00000000000000000000", "bea-token-00000000000000000000"
	write(line(ann))
	p := m.start("serve", "--simulate", "--transport", "http", "--listen", "127.0.0.1:0", "--token-file", file)
	stderr := func(pattern string) []string {
		t.Helper()
		wanted := regexp.MustCompile(pattern)
		until(t, pattern, func() bool { return wanted.MatchString(p.stderr.String()) })
		return wanted.FindStringSubmatch(p.stderr.String())
	}
	address := stderr(`listening address=(127\.0\.0\.1:\d+)`)[1]
	hangUp := func() {
		t.Helper()
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(when string, want map[string]int) {
		t.Helper()
		for token, status := range want {
			request, err := http.NewRequest(http.MethodGet, "http://"+address+"/metrics", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer "+token)
			got, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			got.Body.Close()
			if got.StatusCode != status {
				t.Errorf("%s, %.3s gets %s, want %d", when, token, got.Status, status)
			}
		}
	}
	expect("at first", map[string]int{ann: 200, bea: 401, "token-of-the-house-000000000000": 200})
	write(line(bea) + "ann " + ann + "\n")
	hangUp()
	stderr(`stay as they were.*` + regexp.QuoteMeta(file) + `.*line 2`)
	expect("with a mistake", map[string]int{ann: 200, bea: 401, "token-of-the-house-000000000000": 200})
	write(line(bea))
	hangUp()
	stderr(`read the tokens anew.*tokens=2`)
	expect("after the change", map[string]int{ann: 401, bea: 200, "token-of-the-house-000000000000": 200})
	if got := p.stderr.String(); strings.Contains(got, "0000000") {
		t.Errorf("stderr tells a token: %s", got)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.end(patience); code != 0 {
		t.Errorf("it ended with %d: %s", code, p.stderr.String())
	}
}

// TestNoSecrets drives a key and signed links through everything that can say
// something, at its most talkative, and then looks for them.
func TestNoSecrets(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.set("DASHSCOPE_API_KEY", key)
	m.set("WAN_IMAGE_MCP_LOG_LEVEL", "debug")
	m.set("WAN_IMAGE_MCP_UNKNOWN_GRACE", "1s")
	m.set("WAN_IMAGE_MCP_TOKEN", "token-canary-0000000000000000000")
	upstream := m.service()
	said := map[string]string{} // by what said it
	running := map[string]*process{}
	for _, prompt := range []string{
		"fine", "[sim:fail]", "[sim:refuse]", "[sim:429=1]", "[sim:500]", "[sim:html]", "[sim:truncate]", "[sim:cut-before]",
		"[sim:image=wrong_type]", "[sim:image=redirect]", "[sim:link=http://10.0.0.1/x.png?Signature=canary]",
	} {
		running["generate "+prompt] = m.start("generate", "--out", "none", "--model", "wan2.2-t2i-flash", "--size", "512*512", "x "+prompt)
	}
	for _, args := range [][]string{{"doctor"}, {"task"}, {"models"}, {"version"}, {"serve", "--api-key", key}} {
		running[strings.Join(args[:1], " ")] = m.start(args...)
	}
	for name, p := range running {
		p.stdin.Close()
		said[name+": stdout"] = p.rest()
		p.end(patience)
		said[name+": stderr"] = p.stderr.String()
	}

	p := m.start("serve").hello()
	answer := p.tool("generate_image", map[string]any{"prompt": "y", "model": "wan2.2-t2i-flash", "size": "512*512"})
	link := regexp.MustCompile(`Signature=([^"&\\]+)`).FindStringSubmatch(answer)
	if link == nil {
		t.Fatalf("the answer has no signed link: %s", answer)
	}
	p.tool("generate_image", map[string]any{"prompt": "y [sim:image=truncate]", "wait_seconds": 3})
	p.say("tools/call", map[string]any{"name": "generate_image", "arguments": map[string]any{"prompt": "y [sim:slow=9s]"}})
	until(t, "the third order", func() bool { return strings.Count(p.stderr.String(), "create") >= 3 })
	if runtime.GOOS != "windows" {
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // Go's own way to die, with the stacks of everything
	} else {
		_ = p.cmd.Process.Kill()
	}
	p.end(10 * time.Second)
	said["serve: stderr"] = p.stderr.String()

	h := m.start("serve", "--transport", "http", "--listen", "127.0.0.1:0")
	listening := regexp.MustCompile(`listening address=(127\.0\.0\.1:\d+)`)
	until(t, "an address", func() bool { return listening.MatchString(h.stderr.String()) })
	address := listening.FindStringSubmatch(h.stderr.String())[1]
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"generate_image","arguments":{"prompt":"z"}}}`
	request, err := http.NewRequest(http.MethodPost, "http://"+address+"/mcp?token=token-canary-in-the-query-00000", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer token-canary-0000000000000000000")
	got, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	got.Body.Close()
	_ = h.cmd.Process.Kill()
	h.end(10 * time.Second)
	said["serve http: stderr"] = h.stderr.String()
	said["simulate: stderr"] = upstream.stderr.String()

	secrets := []string{key, "canary", link[1], "Signature="}
	for who, text := range said {
		for _, secret := range secrets {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s says %q: ...%s...", who, secret, text[max(0, i-200):min(len(text), i+100)])
			}
		}
	}
	m.searchFiles(secrets)
}

// rest is what it still writes to stdout until it ends.
func (p *process) rest() string {
	var b strings.Builder
	for line := range p.out {
		b.WriteString(line)
	}
	return b.String()
}

// searchFiles looks into every file of the home; only the journal may hold links.
func (m *machine) searchFiles(secrets []string) {
	m.t.Helper()
	files := 0
	err := filepath.WalkDir(m.home, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		journal := strings.HasPrefix(entry.Name(), "journal.db")
		for i, secret := range secrets {
			if bytes.Contains(b, []byte(secret)) && (!journal || i == 0) {
				m.t.Errorf("%s holds %q", path, secret)
			}
		}
		return nil
	})
	if err != nil || files == 0 {
		m.t.Errorf("looked into %d files, %v", files, err)
	}
}
