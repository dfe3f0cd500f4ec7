package server_test

import (
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
