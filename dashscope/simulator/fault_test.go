package simulator_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wan-image-mcp/dashscope/simulator"
)

// overSocket asks the same simulator through a real server.
func overSocket(t *testing.T, o simulator.Options) *lab {
	t.Helper()
	l := newLab(t, o)
	server := httptest.NewServer(l.sim)
	t.Cleanup(server.Close)
	l.base = server.URL
	l.http.Transport = &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	return l
}

// tried is what a client sees of a create call, and what the service did.
type tried struct {
	Status   int  // 0: no answer
	Whole    bool // the body has the length that was promised
	Task     bool // the body names a task
	Accepted int
}

func (l *lab) try(ctx context.Context, prompt string) tried {
	l.Helper()
	before := l.sim.Stats().Accepted
	a := l.doContext(ctx, "POST", promptPath, body("wan2.5-t2i-preview", prompt, `{"n":1}`), "X-DashScope-Async", "enable")
	return tried{a.status, a.status != 0 && a.err == nil, a.text("output", "task_id") != "", l.sim.Stats().Accepted - before}
}

// TestCreateFaults asks for every fault of a create call, by admin endpoint
// and by marker, in process and over a socket.
func TestCreateFaults(t *testing.T) {
	no := tried{}
	tests := []struct {
		fault  simulator.Fault
		marker string
		want   tried
	}{
		{simulator.Fault{Kind: "status", Status: 429}, "[sim:429]", tried{429, true, false, 0}},
		{simulator.Fault{Kind: "status", Status: 503}, "[sim:503]", tried{503, true, false, 0}},
		{simulator.Fault{Kind: "status", Status: 408}, "[sim:408]", tried{408, true, false, 0}},
		{simulator.Fault{Kind: "status", Status: 500, After: true}, "[sim:500-after]", tried{500, true, false, 1}},
		{simulator.Fault{Kind: "status", Code: "PrepaidBillOverdue"}, "[sim:refuse=PrepaidBillOverdue]", tried{429, true, false, 0}},
		{simulator.Fault{Kind: "html"}, "[sim:html]", tried{502, true, false, 0}},
		{simulator.Fault{Kind: "html", Status: 504, After: true}, "", tried{504, true, false, 1}},
		{simulator.Fault{Kind: "redirect", Location: "/elsewhere"}, "", tried{302, true, false, 0}},
		{simulator.Fault{Kind: "cut_before"}, "[sim:cut-before]", no},
		{simulator.Fault{Kind: "refuse_connection"}, "", no},
		{simulator.Fault{Kind: "cut_after"}, "[sim:cut-after]", tried{0, false, false, 1}},
		{simulator.Fault{Kind: "truncate"}, "[sim:truncate]", tried{200, true, false, 1}},
		{simulator.Fault{Kind: "wrong_length"}, "", tried{200, false, false, 1}},
		{simulator.Fault{Kind: "empty"}, "[sim:empty]", tried{200, true, false, 1}},
		{simulator.Fault{Kind: "wrong_type"}, "[sim:wrong-type]", tried{200, true, false, 1}},
		{simulator.Fault{Kind: "hang"}, "[sim:hang-before]", no},
		{simulator.Fault{Kind: "hang", After: true}, "[sim:hang]", tried{0, false, false, 1}},
		{simulator.Fault{Kind: "delay", DelayMS: 10}, "[sim:delay=10ms]", tried{200, true, true, 1}},
		{simulator.Fault{Kind: "delay", DelayMS: 60_000}, "[sim:delay=60s]", tried{0, false, false, 1}},
	}
	run := func(t *testing.T, l *lab, markers bool) {
		try := func(name any, prompt string, want tried) {
			patience := time.Minute
			if want.Status == 0 { // nothing comes; what is to be accepted has to get there
				patience = time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if diff := cmp.Diff(want, l.try(ctx, prompt)); diff != "" {
				t.Errorf("%+v: -want +got\n%s", name, diff)
			}
			if want.Accepted > 0 {
				time.Sleep(200 * time.Millisecond) // the model's pace
			}
		}
		for _, test := range tests {
			test.fault.Op = "create"
			l.inject(test.fault)
			try(test.fault, "plain", test.want)
			if markers && test.marker != "" {
				try(test.marker, test.marker, test.want)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if got := l.try(ctx, "plain"); !got.Task {
			t.Errorf("after the faults: got %+v, want a task", got)
		}
	}
	t.Run("in process", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { run(t, newLab(t, simulator.Options{}), true) })
	})
	t.Run("over a socket", func(t *testing.T) { run(t, overSocket(t, simulator.Options{}), false) })
}

// TestTrace has the hooks that tell a client whether anything was sent.
func TestTrace(t *testing.T) {
	tests := []struct {
		kind  string
		hooks []string
		err   error
	}{
		{"", []string{"WroteHeaders", "WroteRequest", "GotFirstResponseByte"}, nil},
		{"refuse_connection", nil, syscall.ECONNREFUSED},
		{"cut_before", []string{"WroteHeaders", "WroteRequest"}, syscall.ECONNRESET},
		{"cut_after", []string{"WroteHeaders", "WroteRequest"}, syscall.ECONNRESET},
		{"hang", []string{"WroteHeaders", "WroteRequest"}, context.DeadlineExceeded},
	}
	for _, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, simulator.Options{})
			if test.kind != "" {
				l.inject(simulator.Fault{Op: "list", Kind: test.kind})
			}
			var hooks []string
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
				WroteHeaders:         func() { hooks = append(hooks, "WroteHeaders") },
				WroteRequest:         func(httptrace.WroteRequestInfo) { hooks = append(hooks, "WroteRequest") },
				GotFirstResponseByte: func() { hooks = append(hooks, "GotFirstResponseByte") },
			})
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			a := l.doContext(ctx, "GET", "/api/v1/tasks", "")
			if !errors.Is(a.err, test.err) || test.err == nil && a.err != nil {
				t.Errorf("%s: got error %v, want %v", test.kind, a.err, test.err)
			}
			if !slices.Equal(hooks, test.hooks) {
				t.Errorf("%s: got hooks %v, want %v", test.kind, hooks, test.hooks)
			}
		})
	}
}

