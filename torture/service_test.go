package torture_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/dashscope/simulator"
)

// service is the simulator in a process of its own.
type service struct {
	t          *testing.T
	base, host string
	stderr     buffer
	client     http.Client
}

func (m *machine) simulate(speed string) *service {
	m.t.Helper()
	s := &service{t: m.t, client: http.Client{Timeout: 20 * time.Second}}
	cmd := exec.Command(binary, "simulate", "--strict", "--listen", "127.0.0.1:0", "--speed", speed)
	cmd.Env, cmd.Stderr = []string{"HOME=" + m.home, "SystemRoot=" + os.Getenv("SystemRoot")}, &s.stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(stdout)
	for s.host == "" && lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), "=")
		switch name {
		case "DASHSCOPE_HTTP_BASE_URL":
			s.base = value
		case "WAN_IMAGE_MCP_ALLOW_IMAGE_HOST":
			s.host = value
		}
	}
	if s.base == "" || s.host == "" {
		m.t.Fatalf("the simulator did not start: %s", s.stderr.String())
	}
	return s
}

// ask makes a request of the test's own, past the network that the program has.
func (s *service) ask(method, path string, in, out any) {
	s.t.Helper()
	var body []byte
	if in != nil {
		body = mustJSON(in)
	}
	status, text := 0, []byte(nil)
	for status == 0 || status == http.StatusTooManyRequests { // the judge must keep to the pace too
		r, err := http.NewRequest(method, "http://"+s.host+path, bytes.NewReader(body))
		if err != nil {
			s.t.Fatal(err)
		}
		if strings.HasPrefix(path, "/api/") {
			r.Header.Set("Authorization", "Bearer sk-judge")
		}
		status, text = s.do(r)
	}
	if status != http.StatusOK {
		s.t.Fatalf("simulator: %s %s %s: %d %s", method, path, body, status, text)
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = text
		return
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(text, out); err != nil {
		s.t.Fatalf("simulator: %s %s: %v", method, path, err)
	}
}

func (s *service) do(r *http.Request) (status int, body []byte) {
	s.t.Helper()
	answer, err := s.client.Do(r)
	if err != nil {
		s.t.Fatalf("the simulator is gone: %v; stderr: %s", err, s.stderr.String())
	}
	defer answer.Body.Close()
	if body, err = io.ReadAll(answer.Body); err != nil {
		s.t.Fatal(err)
	}
	if answer.StatusCode == http.StatusTooManyRequests {
		time.Sleep(50 * time.Millisecond)
	}
	return answer.StatusCode, body
}

func (s *service) stats() (got simulator.Stats) {
	s.t.Helper()
	s.ask(http.MethodGet, "/admin/stats", nil, &got)
	return got
}

// log is what was asked after the entry with that number.
func (s *service) log(after int64) (entries []simulator.Entry) {
	s.t.Helper()
	s.ask(http.MethodGet, "/admin/log?after="+strconv.FormatInt(after, 10), nil, &entries)
	return entries
}

// task is what the service itself says of a task.
type task struct {
	Output struct {
		Status  string `json:"task_status"`
		Results []struct {
			URL string `json:"url"`
		} `json:"results"`
		Choices []struct {
			Message struct {
				Content []struct {
					Image string `json:"image"`
				} `json:"content"`
			} `json:"message"`
		} `json:"choices"`
	} `json:"output"`
}

func (s *service) task(id string) (got task) {
	s.t.Helper()
	s.ask(http.MethodGet, "/api/v1/tasks/"+id, nil, &got)
	return got
}

// pictures are the paths of the links to the task's pictures.
func (k task) pictures(t *testing.T) (paths []string) {
	t.Helper()
	var links []string
	for _, r := range k.Output.Results {
		links = append(links, r.URL)
	}
	for _, c := range k.Output.Choices {
		for _, part := range c.Message.Content {
			links = append(links, part.Image)
		}
	}
	for _, link := range links {
		if link == "" {
			continue // one that the service could not make
		}
		u, err := url.Parse(link)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, u.RequestURI())
	}
	return paths
}
