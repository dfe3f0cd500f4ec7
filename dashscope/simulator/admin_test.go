package simulator_test

import (
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wan-image-mcp/dashscope/simulator"
)

func TestAdmin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, simulator.Options{})
		l.admin("POST", "/admin/faults", `[{"op":"create","kind":"status","code":"ModelUnavailable"},{"op":"task","kind":"hang","n":-1}]`)
		if a := l.create("wan2.5-t2i-preview", "x", `{"n":1}`); a.status != 503 || a.text("code") != "ModelUnavailable" {
			t.Errorf("injected: got %d %s", a.status, a.body)
		}
		if a := l.admin("GET", "/admin/faults", ""); a.body != `[{"op":"task","kind":"hang","n":-1}]` {
			t.Errorf("waiting faults: got %s", a.body)
		}
		l.admin("DELETE", "/admin/faults", "")
		for path, body := range map[string]string{
			"/admin/faults":  `{"op":"create","kind":"status","typo":1}`,
			"/admin/expire":  `{}`,
			"/admin/excess":  `{"excess":"both"}`,
			"/admin/lag":     `{"list_lag_ms":-1}`,
			"/admin/foreign": `{"n":0}`,
		} {
			if a := l.do("POST", path, body); a.status != 400 {
				t.Errorf("%s %s: got %d, want 400", path, body, a.status)
			}
		}
		if a := l.do("GET", "/admin/nothing", ""); a.status != 404 {
			t.Errorf("unknown admin path: got %d, want 404", a.status)
		}
	})
}

func TestExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, simulator.Options{})
		a, b := l.mustCreate("wan2.5-t2i-preview", "a", `{"n":1}`), l.mustCreate("wan2.5-t2i-preview", "b", `{"n":1}`)
		linkA, linkB := l.links(l.finish(a))[0], l.links(l.finish(b))[0]

		l.admin("POST", "/admin/expire", fmt.Sprintf(`{"links":true,"task_id":%q}`, a))
		if got := l.do("GET", linkA, ""); got.status != 403 || !strings.Contains(got.body, "Request has expired.") {
			t.Errorf("expired link: got %d %s", got.status, got.body)
		}
		if got := l.do("GET", linkB, ""); got.status != 200 {
			t.Errorf("the other task's link: got %d, want 200", got.status)
		}
		fresh := l.links(l.task(a))[0]
		if got := l.do("GET", fresh, ""); got.status != 200 || fresh == linkA {
			t.Errorf("fresh link: got %d, want a new one that works", got.status)
		}
		l.admin("POST", "/admin/expire", `{"ids":true}`)
		if got := l.state(a) + l.state(b); got != "UNKNOWNUNKNOWN" {
			t.Errorf("expired ids: got %s", got)
		}
	})
}

var idPattern = regexp.MustCompile(`"task_id":"([^"]+)"`)

