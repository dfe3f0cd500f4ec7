package simulator_test

import (
	"encoding/json"
	"fmt"
	"image/png"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/dashscope/simulator"
)

// A picture from the first call to the last, in process and without a key.
func Example() {
	sim, err := simulator.New(simulator.Options{Speed: 1000, Strict: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: sim} // or http.ListenAndServe("127.0.0.1:8090", sim)
	const base = "http://sim.test/api/v1"
	type reply struct {
		Output struct {
			TaskID     string `json:"task_id"`
			TaskStatus string `json:"task_status"`
			Results    []struct {
				URL string `json:"url"`
			} `json:"results"`
		} `json:"output"`
	}
	ask := func(method, path, body string) (r reply) {
		req, _ := http.NewRequest(method, base+path, strings.NewReader(body))
		req.Header.Set("Authorization", "Bearer sk-anything")
		if body != "" {
			req.Header.Set("X-DashScope-Async", "enable")
		}
		resp, err := client.Do(req)
		if err != nil {
			fmt.Println(err)
			return r
		}
		defer func() { _ = resp.Body.Close() }()
		_ = json.NewDecoder(resp.Body).Decode(&r)
		return r
	}

	r := ask("POST", "/services/aigc/text2image/image-synthesis",
		`{"model":"wan2.2-t2i-flash","input":{"prompt":"A flower shop"},"parameters":{"n":1,"size":"512*640"}}`)
	fmt.Println(r.Output.TaskStatus)
	for r.Output.TaskStatus == "PENDING" || r.Output.TaskStatus == "RUNNING" {
		time.Sleep(60 * time.Millisecond) // at most 20 queries a second
		r = ask("GET", "/tasks/"+r.Output.TaskID, "")
	}
	fmt.Println(r.Output.TaskStatus)

	resp, err := client.Get(r.Output.Results[0].URL) // a signed link: no key
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	picture, err := png.DecodeConfig(resp.Body)
	fmt.Println(picture.Width, picture.Height, err)
	// Output:
	// PENDING
	// SUCCEEDED
	// 512 640 <nil>
}

// TestManual holds the package comment against the tables in the code.
func TestManual(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	manual := strings.Join(strings.Fields(strings.ReplaceAll(string(text), "//", "")), " ")
	for _, m := range simulator.Markers() {
		if !strings.Contains(manual, m.Text+" "+m.What) {
			t.Errorf("doc.go lacks %q", m.Text+" "+m.What)
		}
	}
	for _, k := range simulator.Kinds() {
		if !strings.Contains(manual, k.Name+" ") || !strings.Contains(manual, k.What) {
			t.Errorf("doc.go lacks %q", k.Name+" "+k.What)
		}
	}
}
