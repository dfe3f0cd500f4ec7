package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"wan-image-mcp/server"
)

// peer is a client at the other end of stdio.
type peer struct {
	testing.TB
	in    *io.PipeWriter
	lines *bufio.Reader
	out   *io.PipeReader
	ended chan error
	stop  context.CancelFunc
}

func dial(t testing.TB, w *world) *peer {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	p := &peer{TB: t, in: inW, out: outR, lines: bufio.NewReader(outR), ended: make(chan error, 1), stop: stop}
	go func() {
		err := server.Stdio(ctx, w.MCPServer, inR, outW, nil)
		outW.Close()
		p.ended <- err
		close(p.ended)
	}()
	t.Cleanup(func() {
		stop()
		inW.Close()
		outR.Close()
		for range p.ended {
		}
	})
	return p
}

func (p *peer) send(lines ...string) {
	p.Helper()
	for _, line := range lines {
		if _, err := io.WriteString(p.in, line+"\n"); err != nil {
			p.Fatalf("send %.80s: %v", line, err)
		}
	}
}

func (p *peer) next() message {
	p.Helper()
	line, err := p.lines.ReadString('\n')
	if err != nil {
		p.Fatalf("read: %v", err)
	}
	return parse(p.TB, line)
}

// answer reads until the answer with this id, and returns it.
func (p *peer) answer(id string) message {
	p.Helper()
	for {
		if m := p.next(); string(m.ID) == id {
			return m
		}
	}
}

// rest reads to the end.
func (p *peer) rest() []message {
	p.Helper()
	var all []message
	for {
		line, err := p.lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			p.Fatal(err)
		}
		all = append(all, parse(p.TB, line))
	}
}

func (p *peer) start() {
	p.Helper()
	p.send(initialize, initialized)
	p.answer(`"init"`)
}

// inBubble runs a test in fake time, so that nothing but waiting takes any.
func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

func TestStdioCallsDoNotWaitForEachOther(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		p := dial(t, w)
		p.start()
		for i := range 100 {
			p.send(call(fmt.Sprint(i), "slow", "{}"))
		}
		synctest.Wait()
		if got := w.probe.running.Load(); got != 100 {
			t.Fatalf("slow calls under way: got %d, want 100", got)
		}
		before := time.Now()
		p.send(call(`"list"`, "list_models", "{}"))
		p.send(`{"jsonrpc":"2.0","id":"ping","method":"ping"}`)
		got := []string{string(p.next().ID), string(p.next().ID)}
		if !strings.Contains(strings.Join(got, " "), `"list"`) || !strings.Contains(strings.Join(got, " "), `"ping"`) {
			t.Errorf("first answers: got %v, want list and ping", got)
		}
		if took := time.Since(before); took != 0 {
			t.Errorf("list_models took %v beside slow calls, want nothing", took)
		}
	})
}

func TestStdioAnswersInitializeFirst(t *testing.T) {
	w := newWorld(t)
	for range 20 {
		p := dial(t, w)
		var b strings.Builder
		b.WriteString(initialize + "\n")
		for i := range 30 {
			b.WriteString(call(fmt.Sprint(i), "receipt", "{}") + "\n")
		}
		go func() { _, _ = io.WriteString(p.in, b.String()) }()
		if got := string(p.next().ID); got != `"init"` {
			t.Fatalf("first answer: got id %s, want that of initialize", got)
		}
		for range 30 {
			p.next()
		}
	}
}

func TestStdioKeepsIDs(t *testing.T) {
	w := newWorld(t)
	p := dial(t, w)
	p.start()
	for _, id := range []string{`9007199254740993`, `"a\u0062c"`, `""`, `-1`, `1.50`, `1e3`} {
		p.send(call(id, "receipt", "{}"))
		if got := string(p.next().ID); got != id {
			t.Errorf("id: got %s, want %s", got, id)
		}
	}
}

