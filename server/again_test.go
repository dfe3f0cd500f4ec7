package server_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"wan-image-mcp/server"
	"wan-image-mcp/tasks"
)

const flower = `{"prompt":"a flower [sim:slow=20s]","model":"wan2.2-t2i-flash","size":"512*512"}`

// A client whose time limit is over sends the cancel and, right behind it, the
// same call again: it wants the same pictures, not to pay for others.
func TestCanceledAndAskedAgainIsOneOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		p := dial(t, w)
		p.start()
		p.send(call("1", "generate_image", flower))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`, call("2", "generate_image", flower))
		p.answer("2")
		if got := w.sim.Stats().Accepted; got != 1 {
			t.Errorf("orders at the service: got %d, want 1", got)
		}
	})
}

// "Still running" delivers nothing: the same call again finds the task.
func TestAskedAgainAfterStillRunningIsOneOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		p := dial(t, w)
		p.start()
		for _, c := range []struct{ id, wait string }{{"1", "1"}, {"2", "0"}, {"3", "100"}} {
			p.send(call(c.id, "generate_image", strings.Replace(flower, "{", `{"wait_seconds":`+c.wait+",", 1)))
			p.answer(c.id)
			synctest.Wait()
		}
		if got := w.sim.Stats().Accepted; got != 1 {
			t.Errorf("orders at the service: got %d, want 1", got)
		}
	})
}

func TestAskedAgainAfterTheAnswerIsAnotherOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		p := dial(t, w)
		p.start()
		for i, id := range []string{"1", "2"} {
			p.send(call(id, "generate_image", flower))
			p.answer(id)
			synctest.Wait()
			if got := w.sim.Stats().Accepted; got != i+1 {
				t.Errorf("orders at the service: got %d, want %d", got, i+1)
			}
		}
	})
}

// The same while the journal is busy, so that the canceled call is still being
// written down when the next one comes.
func TestCanceledWhileTheJournalIsBusyIsOneOrder(t *testing.T) {
	w := newWorld(t)
	p := dial(t, w)
	p.start()
	cancel := func(id string) string {
		return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}`
	}
	p.send(call("1", "generate_image", flower))
	for w.sim.Stats().Accepted == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	p.send(cancel("1"))
	for _, id := range []string{"2", "3", "4", "5"} {
		free := w.busy()
		p.send(call(id, "generate_image", flower))
		time.Sleep(50 * time.Millisecond)
		p.send(cancel(id), call("1"+id, "generate_image", flower))
		time.Sleep(50 * time.Millisecond)
		free()
		time.Sleep(100 * time.Millisecond)
		p.send(cancel("1" + id))
	}
	p.send(call("9", "get_task", "{}"))
	p.answer("9")
	if got := w.sim.Stats().Accepted; got != 1 {
		t.Errorf("orders at the service: got %d, want 1", got)
	}
}

// What a cancel has to write down must not hold up who else wants something.
func TestCancelWhileTheJournalIsBusyHoldsNobodyUp(t *testing.T) {
	w := newWorld(t)
	p := dial(t, w)
	p.start()
	p.send(call("1", "generate_image", flower))
	for w.sim.Stats().Accepted == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	free := w.busy()
	answered := make(chan bool, 1)
	go func() {
		p.send(cancelled("1"), `{"jsonrpc":"2.0","id":"ping","method":"ping"}`)
		p.answer(`"ping"`)
		answered <- true
	}()
	select {
	case <-answered:
	case <-time.After(5 * time.Second):
		t.Error("ping waits for the journal behind a cancel")
	}
	free()
}

