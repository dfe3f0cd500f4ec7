package dashscope_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wan-image-mcp/dashscope"
)

var china = time.FixedZone("UTC+8", 8*60*60)

func at(hour, minute, second, milli int) time.Time {
	return time.Date(2026, 11, 20, hour, minute, second, milli*1e6, china)
}

func pictures(links ...string) []dashscope.Image {
	var images []dashscope.Image
	for _, link := range links {
		images = append(images, dashscope.Image{URL: dashscope.Secret("https://pictures.example/" + link)})
	}
	return images
}

// cmp must compare times as moments and see through Secret.
var exact = cmp.Options{
	cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) && a.IsZero() == b.IsZero() }),
	cmp.Comparer(func(a, b dashscope.Secret) bool { return a.Reveal() == b.Reveal() }),
}

func TestTaskAnswers(t *testing.T) {
	request := func(n int) string { return fmt.Sprintf("11111111-2222-9333-8444-5555555555%02d", n) }
	for file, want := range map[string]dashscope.Result{
		"task_pending": {RequestID: request(2), Status: "PENDING", ImageCount: -1},
		"task_running": {
			RequestID: request(3), Status: "RUNNING", Total: 4, ImageCount: -1,
			SubmitTime: at(9, 0, 0, 100), ScheduledTime: at(9, 0, 0, 250),
		},
		"task_results": {
			RequestID: request(4), Status: "SUCCEEDED", Total: 2, ImageCount: 2,
			SubmitTime: at(9, 0, 0, 100), ScheduledTime: at(9, 0, 0, 250), EndTime: at(9, 0, 11, 0),
			Images: []dashscope.Image{
				{URL: "https://pictures.example/one.png?Expires=1&Signature=a%2Bb", OrigPrompt: "一只猫", ActualPrompt: "一只橘猫坐在窗台上，午后的阳光"},
				{URL: "https://pictures.example/two.png?Expires=1&Signature=c", OrigPrompt: "一只猫", ActualPrompt: "一只黑猫走过屋顶"},
			},
		},
		"task_four_choices": {
			RequestID: request(5), Status: "SUCCEEDED", ImageCount: 4, Size: "1280*1280",
			SubmitTime: at(9, 0, 0, 100), ScheduledTime: at(9, 0, 0, 250), EndTime: at(9, 0, 27, 600),
			Images: pictures("1.png?Expires=1", "2.png?Expires=1", "3.png?Expires=1", "4.png?Expires=1"),
		},
		"task_one_choice_four_contents": {
			RequestID: request(6), Status: "SUCCEEDED", ImageCount: 4, Size: "960*1696",
			Images: pictures("1.png?Expires=1", "2.png?Expires=1", "3.png?Expires=1", "4.png?Expires=1"),
		},
		"task_partial": {
			RequestID: request(7), Status: "SUCCEEDED", Total: 2, ImageCount: 1,
			Images: append(pictures("a.png"), dashscope.Image{
				Code: "InternalError.Timeout", Message: "It took too long, see [link] for more.",
			}),
		},
		"task_failed": {
			Status: "FAILED", ImageCount: -1,
			Code: "DataInspectionFailed", Message: "Output data may contain inappropriate content.",
		},
		"task_failed_top_level_code": {
			RequestID: request(8), Status: "FAILED", Total: 1, ImageCount: -1,
			Code: "InternalError.Algo", Message: "inference internal error.",
		},
		"task_unknown":   {RequestID: request(9), Status: "UNKNOWN", ImageCount: -1},
		"task_cancelled": {RequestID: request(10), Status: "CANCELED", ImageCount: -1},
		"task_suspended": {RequestID: request(11), Status: "SUSPENDED", ImageCount: -1},
		"task_wrong_types": {
			Status: "SUCCEEDED", ImageCount: 1,
			Images: []dashscope.Image{
				{Message: "the service gave neither a link nor a reason"},
				{URL: "https://pictures.example/ok.png"},
			},
		},
	} {
		t.Run(file, func(t *testing.T) {
			got, err := client(always(200, readFile(t, "answers", file+".json"))).Task(t.Context(), testID)
			if err != nil {
				t.Fatal(err)
			}
			want.TaskID = testID
			if diff := cmp.Diff(&want, got, exact); diff != "" {
				t.Error("(-want +got):\n" + diff)
			}
		})
	}
}

