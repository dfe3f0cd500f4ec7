package dashscope_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wan-image-mcp/dashscope"
)

// sent is a request as the service sees it.
type sent struct {
	Method, URL string
	Header      http.Header
	Body        string
}

// record answers with body and keeps what was sent.
func record(into *[]sent, body string) transport {
	return func(r *http.Request) (*http.Response, error) {
		s := sent{Method: r.Method, URL: r.URL.String(), Header: r.Header.Clone()}
		if r.Body != nil {
			data, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			s.Body = string(data)
		}
		*into = append(*into, s)
		return response(200, body), nil
	}
}

func compact(t *testing.T, text string) string {
	t.Helper()
	var buf bytes.Buffer
	if err := json.Compact(&buf, []byte(text)); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestCreateOnTheWire(t *testing.T) {
	harbour := dashscope.ImageRequest{
		Model: "wan2.5-t2i-preview", Prompt: "A harbour at dawn, boats & gulls <seen from above>",
		NegativePrompt: "people, text", AspectRatio: "9:16", N: 2,
		Seed: new(int64(0)), PromptExtend: new(false), Watermark: true,
	}
	asked := http.Header{
		"Authorization": {"Bearer " + testKey}, "Content-Type": {"application/json"},
		"X-Dashscope-Async": {"enable"}, "User-Agent": {"wan-image-mcp"},
	}
	for _, c := range []struct {
		name, path, golden string
		request            dashscope.ImageRequest
	}{
		{"messages form", "/services/aigc/image-generation/generation", "wan2.6-t2i.json", flowerShop()},
		{"prompt form", "/services/aigc/text2image/image-synthesis", "wan2.5-t2i-preview.json", harbour},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []sent
			result, err := client(record(&got, readFile(t, "answers", "create.json"))).Create(t.Context(), c.request)
			if err != nil {
				t.Fatal(err)
			}
			want := []sent{{"POST", "https://dashscope.aliyuncs.com/api/v1" + c.path, asked, compact(t, readFile(t, "wire", c.golden))}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error("sent (-want +got):\n" + diff)
			}
			wantResult := &dashscope.Result{
				TaskID: testID, RequestID: "11111111-2222-9333-8444-555555555501",
				Status: dashscope.StatusPending, ImageCount: -1,
			}
			if diff := cmp.Diff(wantResult, result); diff != "" {
				t.Error("result (-want +got):\n" + diff)
			}
		})
	}
}

func TestCreateSyncOnTheWire(t *testing.T) {
	var got []sent
	result, err := client(record(&got, readFile(t, "answers", "sync.json"))).CreateSync(t.Context(), flowerShop())
	if err != nil {
		t.Fatal(err)
	}
	want := sent{
		"POST", "https://dashscope.aliyuncs.com/api/v1/services/aigc/multimodal-generation/generation",
		http.Header{"Authorization": {"Bearer " + testKey}, "Content-Type": {"application/json"}, "User-Agent": {"wan-image-mcp"}},
		compact(t, readFile(t, "wire", "wan2.6-t2i.json")),
	}
	if diff := cmp.Diff([]sent{want}, got); diff != "" {
		t.Error("sent (-want +got):\n" + diff)
	}
	wantResult := &dashscope.Result{
		RequestID: "11111111-2222-9333-8444-555555555512", Status: dashscope.StatusSucceeded,
		Images: []dashscope.Image{{URL: "https://pictures.example/now.png?Expires=1"}}, ImageCount: 1, Size: "1280*1280",
	}
	if diff := cmp.Diff(wantResult, result); diff != "" {
		t.Error("result (-want +got):\n" + diff)
	}
}

// A parameter that is left out gets the service's default, which is four pictures.
func TestEveryParameterIsSent(t *testing.T) {
	for _, model := range dashscope.Models() {
		var got []sent
		_, err := client(record(&got, readFile(t, "answers", "create.json"))).Create(t.Context(),
			dashscope.ImageRequest{Model: model.ID, Prompt: "x", N: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{
			`"n":1`, `"size":"` + model.DefaultSize.String() + `"`, `"prompt_extend":true`, `"watermark":false`, `"negative_prompt":""`,
		} {
			if !strings.Contains(got[0].Body, part) {
				t.Errorf("%s: body %s lacks %s", model.ID, got[0].Body, part)
			}
		}
		if strings.Contains(got[0].Body, "seed") {
			t.Errorf("%s: body %s has a seed that nobody gave", model.ID, got[0].Body)
		}
	}
}

func TestQueriesOnTheWire(t *testing.T) {
	start := time.Date(2026, 11, 22, 20, 30, 5, 0, time.UTC)
	for _, c := range []struct {
		name, want string
		call       func(*dashscope.Client) error
	}{
		{"task", "GET /tasks/" + testID, func(c *dashscope.Client) error {
			_, err := c.Task(t.Context(), testID)
			return err
		}},
		{"cancel", "POST /tasks/" + testID + "/cancel", func(c *dashscope.Client) error {
			_, err := c.Cancel(t.Context(), testID)
			return err
		}},
		{"list", "GET /tasks/", func(c *dashscope.Client) error {
			_, err := c.Tasks(t.Context(), dashscope.TaskFilter{})
			return err
		}},
		{
			"list with all filters",
			"GET /tasks/?end_time=20261123053005&model_name=wanx2.1-t2i-plus&page_no=3&page_size=50&start_time=20261123043005&status=RUNNING&task_id=" + testID,
			func(c *dashscope.Client) error {
				_, err := c.Tasks(t.Context(), dashscope.TaskFilter{
					TaskID: testID, Start: start, End: start.Add(time.Hour),
					Model: "wan2.1-t2i-plus", Status: dashscope.StatusRunning, Page: 3, PageSize: 50,
				})
				return err
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []sent
			_ = c.call(client(record(&got, `{"total":0,"data":[]}`)))
			want := sent{Header: http.Header{"Authorization": {"Bearer " + testKey}, "User-Agent": {"wan-image-mcp"}}}
			method, path, _ := strings.Cut(c.want, " ")
			want.Method, want.URL = method, "https://dashscope.aliyuncs.com/api/v1"+path
			if diff := cmp.Diff([]sent{want}, got); diff != "" {
				t.Error("sent (-want +got):\n" + diff)
			}
		})
	}
}

func TestTaskIDsCannotLeaveTheirPath(t *testing.T) {
	for _, id := range []string{"", ".", "..", "a/b", "../models", "a?b", "a b", "%2e", strings.Repeat("a", 200)} {
		c := client(transport(func(r *http.Request) (*http.Response, error) {
			t.Errorf("id %q was sent to %s", id, r.URL)
			return response(200, "{}"), nil
		}))
		if _, err := c.Task(t.Context(), id); err == nil {
			t.Errorf("Task(%q) = nil error", id)
		}
		if _, err := c.Cancel(t.Context(), id); err == nil {
			t.Errorf("Cancel(%q) = nil error", id)
		}
	}
}
