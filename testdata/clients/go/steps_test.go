package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// hasStructure reports whether a result of this version has structuredContent and
// links, and tools an output schema.
func (s *client) hasStructure() bool { return s.version >= "2025-06-18" }

func toolsStep(t *testing.T, s *client) {
	tools, err := s.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(tools.Tools) != 3 {
		t.Errorf("got %d tools, want 3", len(tools.Tools))
	}
	for _, tool := range tools.Tools {
		if got := tool.OutputSchema != nil; got != s.hasStructure() {
			t.Errorf("%s has an output schema: %v", tool.Name, got)
		}
	}
	if text := textOf(call(t, s.ClientSession, "list_models", nil)); !strings.Contains(text, "wanx2.0-t2i-turbo") {
		t.Errorf("list_models answers %s", text)
	}
}

var (
	anID    = regexp.MustCompile(`\b[a-z0-9]{26}\b`)
	anImage = regexp.MustCompile(`wan://images/[a-z0-9]{26}/\d`)
)

// small are the arguments of an order that is drawn quickly.
func small(prompt string, more ...any) map[string]any {
	arguments := map[string]any{"prompt": prompt, "model": "wan2.2-t2i-flash", "size": "512*512"}
	for i := 0; i < len(more); i += 2 {
		arguments[more[i].(string)] = more[i+1]
	}
	return arguments
}

// order makes a picture and waits until it is there. All it needs stands in the
// text, which is what older versions have.
func (s *client) order(t *testing.T, arguments map[string]any) (*mcp.CallToolResult, string) {
	t.Helper()
	result := call(t, s.ClientSession, "generate_image", arguments)
	for deadline := time.Now().Add(2 * time.Minute); anImage.FindString(textOf(result)) == ""; {
		if time.Now().After(deadline) {
			t.Fatalf("no picture: %s", textOf(result))
		}
		id := anID.FindString(textOf(result))
		result = call(t, s.ClientSession, "get_task", map[string]any{"task_id": id, "wait_seconds": 20})
	}
	return result, anImage.FindString(textOf(result))
}

func pictureStep(t *testing.T, s *client) {
	result, uri := s.order(t, small("a lighthouse", "seed", nil))
	var kinds []string
	for _, c := range result.Content {
		kinds = append(kinds, fmt.Sprintf("%T", c))
	}
	slices.Sort(kinds)
	want := []string{"*mcp.ImageContent", "*mcp.ResourceLink", "*mcp.TextContent"}
	if !s.hasStructure() {
		want = []string{"*mcp.ImageContent", "*mcp.TextContent"}
	}
	if !slices.Equal(kinds, want) || (result.StructuredContent != nil) != s.hasStructure() {
		t.Errorf("the answer has %v and structuredContent %v, want %v", kinds, result.StructuredContent, want)
	}
	read, err := s.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: uri})
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.DecodeConfig(bytes.NewReader(read.Contents[0].Blob))
	if err != nil || picture.Width != 512 || picture.Height != 512 {
		t.Errorf("the picture is %d by %d (%v)", picture.Width, picture.Height, err)
	}
}

// inTime tries what needs a client that is quicker than a task of some time. A busy
// machine may make it too slow for the first; attempt says so with false, and gets
// the longer one.
func inTime(t *testing.T, attempt func(time.Duration) bool, durations ...time.Duration) {
	t.Helper()
	for _, d := range durations {
		if attempt(d) {
			return
		}
	}
	t.Fatalf("it is too slow for a task of %s, or something that it waits for never comes", durations[len(durations)-1])
}

func progressStep(t *testing.T, s *client) {
	inTime(t, func(d time.Duration) bool { return progress(t, s, d) }, 700*time.Millisecond, 10*time.Second)
}

func progress(t *testing.T, s *client, slow time.Duration) bool {
	t.Helper()
	token := "boat " + slow.String()
	params := &mcp.CallToolParams{Name: "generate_image", Arguments: small(fmt.Sprintf("a slow boat [sim:slow=%s]", slow))}
	params.SetProgressToken(token)
	if result, err := s.CallTool(t.Context(), params); err != nil || result.IsError {
		t.Fatalf("%v, %+v", err, result)
	}
	var got []float64
	for len(s.progress) > 0 {
		if p := <-s.progress; p.ProgressToken == token {
			got = append(got, p.Progress)
		}
	}
	// A session of Streamable HTTP has two streams, and either may carry a message.
	if s.transport == "HTTP" && s.version != modern {
		slices.Sort(got)
	}
	if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
		t.Errorf("got progress %v, want it to rise", got)
	}
	return len(got) >= 2
}

func laterStep(t *testing.T, s *client) {
	arguments := small("a kite", "wait_seconds", 0, "idempotency_key", "kite")
	first := textOf(call(t, s.ClientSession, "generate_image", arguments))
	again := textOf(call(t, s.ClientSession, "generate_image", arguments))
	if a, b := anID.FindString(first), anID.FindString(again); a == "" || a != b {
		t.Errorf("the same key gives tasks %q and %q", a, b)
	}
	if !strings.Contains(first, "get_task") {
		t.Errorf("it does not name the next call: %s", first)
	}
	s.order(t, arguments)
}