func TestStdioCancel(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		p := dial(t, w)
		p.start()
		p.send(call("7", "slow", "{}"), call(`"7"`, "slow", "{}"))
		p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`)
		if explicit := <-w.probe.canceled; !explicit {
			t.Error("the tool was not told that the client cancelled")
		}
		if delivered := <-w.probe.delivered; delivered {
			t.Error("a cancelled call counts as delivered")
		}
		p.send(call("8", "receipt", "{}"))
		if got := string(p.next().ID); got != "8" {
			t.Errorf("got an answer to %s, want none to a cancelled call", got)
		}
		synctest.Wait()
		if got := w.probe.running.Load(); got != 1 {
			t.Errorf("calls under way: got %d, want the one with the other id", got)
		}
	})
}

func TestStdioEndOfInput(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		p := dial(t, w)
		p.start()
		p.send(call("1", "slow", "{}"), call("2", "slow", `{"seconds":0.1}`))
		<-w.probe.started
		<-w.probe.started
		before := time.Now()
		go func() {
			// The last line has no end.
			_, _ = io.WriteString(p.in, call("3", "list_models", "{}"))
			p.in.Close()
		}()
		texts := map[string]string{}
		for _, m := range p.rest() {
			texts[string(m.ID)] = m.text()
		}
		if texts["1"] != "still running" || texts["2"] != "done" || !strings.Contains(texts["3"], "wan2.6-t2i") {
			t.Errorf("answers at the end of input: got %.60q, want all three", texts)
		}
		if err := <-p.ended; err != nil {
			t.Errorf("end of input: got %v, want nil", err)
		}
		if took := time.Since(before); took > time.Second {
			t.Errorf("took %v to end, want a second at most", took)
		}
		if explicit := <-w.probe.canceled; explicit {
			t.Error("the end of input counts as a cancel by the client")
		}
	})
}

// Nobody can be sure to read an answer after he has left.
func TestStdioEndOfInputIsNoDelivery(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		p := dial(t, w)
		p.start()
		p.send(call("1", "receipt", "{}"))
		p.answer("1")
		if delivered := <-w.probe.delivered; !delivered {
			t.Error("an answer that was written to a client that stays: got not delivered")
		}
		p.send(call("2", "slow", "{}"))
		<-w.probe.started
		p.in.Close()
		p.rest()
		if delivered := <-w.probe.delivered; delivered {
			t.Error("an answer after the end of input: got delivered")
		}
	})
}

func TestStdioStops(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		p := dial(t, w)
		p.start()
		p.send(call("1", "slow", "{}"))
		<-w.probe.started
		p.send(`{"jsonrpc":"2.0","id":2,"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":["wan://budget"]},` + modernMeta + `}}`)
		p.next() // the acknowledgement
		before := time.Now()
		p.stop()
		for _, m := range p.rest() {
			if string(m.ID) == "1" && m.text() != "still running" {
				t.Errorf("answer of the running call: got %q", m.text())
			}
		}
		if err := <-p.ended; err != nil || time.Since(before) > time.Second {
			t.Errorf("stop: got %v after %v, want nil within a second", err, time.Since(before))
		}
		if explicit := <-w.probe.canceled; explicit {
			t.Error("a server that stops counts as a cancel by the client")
		}
	})
}

func TestStdioRefuses(t *testing.T) {
	w := newWorld(t)
	p := dial(t, w)
	p.start()
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	for name, c := range map[string]struct {
		line string
		code int
		id   string
	}{
		"garbage":             {"\x00\xff\xfe garbage", -32700, "null"},
		"no JSON":             {`{"jsonrpc":`, -32700, "null"},
		"two values":          {`{"jsonrpc":"2.0","id":1,"method":"ping"} {}`, -32700, "null"},
		"not UTF-8":           {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\xff\"}", -32700, "null"},
		"a batch":             {`[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, -32600, "null"},
		"a number":            {`7`, -32600, "null"},
		"a string":            {`"ping"`, -32600, "null"},
		"null":                {`null`, -32600, "null"},
		"no version":          {`{"id":1,"method":"ping"}`, -32600, "1"},
		"wrong version":       {`{"jsonrpc":"1.0","id":1,"method":"ping"}`, -32600, "1"},
		"id is null":          {`{"jsonrpc":"2.0","id":null,"method":"ping"}`, -32600, "null"},
		"id is an object":     {`{"jsonrpc":"2.0","id":{},"method":"ping"}`, -32600, "null"},
		"id too large":        {`{"jsonrpc":"2.0","id":1e999,"method":"ping"}`, -32600, "null"},
		"no method":           {`{"jsonrpc":"2.0","id":1}`, -32600, "1"},
		"method is a number":  {`{"jsonrpc":"2.0","id":1,"method":2}`, -32600, "1"},
		"long method":         {`{"jsonrpc":"2.0","id":1,"method":"` + strings.Repeat("x", 1000) + `"}`, -32600, "1"},
		"unknown method":      {`{"jsonrpc":"2.0","id":1,"method":"no/such"}`, -32601, "1"},
		"wrong case":          {`{"jsonrpc":"2.0","id":1,"METHOD":"ping"}`, -32600, "null"},
		"twice":               {`{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}`, -32600, "null"},
		"twice in case":       {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_models","Name":"generate_image"}}`, -32600, "null"},
		"folded by Unicode":   {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_models","argument\u017f":{}}}`, -32600, "null"},
		"argument twice":      {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_models","arguments":{"a":1,"a":2}}}`, -32600, "null"},
		"params is a list":    {`{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}`, -32600, "1"},
		"_meta is a list":     {`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":[]}}`, -32600, "1"},
		"_META":               {`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_META":{}}}`, -32600, "null"},
		"name is a number":    {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":5}}`, -32602, "1"},
		"uri is a list":       {`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":[]}}`, -32602, "1"},
		"odd version":         {`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":5}}`, -32602, "1"},
		"nested without end":  {`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":` + deep + `}}`, -32600, "null"},
		"over the limit":      {`{"jsonrpc":"2.0","id":1,"method":"` + strings.Repeat("x", server.MaxLine) + `"}`, -32700, "null"},
		"unknown tool":        {call("1", "no_such_tool", "{}"), -32602, "1"},
		"no tool":             {`{"jsonrpc":"2.0","id":1,"method":"tools/call"}`, -32602, "1"},
		"completion of nil":   {`{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{}}`, -32600, "1"},
		"unknown modern date": {`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2030-01-01","io.modelcontextprotocol/clientCapabilities":{}}}}`, -32022, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			p.send(c.line)
			m := p.next()
			if m.Error == nil || m.Error.Code != c.code || string(m.ID) != c.id {
				t.Errorf("got id %s, error %+v, want id %s, code %d", m.ID, m.Error, c.id, c.code)
			}
			p.send(call(`"after"`, "receipt", "{}"))
			if got := string(p.next().ID); got != `"after"` {
				t.Errorf("next call: got an answer to %s", got)
			}
		})
	}
}

func TestStdioTakesOddLines(t *testing.T) {
	w := newWorld(t)
	p := dial(t, w)
	p.start()
	p.send("", "   ", "\r", call("1", "receipt", "{}")+"\r", `{"jsonrpc":"2.0","id":5,"result":{}}`, `{"jsonrpc":"2.0","method":"notifications/unknown"}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}`, `{"jsonrpc":"2.0","method":"notifications/cancelled"}`,
		`{"jsonrpc":"2.0","id":2,"method":"ping","params":null}`)
	got := []string{string(p.next().ID), string(p.next().ID)}
	if strings.Join(got, " ") != "1 2" && strings.Join(got, " ") != "2 1" {
		t.Errorf("answers: got %v, want those to 1 and 2 and nothing else", got)
	}
}

// endless is a line without an end, for as long as it lasts.
type endless struct{ left int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), e.left)], manyX)
	e.left -= int64(n)
	return n, nil
}

