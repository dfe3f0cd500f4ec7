package dashscope_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wan-image-mcp/dashscope"
)

// An error tells what to do, what the service said, and the id to give its support.
func TestErrorTexts(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    dashscope.Error
		phrase []string
	}{
		{
			"wrong key",
			dashscope.Error{
				Op: "create", Status: 401, Code: "InvalidApiKey", Message: "Invalid API-key provided.",
				RequestID: "r1", Outcome: dashscope.Refused, Region: dashscope.Singapore,
			},
			[]string{"API key", "region singapore", "valid in one region only", "InvalidApiKey: Invalid API-key provided.", "request_id r1", "HTTP 401"},
		},
		{
			"no right to the model",
			dashscope.Error{Op: "create", Status: 403, Code: "Model.AccessDenied", Outcome: dashscope.Refused},
			[]string{"API key", "region beijing", "enable the model"},
		},
		{
			"no money",
			dashscope.Error{Op: "create", Status: 400, Code: "Arrearage", Outcome: dashscope.Refused, Region: dashscope.Virginia},
			[]string{"cannot buy", "region virginia", "waiting does not help"},
		},
		{"throttled", dashscope.Error{Op: "create", Status: 429, Code: "Throttling.RateQuota", Outcome: dashscope.Refused}, []string{"try again in a few seconds", "nothing was made"}},
		{"concurrency", dashscope.Error{Op: "create", Status: 429, Code: "Throttling.Concurrency", Outcome: dashscope.Refused}, []string{"when one has finished"}},
		{"allocation", dashscope.Error{Op: "create", Status: 429, Code: "Throttling.AllocationQuota", Outcome: dashscope.Refused}, []string{"in a minute"}},
		{"content", dashscope.Error{Op: "create", Status: 400, Code: "DataInspectionFailed", Outcome: dashscope.Refused}, []string{"change the prompt", "prompt_extend false"}},
		{"endpoint", dashscope.Error{Op: "create", Status: 400, Code: "InvalidParameter", Message: "url error, please check url", Outcome: dashscope.Refused}, []string{"not served on this endpoint"}},
		{"model", dashscope.Error{Op: "create", Status: 404, Code: "ModelNotFound", Outcome: dashscope.Refused}, []string{"choose another model"}},
		{"spelling", dashscope.Error{Op: "create", Status: 404, Code: "ModelNotFound", Outcome: dashscope.Refused, Err: dashscope.ErrOtherSpelling}, []string{"the other one", "try once more"}},
		{"refused", dashscope.Error{Op: "create", Status: 400, Code: "InvalidParameter", Message: "Range of n", Outcome: dashscope.Refused}, []string{"nothing was made or billed", "Range of n"}},
		{"lost", dashscope.Error{Op: "create", Status: 500, Code: "InternalError", Outcome: dashscope.MayBeAccepted}, []string{"do not send it again", "task list", "InternalError"}},
		{"not sent", dashscope.Error{Op: "create", Outcome: dashscope.NotSent, Err: errors.New("dial tcp: refused")}, []string{"was not sent and nothing was bought", "dial tcp: refused"}},
		{"query of a gateway", dashscope.Error{Op: "task", Status: 502}, []string{"trouble of its own", "HTTP 502"}},
		{"query unanswered", dashscope.Error{Op: "task", Err: errors.New("EOF")}, []string{"did not answer", "EOF"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := c.err.Error()
			for _, phrase := range c.phrase {
				if !strings.Contains(text, phrase) {
					t.Errorf("%q lacks %q", text, phrase)
				}
			}
		})
	}
}

func TestQueryErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		kind   error
		text   string
	}{
		{"wrong key", 401, fault("InvalidApiKey", "Invalid API-key provided."), dashscope.ErrUnauthorized, "region beijing"},
		{"throttled", 429, fault("Throttling", "m"), dashscope.ErrThrottled, "few seconds"},
		{"throttled by a gateway", 429, "slow down", dashscope.ErrThrottled, ""},
		{"throttled inside a 200", 200, fault("Throttling.RateQuota", "m"), dashscope.ErrThrottled, ""},
		{"a login page", 403, "<html>", nil, "not the DashScope API"},
		{"a page instead of JSON", 200, "<html>", nil, "could not be used"},
		{"trouble", 500, fault("InternalError", "internal error"), nil, "try again later"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := client(always(c.status, c.body)).Task(t.Context(), testID)
			var e *dashscope.Error
			if !errors.As(err, &e) || e.Outcome != 0 || e.Op != "task" || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("got %v, want an error of task without an outcome, with %q", err, c.text)
			}
			checkKind(t, err, c.kind)
		})
	}
}