// No page shows how the messages form tells that a part failed.
func TestPartialFailureInChoices(t *testing.T) {
	got, err := client(always(200, `{"output":{"task_status":"SUCCEEDED","choices":[
		{"message":{"content":[{"image":"https://pictures.example/1.png"},{"code":"InternalError","message":"one failed"}]}},
		{"code":"DataInspectionFailed","message":"another failed"},
		{"finish_reason":"stop","message":{"content":[{"text":"words only"}]}}]}}`)).Task(t.Context(), testID)
	if err != nil {
		t.Fatal(err)
	}
	want := append(pictures("1.png"),
		dashscope.Image{Code: "InternalError", Message: "one failed"},
		dashscope.Image{Code: "DataInspectionFailed", Message: "another failed"})
	if diff := cmp.Diff(want, got.Images, exact); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}
}

func TestTaskAnswersThatAreNone(t *testing.T) {
	for name, body := range map[string]string{
		"empty":            ``,
		"html":             `<html>please log in</html>`,
		"null":             `null`,
		"array":            `[]`,
		"truncated":        `{"output":{"task_id":"` + testID,
		"no output":        `{"request_id":"r"}`,
		"output of a type": `{"output":"SUCCEEDED"}`,
		"status of a type": `{"output":{"task_status":7}}`,
		"odd status":       `{"output":{"task_status":"all is well!"}}`,
		"another task":     `{"output":{"task_id":"other","task_status":"SUCCEEDED"}}`,
		"code at the top":  `{"code":"InternalError","message":"internal error","request_id":"r"}`,
		"endless":          `{"output":{"task_status":"PENDING","x":"` + strings.Repeat("x", 1<<20) + `"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := client(always(200, body)).Task(t.Context(), testID)
			if err == nil {
				t.Fatalf("got %+v, want an error", got)
			}
		})
	}
}

func TestResultErr(t *testing.T) {
	for _, c := range []struct {
		result dashscope.Result
		want   error // nil = an error that is none of ours
		text   string
	}{
		{dashscope.Result{Status: "FAILED", Code: "DataInspectionFailed", Message: "no"}, dashscope.ErrContent, "change the prompt"},
		{dashscope.Result{Status: "FAILED", Code: "InternalError.Timeout", Message: "slow"}, nil, "ask again"},
		{dashscope.Result{Status: "CANCELED"}, nil, "cancelled before it started"},
		{dashscope.Result{Status: "UNKNOWN"}, dashscope.ErrExpired, "forgets tasks"},
	} {
		err := c.result.Err()
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%+v: Err() = %v, want %v with %q", c.result, err, c.want, c.text)
		}
	}
	for _, s := range []dashscope.Status{"PENDING", "RUNNING", "SUSPENDED", "SUCCEEDED"} {
		if err := (&dashscope.Result{Status: s}).Err(); err != nil {
			t.Errorf("%s: Err() = %v, want nil", s, err)
		}
	}
}

func TestTerminal(t *testing.T) {
	for s, want := range map[dashscope.Status]bool{
		dashscope.StatusPending: false, dashscope.StatusRunning: false, dashscope.StatusSuspended: false, "": false, "ODD": false,
		dashscope.StatusSucceeded: true, dashscope.StatusFailed: true, dashscope.StatusCanceled: true, dashscope.StatusUnknown: true,
	} {
		if got := s.Terminal(); got != want {
			t.Errorf("%q.Terminal() = %v, want %v", s, got, want)
		}
	}
}

func TestList(t *testing.T) {
	got, err := client(always(200, readFile(t, "answers", "tasks.json"))).Tasks(t.Context(), dashscope.TaskFilter{})
	if err != nil {
		t.Fatal(err)
	}
	want := &dashscope.TaskPage{
		Total: 2, TotalPages: 1, Page: 1, PageSize: 10, RequestID: "11111111-2222-9333-8444-555555555515",
		Tasks: []dashscope.TaskRow{
			{
				TaskID: "7d1f0c52-9a43-4c1e-8f0b-2f6f4f1b9a02", RequestID: "11111111-2222-9333-8444-555555555513",
				Model: "wan2.6-t2i", Status: "RUNNING", Created: at(9, 0, 0, 109), Started: at(9, 0, 0, 138), Region: "cn-beijing",
			},
			{
				TaskID: "7d1f0c52-9a43-4c1e-8f0b-2f6f4f1b9a03", RequestID: "11111111-2222-9333-8444-555555555514",
				Model: "wan2.1-t2i-turbo", Status: "SUCCEEDED",
				Created: at(8, 58, 20, 253), Started: at(8, 58, 20, 273), Ended: at(8, 58, 30, 481), Region: "cn-beijing",
			},
		},
	}
	if diff := cmp.Diff(want, got, exact); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}
}

// A list that cannot be read must not look like one without tasks: a caller would
// conclude that nothing was bought.
func TestListsThatAreNone(t *testing.T) {
	for name, body := range map[string]string{
		"empty":         ``,
		"html":          `<html></html>`,
		"empty object":  `{}`,
		"null data":     `{"total":3,"data":null}`,
		"data a string": `{"total":"many","data":"none"}`,
		"an error code": `{"code":"Throttling","message":"slow down","total":0,"data":[]}`,
		"too large":     `{"total":0,"data":[],"x":"` + strings.Repeat("x", 8<<20) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			if page, err := client(always(200, body)).Tasks(t.Context(), dashscope.TaskFilter{}); err == nil {
				t.Errorf("got %+v, want an error", page)
			}
		})
	}
}

