package server_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"wan-image-mcp/server"
	"wan-image-mcp/tasks"
)

// person is one owner's client, over any transport.
type person struct {
	name string
	ask  func(message string) message
}

// people are the ways in which two owners can share a server.
func people(s *site) map[string][2]person {
	ways := map[string][2]person{}
	for i, name := range []string{"anna", "berta"} {
		session := s.session(bearer(name))
		stream := openSSE(s, bearer(name))
		for way, ask := range map[string]func(string) message{
			"Streamable HTTP": func(m string) message { return s.call(session, m, bearer(name)) },
			"HTTP+SSE": func(m string) message {
				stream.post(m)
				return stream.answer(string(parse(s.TB, m).ID))
			},
			"2026-07-28": func(m string) message { return s.modern(m, bearer(name)) },
		} {
			pair := ways[way]
			pair[i] = person{name, ask}
			ways[way] = pair
		}
	}
	return ways
}

// modern sends a message of the legacy era as a client of 2026-07-28 would.
func (s *site) modern(m string, h ...headers) message {
	s.Helper()
	var req struct {
		Method string
		Params struct{ Name, URI string }
	}
	if err := json.Unmarshal([]byte(m), &req); err != nil {
		s.Fatal(err)
	}
	h = append(h, jsonBody, headers{"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", req.Method})
	if name := req.Params.Name + req.Params.URI; name != "" {
		h = append(h, headers{"Mcp-Name", name})
	}
	m = strings.Replace(m, `"params":{`, `"params":{`+modernMeta+`,`, 1)
	return one(s.TB, s.do("POST", "/mcp", strings.Replace(m, modernMeta+`,}`, modernMeta+`}`, 1), h...))
}

// small orders a small picture and waits for it.
func small(prompt string) string {
	return call(`"make"`, "generate_image", `{"prompt":"`+prompt+`","model":"wan2.2-t2i-flash","size":"512*512","wait_seconds":60}`)
}

func read(uri string) string {
	return `{"jsonrpc":"2.0","id":"read","method":"resources/read","params":{"uri":"` + uri + `"}}`
}

func (m message) String() string { return fmt.Sprintf("result %s, error %+v", m.Result, m.Error) }

// Two owners on one server must not find out anything about each other.
func TestOwners(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		s := serveInBubble(t, w, server.Config{Tokens: twoTokens(t)})
		ways := people(s)
		made := ways["HTTP+SSE"][0].ask(small("a secret garden")).answer(t)
		if made.Status != tasks.Succeeded || len(made.Images) != 1 {
			t.Fatalf("generate_image: got %+v", made)
		}
		for way, pair := range ways {
			anna, berta := pair[0], pair[1]
			const nobody = "abcdefghijklmnopqrstuvwxyz"
			for _, ask := range []string{
				call(`"get"`, "get_task", `{"task_id":"ID","wait_seconds":0}`),
				call(`"get"`, "get_task", `{"task_id":"UPSTREAM","wait_seconds":0}`),
				read("wan://tasks/ID"),
				read("wan://images/ID/1"),
				`{"jsonrpc":"2.0","id":"c","method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"wan://images/{task_id}/{n}"},"argument":{"name":"n","value":""},"context":{"arguments":{"task_id":"ID"}}}}`,
				`{"jsonrpc":"2.0","id":"c","method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"wan://tasks/{task_id}"},"argument":{"name":"task_id","value":""}}}`,
			} {
				fill := func(id, upstream string) string {
					return strings.NewReplacer("ID", id, "UPSTREAM", upstream).Replace(ask)
				}
				strange := "00000000-0000-0000-0000-000000000000"
				theirs := berta.ask(fill(made.TaskID, made.UpstreamTaskID)).String()
				theirs = strings.NewReplacer(made.TaskID, nobody, made.UpstreamTaskID, strange).Replace(theirs)
				nothing := berta.ask(fill(nobody, strange)).String()
				if theirs != nothing {
					t.Errorf("%s: %s\nabout another's task: %s\nabout no task:        %s", way, ask, theirs, nothing)
				}
				if own := anna.ask(fill(made.TaskID, made.UpstreamTaskID)).String(); own == nothing {
					t.Errorf("%s: %s\nthe owner gets what a stranger gets: %s", way, ask, own)
				}
			}
			for _, list := range []string{
				`{"jsonrpc":"2.0","id":"l","method":"resources/list","params":{}}`,
				call(`"t"`, "get_task", `{}`), read("wan://budget"),
			} {
				if got := berta.ask(list).String(); strings.Contains(got, made.TaskID) || strings.Contains(got, "garden") {
					t.Errorf("%s: %s: berta sees %s", way, list, got)
				}
			}
			var got struct {
				Contents []struct{ Blob, MIMEType string }
			}
			m := anna.ask(read(made.Images[0].ResourceURI))
			if err := json.Unmarshal(m.Result, &got); err != nil || len(got.Contents) != 1 || got.Contents[0].MIMEType != "image/png" || len(got.Contents[0].Blob) < 1000 {
				t.Errorf("%s: the owner's picture: got %.300s, error %+v", way, m.Result, m.Error)
			}
			if got := anna.ask(`{"jsonrpc":"2.0","id":"l","method":"resources/list","params":{}}`).String(); !strings.Contains(got, made.Images[0].ResourceURI) {
				t.Errorf("%s: anna's list lacks her picture: %.300s", way, got)
			}
		}
	})
}

