package tasks_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/resources/store"
	"wan-image-mcp/tasks"
)

// inFigure runs a figure in fake time, with files in memory where the system has
// a place for that: what a disk takes is no part of these figures.
func inFigure(t *testing.T, took func(model string) time.Duration, figure func(f *figureWorld)) {
	t.Helper()
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		t.Setenv("TMPDIR", "/dev/shm")
	}
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		sim, err := simulator.New(simulator.Options{Strict: true, Took: took})
		if err != nil {
			t.Fatal(err)
		}
		network := &network{to: sim, random: rand.New(rand.NewPCG(7, 7))}
		figure(&figureWorld{world: &world{T: t, dir: dir, sim: sim}, net: network})
		if got := sim.Stats().Violations; got != 0 {
			t.Errorf("violations at the strict simulator: got %d, want 0", got)
		}
	})
}

type figureWorld struct {
	*world
	net *network
}

// serve starts a server whose questions travel and whose pictures cost nothing.
func (f *figureWorld) serve() *life {
	f.Helper()
	return f.live(f.tinyPictures, func(c *tasks.Config) { c.Client.Transport = f.net })
}

// tinyPictures has a server find the same small picture behind each link.
func (w *world) tinyPictures(c *tasks.Config) {
	w.Helper()
	folder, err := store.Open(w.TempDir(), store.Options{Transport: onePicture{}, AllowHosts: []string{"127.0.0.1:8080"}, MinFree: -1})
	if err := errors.Join(err, c.Store.Close()); err != nil {
		w.Fatal(err)
	}
	c.Store = folder
}

// network takes 80 ms there and back, and 50 ms of jitter on the way there.
type network struct {
	to     http.RoundTripper
	mu     sync.Mutex
	random *rand.Rand
}

func (n *network) RoundTrip(req *http.Request) (*http.Response, error) {
	n.mu.Lock()
	jitter := time.Duration(n.random.Int64N(int64(50 * time.Millisecond)))
	n.mu.Unlock()
	time.Sleep(15*time.Millisecond + jitter)
	resp, err := n.to.RoundTrip(req)
	time.Sleep(40 * time.Millisecond)
	return resp, err
}

// onePicture answers every link with the same small picture, at once.
type onePicture struct{}

var tinyPNG = func() []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))) // a buffer takes everything
	return b.Bytes()
}()

func (onePicture) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"image/png"}}, ContentLength: int64(len(tinyPNG)),
		Body: io.NopCloser(bytes.NewReader(tinyPNG)), Request: req,
	}, nil
}

// plainClient is somebody else's program: it asks as often as its author thought
// right.
type plainClient struct{ via http.RoundTripper }

// answer is what it reads of an answer.
type answer struct {
	status int // of HTTP
	Output struct {
		TaskID string `json:"task_id"`
		Status string `json:"task_status"`
		End    string `json:"end_time"`
	} `json:"output"`
}

func (c plainClient) do(t testing.TB, method, path, body string) (a answer) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:8080/api/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sk-canary")
	if method == http.MethodPost {
		req.Header.Set("X-DashScope-Async", "enable")
	}
	resp, err := c.via.RoundTrip(req)
	if err != nil {
		t.Error(err)
		return a
	}
	defer func() { _ = resp.Body.Close() }()
	a.status = resp.StatusCode
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		t.Error(err)
	}
	return a
}

// ended is when the service says that the task ended, zero when it has not.
func (a answer) ended(t testing.TB) time.Time {
	t.Helper()
	if a.Output.Status != "SUCCEEDED" {
		return time.Time{}
	}
	at, err := time.ParseInLocation("2006-01-02 15:04:05.000", a.Output.End, time.FixedZone("UTC+8", 8*3600))
	if err != nil {
		t.Error(err)
	}
	return at
}

// follow looks at a task by a plan until it has ended, and tells how long it lay
// unseen. before is called before each look; an answer "too much" is a look too.
func (c plainClient) follow(t testing.TB, id string, next plan, before func()) (delay time.Duration) {
	age := 0.0
	for looks := 0; t.Context().Err() == nil; looks++ {
		gap := next(age, looks)
		time.Sleep(duration(gap))
		age += gap
		before()
		if at := c.do(t, http.MethodGet, "/tasks/"+id, "").ended(t); !at.IsZero() {
			return time.Since(at)
		}
	}
	return 0
}

// delays collects from many goroutines.
type delays struct {
	mu  sync.Mutex
	all []float64
}

func (d *delays) add(delay time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, delay.Seconds())
}

func (d *delays) meanAndP95() (mean, p95 float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return meanAndP95(d.all)
}

func meanAndP95(all []float64) (mean, p95 float64) {
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	for _, v := range all {
		mean += v
	}
	return mean / float64(len(all)), all[len(all)*95/100]
}