var manyX = strings.Repeat("x", 64<<10)

func TestStdioLineWithoutEnd(t *testing.T) {
	w := newWorld(t)
	in := io.MultiReader(strings.NewReader(initialize+"\n"), &endless{300 << 20}, strings.NewReader("\n"+call("1", "receipt", "{}")+"\n"))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var out strings.Builder
	if err := server.Stdio(t.Context(), w.MCPServer, in, &out, nil); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || parse(t, lines[1]).Error == nil || parse(t, lines[1]).Error.Code != -32700 || parse(t, lines[2]).text() == "" {
		t.Errorf("answers: got %.300q, want those to initialize, to the line and to the call", lines)
	}
	if grown := int64(after.TotalAlloc - before.TotalAlloc); grown > 40<<20 {
		t.Errorf("a line of 300 MB took %d bytes of memory", grown)
	}
}

func TestStdioClientThatNeverReads(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		p := dial(t, w)
		p.start()
		sent := make(chan int)
		go func() {
			n := 0
			for range 3 * server.MaxCalls {
				if _, err := io.WriteString(p.in, call(fmt.Sprint(n), "receipt", "{}")+"\n"); err != nil {
					break
				}
				n++
			}
			sent <- n
		}()
		synctest.Wait()
		before := time.Now()
		p.stop()
		if err := <-p.ended; err != nil || time.Since(before) > time.Second {
			t.Errorf("stop: got %v after %v, want nil within a second", err, time.Since(before))
		}
		p.in.Close()
		if n := <-sent; n > server.MaxCalls+2 {
			t.Errorf("took %d messages of a client that does not read, want no more than %d", n, server.MaxCalls+2)
		}
	})
}