// Only who sits at this computer may look at tasks that this program did not make.
func TestForeignTasksAreForStdio(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		s := serveInBubble(t, w, server.Config{})
		created, err := w.client.Create(t.Context(), foreignRequest())
		if err != nil {
			t.Fatal(err)
		}
		get := call(`"get"`, "get_task", `{"task_id":"`+created.TaskID+`","wait_seconds":0}`)
		if got := s.call(s.session(), get).String(); !strings.Contains(got, "no such task") {
			t.Errorf("over HTTP: got %s", got)
		}
		p := dial(t, w)
		p.start()
		p.send(get)
		if got := p.answer(`"get"`).answer(t); got.UpstreamTaskID != created.TaskID {
			t.Errorf("over stdio: got %+v", got)
		}
	})
}

// Without tokens, everyone on this computer is its user.
func TestLocalOwner(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		s := serveInBubble(t, w, server.Config{})
		made := s.call(s.session(), small("a boat")).answer(t)
		p := dial(t, w)
		p.start()
		p.send(read(made.Images[0].ResourceURI))
		if m := p.answer(`"read"`); m.Error != nil {
			t.Errorf("what was made over HTTP, read over stdio: got %+v", m.Error)
		}
		task, err := w.service.Get(t.Context(), tasks.Caller{Owner: "me"}, made.TaskID)
		if err != nil || task.Owner != "me" {
			t.Errorf("owner: got %q (%v), want me", task.Owner, err)
		}
	})
}

// progress of one's call is one's own.
func TestProgressIsNotShared(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		s := serveInBubble(t, w, server.Config{Tokens: twoTokens(t)})
		berta := s.session(bearer("berta"))
		stream := s.do("GET", "/mcp", "", berta, headers{"Accept", "text/event-stream"}, bearer("berta"))
		sse := openSSE(s, bearer("berta"))
		anna := s.session(bearer("anna"))
		withToken := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"progress","_meta":{"progressToken":"anna's"}}}`
		s.call(anna, withToken, bearer("anna"))
		s.modern(strings.Replace(withToken, `"_meta":{"progressToken":"anna's"}`, `"arguments":{}`, 1), bearer("anna"))
		time.Sleep(200 * time.Millisecond)
		s.call(berta, call("2", "receipt", "{}"), bearer("berta"))
		s.stop()
		for name, r := range map[string]interface{ Read([]byte) (int, error) }{"GET /mcp": stream.Body, "/sse": sse.events} {
			seen := make([]byte, 0, 4096)
			buf := make([]byte, 4096)
			for {
				n, err := r.Read(buf)
				seen = append(seen, buf[:n]...)
				if err != nil {
					break
				}
			}
			if strings.Contains(string(seen), "anna") || strings.Contains(string(seen), "progress") {
				t.Errorf("%s of another owner carried %s", name, seen)
			}
		}
	})
}
