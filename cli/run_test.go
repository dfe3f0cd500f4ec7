package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"wan-image-mcp/cli"
	"wan-image-mcp/dashscope/simulator"
)

// patience is how long a test waits for what should take a second: with the race
// detector, on a busy machine, that is long.
const patience = 4 * time.Minute

// outcome is how one command line ended.
type outcome struct {
	code           int
	stdout, stderr string
}

// user runs command lines at a home of their own, where small pictures go, with
// nothing else in the environment but what the test puts there.
type user struct {
	home string
	env  map[string]string
}

func newUser(t *testing.T) *user {
	t.Helper()
	home := t.TempDir()
	return &user{home: home, env: map[string]string{
		"WAN_IMAGE_MCP_OUT": home,
		// Small pictures are drawn sooner.
		"WAN_IMAGE_MCP_MODEL": "wan2.2-t2i-flash", "WAN_IMAGE_MCP_SIZE": "512*512",
	}}
}

// environ is what the user's programs are started with.
func (u *user) environ() []string {
	all := map[string]string{"HOME": u.home, "USERPROFILE": u.home, "LOCALAPPDATA": u.home}
	maps.Copy(all, u.env)
	var environ []string
	for name, value := range all {
		environ = append(environ, name+"="+value)
	}
	return environ
}

func (u *user) run(t *testing.T, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return u.runIn(ctx, strings.NewReader(""), args...)
}

func (u *user) runIn(ctx context.Context, stdin io.Reader, args ...string) outcome {
	var stdout, stderr lockedBuffer
	code := cli.Run(ctx, args, u.environ(), stdin, &stdout, &stderr)
	return outcome{code, stdout.String(), stderr.String()}
}

// lockedBuffer may be read while somebody still writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// mustRun is for the way to what a test is about.
func (u *user) mustRun(t *testing.T, args ...string) outcome {
	t.Helper()
	got := u.run(t, args...)
	if got.code != 0 {
		t.Fatalf("%q ended with %d\nstdout: %s\nstderr: %s", args, got.code, got.stdout, got.stderr)
	}
	return got
}

// upstream is the service on a socket of its own, which remembers what it was asked.
type upstream struct {
	*httptest.Server
	sim *simulator.Simulator

	mu      sync.Mutex
	creates []create
}

// create is the body of one paid request, in either form.
type create struct {
	Path  string `json:"-"`
	Model string `json:"model"`
	Input struct {
		Prompt         string `json:"prompt"`
		NegativePrompt string `json:"negative_prompt"`
	} `json:"input"`
	Parameters struct {
		Size         string `json:"size"`
		N            int    `json:"n"`
		Seed         *int64 `json:"seed"`
		PromptExtend *bool  `json:"prompt_extend"`
		Watermark    *bool  `json:"watermark"`
	} `json:"parameters"`
}

const testKey = "sk-test00000000000000000000000001"

// newUpstream starts a service and points the user at it.
func newUpstream(t *testing.T, u *user, o simulator.Options) *upstream {
	t.Helper()
	o.Strict = true
	if o.Speed == 0 {
		o.Speed = 1000
	}
	sim, err := simulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	up := &upstream{sim: sim}
	up.Server = httptest.NewServer(http.HandlerFunc(up.serve))
	t.Cleanup(up.Close)
	u.env["DASHSCOPE_API_KEY"] = testKey
	u.env["DASHSCOPE_HTTP_BASE_URL"] = up.URL + "/api/v1"
	u.env["WAN_IMAGE_MCP_ALLOW_IMAGE_HOST"] = up.host()
	return up
}

func (up *upstream) host() string { return strings.TrimPrefix(up.URL, "http://") }

func (up *upstream) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/services/") {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		asked := create{Path: r.URL.Path}
		if json.Unmarshal(body, &asked) == nil {
			up.mu.Lock()
			up.creates = append(up.creates, asked)
			up.mu.Unlock()
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	up.sim.ServeHTTP(w, r)
}

func (up *upstream) asked() []create {
	up.mu.Lock()
	defer up.mu.Unlock()
	return append([]create(nil), up.creates...)
}

// runTo is Run with streams of the test's own.
func runTo(ctx context.Context, u *user, stdin io.Reader, stdout, stderr io.Writer, args []string) int {
	return cli.Run(ctx, args, u.environ(), stdin, stdout, stderr)
}
