package server_test

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"wan-image-mcp/server"
)

func subscribe(id, uri string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"resources/subscribe","params":{"uri":"` + uri + `"}}`
}

func listen(id string, uris ...string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":["` +
		strings.Join(uris, `","`) + `"]},` + modernMeta + `}}`
}

// updates reads a stream until it has told so often that uri changed.
func updates(t *testing.T, next func() message, uri string, n int) []message {
	t.Helper()
	var all []message
	for len(all) < n {
		if m := next(); m.Method == "notifications/resources/updated" && m.Params.URI == uri {
			all = append(all, m)
		}
	}
	return all
}

// queued orders a picture and returns its id while it is not there yet.
func queued(t *testing.T, ask func(string) message) string {
	t.Helper()
	return ask(call(`"queue"`, "generate_image", `{"prompt":"a boat [sim:slow=30s]","model":"wan2.2-t2i-flash","size":"512*512","wait_seconds":0}`)).answer(t).TaskID
}

func TestSubscriptionsOverStdio(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := dial(t, newWorld(t))
		p.start()
		ask := func(m string) message { p.send(m); return p.answer(`"queue"`) }
		uri := "wan://tasks/" + queued(t, ask)
		p.send(subscribe(`"s"`, uri), subscribe(`"s"`, "wan://budget"))
		p.send(listen(`"stream"`, uri, "wan://tasks/abcdefghijklmnopqrstuvwxyz", "wan://budget"))
		seen := map[string]int{}
		for seen["legacy "+uri] == 0 || seen["legacy wan://budget"] == 0 || seen["stream "+uri] == 0 || seen["stream wan://budget"] == 0 {
			m := p.next()
			switch stream := m.Params.Meta["io.modelcontextprotocol/subscriptionId"]; {
			case m.Method != "notifications/resources/updated":
			case stream == nil:
				seen["legacy "+m.Params.URI]++
			default:
				seen[stream.(string)+" "+m.Params.URI]++
			}
		}
		p.send(`{"jsonrpc":"2.0","id":"u","method":"resources/unsubscribe","params":{"uri":"wan://budget"}}`, cancelled(`"stream"`))
		p.answer(`"u"`)
		synctest.Wait()
		p.send(call(`"make"`, "generate_image", `{"prompt":"another boat","model":"wan2.2-t2i-flash","size":"512*512","wait_seconds":60}`))
		for m := p.next(); string(m.ID) != `"make"`; m = p.next() {
			if m.Method == "notifications/resources/updated" && m.Params.URI == "wan://budget" {
				t.Errorf("an update after the client has unsubscribed: %v", m.Params)
			}
		}
	})
}

// What a client subscribes to that is not this server's takes nobody's place, nor
// any memory.
func TestSubscriptionsToStrangeResources(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := dial(t, newWorld(t))
		p.start()
		for i := range 1000 {
			p.send(subscribe(`"s"`, fmt.Sprintf("other://%d", i)))
			p.answer(`"s"`)
		}
		p.send(subscribe(`"s"`, "wan://budget"))
		p.answer(`"s"`)
		p.send(call(`"make"`, "generate_image", `{"prompt":"a boat","model":"wan2.2-t2i-flash","size":"512*512","wait_seconds":60}`))
		told := false
		for m := p.next(); string(m.ID) != `"make"`; m = p.next() {
			told = told || m.Method == "notifications/resources/updated" && m.Params.URI == "wan://budget"
		}
		if !told {
			t.Error("no update of the budget after a thousand subscriptions to nothing")
		}
	})
}

func TestSubscriptionsOverHTTP(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		s := serveInBubble(t, w, server.Config{Tokens: twoTokens(t)})
		anna, berta := bearer("anna"), bearer("berta")
		session, bertas := s.session(anna), s.session(berta)
		accept := headers{"Accept", "text/event-stream"}
		stream := bufio.NewReader(s.do("GET", "/mcp", "", session, accept, anna).Body)
		bertasStream := collect(s.do("GET", "/mcp", "", bertas, accept, berta))
		sse := openSSE(s, anna)
		id := queued(t, func(m string) message { return s.call(session, m, anna) })
		uri := "wan://tasks/" + id
		heading := headers{"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "subscriptions/listen"}
		modern := bufio.NewReader(s.do("POST", "/mcp", listen("5", uri), heading, anna, jsonBody).Body)
		bertasListen := collect(s.do("POST", "/mcp", listen("5", uri, "wan://budget"), heading, berta, jsonBody))

		theirs := s.call(bertas, subscribe("6", uri), berta).String()
		nothing := s.call(bertas, subscribe("6", "wan://tasks/abcdefghijklmnopqrstuvwxyz"), berta).String()
		if strings.ReplaceAll(theirs, id, "abcdefghijklmnopqrstuvwxyz") != nothing || !strings.Contains(theirs, "not found") {
			t.Errorf("subscribe to another's task: got %s, want %s as for no task", theirs, nothing)
		}
		if m := s.call(session, subscribe("7", uri), anna); m.Error != nil {
			t.Fatalf("subscribe: %+v", m.Error)
		}
		sse.post(subscribe("8", uri))
		sse.answer("8")

		updates(t, func() message { return event(t, stream) }, uri, 1)
		updates(t, func() message { return event(t, sse.events) }, uri, 1)
		for _, m := range updates(t, func() message { return event(t, modern) }, uri, 1) {
			if m.Params.Meta["io.modelcontextprotocol/subscriptionId"] != 5.0 {
				t.Errorf("a modern update carries %v", m.Params.Meta)
			}
		}
		s.call(session, call("9", "get_task", `{"task_id":"`+id+`","wait_seconds":60}`), anna)
		synctest.Wait()
		s.stop()
		for name, seen := range map[string]<-chan string{"GET": bertasStream, "listen": bertasListen} {
			if got := <-seen; strings.Contains(got, id) || strings.Contains(got, "updated") {
				t.Errorf("another owner's %s stream carried %s", name, got)
			}
		}
	})
}

// collect reads all of a stream, as it comes.
func collect(r *reply) <-chan string {
	all := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(r.Body) // the server cuts it when it stops
		all <- string(b)
	}()
	return all
}

// What the program does not have cannot be subscribed to, but anything else may
// be: the protocol does not ask that it exists.
func TestSubscribeUnknown(t *testing.T) {
	p := dial(t, newWorld(t))
	p.start()
	for uri, refused := range map[string]bool{
		"wan://tasks/x": true, "wan://images/abcdefghijklmnopqrstuvwxyz/1": true, "wan://models/gpt": true, "wan://": true,
		"wan://budget": false, "wan://models/wan2.6-t2i": false, "test://else": false,
	} {
		p.send(subscribe("1", uri))
		if m := p.answer("1"); (m.Error != nil) != refused {
			t.Errorf("subscribe to %s: got %+v, want refused %v", uri, m.Error, refused)
		}
	}
}

// A stream that is granted nothing ends at once, and says before it does so that
// nothing was granted. mcp-go drops that word in half of the cases.
func TestListenToNothing(t *testing.T) {
	s := serve(t, newWorld(t), server.Config{})
	heading := headers{"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "subscriptions/listen"}
	for range 20 {
		res := s.do("POST", "/mcp", listen("5", "wan://tasks/abcdefghijklmnopqrstuvwxyz"), heading, jsonBody)
		stream := bufio.NewReader(res.Body)
		if m := event(t, stream); m.Method != "notifications/subscriptions/acknowledged" {
			t.Fatalf("the stream begins with %+v", m)
		}
		if m := event(t, stream); string(m.ID) != "5" {
			t.Fatalf("the stream goes on with %+v", m)
		}
	}
}