func TestStdioTooManyCalls(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		p := dial(t, w)
		p.start()
		for i := range server.MaxCalls {
			p.send(call(fmt.Sprint(i), "slow", "{}"))
		}
		p.send(call(`"over"`, "slow", "{}"))
		m := p.next()
		if string(m.ID) != `"over"` || m.Error == nil || m.Error.Code != -32603 {
			t.Errorf("call over the limit: got id %s, error %+v", m.ID, m.Error)
		}
		p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":0}}`)
		<-w.probe.delivered
		p.send(call(`"fits"`, "receipt", "{}"))
		if m := p.next(); m.text() != "here you are" {
			t.Errorf("call after one was cancelled: got %+v", m)
		}
	})
}

// A hundred messages of the largest size must not be held at once.
func TestStdioTooManyBytes(t *testing.T) {
	w := newWorld(t)
	p := dial(t, w)
	p.start()
	fill := strings.Repeat(" ", server.MaxLine-200) + "{}"
	refused := make(chan message, 1)
	go func() {
		for {
			if m := p.next(); m.Error != nil {
				refused <- m
				return
			}
		}
	}()
	for i := range 9 {
		p.send(call(fmt.Sprint(i), "slow", fill))
	}
	if m := <-refused; m.Error.Code != -32603 || !strings.Contains(m.Error.Message, "Too many") {
		t.Errorf("got %+v, want a refusal for want of room", m.Error)
	}
}

func TestStdioProgressComesBeforeTheAnswer(t *testing.T) {
	w := newWorld(t)
	p := dial(t, w)
	p.start()
	for i := range 20 {
		token := fmt.Sprintf(`"token %d"`, i)
		p.send(`{"jsonrpc":"2.0","id":` + fmt.Sprint(i) + `,"method":"tools/call","params":{"name":"progress","_meta":{"progressToken":` + token + `}}}`)
		seen := 0.0
		for {
			m := p.next()
			if m.Method == "" {
				break
			}
			if m.Params.Progress != seen+1 {
				t.Fatalf("progress: got %v after %v", m.Params.Progress, seen)
			}
			seen++
		}
		if seen != 50 {
			t.Fatalf("progress before the answer: got %v messages, want 50", seen)
		}
	}
}