// TestLateAcceptance is the worst case for a client that gives up: the task
// comes into being afterwards.
func TestLateAcceptance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, simulator.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		l.try(ctx, "[sim:delay=40s]")
		total := func() any { return l.do("GET", "/api/v1/tasks", "").get("total") }
		if got := total(); got != 0.0 {
			t.Errorf("after 30 s: got %v tasks, want none yet", got)
		}
		time.Sleep(11 * time.Second)
		if got := total(); got != 1.0 {
			t.Errorf("after 41 s: got %v tasks, want one", got)
		}
	})
}

func TestQueryFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, simulator.Options{})
		id := l.mustCreate("wan2.5-t2i-preview", "x", `{"n":1}`)
		time.Sleep(5 * time.Minute)

		l.inject(simulator.Fault{Op: "task", Kind: "lie", N: 2})
		for _, want := range []string{"UNKNOWN", "UNKNOWN", "SUCCEEDED"} {
			if got := l.state(id); got != want {
				t.Errorf("lie twice: got %s, want %s", got, want)
			}
		}
		l.inject(simulator.Fault{Op: "list", Kind: "lie"})
		if got := l.do("GET", "/api/v1/tasks", "").text("data", 0, "task_id"); got == "" || got == id {
			t.Errorf("list lie: got id %q, want that of no task", got)
		}
		l.inject(simulator.Fault{Op: "task", Kind: "private_link", Location: "http://127.0.0.1:1/x.png"})
		if got := l.task(id).text("output", "results", 0, "url"); got != "http://127.0.0.1:1/x.png" {
			t.Errorf("private link: got %s", got)
		}
		l.inject(simulator.Fault{Op: "task", Kind: "status", Status: 429, RetryAfter: "7", Match: "no such path"})
		if a := l.task(id); a.status != 200 {
			t.Errorf("a fault aimed elsewhere: got %d", a.status)
		}
		l.sim.ClearFaults()
		l.inject(simulator.Fault{Op: "task", Kind: "status", Status: 429, RetryAfter: "7", Match: id})
		if a := l.task(id); a.status != 429 || a.header.Get("Retry-After") != "7" {
			t.Errorf("429: got %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
		}
		l.inject(simulator.Fault{Op: "cancel", Kind: "cut_after"})
		waiting := l.mustCreate("wan2.2-t2i-plus", "[sim:queue=1h]", `{"n":1}`)
		if a := l.do("POST", "/api/v1/tasks/"+waiting+"/cancel", ""); a.err == nil || l.state(waiting) != "CANCELED" {
			t.Errorf("cancel, cut after: got %v and %s, want an error and CANCELED", a.err, l.state(waiting))
		}

		link := l.finish(l.mustCreate("wan2.5-t2i-preview", "[sim:link=http://10.0.0.1/a.png]", `{"n":1}`))
		if got := link.text("output", "results", 0, "url"); got != "http://10.0.0.1/a.png" {
			t.Errorf("[sim:link]: got %s", got)
		}
	})
}

func TestTaskMarkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, simulator.Options{Speed: 100})
		slow := l.mustCreate("wan2.2-t2i-flash", "[sim:slow=60s]", `{"n":1}`)
		stuck := l.mustCreate("wan2.2-t2i-plus", "[sim:stuck]", `{"n":1}`)
		queued := l.mustCreate("wanx2.1-t2i-plus", "[sim:queue=30s]", `{"n":1}`)
		states := func() string { return l.state(slow) + " " + l.state(stuck) + " " + l.state(queued) }
		time.Sleep(29 * time.Second)
		if got := states(); got != "RUNNING RUNNING PENDING" {
			t.Errorf("after 29 s: got %s", got)
		}
		time.Sleep(30 * time.Second)
		if got := states(); got != "RUNNING RUNNING SUCCEEDED" {
			t.Errorf("after 59 s: got %s", got)
		}
		time.Sleep(2 * time.Second)
		if got := states(); got != "SUCCEEDED RUNNING SUCCEEDED" {
			t.Errorf("after 61 s: got %s", got)
		}
		time.Sleep(23 * time.Hour)
		if got := l.state(stuck); got != "RUNNING" {
			t.Errorf("stuck, after 23 h: got %s", got)
		}
		for i, want := range []int{429, 429, 200} {
			if a := l.create("wanx2.1-t2i-turbo", "[sim:429=2] twice", `{"n":1}`); a.status != want {
				t.Errorf("[sim:429=2], call %d: got %d, want %d", i+1, a.status, want)
			}
		}
	})
}

