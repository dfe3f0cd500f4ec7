package resources_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/dashscope/simulator"
	"wan-image-mcp/resources"
	"wan-image-mcp/resources/store"
	"wan-image-mcp/tasks"
	"wan-image-mcp/tasks/journal"
)

// shelf is a server that has resources and nothing else, on the strict simulator.
type shelf struct {
	*testing.T
	server  *mcpserver.MCPServer
	shelf   *resources.Shelf
	service *tasks.Service
	owner   string // of what is asked
}

const upstream = "127.0.0.1:8080"

// inBubble runs a test with a shelf, in fake time.
func inBubble(t *testing.T, change func(*resources.Deps), test func(s *shelf)) {
	t.Helper()
	sim, err := simulator.New(simulator.Options{Strict: true, Speed: 100})
	if err != nil {
		t.Fatal(err)
	}
	inBubbleOn(t, sim, sim, change, test)
}

// inBubbleOn is inBubble with pictures from another host.
func inBubbleOn(t *testing.T, sim, images http.RoundTripper, change func(*resources.Deps), test func(s *shelf)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		j, err := journal.Open(filepath.Join(dir, "journal.db"))
		if err != nil {
			t.Fatal(err)
		}
		folder, err := store.Open(filepath.Join(dir, "pictures"), store.Options{Transport: images, AllowHosts: []string{upstream}, MinFree: -1})
		if err != nil {
			t.Fatal(err)
		}
		client := &dashscope.Client{APIKey: "sk-canary", BaseURL: "http://" + upstream + "/api/v1", Transport: sim}
		s := &shelf{T: t, owner: "anna"}
		s.service, err = tasks.New(tasks.Config{Client: client, Journal: j, Store: folder, Upstream: "simulator"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
		ended := make(chan error, 1)
		go func() { ended <- s.service.Run(ctx) }()
		t.Cleanup(func() {
			stop()
			if err := errors.Join(<-ended, j.Close(), folder.Close()); err != nil {
				t.Error(err)
			}
		})
		d := resources.Deps{Service: s.service, Caller: func(context.Context) tasks.Caller { return tasks.Caller{Owner: s.owner} }}
		if change != nil {
			change(&d)
		}
		s.shelf = resources.New(d)
		s.server = mcpserver.NewMCPServer("test", "1", mcpserver.WithHooks(&mcpserver.Hooks{}), mcpserver.WithCompletions(),
			mcpserver.WithResourceCompletionProvider(s.shelf))
		s.shelf.Register(s.server)
		test(s)
	})
}

func (s *shelf) order(prompt string) *tasks.Ticket {
	s.Helper()
	ticket, err := s.service.Generate(s.Context(), tasks.Order{Caller: tasks.Caller{Owner: s.owner}, Request: dashscope.ImageRequest{
		Model: "wan2.2-t2i-flash", Size: "512*512", Prompt: prompt, N: 2,
	}})
	if err != nil {
		s.Fatal(err)
	}
	return ticket
}

func (s *shelf) make(prompt string) tasks.Task {
	s.Helper()
	ticket := s.order(prompt)
	defer ticket.Done(true)
	task, err := ticket.Wait(s.Context(), time.Hour, nil)
	if err != nil || task.State != tasks.Succeeded {
		s.Fatalf("make a picture: got %s %s, %v", task.State, task.Reason, err)
	}
	return task
}

type answer struct {
	Result struct {
		Contents   []content
		Resources  []struct{ URI, Name, Title, MIMEType string }
		Templates  []struct{ URITemplate, Name string } `json:"resourceTemplates"`
		Completion struct{ Values []string }
	}
	Error *struct {
		Code    int
		Message string
	}
}

type content struct{ URI, MIMEType, Text, Blob string }

const modernMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`

// ask sends a request with these params, in the era that they tell.
func (s *shelf) ask(method, params string) answer {
	s.Helper()
	raw, err := json.Marshal(s.server.HandleMessage(s.Context(), json.RawMessage(`{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":`+params+`}`)))
	if err != nil {
		s.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		s.Fatal(err)
	}
	return a
}

func (s *shelf) read(uri string) answer {
	s.Helper()
	quoted, err := json.Marshal(uri)
	if err != nil {
		s.Fatal(err)
	}
	return s.ask("resources/read", `{"uri":`+string(quoted)+`}`)
}

