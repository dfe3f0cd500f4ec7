package simulator_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"wan-image-mcp/dashscope/simulator"
)

// FuzzCreate holds that whatever is sent, the answer is the service's JSON:
// a task, or a code with a message.
func FuzzCreate(f *testing.F) {
	for _, seed := range []string{
		body("wan2.6-t2i", "A flower shop", `{"n":1,"size":"1280*1280","seed":7}`),
		body("wan2.5-t2i-preview", "[sim:partial][sim:slow=1s][sim:fail=X]", `{"n":4}`),
		body("wan2.2-t2i-plus", strings.Repeat("长", 600), `{}`),
		`{"model":"wan2.6-t2i","input":{"messages":[{"role":"user","content":[{"text":null}]}]},"parameters":{}}`,
		`{"model":1}`, `[]`, `null`, ``, `{"model":"wan2.6-t2i","input":null,"parameters":[]}`,
	} {
		f.Add(seed)
	}
	sim, err := simulator.New(simulator.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		if strings.Contains(sent, "sim:") && !strings.Contains(sent, "sim:partial") {
			t.Skip("some markers mean that no answer comes")
		}
		for _, path := range []string{messagesPath, promptPath} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://sim.test"+path, strings.NewReader(sent))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer sk-test")
			req.Header.Set("X-DashScope-Async", "enable")
			resp, err := sim.RoundTrip(req)
			if err != nil {
				t.Fatalf("%q: %v", sent, err)
			}
			var got struct {
				Output *struct {
					TaskID string `json:"task_id"`
				} `json:"output"`
				Code, Message string
			}
			if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
				t.Fatalf("%q: %v", sent, err)
			}
			if accepted := resp.StatusCode == 200; accepted != (got.Output != nil) || accepted == (got.Code != "") {
				t.Errorf("%q: got %d %+v", sent, resp.StatusCode, got)
			}
			_ = resp.Body.Close()
		}
	})
}
