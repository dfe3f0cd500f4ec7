package torture_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// wire is the network between the program and the service. It carries bytes and
// knows nothing of what they mean, so it can break anywhere.
type wire struct {
	listener net.Listener
	to       string
	trouble  atomic.Int64 // in how many of a thousand connections
	broken   atomic.Int64 // connections that met trouble

	mu     sync.Mutex
	random *rand.Rand
	// order and answer are called when the first bytes of an order, or of the answer
	// to one, have arrived here, before they are carried on. nil for nothing.
	order, answer func()
}

func newWire(t *testing.T, to string, random *rand.Rand) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return &wire{listener: listener, to: to, random: random}
}

// run carries until the listener is closed.
func (w *wire) run() {
	for {
		conn, err := w.listener.Accept()
		if err != nil {
			return
		}
		go w.carry(conn)
	}
}

// fate is what happens to one connection.
type fate struct {
	refused      bool
	request, all int64         // bytes until it is cut, -1 for never
	pause        time.Duration // before each piece; short, for the service counts how close orders arrive
}

func (w *wire) fate() fate {
	f := fate{request: -1, all: -1}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.random.Int64N(1000) >= w.trouble.Load() {
		return f
	}
	w.broken.Add(1)
	switch w.random.IntN(4) {
	case 0:
		f.refused = true
	case 1:
		f.request = w.random.Int64N(900)
	case 2:
		f.all = w.random.Int64N(900)
	case 3:
		f.pause = time.Duration(w.random.IntN(50)) * time.Millisecond
	}
	return f
}

func (w *wire) carry(from net.Conn) {
	f := w.fate()
	if f.refused {
		reset(from)
		return
	}
	to, err := net.Dial("tcp", w.to)
	if err != nil {
		reset(from)
		return
	}
	var paid atomic.Bool // the connection orders something
	var both sync.WaitGroup
	both.Go(func() {
		w.copy(to, from, f.request, f.pause, func(first []byte) {
			if paid.Store(bytes.HasPrefix(first, []byte("POST"))); paid.Load() {
				w.at(&w.order)
			}
		})
	})
	both.Go(func() {
		w.copy(from, to, f.all, f.pause, func([]byte) {
			if paid.Load() {
				w.at(&w.answer)
			}
		})
	})
	both.Wait()
	_ = from.Close()
	_ = to.Close()
}

// at calls one of order and answer.
func (w *wire) at(moment *func()) {
	w.mu.Lock()
	fn := *moment
	w.mu.Unlock()
	if fn != nil {
		fn()
	}
}

// on sets order and answer.
func (w *wire) on(order, answer func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.order, w.answer = order, answer
}

// copy carries one direction until it ends or is to be cut, which ends both. first
// sees what comes first.
func (w *wire) copy(to, from net.Conn, most int64, pause time.Duration, first func([]byte)) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if first != nil {
			first(buffer[:n])
			first = nil
		}
		if most >= 0 && int64(n) > most {
			n, err = int(most), errors.New("cut")
		}
		most -= int64(n)
		time.Sleep(pause)
		if _, writeErr := to.Write(buffer[:n]); writeErr != nil {
			err = writeErr
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			if tcp, ok := to.(*net.TCPConn); ok {
				_ = tcp.CloseWrite()
			}
			return
		default:
			reset(to)
			reset(from)
			return
		}
	}
}

// reset ends a connection as a broken network does.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
