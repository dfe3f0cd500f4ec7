package tasks_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"wan-image-mcp/tasks"
)

// roundTrip is a way to the service of a test's own.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// bend lets a test change some answers of the service on their way.
func bend(to http.RoundTripper, which func(*http.Request) bool, change func(r *http.Request, body []byte) []byte) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		resp, err := to.RoundTrip(r)
		if err != nil || resp.StatusCode != http.StatusOK || !which(r) {
			return resp, err
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		body = change(r, body)
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return resp, nil
	}
}

// What a request is about.
func isOfService(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/api/") }
func isOfTasks(r *http.Request) bool   { return strings.Contains(r.URL.Path, "/tasks") }
func isList(r *http.Request) bool      { return strings.HasSuffix(r.URL.Path, "/tasks/") }

func isOneTask(r *http.Request) bool {
	return r.Method == http.MethodGet && path.Dir(r.URL.Path) == "/api/v1/tasks" && !isList(r)
}

// retold changes what the service says of tasks.
func retold(to http.RoundTripper, pattern, by string) roundTrip {
	said := regexp.MustCompile(pattern)
	return bend(to, isOfTasks, func(_ *http.Request, body []byte) []byte { return said.ReplaceAll(body, []byte(by)) })
}

// bendTask lets a test change each answer about one task.
func bendTask(to http.RoundTripper, change func(body []byte) []byte) roundTrip {
	return bend(to, isOneTask, func(_ *http.Request, body []byte) []byte { return change(body) })
}

// rewritten lets a test change answers as objects. What is none stays as it is.
func rewritten(to http.RoundTripper, which func(*http.Request) bool, change func(r *http.Request, answer map[string]any)) roundTrip {
	return bend(to, which, func(r *http.Request, body []byte) []byte {
		var answer map[string]any
		read := json.NewDecoder(bytes.NewReader(body))
		read.UseNumber()
		if read.Decode(&answer) != nil {
			return body
		}
		change(r, answer)
		body, err := json.Marshal(answer)
		if err != nil {
			panic(err) // it came as JSON
		}
		return body
	})
}

// listed is a page of the task list that a test may change.
type listed struct {
	page map[string]any
	rows []map[string]any
}

// bendList lets a test change each page of the task list.
func bendList(to http.RoundTripper, change func(*listed)) roundTrip {
	return rewritten(to, isList, func(_ *http.Request, page map[string]any) {
		p := &listed{page: page}
		rows, _ := page["data"].([]any)
		for _, row := range rows {
			p.rows = append(p.rows, row.(map[string]any))
		}
		change(p)
		page["data"] = p.rows
	})
}

// made is when the service made a listed task, in milliseconds.
func made(row map[string]any) int64 {
	at, _ := row["gmt_create"].(json.Number).Int64()
	return at
}

// hide leaves a task out, as a list does that lags.
func (p *listed) hide(id string) {
	p.rows = slices.DeleteFunc(p.rows, func(row map[string]any) bool { return row["task_id"] == id })
	p.page["total"] = len(p.rows)
}

// dated gives each answer its Date, as servers do. Without one no task is excluded
// for its time.
func dated(to http.RoundTripper) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		resp, err := to.RoundTrip(r)
		if err == nil {
			resp.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
		}
		return resp, err
	}
}

func withDates(c *tasks.Config) { c.Client.Transport = dated(c.Client.Transport) }