func TestErrorFields(t *testing.T) {
	do := transport(func(*http.Request) (*http.Response, error) {
		r := response(429, fault("Throttling.RateQuota", "Requests rate limit exceeded."))
		r.Header.Set("Retry-After", "7")
		return r, nil
	})
	_, err := client(do).Create(t.Context(), flowerShop())
	want := &dashscope.Error{
		Op: "create", Status: 429, Code: "Throttling.RateQuota", Message: "Requests rate limit exceeded.", RequestID: "r1",
		Outcome: dashscope.Refused, RetryAfter: 7 * time.Second, Region: dashscope.Beijing,
	}
	if diff := cmp.Diff(error(want), err); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			key, value string
			want       time.Duration
		}{
			{"Retry-After", "0", 0},
			{"Retry-After", "30", 30 * time.Second},
			{"Retry-After", "-5", 0},
			{"Retry-After", "99999999", time.Hour},
			{"Retry-After", "99999999999999999999", 0},
			{"Retry-After", "soon", 0},
			{"Retry-After", time.Now().Add(20 * time.Second).UTC().Format(http.TimeFormat), 20 * time.Second},
			{"Retry-After", time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat), 0},
			{"Retry-After-Ms", "1500", 1500 * time.Millisecond},
		} {
			_, err := client(transport(func(*http.Request) (*http.Response, error) {
				r := response(429, fault("Throttling", "m"))
				r.Header.Set(c.key, c.value)
				return r, nil
			})).Task(t.Context(), testID)
			var e *dashscope.Error
			if !errors.As(err, &e) || e.RetryAfter != c.want {
				t.Errorf("%s: %s gives %v, want %v", c.key, c.value, e.RetryAfter, c.want)
			}
		}
	})
}

// On a plan's own host such a key is sent; when it is refused, the text says why.
func TestPlanKeyOnItsOwnHost(t *testing.T) {
	c := client(always(401, fault("InvalidApiKey", "Invalid API-key provided.")))
	c.APIKey, c.BaseURL = "sk-sp-canary", "https://token-plan.cn-beijing.maas.aliyuncs.com/api/v1"
	result, err := c.Create(t.Context(), flowerShop())
	checkOutcome(t, result, err, dashscope.Refused)
	checkKind(t, err, dashscope.ErrUnauthorized)
	if !strings.Contains(err.Error(), "do not serve these models") {
		t.Error(err)
	}
}

func TestBaseURLs(t *testing.T) {
	for base, want := range map[string]string{
		"":                                "https://dashscope.aliyuncs.com/api/v1/tasks/" + testID,
		"https://h.example/api/v1":        "https://h.example/api/v1/tasks/" + testID,
		" https://h.example/api/v1/ ":     "https://h.example/api/v1/tasks/" + testID,
		"https://h.example":               "https://h.example/tasks/" + testID,
		"http://127.0.0.1:8089/api/v1/":   "http://127.0.0.1:8089/api/v1/tasks/" + testID,
		"http://LOCALHOST/api/v1":         "http://LOCALHOST/api/v1/tasks/" + testID,
		"http://localhost/api/v1":         "http://localhost/api/v1/tasks/" + testID,
		"http://[::1]:1/api/v1":           "http://[::1]:1/api/v1/tasks/" + testID,
		"http://127.0.0.1.evil.example/x": "",
		"ftp://h.example":                 "",
		"https://":                        "",
		"https://h.example/#x":            "",
		"http://h .example":               "",
	} {
		var got []sent
		c := client(record(&got, `{"output":{"task_status":"PENDING"}}`))
		c.BaseURL = base
		_, err := c.Task(t.Context(), testID)
		switch {
		case want == "" && (err == nil || got != nil):
			t.Errorf("base %q: sent %+v, %v; want a refusal", base, got, err)
		case want != "" && (err != nil || got[0].URL != want):
			t.Errorf("base %q: sent %+v, %v; want %s", base, got, err, want)
		}
	}
}
