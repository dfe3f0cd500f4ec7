package server_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wan-image-mcp/server"
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
// order came nobody waited on the task, whoever of them the journal lets in first.
func TestRepeatBeforeGetTaskIsOneOrder(t *testing.T) {
	const rounds = 10
	w := newWorld(t)
	p := dial(t, w)
	p.start()
	s := serve(t, w, server.Config{})
	session := s.session()
	for name, send := range map[string]func(first, second string) (answer message){
		"stdio": func(first, second string) message {
			p.send(first, second)
			return p.answer("1")
		},
		"HTTP": func(first, second string) message {
			answered := make(chan message, 2)
			go func() { answered <- s.call(session, first) }()
			time.Sleep(20 * time.Millisecond) // so that it comes first
			go func() { answered <- s.call(session, second) }()
			one, two := <-answered, <-answered
			if string(two.ID) == "1" {
				one = two
			}
			return one
		},
	} {
		for i := range rounds {
			order := strings.Replace(flower, "{", fmt.Sprintf(`{"wait_seconds":0,"seed":%d,`, i), 1)
			p.send(call("0", "generate_image", order))
			id := p.answer("0").answer(t).TaskID
			free := w.busy()
			time.AfterFunc(100*time.Millisecond, free)
			again := send(call("1", "generate_image", order), call("2", "get_task", `{"wait_seconds":0,"task_id":"`+id+`"}`)).answer(t)
			if again.TaskID != id {
				t.Errorf("%s: %s was ordered beside %s", name, again.TaskID, id)
			}
		}
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