func TestRead(t *testing.T) {
	inBubble(t, nil, func(s *shelf) {
		made := s.make("a boat")
		for n := 1; n <= 2; n++ {
			uri := tasks.PictureURI(made.ID, n)
			got := s.read(uri).Result.Contents
			_, want, err := s.service.Bytes(s.Context(), tasks.Caller{Owner: "anna"}, made.ID, n)
			if err != nil {
				s.Fatal(err)
			}
			if diff := cmp.Diff([]content{{URI: uri, MIMEType: "image/png", Blob: base64.StdEncoding.EncodeToString(want)}}, got); diff != "" {
				s.Errorf("picture %d: %.300s", n, diff)
			}
		}
		var a tasks.Answer
		got := s.read(tasks.TaskURI(made.ID)).Result.Contents
		if err := json.Unmarshal([]byte(got[0].Text), &a); err != nil || got[0].MIMEType != "application/json" {
			s.Fatalf("task: got %+v, %v", got, err)
		}
		if diff := cmp.Diff(made.Answer(), a); diff != "" {
			s.Errorf("task: %s", diff)
		}
		var b tasks.Budget
		if err := json.Unmarshal([]byte(s.read(tasks.BudgetURI).Result.Contents[0].Text), &b); err != nil || b.ImagesToday != 2 {
			s.Errorf("budget: got %+v, %v, want 2 images", b, err)
		}
	})
}

// bigPictures is an image host whose pictures do not shrink.
type bigPictures []byte

func (b bigPictures) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Request: r, ContentLength: int64(len(b)), Header: http.Header{"Content-Type": {"image/png"}},
		Body: io.NopCloser(bytes.NewReader(b)),
	}, nil
}

// Widespread clients close the connection over a message of 10 MiB.
func TestReadTooBig(t *testing.T) {
	noise := image.NewNRGBA(image.Rect(0, 0, 1500, 1500))
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise.Pix) // never fails
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&b, noise); err != nil {
		t.Fatal(err)
	}
	sim, err := simulator.New(simulator.Options{Strict: true, Speed: 100})
	if err != nil {
		t.Fatal(err)
	}
	inBubbleOn(t, sim, bigPictures(b.Bytes()), nil, func(s *shelf) {
		made := s.make("noise")
		got := s.read(tasks.PictureURI(made.ID, 1)).Result.Contents
		if len(got) != 1 || got[0].Blob != "" || !strings.Contains(got[0].Text, made.Pictures[0].Link.Reveal()) {
			s.Errorf("a picture of %d bytes: got %.300q, want where it is", b.Len(), got)
		}
	})
}

func TestReadModel(t *testing.T) {
	models := dashscope.Models()
	inBubble(t, func(d *resources.Deps) { d.Models, d.Region = models[:5], dashscope.Singapore }, func(s *shelf) {
		for uri, want := range map[string]string{
			"wan://models/wan2.6-t2i":        `"price_cny":0.220177,"submits_per_second":5,"running_at_once":5,"typical_seconds":27.5,"region":"singapore","enabled":true`,
			"wan://models/WAN2.6-T2I":        `"model":"wan2.6-t2i"`,
			"wan://models/wanx2.1-t2i-plus":  `"model":"wan2.1-t2i-plus","also_known_as":["wanx2.1-t2i-plus"],"served":true`,
			"wan://models/wan2.1-t2i-turbo":  `"enabled":false`,                                       // switched off
			"wan://models/wanx2.0-t2i-turbo": `"served":false,"regions":["beijing"],"prompt_max":800`, // not served there
		} {
			got := s.read(uri)
			if got.Error != nil || !strings.Contains(got.Result.Contents[0].Text, want) || got.Result.Contents[0].URI != uri {
				s.Errorf("%s: got %+v, %.300v, want %s", uri, got.Error, got.Result.Contents, want)
				continue
			}
			var facts struct {
				Schema struct {
					Type       string
					Properties map[string]any
				}
			}
			if err := json.Unmarshal([]byte(got.Result.Contents[0].Text), &facts); err != nil || facts.Schema.Properties["size"] == nil {
				s.Errorf("%s: no schema (%v)", uri, err)
			}
		}
	})
}

