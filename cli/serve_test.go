package cli_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`

// speak serves over stdio, says hello and then each line, and returns the answers
// by their ids. It ends with the end of input, as clients end a server.
func (u *user) speak(t *testing.T, args []string, lines ...string) map[int]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	in, say := io.Pipe()
	answers := make(chan string, 100)
	out, hear := io.Pipe()
	go func() {
		defer close(answers)
		for lines := bufio.NewReader(out); ; {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			answers <- line
		}
	}()
	ended := make(chan outcome, 1)
	go func() {
		var stderr lockedBuffer
		code := runTo(ctx, u, in, hear, &stderr, args)
		hear.Close()
		ended <- outcome{code: code, stderr: stderr.String()}
	}()
	got := map[int]string{}
	wait := func(id int) {
		t.Helper()
		for got[id] == "" {
			select {
			case line, ok := <-answers:
				if !ok {
					t.Fatalf("it ended without an answer to %d: %+v", id, <-ended)
				}
				var message struct {
					ID     *int   `json:"id"`
					Method string `json:"method"`
				}
				if err := json.Unmarshal([]byte(line), &message); err != nil {
					t.Fatalf("stdout has a line that is no JSON: %s", line)
				}
				if message.ID != nil && message.Method == "" {
					got[*message.ID] = line
				}
			case <-ctx.Done():
				t.Fatalf("no answer to %d", id)
			}
		}
	}
	for _, line := range append([]string{hello, `{"jsonrpc":"2.0","method":"notifications/initialized"}`}, lines...) {
		if _, err := io.WriteString(say, line+"\n"); err != nil {
			t.Fatal(err)
		}
		var message struct{ ID int }
		if err := json.Unmarshal([]byte(line), &message); err != nil {
			t.Fatal(err)
		}
		if message.ID != 0 {
			wait(message.ID)
		}
	}
	say.Close()
	started := time.Now()
	select {
	case got := <-ended:
		if got.code != 0 {
			t.Errorf("at the end of input it ended with %d: %s", got.code, got.stderr)
		}
	case <-time.After(7 * time.Second):
		t.Fatal("it goes on after the end of input")
	}
	if took := time.Since(started); took > 6*time.Second {
		t.Errorf("after the end of input it took %s", took)
	}
	return got
}

const draw = `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"generate_image","arguments":{"prompt":"a lighthouse","model":"wan2.2-t2i-flash","size":"512*512","wait_seconds":200}}}`

// TestServeOutputDir: over stdio a picture lands where people look.
func TestServeOutputDir(t *testing.T) {
	t.Parallel()
	fast := []string{"serve", "--simulate", "--simulate-speed", "1000"}
	for _, test := range []struct {
		name string
		args []string
		make []string // folders there are
		want string   // folder of the picture, "" for none
	}{
		{"named", []string{"--output-dir", "HOME/art"}, nil, "art"},
		{"pictures folder", nil, []string{"Pictures"}, "Pictures/wan-image-mcp"},
		{"state folder", nil, nil, ".local/state/wan-image-mcp/simulated/output"},
		{"none", []string{"--output-dir", "none"}, []string{"Pictures"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := newUser(t)
			u.env["XDG_STATE_HOME"] = filepath.Join(u.home, ".local", "state")
			for _, dir := range test.make {
				if err := os.MkdirAll(filepath.Join(u.home, dir), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			args := fast
			for _, arg := range test.args {
				args = append(slices.Clip(args), strings.Replace(arg, "HOME", u.home, 1))
			}
			answer := u.speak(t, args, draw)[2]
			if test.want == "" {
				if strings.Contains(answer, `"path"`) {
					t.Errorf("without a folder the answer names a path: %s", answer)
				}
				return
			}
			pictures, err := filepath.Glob(filepath.Join(u.home, filepath.FromSlash(test.want), "*-lighthouse-1.png"))
			if err != nil || len(pictures) != 1 {
				t.Fatalf("there are %v in %s; the answer is %.600s", pictures, test.want, answer)
			}
			if !strings.Contains(answer, filepath.Base(pictures[0])) {
				t.Errorf("the answer does not name %s: %.600s", pictures[0], answer)
			}
		})
	}
}

// TestServeResults: the switches of results are seen in results.
func TestServeResults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args  []string
		has   []string
		lacks []string
	}{
		{nil, []string{`"image/jpeg"`, `"resource_link"`, `"structuredContent"`}, nil},
		{[]string{"--result-images", "none"}, []string{`"resource_link"`}, []string{`"image/jpeg"`}},
		{[]string{"--result-links", "none"}, []string{`"image/jpeg"`}, []string{`"resource_link"`}},
		{[]string{"--structured", "off"}, []string{`"resource_link"`}, []string{`"structuredContent"`}},
	} {
		u := newUser(t)
		answer := u.speak(t, append([]string{"serve", "--simulate", "--simulate-speed", "1000", "--output-dir", "none"}, test.args...), draw)[2]
		for _, want := range test.has {
			if !strings.Contains(answer, want) {
				t.Errorf("with %q the answer has no %s", test.args, want)
			}
		}
		for _, no := range test.lacks {
			if strings.Contains(answer, no) {
				t.Errorf("with %q the answer has %s", test.args, no)
			}
		}
	}
}

// TestServeModels: the schema has the enabled models only.
func TestServeModels(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	list := u.speak(t, []string{"serve", "--models", "wan2.2-t2i-flash,wanx2.1-t2i-turbo", "--max-images-per-call", "2"},
		`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)[2]
	if !strings.Contains(list, `"enum":["wan2.2-t2i-flash","wan2.1-t2i-turbo"]`) || strings.Contains(list, "wan2.6-t2i") {
		t.Errorf("tools/list is not narrowed: %.2000s", list)
	}
	if !strings.Contains(list, `"maximum":2`) {
		t.Errorf("tools/list does not narrow n to 2: %.2000s", list)
	}
}

// TestServeWithoutKey: it starts, lists, and says what to set; nothing is simulated.
func TestServeWithoutKey(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"serve"}} {
		u := newUser(t)
		answers := u.speak(t, args, `{"jsonrpc":"2.0","id":3,"method":"tools/list"}`, draw)
		if !strings.Contains(answers[3], "generate_image") {
			t.Errorf("without a key tools/list answers %s", answers[3])
		}
		for _, want := range []string{`"isError":true`, "DASHSCOPE_API_KEY", "env block", "--simulate"} {
			if !strings.Contains(answers[2], want) {
				t.Errorf("without a key generate_image does not say %s: %s", want, answers[2])
			}
		}
	}
}
