package cli_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// background runs a command until stop, which returns its exit code.
type background struct {
	stdout, stderr lockedBuffer
	stop           func() int
}

func (u *user) background(t *testing.T, args ...string) *background {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	u = &user{home: u.home, env: maps.Clone(u.env)} // the test goes on to change its own
	b := &background{}
	ended := make(chan int, 1)
	go func() { ended <- runTo(ctx, u, strings.NewReader(""), &b.stdout, &b.stderr, args) }()
	b.stop = func() int {
		cancel()
		select {
		case code := <-ended:
			ended <- code
			return code
		case <-time.After(10 * time.Second):
			t.Error("it does not stop")
			return -1
		}
	}
	t.Cleanup(func() { b.stop() })
	return b
}

// await waits until what it writes matches, and returns the group.
func await(t *testing.T, b *lockedBuffer, pattern string) string {
	t.Helper()
	wanted := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if found := wanted.FindStringSubmatch(b.String()); found != nil {
			return found[1]
		}
		if time.Now().After(deadline) {
			t.Fatalf("it did not say %s: %s", pattern, b.String())
		}
	}
}

// order posts a create to a simulator and returns status and body.
func order(t *testing.T, base, model, parameters string) (int, string) {
	t.Helper()
	body := `{"model":"` + model + `","input":{"prompt":"a lighthouse"},"parameters":` + parameters + `}`
	request, err := http.NewRequest(http.MethodPost, base+"/services/aigc/text2image/image-synthesis", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+testKey)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-DashScope-Async", "enable")
	return ask(t, request)
}

func ask(t *testing.T, request *http.Request) (int, string) {
	t.Helper()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

func taskID(t *testing.T, body string) string {
	t.Helper()
	var created struct {
		Output struct {
			TaskID string `json:"task_id"`
		} `json:"output"`
	}
	if err := json.Unmarshal([]byte(body), &created); err != nil || created.Output.TaskID == "" {
		t.Fatalf("no task in %s", body)
	}
	return created.Output.TaskID
}

// status asks for a task until it has ended or d is over.
func status(t *testing.T, base, id string, d time.Duration) string {
	t.Helper()
	for deadline := time.Now().Add(d); ; time.Sleep(100 * time.Millisecond) {
		request, err := http.NewRequest(http.MethodGet, base+"/tasks/"+id, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+testKey)
		_, body := ask(t, request)
		found := regexp.MustCompile(`"task_status":"(\w+)"`).FindStringSubmatch(body)
		if found == nil {
			t.Fatalf("no status in %s", body)
		}
		if found[1] == "SUCCEEDED" || found[1] == "UNKNOWN" || time.Now().After(deadline) {
			return found[1]
		}
	}
}

const oneImage = `{"n":1,"size":"512*512","seed":7}`

func (u *user) simulator(t *testing.T, args ...string) (base string, stop func() int) {
	t.Helper()
	b := u.background(t, append([]string{"simulate", "--listen", "127.0.0.1:0"}, args...)...)
	return await(t, &b.stdout, `DASHSCOPE_HTTP_BASE_URL=(\S+)`), b.stop
}

func TestSimulateSpeedFlag(t *testing.T) {
	t.Parallel()
	for speed, want := range map[string]string{"1000": "SUCCEEDED", "1": "RUNNING"} {
		base, stop := newUser(t).simulator(t, "--speed", speed)
		code, body := order(t, base, "wan2.2-t2i-flash", oneImage)
		if code != http.StatusOK {
			t.Fatalf("the order is answered with %d %s", code, body)
		}
		if got := status(t, base, taskID(t, body), 2*time.Second); got != want {
			t.Errorf("at speed %s the task is %s after 2 s, want %s", speed, got, want)
		}
		if code := stop(); code != 0 {
			t.Errorf("it ended with %d", code)
		}
	}
}

// TestSimulateStrictAndRegion: both decide what is refused.
func TestSimulateStrictAndRegion(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args              []string
		model, parameters string
		want              int
	}{
		{nil, "wan2.2-t2i-flash", `{"size":"512*512"}`, http.StatusOK},
		{[]string{"--strict"}, "wan2.2-t2i-flash", `{"size":"512*512"}`, http.StatusBadRequest},
		{nil, "wanx2.0-t2i-turbo", oneImage, http.StatusOK},
		{[]string{"--region", "singapore"}, "wanx2.0-t2i-turbo", oneImage, http.StatusBadRequest},
	} {
		base, _ := newUser(t).simulator(t, test.args...)
		code, body := order(t, base, test.model, test.parameters)
		if code != test.want && (test.want == http.StatusOK || code < 400 || code >= 500) {
			t.Errorf("with %q %s %s is answered with %d %s, want %d", test.args, test.model, test.parameters, code, body, test.want)
		}
	}
}

// TestSimulateDir: with a folder, tasks survive a restart.
func TestSimulateDir(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	dir := filepath.Join(u.home, "service")
	base, stop := u.simulator(t, "--dir", dir, "--speed", "1000")
	_, body := order(t, base, "wan2.2-t2i-flash", oneImage)
	id := taskID(t, body)
	stop()
	base, _ = u.simulator(t, "--dir", dir)
	if got := status(t, base, id, 5*time.Second); got != "SUCCEEDED" {
		t.Errorf("after a restart the task is %s", got)
	}
	base, _ = u.simulator(t)
	if got := status(t, base, id, 0); got != "UNKNOWN" {
		t.Errorf("without a folder the task is %s", got)
	}
}

// TestSimulateSeed: the same seed draws the same picture, another one another.
func TestSimulateSeed(t *testing.T) {
	t.Parallel()
	draw := func(seed string) string {
		u := newUser(t)
		b := u.background(t, "simulate", "--listen", "127.0.0.1:0", "--speed", "1000", "--seed", seed)
		u.env["DASHSCOPE_API_KEY"] = testKey
		u.env["DASHSCOPE_HTTP_BASE_URL"] = await(t, &b.stdout, `DASHSCOPE_HTTP_BASE_URL=(\S+)`)
		u.env["WAN_IMAGE_MCP_ALLOW_IMAGE_HOST"] = await(t, &b.stdout, `WAN_IMAGE_MCP_ALLOW_IMAGE_HOST=(\S+)`)
		a := u.generateJSON(t, "--seed", "7", "--model", "wan2.2-t2i-flash", "--size", "512*512", "a lighthouse")
		picture, err := os.ReadFile(a.Images[0].Path)
		if err != nil {
			t.Fatal(err)
		}
		return string(picture)
	}
	first := draw("1")
	if draw("1") != first {
		t.Error("the same seed draws another picture")
	}
	if draw("2") == first {
		t.Error("another seed draws the same picture")
	}
}