func TestPanicsTellNothing(t *testing.T) {
	log := &logs{}
	w := newWorld(t, func(d *server.Deps) { d.Logger = log.logger() })
	p := dial(t, w)
	p.start()
	p.send(call("1", "panic", "{}"))
	line, err := p.lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(line, "sk-secret") || !strings.Contains(line, "internal error") || !strings.Contains(line, `"isError":true`) {
		t.Errorf("answer: got %s", line)
	}
	_, reference, _ := strings.Cut(parse(t, line).text(), "reference ")
	if got := log.String(); strings.Contains(got, "sk-secret") || reference == "" || !strings.Contains(got, reference) {
		t.Errorf("log: want reference %q and no secret, got %s", reference, got)
	}
	p.send(call("2", "receipt", "{}"))
	if m := p.next(); m.text() != "here you are" {
		t.Errorf("the next call: got %+v", m)
	}
}

func TestStdioClientThatIsGone(t *testing.T) {
	w := newWorld(t)
	p := dial(t, w)
	p.start()
	p.out.Close()
	p.send(call("1", "receipt", "{}"))
	if err := <-p.ended; err == nil || !strings.Contains(err.Error(), "write to the client") {
		t.Errorf("got %v, want an error of writing", err)
	}
	if delivered := <-w.probe.delivered; delivered {
		t.Error("an answer that could not be written counts as delivered")
	}
}

func TestStdioServesBothEras(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		p := dial(t, w)
		// No initialize: this era has none.
		p.send(`{"jsonrpc":"2.0","id":"d","method":"server/discover","params":{` + modernMeta + `}}`)
		if m := p.answer(`"d"`); !strings.Contains(string(m.Result), "2026-07-28") || !strings.Contains(string(m.Result), "2024-11-05") {
			t.Errorf("server/discover: got %s, want both eras", m)
		}
		p.send(modernCall("1", "list_models", "{}"), `{"jsonrpc":"2.0","id":2,"method":"ping","params":{`+modernMeta+`}}`)
		answers := map[string]message{}
		for range 2 {
			m := p.next()
			answers[string(m.ID)] = m
		}
		if !strings.Contains(answers["1"].text(), "wan2.6-t2i") {
			t.Errorf("list_models: got %s", answers["1"])
		}
		if e := answers["2"].Error; e == nil || e.Code != -32601 {
			t.Errorf("ping, which this era has not: got %s", answers["2"])
		}
		p.send(modernCall("3", "slow", "{}"))
		<-w.probe.started
		p.send(cancelled("3"))
		if explicit := <-w.probe.canceled; !explicit {
			t.Error("a cancel by the client counts as something else")
		}
		for _, version := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
			p.send(strings.Replace(initialize, "2025-11-25", version, 1))
			if m := p.answer(`"init"`); !strings.Contains(string(m.Result), `"protocolVersion":"`+version+`"`) {
				t.Errorf("initialize at %s: got %s", version, m)
			}
		}
	})
}

// A client that asks for many pictures and reads none must not fill the memory.
func TestPicturesAreReadAFewAtATime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		p := dial(t, w)
		p.start()
		p.send(small("a boat"))
		uri := p.answer(`"make"`).answer(t).Images[0].ResourceURI
		var reading atomic.Int64
		mcpserver.WithResourceHandlerMiddleware(func(next mcpserver.ResourceHandlerFunc) mcpserver.ResourceHandlerFunc {
			return func(ctx context.Context, req mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
				reading.Add(1)
				return next(ctx, req)
			}
		})(w.MCPServer)
		for range 20 {
			p.send(read(uri))
		}
		synctest.Wait()
		if got := reading.Load(); got != 4 {
			t.Errorf("pictures in memory: got %d, want 4", got)
		}
		for range 20 {
			if m := p.answer(`"read"`); m.Error != nil {
				t.Errorf("read: got %+v", m.Error)
			}
		}
	})
}

func TestStdioListenEndsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := dial(t, newWorld(t))
		p.send(listen("1", "wan://budget"))
		p.next() // the acknowledgement
		before := time.Now()
		p.in.Close()
		if rest := p.rest(); len(rest) != 1 || string(rest[0].ID) != "1" {
			t.Errorf("at the end of input: got %v, want the end of the stream", rest)
		}
		if took := time.Since(before); took != 0 {
			t.Errorf("took %v to end with nothing but a stream open, want nothing", took)
		}
	})
}
