package server_test

import (
	"database/sql"
	"strings"
	"testing"
	"testing/synctest"
	"time"
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
	other, err := sql.Open("sqlite", "file:"+w.journal+"?_txlock=immediate&_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	for _, id := range []string{"2", "3", "4", "5"} {
		busy, err := other.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		p.send(call(id, "generate_image", flower))
		time.Sleep(50 * time.Millisecond)
		p.send(cancel(id), call("1"+id, "generate_image", flower))
		time.Sleep(50 * time.Millisecond)
		if err := busy.Rollback(); err != nil {
			t.Fatal(err)
		}
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
	other, err := sql.Open("sqlite", "file:"+w.journal+"?_txlock=immediate&_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	busy, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
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
	if err := busy.Rollback(); err != nil {
		t.Fatal(err)
	}
}
