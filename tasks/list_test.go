package tasks_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/tasks"
)

// rewritten is a way to the service on which something changes the answers.
func rewritten(to http.RoundTripper, change func(r *http.Request, header http.Header, answer map[string]any)) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		resp, err := to.RoundTrip(r)
		if err != nil || resp.StatusCode != http.StatusOK || !strings.HasPrefix(r.URL.Path, "/api/") {
			return resp, err
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		var answer map[string]any
		read := json.NewDecoder(bytes.NewReader(body))
		read.UseNumber()
		if read.Decode(&answer) == nil {
			change(r, resp.Header, answer)
			if body, err = json.Marshal(answer); err != nil {
				return nil, err
			}
		}
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return resp, nil
	}
}

func isList(r *http.Request) bool {
	return strings.HasSuffix(strings.TrimRight(r.URL.Path, "/"), "/tasks")
}

// A list that makes no sense is no proof that nothing was bought.
func TestListThatProvesNothing(t *testing.T) {
	const nonsense = 5 * time.Minute // longer than the grace
	for name, lie := range map[string]map[string]any{
		"no total":           {"data": []any{}},
		"a negative total":   {"total": -3, "total_page": -1, "data": []any{}},
		"a total of words":   {"total": "many", "data": []any{}},
		"more rows than all": {"total": 0, "data": []any{map[string]any{"task_id": "another", "model_name": "wan2.6-t2i"}}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, simulator.Options{}, func(w *world) {
				began := time.Now()
				l := w.live(func(c *tasks.Config) {
					c.Client.Transport = rewritten(w.sim, func(r *http.Request, _ http.Header, answer map[string]any) {
						if isList(r) && time.Since(began) < nonsense {
							clear(answer)
							maps.Copy(answer, lie)
						}
					})
				})
				defer l.end()
				l.mustKeep(l.generate(flash("a door [sim:cut-after]")), 1)
				w.mustHaveCreated(1)
			})
		})
	}
}

// A service that gives fewer rows a page than were asked for, and does not tell how
// many pages there are, is read to the end all the same.
func TestListInSmallPages(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		whole := roundTrip(func(r *http.Request) (*http.Response, error) { // one page with everything
			r = r.Clone(r.Context())
			q := r.URL.Query()
			q.Del("page_no")
			r.URL.RawQuery = q.Encode()
			return w.sim.RoundTrip(r)
		})
		l := w.live(func(c *tasks.Config) {
			c.Client.Transport = rewritten(whole, func(r *http.Request, _ http.Header, answer map[string]any) {
				rows, ok := answer["data"].([]any)
				if !isList(r) || !ok {
					return
				}
				for i := range 3 {
					rows = append([]any{map[string]any{"task_id": "another-" + strconv.Itoa(i), "model_name": "wan2.6-t2i"}}, rows...)
				}
				page, _ := strconv.Atoi(r.URL.Query().Get("page_no"))
				delete(answer, "total_page")
				answer["total"], answer["data"] = len(rows), rows[min(2*page-2, len(rows)):min(2*page, len(rows))]
			})
		})
		defer l.end()
		l.mustKeep(l.generate(flash("a door [sim:cut-after]")), 1)
		w.mustHaveCreated(1)
	})
}

// Without the service's clock a task is not excluded because of ours.
func TestListByAnotherClock(t *testing.T) {
	inWorld(t, simulator.Options{}, func(w *world) {
		l := w.live(func(c *tasks.Config) {
			c.Client.Transport = rewritten(w.sim, func(r *http.Request, header http.Header, answer map[string]any) {
				header.Del("Date")
				rows, _ := answer["data"].([]any)
				for _, row := range rows {
					row := row.(map[string]any)
					made, _ := row["gmt_create"].(json.Number).Int64()
					row["gmt_create"] = made + (5 * time.Minute).Milliseconds()
				}
			})
		})
		defer l.end()
		l.mustKeep(l.generate(flash("a door [sim:cut-after]")), 1)
		w.mustHaveCreated(1)
	})
}
