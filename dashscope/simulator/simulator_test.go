package simulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wan-image-mcp/dashscope/simulator"
)

var update = flag.Bool("update", false, "rewrite the golden answers in testdata")

const (
	messagesPath = "/api/v1/services/aigc/image-generation/generation"
	promptPath   = "/api/v1/services/aigc/text2image/image-synthesis"
	syncPath     = "/api/v1/services/aigc/multimodal-generation/generation"
)

// A lab is a simulator and a plain client of it.
type lab struct {
	*testing.T
	sim  *simulator.Simulator
	http *http.Client
	base string
}

// newLab asks the simulator in process, so that it works in a bubble.
func newLab(t *testing.T, o simulator.Options) *lab {
	t.Helper()
	sim, err := simulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: sim, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &lab{t, sim, client, "http://sim.test"}
}

// An answer is what came back, read whole.
type answer struct {
	status int
	header http.Header
	body   string
	err    error // of the request, or of reading the body
}

func (a answer) get(path ...any) any {
	var v any
	if json.Unmarshal([]byte(a.body), &v) != nil {
		return nil
	}
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

func (a answer) text(path ...any) string {
	s, _ := a.get(path...).(string)
	return s
}

func (l *lab) do(method, url, body string, headers ...string) answer {
	l.Helper()
	ctx, cancel := context.WithTimeout(l.Context(), time.Hour)
	defer cancel()
	return l.doContext(ctx, method, url, body, headers...)
}

func (l *lab) doContext(ctx context.Context, method, url, body string, headers ...string) answer {
	l.Helper()
	if strings.HasPrefix(url, "/") {
		url = l.base + url
	}
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		l.Fatal(err)
	}
	if strings.Contains(url, "/api/v1") {
		req.Header.Set("Authorization", "Bearer sk-test")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Del(headers[i])
		if headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	resp, err := l.http.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(io.LimitReader(resp.Body, 30<<20))
	return answer{resp.StatusCode, resp.Header, string(got), err}
}

// body is a create call's JSON in the form the model wants.
func body(model, prompt, parameters string) string {
	p, _ := json.Marshal(prompt)
	if model == "wan2.6-t2i" {
		return fmt.Sprintf(`{"model":%q,"input":{"messages":[{"role":"user","content":[{"text":%s}]}]},"parameters":%s}`, model, p, parameters)
	}
	return fmt.Sprintf(`{"model":%q,"input":{"prompt":%s,"negative_prompt":""},"parameters":%s}`, model, p, parameters)
}

func (l *lab) create(model, prompt, parameters string) answer {
	l.Helper()
	path := promptPath
	if model == "wan2.6-t2i" {
		path = messagesPath
	}
	return l.do("POST", path, body(model, prompt, parameters), "X-DashScope-Async", "enable")
}

func (l *lab) mustCreate(model, prompt, parameters string) (id string) {
	l.Helper()
	a := l.create(model, prompt, parameters)
	if id = a.text("output", "task_id"); id == "" {
		l.Fatalf("create: got %d %s %v, want a task", a.status, a.body, a.err)
	}
	return id
}

func (l *lab) task(id string) answer {
	l.Helper()
	return l.do("GET", "/api/v1/tasks/"+id, "")
}

func (l *lab) state(id string) string { return l.task(id).text("output", "task_status") }

// finish polls until the task has ended.
func (l *lab) finish(id string) answer {
	l.Helper()
	for range 1000 {
		a := l.task(id)
		switch a.text("output", "task_status") {
		case "PENDING", "RUNNING":
			time.Sleep(time.Second)
		default:
			return a
		}
	}
	l.Fatalf("task %s does not end", id)
	return answer{}
}

func (l *lab) links(a answer) []string {
	l.Helper()
	return regexp.MustCompile(`http://[^"]*/images/[^"]*`).FindAllString(a.body, -1)
}

func (l *lab) admin(method, path, body string) answer {
	l.Helper()
	a := l.do(method, path, body)
	if a.status != 200 {
		l.Fatalf("%s %s: got %d %s", method, path, a.status, a.body)
	}
	return a
}

func (l *lab) inject(f simulator.Fault) {
	l.Helper()
	if err := l.sim.Inject(f); err != nil {
		l.Fatal(err)
	}
}

var (
	uuidPattern      = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	signaturePattern = regexp.MustCompile(`Signature=[^"&]+`)
	ossIDPattern     = regexp.MustCompile(`<RequestId>[0-9A-F]{24}</RequestId>`)
)

// golden compares an answer with testdata, random parts named by the order in
// which they appear.
func (l *lab) golden(name string, a answer) {
	l.Helper()
	if a.err != nil {
		l.Errorf("%s: %v", name, a.err)
		return
	}
	seen := map[string]string{}
	text := uuidPattern.ReplaceAllStringFunc(a.body, func(id string) string {
		if seen[id] == "" {
			seen[id] = fmt.Sprintf("00000000-0000-4000-8000-%012d", len(seen)+1)
		}
		return seen[id]
	})
	text = signaturePattern.ReplaceAllString(text, "Signature=XXX")
	text = ossIDPattern.ReplaceAllString(text, "<RequestId>XXX</RequestId>")
	got := fmt.Sprintf("%d %s\n\n%s\n", a.status, a.header.Get("Content-Type"), text)
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, []byte(got), 0o644)); err != nil {
			l.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		l.Fatal(err)
	}
	want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))
	if diff := cmp.Diff(string(want), got); diff != "" {
		l.Errorf("%s: -want +got\n%s", name, diff)
	}
}