func TestHostileRows(t *testing.T) {
	body := `{"total":-5,"page_no":"2","page_size":1e3,"total_page":99999999999999999999,"data":[
		{"task_id":"good","gmt_create":"1795136400109","status":"cancelled","model_name":["x"]},
		{"task_id":17}, "row", null, {"task_id":"../../etc"},
		{"task_id":"old","gmt_create":-1,"start_time":1e300,"end_time":9e15,"request_id":"https://pictures.example/?Signature=x"}]}`
	got, err := client(always(200, body)).Tasks(t.Context(), dashscope.TaskFilter{})
	if err != nil {
		t.Fatal(err)
	}
	want := &dashscope.TaskPage{
		Page: 2, PageSize: 1000, Uncounted: true, Unreadable: 4,
		Tasks: []dashscope.TaskRow{
			{TaskID: "good", Status: "CANCELED", Created: at(9, 0, 0, 109)},
			{TaskID: "old", RequestID: "[link]"},
		},
	}
	if diff := cmp.Diff(want, got, exact); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}

	for body, want := range map[string]bool{
		`{"total":0,"data":[]}`:                    false,
		`{"total":"1","data":[{"task_id":"a"}]}`:   false,
		`{"data":[]}`:                              true,
		`{"total":-1,"data":[]}`:                   true,
		`{"total":null,"data":[]}`:                 true,
		`{"total":"many","data":[]}`:               true,
		`{"total":0,"data":[{"task_id":"a"}]}`:     true,
		`{"total":1e400,"data":[{"task_id":1}]}`:   true,
		`{"total":{},"data":[{"task_id":"ab"}]}`:   true,
		`{"total":2.5,"data":[{"task_id":"abc"}]}`: true,
	} {
		if page, err := client(always(200, body)).Tasks(t.Context(), dashscope.TaskFilter{}); err != nil || page.Uncounted != want {
			t.Errorf("%s: got %+v, %v, want Uncounted %v", body, page, err, want)
		}
	}

	var rows strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&rows, `,{"task_id":"t%d","model_name":"wan2.6-t2i","status":"SUCCEEDED","gmt_create":1795136400109,"region":"cn-beijing"}`, i)
	}
	got, err = client(always(200, `{"total":10000,"data":[`+rows.String()[1:]+`]}`)).Tasks(t.Context(), dashscope.TaskFilter{})
	if err != nil || len(got.Tasks) != 10000 {
		t.Errorf("ten thousand rows: %d, %v", len(got.Tasks), err)
	}
}

// endless is a body without an end.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return copy(p, bytes.Repeat([]byte(" "), len(p))), nil
}

func (e *endless) Close() error { return nil }

func TestAnswersAreReadUpToALimit(t *testing.T) {
	body := &endless{}
	c := client(transport(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: body}, nil
	}))
	result, err := c.Create(t.Context(), flowerShop())
	checkOutcome(t, result, err, dashscope.MayBeAccepted)
	if body.read > 2<<20 {
		t.Errorf("%d bytes of an answer to a create were read", body.read)
	}
	body.read = 0
	if _, err := c.Tasks(t.Context(), dashscope.TaskFilter{}); err == nil || body.read > 16<<20 {
		t.Errorf("%d bytes of a list were read: %v", body.read, err)
	}
}

func TestCancelAnswers(t *testing.T) {
	id, err := client(always(200, readFile(t, "answers", "cancel.json"))).Cancel(t.Context(), testID)
	if err != nil || id != "11111111-2222-9333-8444-555555555516" {
		t.Errorf("Cancel = %q, %v", id, err)
	}
	_, err = client(always(400, `{"request_id":"r","code":"UnsupportedOperation","message":"Failed to cancel the task"}`)).Cancel(t.Context(), testID)
	if err == nil || !strings.Contains(err.Error(), "only a PENDING one can") {
		t.Errorf("Cancel of a running task: %v", err)
	}
	if errors.Is(err, dashscope.ErrRefused) {
		t.Error("a cancel has no outcome for money")
	}
	if _, err = client(always(200, `{"code":"InternalError","message":"m"}`)).Cancel(t.Context(), testID); err == nil {
		t.Error("a code inside a 200 was taken for success")
	}
}