// A repeated order and get_task for the same task, one behind the other: when the
// order came nobody waited on the task, however long it takes to be written down.
func TestRepeatBeforeGetTaskIsOneOrder(t *testing.T) {
	for name, connect := range map[string]func(t *testing.T, w *world) (send func(message string) (answer func(id string) message)){
		"stdio": func(t *testing.T, w *world) func(string) func(string) message {
			p := dial(t, w)
			p.start()
			return func(m string) func(string) message {
				p.send(m)
				return p.answer
			}
		},
		"HTTP": func(t *testing.T, w *world) func(string) func(string) message {
			s := serveInBubble(t, w, server.Config{})
			session := s.session()
			return func(m string) func(string) message {
				answered := make(chan message, 1)
				go func() { answered <- s.call(session, m) }()
				return func(string) message { return <-answered }
			}
		},
		"SSE": func(t *testing.T, w *world) func(string) func(string) message {
			c := openSSE(serveInBubble(t, w, server.Config{}))
			return func(m string) func(string) message {
				c.post(m)
				return c.answer
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t)
				goOn := w.holdUp("again")
				send := connect(t, w)
				order := `{"wait_seconds":0,"prompt":"a flower [sim:slow=10m]","model":"wan2.2-t2i-flash","size":"512*512"}`
				id := send(call(`"first"`, "generate_image", order))(`"first"`).answer(t).TaskID
				synctest.Wait()
				again := send(call(`"again"`, "generate_image", order))
				synctest.Wait()
				look := send(call(`"look"`, "get_task", `{"wait_seconds":5,"task_id":"`+id+`"}`))
				synctest.Wait()
				goOn()
				if got := again(`"again"`).answer(t).TaskID; got != id {
					t.Errorf("%s was ordered beside %s", got, id)
				}
				look(`"look"`)
			})
		})
	}
}

// A call and its cancel that reach a server together, and right behind them the same
// call again: the first may begin after the second, but it came before and is over.
func TestCanceledBeforeItBeganIsOneOrder(t *testing.T) {
	const rounds = 50
	w := newWorld(t)
	p := dial(t, w)
	p.start()
	slow := `{"prompt":"a flower [sim:slow=1h]","model":"wan2.2-t2i-flash","size":"512*512","wait_seconds":0}`
	p.send(call("0", "generate_image", slow))
	id := p.answer("0").answer(t).TaskID
	for w.sim.Stats().Accepted == 0 { // what is sent no cancel takes back
		time.Sleep(10 * time.Millisecond)
	}
	for range rounds {
		time.AfterFunc(20*time.Millisecond, w.busy())                                                                // whom the journal lets in first then is chance
		p.send(call("1", "generate_image", slow) + "\n" + cancelled("1") + "\n" + call("2", "generate_image", slow)) // in one piece
		if again := p.answer("2").answer(t); again.TaskID != id {
			t.Fatalf("%s was ordered beside %s", again.TaskID, id)
		}
	}
}

// Who waits for those before him when the server stops is told so, not cut off.
func TestStopEndsTheWaitForWhatCameBefore(t *testing.T) {
	order, look := call(`"held"`, "generate_image", flower), call(`"look"`, "get_task", "{}")
	for name, ask := range map[string]func(s *site) (look func() message){
		"HTTP": func(s *site) func() message {
			session := s.session()
			go func() { _, _ = s.try(s.Context(), "POST", "/mcp", strings.NewReader(order), session, jsonBody) }() // is cut off
			synctest.Wait()
			answered := make(chan message, 1)
			go func() {
				defer close(answered)
				answered <- s.call(session, look)
			}()
			return func() message { return <-answered }
		},
		"SSE": func(s *site) func() message {
			c := openSSE(s)
			c.post(order)
			c.post(look)
			return func() message { return c.answer(`"look"`) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.holdUp("held")()
				s := serveInBubble(t, w, server.Config{})
				answer := ask(s)
				synctest.Wait()
				s.stop()
				if got := answer(); got.Result == nil {
					t.Errorf("got %+v", got)
				}
			})
		})
	}
}