func parallelStep(t *testing.T, s *client) {
	var all sync.WaitGroup
	ids := make([]string, 4)
	for i, model := range []string{"wan2.2-t2i-flash", "wan2.2-t2i-plus", "wan2.1-t2i-plus", "wan2.1-t2i-turbo"} {
		all.Go(func() {
			// call would end the test from here, which only its own goroutine may.
			result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "generate_image", Arguments: small("a kite by "+model, "model", model)})
			if err != nil || result.IsError || !strings.Contains(textOf(result), model) {
				t.Errorf("%s: %v, %+v", model, err, result)
				return
			}
			ids[i] = anID.FindString(textOf(result))
		})
	}
	all.Wait()
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 4 {
		t.Errorf("four calls made tasks %v", ids)
	}
}

func badStep(t *testing.T, s *client) {
	if text := refused(t, s.ClientSession, "generate_image", map[string]any{"prompt": "x", "size": "1024*1024"}); !strings.Contains(text, "1280*1280") {
		t.Errorf("the refusal does not name a legal size: %s", text)
	}
	if text := refused(t, s.ClientSession, "generate_image", map[string]any{"prompt": "x", "sise": "1"}); !strings.Contains(text, "sise") {
		t.Errorf("the refusal does not name the argument: %s", text)
	}
}

func cancelStep(t *testing.T, s *client) {
	inTime(t, func(d time.Duration) bool { return cancelInLine(t, s, d) }, 5*time.Second, 30*time.Second)
}

// cancelInLine cancels an order that has to wait in line, behind one that the
// service takes so long to accept.
func cancelInLine(t *testing.T, s *client, delay time.Duration) bool {
	t.Helper()
	began := time.Now()
	call(t, s.ClientSession, "generate_image", small(fmt.Sprintf("first in line [sim:delay=%s]", delay), "wait_seconds", 0, "model", "wanx2.0-t2i-turbo"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	unwanted := fmt.Sprintf("not wanted any more (%s)", delay)
	params := &mcp.CallToolParams{Name: "generate_image", Arguments: small(unwanted, "model", "wanx2.0-t2i-turbo")}
	params.SetProgressToken(unwanted)
	go func() {
		for {
			select {
			case p := <-s.progress:
				if p.ProgressToken == unwanted {
					cancel()
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	if _, err := s.CallTool(ctx, params); !errors.Is(err, context.Canceled) {
		t.Errorf("the canceled call ended with %v", err)
	}
	if _, err := s.ListTools(t.Context(), nil); err != nil { // The cancel went before it.
		t.Fatal(err)
	}
	late := time.Since(began) > delay/2
	row := ""
	for deadline := time.Now().Add(time.Minute); !strings.Contains(row, "CANCELED"); time.Sleep(50 * time.Millisecond) {
		for line := range strings.Lines(textOf(call(t, s.ClientSession, "get_task", nil))) {
			if strings.Contains(line, unwanted) {
				row = line
			}
		}
		if late && strings.Contains(row, "SUCCEEDED") {
			return false
		}
		if time.Now().After(deadline) || strings.Contains(row, "SUCCEEDED") {
			t.Fatalf("it was not canceled: %s", row)
		}
	}
	return true
}

func updatesStep(t *testing.T, s *client) {
	inTime(t, func(d time.Duration) bool { return updated(t, s, d) }, time.Second, 15*time.Second)
}

func updated(t *testing.T, s *client, slow time.Duration) bool {
	t.Helper()
	id := anID.FindString(textOf(call(t, s.ClientSession, "generate_image", small(fmt.Sprintf("a cloud [sim:slow=%s]", slow), "wait_seconds", 0))))
	uri := "wan://tasks/" + id
	if err := s.Subscribe(t.Context(), &mcp.SubscribeParams{URI: uri}); err != nil {
		t.Fatal(err)
	}
	// What has ended by now may have ended before the watching began.
	watched := !anImage.MatchString(textOf(call(t, s.ClientSession, "get_task", map[string]any{"task_id": id, "wait_seconds": 0})))
	for deadline := time.Now().Add(time.Minute); watched && s.updated.Load() == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no update came")
		}
	}
	if err := s.Unsubscribe(t.Context(), &mcp.UnsubscribeParams{URI: uri}); err != nil {
		t.Error(err)
	}
	return watched
}

func unknownStep(t *testing.T, s *client) {
	want := int64(-32002)
	if s.version == modern {
		want = -32602
	}
	_, err := s.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "wan://tasks/aaaaaaaaaaaaaaaaaaaaaaaaaa"})
	if code := codeOf(err); code != want {
		t.Errorf("an unknown resource gives %v, want code %d", err, want)
	}
	_, err = s.CallTool(t.Context(), &mcp.CallToolParams{Name: "draw"})
	if code := codeOf(err); code != -32602 {
		t.Errorf("an unknown tool gives %v, want code -32602", err)
	}
}

func codeOf(err error) int64 {
	var wire *jsonrpc.Error
	if errors.As(err, &wire) {
		return wire.Code
	}
	return 0
}