// A URI that is not exactly one of ours is none, whatever it decodes to.
func TestNotFound(t *testing.T) {
	inBubble(t, nil, func(s *shelf) {
		made := s.make("a boat")
		id := made.ID
		for _, uri := range []string{
			"", "wan://", "wan://x", "wan:///etc/passwd", "file:///etc/passwd", "http://127.0.0.1/",
			"wan://images/" + id, "wan://images/" + id + "/", "wan://images/" + id + "/0", "wan://images/" + id + "/01",
			"wan://images/" + id + "/-1", "wan://images/" + id + "/1.0", "wan://images/" + id + "/1e0", "wan://images/" + id + "/３",
			"wan://images/" + id + "/1/", "wan://images/" + id + "/1?x", "wan://images/" + id + "/1#x", "wan://images/" + id + "/%31",
			"wan://images/" + id + "/3", "wan://images/" + id + "/9",
			"wan://images/../" + id + "/1", "wan://images/%2e%2e%2f" + id + "/1", "wan://images/" + id + "%2f1",
			"WAN://images/" + id + "/1", "wan://Images/" + id + "/1", "wan://images/" + strings.ToUpper(id) + "/1",
			" wan://images/" + id + "/1", "wan://images/" + id + "/1\n", "wan://images/" + id + "/1\x00", "wan://images/\x00" + id[1:] + "/1",
			"wan://tasks/" + id + "/1", "wan://tasks/" + id[:25], "wan://tasks/" + made.UpstreamTaskID, "wan://tasks/" + strings.Repeat("a", 26),
			"wan://models/", "wan://models/gpt", "wan://models/../budget", "wan://models/wan2.6-t2i%00", "wan://budget/", "wan://budget?x",
			"wan://tasks/" + strings.Repeat("a", 4096), "wan://images/" + strings.Repeat("../", 1400) + "/1",
		} {
			got := s.read(uri)
			if got.Error == nil || got.Error.Code != -32002 {
				s.Errorf("%.80q: got %+v, %.80v, want -32002", uri, got.Error, got.Result.Contents)
				continue
			}
			if len(got.Error.Message) > 500 || strings.ContainsFunc(got.Error.Message, func(r rune) bool { return r < ' ' }) {
				s.Errorf("%.80q: the error repeats it: %.600q", uri, got.Error.Message)
			}
			quoted, _ := json.Marshal(uri)
			if modern := s.ask("resources/read", `{"uri":`+string(quoted)+`,`+modernMeta+`}`); modern.Error == nil || modern.Error.Code != -32602 {
				s.Errorf("%.80q in 2026-07-28: got %+v, want -32602", uri, modern.Error)
			}
		}
	})
}

func TestNotFoundTellsWhy(t *testing.T) {
	inBubble(t, nil, func(s *shelf) {
		ticket := s.order("a boat [sim:slow=60s]")
		defer ticket.Done(false)
		running := ticket.Task().ID
		partial := s.make("a boat [sim:partial]")
		for uri, want := range map[string]string{
			tasks.PictureURI(running, 1):    "yet: the task is",
			tasks.PictureURI(partial.ID, 2): partial.Pictures[1].Reason,
			tasks.PictureURI(partial.ID, 3): "has 2",
			"wan://tasks/unknown":           "no such resource",
		} {
			if got := s.read(uri); got.Error == nil || got.Error.Code != -32002 || !strings.Contains(got.Error.Message, want) {
				s.Errorf("%s: got %+v, want -32002 with %q", uri, got.Error, want)
			}
		}
	})
}

func TestOtherOwner(t *testing.T) {
	inBubble(t, nil, func(s *shelf) {
		made := s.make("a secret")
		s.owner = "berta"
		nobody := strings.Repeat("a", 26)
		for _, uri := range []string{"wan://tasks/ID", "wan://images/ID/1", "wan://images/ID/7"} {
			theirs := s.read(strings.Replace(uri, "ID", made.ID, 1))
			nothing := s.read(strings.Replace(uri, "ID", nobody, 1))
			theirs.Error.Message = strings.ReplaceAll(theirs.Error.Message, made.ID, nobody)
			if diff := cmp.Diff(nothing, theirs); diff != "" {
				s.Errorf("%s: another's is told from what is not there: %s", uri, diff)
			}
		}
		if s.shelf.Exists(s.Context(), tasks.TaskURI(made.ID)) {
			s.Error("another owner's task exists")
		}
		for _, r := range s.ask("resources/list", `{}`).Result.Resources {
			if strings.Contains(fmt.Sprint(r), made.ID) || strings.Contains(fmt.Sprint(r), "secret") {
				s.Errorf("another owner's list has %+v", r)
			}
		}
		if got := s.complete("wan://tasks/{task_id}", "task_id", "", ""); len(got) > 0 {
			s.Errorf("another owner's completions: %v", got)
		}
		if got := s.complete("wan://images/{task_id}/{n}", "n", "", made.ID); len(got) > 0 {
			s.Errorf("another owner's pictures: %v", got)
		}
	})
}

