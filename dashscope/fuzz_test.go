package dashscope_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"wan-image-mcp/dashscope"
)

func seeds(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("testdata/answers/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no answers to start from: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(200, string(data))
	}
	f.Add(200, `{"code":"Throttling","message":"\u202ehttps://a.example/?Signature=x"}`)
	f.Add(401, `{"code":"InvalidApiKey","message":"sk-abc"}`)
	f.Add(200, `{"output":{"results":[[],{"url":1}],"choices":[{"message":{"content":[{"image":""},{"code":"x"}]}}],"task_status":"SUCCEEDED"}}`)
	f.Add(200, `{"total":1e400,"data":[{"task_id":"a","gmt_create":9e99}]}`)
}

// shown must be fit for a person's eyes.
func shown(t *testing.T, text string) {
	t.Helper()
	bad := func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf) }
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > 300 || strings.ContainsFunc(text, bad) || strings.Contains(text, "://") {
		t.Errorf("not fit to be shown: %q", text)
	}
}

func FuzzDecodeTask(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, status int, body string) {
		status = min(max(status, 200), 599)
		result, err := client(always(status, body)).Task(t.Context(), testID)
		if err == nil {
			if result.TaskID != testID || result.Status == "" || result.ImageCount < -1 {
				t.Errorf("odd result %+v", result)
			}
			shown(t, result.Message+result.Code)
			for _, image := range result.Images {
				if image.URL == "" && image.Code == "" && image.Message == "" {
					t.Error("a picture with neither link nor reason")
				}
			}
		}
		created, err := client(always(status, body)).Create(t.Context(), flowerShop())
		var e *dashscope.Error
		switch {
		case err == nil && (created.TaskID == "" || status >= 300):
			t.Errorf("status %d is taken for task %q", status, created.TaskID)
		case err != nil && (!errors.As(err, &e) || e.Outcome == 0 || e.Outcome == dashscope.NotSent):
			t.Errorf("an answered create has outcome %q: %v", e.Outcome, err)
		case err != nil && e.Outcome == dashscope.Refused && status >= 500:
			t.Errorf("status %d counts as refused: %v", status, err)
		case err != nil:
			shown(t, e.Message)
		}
	})
}

func FuzzDecodeList(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, status int, body string) {
		status = min(max(status, 200), 599)
		page, err := client(always(status, body)).Tasks(t.Context(), dashscope.TaskFilter{})
		if err != nil {
			return
		}
		if status >= 300 || page.Total < 0 || page.TotalPages < 0 || page.Page < 0 || page.PageSize < 0 {
			t.Errorf("status %d gives %+v", status, page)
		}
		for _, row := range page.Tasks {
			if row.TaskID == "" || strings.ContainsAny(row.TaskID, "/?#%. ") {
				t.Errorf("task id %q", row.TaskID)
			}
		}
	})
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"1280*1280", "1280x960", " 1 × 2 ", "0*0", "1280*", "1*2*3", "99999999999*1", "＊", "-1*-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		size, err := dashscope.ParseSize(text)
		if err != nil {
			if !utf8.ValidString(err.Error()) || len(err.Error()) > 1000 {
				t.Errorf("error %q", err)
			}
			return
		}
		again, err := dashscope.ParseSize(size.String())
		if err != nil || again != size || size.Pixels() < 1 {
			t.Errorf("%q gives %v, and that gives %v, %v", text, size, again, err)
		}
		for _, m := range dashscope.Models() {
			if m.Sizes.Allows(size) {
				continue
			}
			for _, near := range m.Nearest(size) {
				if !m.Sizes.Allows(near) {
					t.Errorf("%s: nearest to %v is %v", m.ID, size, near)
				}
			}
		}
	})
}

func FuzzClean(f *testing.F) {
	f.Add("see https://a.example/?Signature=x and sk-abc\u202e")
	f.Add(strings.Repeat("a://", 3000))
	f.Fuzz(func(t *testing.T, text string) {
		shown(t, dashscope.Clean(text))
	})
}