// TestList has filters, pages, the lag and another client's ten thousand.
func TestList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, simulator.Options{})
		time.Sleep(10 * time.Hour)
		first := l.mustCreate("wan2.5-t2i-preview", "a", `{"n":1}`)
		time.Sleep(time.Minute)
		second := l.mustCreate("wan2.2-t2i-flash", "b", `{"n":1}`)
		time.Sleep(time.Minute) // both have ended
		ids := func(query url.Values) (ids []string) {
			time.Sleep(time.Second) // the pace of queries
			a := l.do("GET", "/api/v1/tasks/?"+query.Encode(), "")
			for i := 0; ; i++ {
				id := a.text("data", i, "task_id")
				if id == "" {
					return ids
				}
				ids = append(ids, map[string]string{first: "first", second: "second"}[id])
			}
		}
		// The clock started at midnight UTC: 8:00 in China.
		for query, want := range map[string]string{
			"":                            "[second first]",
			"task_id=" + first:            "[first]",
			"model_name=wan2.2-t2i-flash": "[second]",
			"model_name=nothing":          "[]",
			"status=SUCCEEDED":            "[second first]",
			"status=PENDING":              "[]",
			"page_size=1":                 "[second]",
			"page_size=1&page_no=2":       "[first]",
			"page_no=3":                   "[]",
			"start_time=20000101180100":   "[second]",
			"end_time=20000101180000":     "[first]",
			"start_time=20000101180030":   "[second]",
			"start_time=20000101170000&end_time=20000101180030": "[first]",
			"start_time=20000102180000":                         "[]",
		} {
			q, err := url.ParseQuery(query)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(ids(q)); got != want {
				t.Errorf("%q: got %s, want %s", query, got, want)
			}
		}
		for _, query := range []string{"status=DONE", "page_no=0", "page_size=x", "start_time=2000", "start_time=20000101000000&end_time=20000103000000"} {
			if a := l.do("GET", "/api/v1/tasks?"+query, ""); a.status != 400 {
				t.Errorf("%q: got %d, want 400", query, a.status)
			}
		}
		time.Sleep(time.Second)

		l.admin("POST", "/admin/lag", `{"list_lag_ms":5000}`)
		late := l.mustCreate("wan2.5-t2i-preview", "c", `{"n":1}`)
		total := func() any { return l.do("GET", "/api/v1/tasks?page_size=100", "").get("total") }
		if got := total(); got != 2.0 || l.state(late) != "PENDING" {
			t.Errorf("while the list lags: got %v tasks, want 2", got)
		}
		time.Sleep(6 * time.Second)
		if got := total(); got != 3.0 {
			t.Errorf("after the lag: got %v tasks, want 3", got)
		}

		l.admin("POST", "/admin/foreign", `{"n":10000,"model":"wan2.5-t2i-preview"}`)
		l.admin("POST", "/admin/lag", `{"list_lag_ms":0}`)
		seen := map[string]bool{}
		for page := 1; ; page++ {
			a := l.do("GET", fmt.Sprintf("/api/v1/tasks?page_size=1000&page_no=%d", page), "")
			if a.get("page_size") != 100.0 {
				t.Fatalf("page size: got %v, want it held at 100", a.get("page_size"))
			}
			for _, match := range idPattern.FindAllStringSubmatch(a.body, -1) {
				seen[match[1]] = true
			}
			if float64(page) == a.get("total_page") {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if len(seen) != 10_003 {
			t.Errorf("paged through %d tasks, want 10003", len(seen))
		}
		if got := l.sim.Stats().Models["wan2.5-t2i-preview"]; got.MaxRunning > 1 {
			t.Errorf("foreign tasks take slots: %+v", got)
		}
	})
}

// TestCanary drives a key and a signed link through everything that writes.
func TestCanary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var written strings.Builder
		logger := slog.New(slog.NewTextHandler(&written, &slog.HandlerOptions{Level: slog.LevelDebug}))
		dir := t.TempDir()
		l := newLab(t, simulator.Options{Logger: logger, Strict: true, Dir: dir})
		id := l.do("POST", promptPath, body("wan2.5-t2i-preview", "a shop", `{"n":1}`), "X-DashScope-Async", "enable", "Authorization", "Bearer sk-canary").text("output", "task_id")
		link := l.links(l.finish(id))[0]
		l.do("GET", link, "")
		l.do("GET", link, "", "Authorization", "Bearer sk-canary")
		l.do("POST", promptPath, body("wan2.5-t2i-preview", "a shop", `{}`), "X-DashScope-Async", "enable", "Authorization", "Bearer sk-canary")
		_, signature, _ := strings.Cut(link, "Signature=")
		signature, err := url.QueryUnescape(signature)
		if err != nil {
			t.Fatal(err)
		}
		log := l.admin("GET", "/admin/log", "").body
		if !strings.Contains(log, id) || !strings.Contains(log, "a shop") || !strings.Contains(written.String(), id) {
			t.Errorf("the log does not tell of the task: %s", log)
		}
		kept, err := os.ReadFile(filepath.Join(dir, id+".json"))
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"admin log": log, "logger": written.String(), "stats": l.admin("GET", "/admin/stats", "").body, "file": string(kept)} {
			if strings.Contains(text, "canary") || strings.Contains(text, signature) || strings.Contains(text, url.QueryEscape(signature)) {
				t.Errorf("%s has the key or a signature: %s", name, text)
			}
		}
		if a := l.admin("GET", "/admin/log?after=2", ""); a.get(0) == nil || strings.Contains(a.body, `"seq":2,`) {
			t.Errorf("log after 2: got %s", a.body)
		}
	})
}
