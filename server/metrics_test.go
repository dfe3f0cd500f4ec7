package server_test

import (
	"database/sql"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/resources/store"
	"wan-image-mcp/server"
	"wan-image-mcp/tasks"
	"wan-image-mcp/tasks/journal"
)

func TestMetrics(t *testing.T) {
	m := server.NewMetrics()
	created := time.Now().Add(-time.Minute)
	task := tasks.Task{ID: "a", State: tasks.Queued, Request: dashscope.ImageRequest{Model: "wan2.6-t2i"}, Created: created, Billed: -1}
	for _, step := range []func(){
		func() {},
		func() { task.State = tasks.Running; task.Submitted = created.Add(2 * time.Second) },
		func() {
			task.State, task.Billed, task.Price = tasks.Succeeded, 2, 400000
			task.Pictures = []tasks.Picture{{N: 1, Link: "https://x"}, {N: 2, Link: "https://x"}}
		},
		func() { task.Pictures[0].Kept = store.Picture{SHA256: "x", Bytes: 1000} },
		func() { task.Pictures[1].Code = "Gone" },
		func() { task.Place = 1 }, // late news of a settled task
	} {
		step()
		m.Task(task)
		m.Task(task)
	}
	m.Task(tasks.Task{ID: "c", State: tasks.Succeeded, Simulated: true, Billed: 1, Price: 200000, Request: dashscope.ImageRequest{Model: "wan2.5-t2i-preview"}})
	m.Upstream("create", "accepted", time.Second)
	m.Upstream("create", errors.New("refused").Error(), time.Second)

	tokens := twoTokens(t)
	w := newWorld(t)
	defer m.Watch(w.service)()
	queuedElsewhere(t, w)
	s := serve(t, w, server.Config{Metrics: m, Tokens: tokens})
	body, err := io.ReadAll(s.do("GET", "/metrics", "", bearer("anna")).Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`wan_image_mcp_tasks{model="wan2.6-t2i",state="QUEUED"} 1`,
		`wan_image_mcp_tasks_ended_total{model="wan2.6-t2i",state="SUCCEEDED"} 1`,
		`wan_image_mcp_spent_cny_total{model="wan2.6-t2i"} 0.4`,
		`wan_image_mcp_pictures_kept_total{model="wan2.6-t2i"} 1`,
		`wan_image_mcp_picture_bytes_total 1000`,
		`wan_image_mcp_queue_seconds_sum{model="wan2.6-t2i"} 2`,
		`wan_image_mcp_task_seconds_count{model="wan2.6-t2i"} 1`,
		`wan_image_mcp_upstream_seconds_count{op="create",outcome="accepted"} 1`,
		`wan_image_mcp_upstream_seconds_count{op="create",outcome="refused"} 1`,
	} {
		if !strings.Contains(string(body), want+"\n") {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(string(body), `spent_cny_total{model="wan2.5-t2i-preview"}`) {
		t.Error("a simulated picture counts as money")
	}
	if t.Failed() {
		t.Logf("%s", body)
	}
}

// TestMetricsWithoutAJournal: what cannot be counted costs that figure, not all, and
// the next answer tells.
func TestMetricsWithoutAJournal(t *testing.T) {
	m := server.NewMetrics()
	w := newWorld(t)
	defer m.Watch(w.service)()
	m.Upstream("create", "accepted", time.Second)
	db, err := sql.Open("sqlite", "file:"+w.journal+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), "ALTER TABLE task RENAME TO lost")
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	m.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	answer := httptest.NewRecorder()
	m.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	for _, want := range []string{
		`wan_image_mcp_upstream_seconds_count{op="create",outcome="accepted"} 1`,
		`promhttp_metric_handler_errors_total{cause="gathering"} 1`,
	} {
		if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), want+"\n") {
			t.Errorf("got %d without %s:\n%s", answer.Code, want, answer.Body)
		}
	}
}

// queuedElsewhere has another process queue an order, of which this one hears nothing.
func queuedElsewhere(t *testing.T, w *world) {
	t.Helper()
	j, err := journal.Open(w.journal)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	row := journal.Task{
		ID: strings.Repeat("e", 26), Upstream: "simulator", Owner: "berta", Fingerprint: "f", Model: "wan2.6-t2i", N: 1,
		Request: []byte(`{"Model":"wan2.6-t2i"}`), State: string(tasks.Queued), Open: true, NotBefore: now.Add(time.Minute),
		Holder: "elsewhere", LeaseUntil: now.Add(5 * time.Second), Created: now, Billed: -1,
	}
	if err := errors.Join(j.Insert(t.Context(), row), j.Close()); err != nil {
		t.Fatal(err)
	}
}
