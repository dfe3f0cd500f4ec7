package dashscope_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"wan-image-mcp/dashscope"
)

func TestClockOffset(t *testing.T) {
	for _, want := range []time.Duration{0, time.Hour, -30 * time.Minute} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(want).UTC().Format(http.TimeFormat))
			_, _ = w.Write([]byte(`{"request_id":"r","output":{"task_id":"t-12345678","task_status":"PENDING"}}`))
		}))
		client := &dashscope.Client{APIKey: "sk-test", BaseURL: server.URL + "/api/v1"}
		if got, known := client.ClockOffset(); got != 0 || known {
			t.Errorf("before the first answer: got %v, %v, want nothing known", got, known)
		}
		if _, err := client.Task(t.Context(), "t-12345678"); err != nil {
			t.Fatal(err)
		}
		if got, known := client.ClockOffset(); !known || (got-want).Abs() > 2*time.Second {
			t.Errorf("got %v, %v, want %v", got, known, want)
		}
		server.Close()
	}
}
