package server_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/server"
	"wan-image-mcp/tasks"
)

func TestLinks(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		links := server.NewLinks(w.service, "")
		if got := links.URL(tasks.Task{}, 1); got != "" {
			t.Errorf("a link before anybody listens: got %s", got)
		}
		s := serveInBubble(t, w, server.Config{Tokens: twoTokens(t), Links: links})
		made := s.call(s.session(bearer("anna")), small("a boat"), bearer("anna")).answer(t)
		task, err := w.service.Get(t.Context(), tasks.Caller{Owner: "anna"}, made.TaskID)
		if err != nil {
			t.Fatal(err)
		}
		_, want, err := w.service.Bytes(t.Context(), tasks.Caller{Owner: "anna"}, made.TaskID, 1)
		if err != nil {
			t.Fatal(err)
		}
		link, ok := strings.CutPrefix(links.URL(task, 1), "http://127.0.0.1:8080")
		if !ok {
			t.Fatalf("link: got %s", links.URL(task, 1))
		}
		fromAPage := headers{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}
		res := s.do("GET", link, "", fromAPage)
		got, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 200 || string(got) != string(want) || res.Header.Get("Content-Type") != "image/png" {
			t.Fatalf("the picture: got %s, %s, %d bytes (%v)", res.Status, res.Header.Get("Content-Type"), len(got), err)
		}
		stolen := task
		stolen.Owner = "berta"
		path, token, _ := strings.Cut(link, "?")
		for name, c := range map[string]struct {
			path string
			h    headers
			want int
		}{
			"no token":            {path, nil, 403},
			"an empty one":        {path + "?token=", nil, 403},
			"another picture":     {path[:len(path)-1] + "2?" + token, nil, 403},
			"cut":                 {link[:len(link)-1], nil, 403},
			"another end":         {strings.Replace(link, "?token=", "?token=9", 1), nil, 403},
			"of another key":      {strings.TrimPrefix(server.NewLinks(w.service, "http://x/").URL(task, 1), "http://x"), nil, 403},
			"a picture not there": {strings.TrimPrefix(links.URL(task, 7), "http://127.0.0.1:8080"), nil, 404},
			"of another owner":    {strings.TrimPrefix(links.URL(stolen, 1), "http://127.0.0.1:8080"), nil, 404},
			"to a script":         {link, headers{"Origin", "https://evil.example"}, 403},
			"on a rebound name":   {link, headers{"Host", "evil.example"}, 403},
		} {
			if res := s.do("GET", c.path, "", c.h); res.StatusCode != c.want {
				t.Errorf("%s: got %s, want %d", name, res.Status, c.want)
			}
		}
		if res := s.do("DELETE", link, ""); res.StatusCode != 405 {
			t.Errorf("DELETE: got %s, want 405", res.Status)
		}
		time.Sleep(time.Hour + time.Second)
		if res := s.do("GET", link, ""); res.StatusCode != 403 {
			t.Errorf("after an hour: got %s, want 403", res.Status)
		}
	})
}