func TestList(t *testing.T) {
	inBubble(t, nil, func(s *shelf) {
		made := s.make("  a boat\n  on a  lake  ")
		names, titles := map[string]bool{}, map[string]string{}
		for _, r := range s.ask("resources/list", `{}`).Result.Resources {
			if names[r.Name] {
				s.Errorf("two resources are named %q: pages go by name", r.Name)
			}
			names[r.Name] = true
			titles[r.URI] = r.Title
			if got := s.read(r.URI); got.Error != nil {
				s.Errorf("%s is listed but cannot be read: %+v", r.URI, got.Error)
			} else if got.Result.Contents[0].MIMEType != r.MIMEType {
				s.Errorf("%s: is %s, listed as %s", r.URI, got.Result.Contents[0].MIMEType, r.MIMEType)
			}
		}
		for _, uri := range []string{tasks.BudgetURI, tasks.ModelURI("wan2.6-t2i"), tasks.TaskURI(made.ID), tasks.PictureURI(made.ID, 1), tasks.PictureURI(made.ID, 2)} {
			if titles[uri] == "" {
				s.Errorf("%s is not listed, or has no title", uri)
			}
		}
		if got := titles[tasks.TaskURI(made.ID)]; got != "a boat on a lake" {
			s.Errorf("title: got %q", got)
		}
		cursor := base64.StdEncoding.EncodeToString([]byte("zzz"))
		if got := s.ask("resources/list", `{"cursor":"`+cursor+`"}`).Result.Resources; len(got) > 0 {
			s.Errorf("the page after the last: got %+v", got)
		}
		if got := s.ask("resources/list", `{"cursor":"%"}`); got.Error == nil || got.Error.Code != -32602 {
			s.Errorf("a cursor that is none: got %+v", got.Error)
		}
		if got := s.ask("resources/templates/list", `{}`).Result.Templates; len(got) != 3 {
			s.Errorf("templates: got %+v, want 3", got)
		}
	})
}

func TestListIsBounded(t *testing.T) {
	inBubble(t, nil, func(s *shelf) {
		for i := range 30 {
			s.order(fmt.Sprintf("boat %d [sim:stuck]", i)).Done(false)
		}
		listed := 0
		for _, r := range s.ask("resources/list", `{}`).Result.Resources {
			if strings.HasPrefix(r.URI, "wan://tasks/") {
				listed++
			}
		}
		if listed != 20 {
			s.Errorf("tasks in a list: got %d, want the 20 newest", listed)
		}
	})
}

// complete asks for the values of a variable.
func (s *shelf) complete(template, name, value, task string) []string {
	s.Helper()
	got := s.ask("completion/complete", fmt.Sprintf(
		`{"ref":{"type":"ref/resource","uri":%q},"argument":{"name":%q,"value":%q},"context":{"arguments":{"task_id":%q}}}`, template, name, value, task))
	if got.Error != nil {
		s.Fatalf("complete %s: %+v", name, got.Error)
	}
	return got.Result.Completion.Values
}

func TestComplete(t *testing.T) {
	inBubble(t, nil, func(s *shelf) {
		made := s.make("a boat")
		for _, c := range []struct {
			template, name, value, task string
			want                        []string
		}{
			{"wan://models/{model}", "model", "wan2.6", "", []string{"wan2.6-t2i"}},
			{"wan://models/{model}", "model", "wanx2.1-t2i-p", "", []string{"wanx2.1-t2i-plus"}},
			{"wan://models/{model}", "model", "gpt", "", []string{}},
			{"wan://tasks/{task_id}", "task_id", made.ID[:3], "", []string{made.ID}},
			{"wan://images/{task_id}/{n}", "task_id", "", "", []string{made.ID}},
			{"wan://images/{task_id}/{n}", "n", "", made.ID, []string{"1", "2"}},
			{"wan://images/{task_id}/{n}", "n", "2", made.ID, []string{"2"}},
			{"wan://images/{task_id}/{n}", "n", "", "../" + made.ID, []string{}},
			{"wan://tasks/{task_id}", "model", "", "", []string{}},
			{"test://else/{model}", "model", "", "", []string{}},
		} {
			if diff := cmp.Diff(c.want, s.complete(c.template, c.name, c.value, c.task)); diff != "" {
				s.Errorf("%s of %s, %q: %s", c.name, c.template, c.value, diff)
			}
		}
	})
}

var _ mcpserver.ResourceCompletionProvider = (*resources.Shelf)(nil)