// TestImageFaults has every way in which a picture can be a trap.
func TestImageFaults(t *testing.T) {
	tests := []struct {
		kind  string
		check func(a answer) error
	}{
		{"status", status(500)},
		{"html", func(a answer) error {
			if a.header.Get("Content-Type") != "text/html" {
				return fmt.Errorf("content type %s", a.header.Get("Content-Type"))
			}
			return status(200)(a)
		}},
		{"redirect", func(a answer) error {
			if got := a.header.Get("Location"); got != "http://169.254.169.254/latest/meta-data/" {
				return fmt.Errorf("leads to %s", got)
			}
			return status(302)(a)
		}},
		{"cut_before", broken},
		{"cut_after", broken},
		{"wrong_length", broken},
		{"hang", broken},
		{"endless", func(a answer) error {
			if len(a.body) < 30<<20 {
				return fmt.Errorf("ends after %d bytes: %w", len(a.body), a.err)
			}
			return nil
		}},
		{"truncate", func(a answer) error {
			if strings.HasSuffix(a.body, "IEND\xaeB`\x82") || !strings.HasPrefix(a.body, "\x89PNG") {
				return errors.New("is whole")
			}
			return status(200)(a)
		}},
		{"empty", func(a answer) error {
			if a.body != "" {
				return errors.New("is not empty")
			}
			return status(200)(a)
		}},
		{"wrong_type", func(a answer) error {
			if !strings.HasPrefix(a.body, "<svg") || a.header.Get("Content-Type") != "image/png" {
				return errors.New("is no SVG called PNG")
			}
			return nil
		}},
		{"gzip_bomb", func(a answer) error {
			z, err := gzip.NewReader(bytes.NewReader([]byte(a.body)))
			if err != nil {
				return err
			}
			n, err := io.Copy(io.Discard, z)
			if n != 64<<20 || len(a.body) > 1<<17 || a.header.Get("Content-Encoding") != "gzip" {
				return fmt.Errorf("%d bytes in %d", n, len(a.body))
			}
			return err
		}},
	}
	run := func(t *testing.T, l *lab) {
		id := l.mustCreate("wan2.5-t2i-preview", "a picture", `{"n":1}`)
		link := l.links(l.finish(id))[0]
		for _, test := range tests {
			l.inject(simulator.Fault{Op: "image", Kind: test.kind})
			limit := 10 * time.Second
			if test.kind == "hang" {
				limit = 200 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			if err := test.check(l.doContext(ctx, "GET", link, "")); err != nil {
				t.Errorf("%s: %v", test.kind, err)
			}
			cancel()
		}
		if a := l.do("GET", link, ""); a.status != 200 || a.err != nil {
			t.Errorf("after the faults: got %d %v", a.status, a.err)
		}
	}
	t.Run("in process", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { run(t, newLab(t, simulator.Options{})) })
	})
	t.Run("over a socket", func(t *testing.T) { run(t, overSocket(t, simulator.Options{Speed: 1000})) })
	t.Run("by marker", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, simulator.Options{})
			link := l.links(l.finish(l.mustCreate("wan2.5-t2i-preview", "[sim:image=html]", `{"n":1}`)))[0]
			for range 2 {
				if a := l.do("GET", link, ""); a.header.Get("Content-Type") != "text/html" {
					t.Errorf("got %d %s, want HTML each time", a.status, a.header.Get("Content-Type"))
				}
			}
		})
	})
}

func status(want int) func(answer) error {
	return func(a answer) error {
		if a.status != want || a.err != nil {
			return fmt.Errorf("got %d, %w", a.status, a.err)
		}
		return nil
	}
}

func broken(a answer) error {
	if a.err == nil {
		return fmt.Errorf("ended well with %d", a.status)
	}
	return nil
}

func TestBadFaults(t *testing.T) {
	l := newLab(t, simulator.Options{})
	for _, f := range []simulator.Fault{
		{},
		{Op: "create"},
		{Op: "create", Kind: "explode"},
		{Op: "moon", Kind: "hang"},
		{Op: "create", Kind: "endless"},
		{Op: "create", Kind: "delay"},
		{Op: "create", Kind: "status", Status: 99},
	} {
		if err := l.sim.Inject(f); err == nil {
			t.Errorf("%+v: got no error", f)
		}
	}
}

// TestReset has a cut connection look like one to a socket.
func TestReset(t *testing.T) {
	l := overSocket(t, simulator.Options{})
	l.inject(simulator.Fault{Op: "list", Kind: "cut_before"})
	a := l.do("GET", "/api/v1/tasks", "")
	var op *net.OpError
	if !errors.Is(a.err, syscall.ECONNRESET) && !errors.Is(a.err, io.EOF) && !errors.As(a.err, &op) {
		t.Errorf("got %v, want a broken connection", a.err)
	}
}