// A client of the legacy transport that goes before its call begins buys nothing.
func TestSSEGoneBeforeItBeganBuysNothing(t *testing.T) {
	for range 10 {
		inBubble(t, func(t *testing.T) {
			w := newWorld(t)
			goOn := w.holdUp("held")
			c := openSSE(serveInBubble(t, w, server.Config{}))
			c.post(call(`"held"`, "generate_image", flower))
			synctest.Wait()
			c.close()
			synctest.Wait()
			goOn()
			time.Sleep(time.Minute)
			if got := w.sim.Stats().Accepted; got != 0 {
				t.Errorf("orders at the service: got %d, want none", got)
			}
		})
	}
}

// holdUp keeps the call with this id from its tool until goOn is called.
func (w *world) holdUp(id string) (goOn func()) {
	held := make(chan struct{})
	w.GetHooks().AddBeforeCallTool(func(_ context.Context, of any, _ *mcp.CallToolRequest) {
		if fmt.Sprint(of) == id {
			<-held
		}
	})
	return func() { close(held) }
}

// busy keeps everybody from writing into the journal until free is called.
func (w *world) busy() (free func()) {
	w.t.Helper()
	other, err := sql.Open("sqlite", "file:"+w.journal+"?_txlock=immediate&_pragma=busy_timeout(10000)")
	if err != nil {
		w.t.Fatal(err)
	}
	tx, err := other.BeginTx(w.t.Context(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return func() {
		if err := errors.Join(tx.Rollback(), other.Close()); err != nil {
			w.t.Error(err)
		}
	}
}

// A client that cancels while its pictures are on their way to it has not got them: the
// same call right behind finds them, whoever of the two the journal lets in first.
func TestCanceledWhileTheAnswerIsWrittenIsOneOrder(t *testing.T) {
	const rounds = 3
	w := newWorld(t)
	p := dial(t, w)
	p.start()
	for i := range rounds {
		order := fmt.Sprintf(`{"seed":%d,"prompt":"a flower [sim:slow=1s]","model":"wan2.2-t2i-flash","size":"512*512"}`, i)
		p.send(call("1", "generate_image", order)) // and nobody reads
		id := ""
		for settled := false; !settled; time.Sleep(20 * time.Millisecond) {
			newest, err := w.service.Recent(t.Context(), tasks.Caller{Owner: "me"}, 1)
			if err != nil {
				t.Fatal(err)
			}
			if settled = len(newest) > 0 && newest[0].ID != id && *newest[0].Request.Seed == int64(i) && newest[0].Settled(); settled {
				id = newest[0].ID
			}
		}
		time.Sleep(100 * time.Millisecond) // the answer begins to be written
		free := w.busy()
		time.AfterFunc(time.Duration(100+70*i)*time.Millisecond, free)
		p.send(cancelled("1"), call("2", "generate_image", order))
		if again := p.answer("2").answer(t); again.TaskID != id {
			t.Errorf("%s was ordered beside %s", again.TaskID, id)
		}
	}
}

// Over HTTP+SSE mcp-go heeds a cancel later than it may serve the call behind it.
func TestSSECanceledAndAskedAgainIsOneOrder(t *testing.T) {
	const rounds = 8
	w := newWorld(t)
	c := openSSE(serve(t, w, server.Config{}))
	for i := range rounds {
		order := fmt.Sprintf(`{"seed":%d,"prompt":"a flower [sim:slow=1s]","model":"wan2.2-t2i-flash","size":"512*512"}`, i)
		c.post(call("1", "generate_image", order))
		for w.sim.Stats().Accepted == i {
			time.Sleep(10 * time.Millisecond)
		}
		free := w.busy()
		time.AfterFunc(100*time.Millisecond, free)
		c.post(cancelled("1"))
		c.post(call("2", "generate_image", strings.Replace(order, "{", `{"wait_seconds":0,`, 1)))
		c.answer("2")
		newest, err := w.service.Recent(t.Context(), tasks.Caller{Owner: "me"}, rounds+1)
		if err != nil || len(newest) != i+1 {
			t.Fatalf("orders: got %d (%v), want %d", len(newest), err, i+1)
		}
	}
}
