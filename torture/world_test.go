package torture_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"wan-image-mcp/dashscope/simulator"
)

// world is one run: the machine, who lives on it, and what the client remembers.
// One goroutine decides what happens; the servers' readers bring answers.
type world struct {
	*machine
	seed    uint64
	random  *rand.Rand
	wire    *wire
	company int  // servers that may live at once
	kind    bool // nothing goes wrong but that servers die and stand still

	lives   int
	running []*server
	all     []*server
	verdict verdict

	creates []simulator.Entry      // what the service logged of orders
	arrived map[string][]time.Time // orders by model, refused ones too, and queries
	seen    int64                  // up to where its log was read

	mu sync.Mutex
	history
	byMarker map[string]*wish
	pending  map[*server][]*call
}

// mostOpen is how many wishes the client leaves open before it starts a new one,
// so that what is ordered can be drawn.
const mostOpen = 24

// mostWaiting is how many answers of one server the client waits for at once.
const mostWaiting = 12

func newWorld(t *testing.T, seed uint64, speed string) *world {
	w := &world{
		machine: newMachine(t, speed), seed: seed, random: rand.New(rand.NewPCG(seed, 1)), company: 2,
		history: history{owners: map[string]*wish{}, ends: map[string]end{}},
		arrived: map[string][]time.Time{}, byMarker: map[string]*wish{}, pending: map[*server][]*call{},
	}
	w.wire = newWire(t, w.service.host, rand.New(rand.NewPCG(seed, 2)))
	w.at(w.wire.listener.Addr().String())
	go w.wire.run()
	return w
}

// wrong notes what must not be. It may be called with w.mu held.
func (w *world) wrong(format string, args ...any) {
	w.t.Helper()
	w.t.Errorf("seed %d: "+format, append([]any{w.seed}, args...)...)
}

// live is the life of one more server, beside those that live already.
func (w *world) live() {
	if !w.kind {
		w.wire.trouble.Store(oneOf[int64](w, 0, 30, 150))
	}
	if !w.kind && w.chance(0.5) {
		w.spoilService()
	}
	s := w.start()
	if w.chance(0.95) {
		s.hello()
	}
	w.ambush(s)
	end := time.Now().Add(w.span(50*time.Millisecond, 4*time.Second))
	for s.isAlive() {
		w.act()
		pause := w.span(time.Millisecond, 250*time.Millisecond)
		if time.Now().Add(pause).After(end) {
			time.Sleep(time.Until(end))
			break
		}
		time.Sleep(pause)
	}
	w.readLog()
	w.die()
}

// ambush kills a server at one of the worst moments, if its time comes: an order has
// left it and has not arrived, or the answer has left the service and has not arrived.
func (w *world) ambush(s *server) {
	kill := sync.OnceFunc(func() {
		s.mu.Lock()
		s.killed = true
		s.mu.Unlock()
		_ = s.cmd.Process.Kill()
	})
	switch w.random.IntN(6) {
	case 0:
		w.wire.on(kill, nil)
	case 1:
		w.wire.on(nil, kill)
	default:
		w.wire.on(nil, nil)
	}
}

func (w *world) start() *server {
	w.lives++
	s := w.serve(fmt.Sprintf("life %d", w.lives), w.heard)
	w.running = append(w.running, s)
	w.all = append(w.all, s)
	return s
}

// act is one thing that a client does, or that happens to it.
func (w *world) act() {
	s := oneOf(w, w.running...)
	if !s.isAlive() || s.waiting() > mostWaiting {
		return
	}
	open := w.openWishes()
	switch n := w.random.IntN(100); {
	case n < 40 && len(open) < mostOpen:
		for range 1 + w.random.IntN(3) {
			w.want(s, w.newWish(), 1)
		}
	case n < 45 && len(open) < mostOpen: // several at once, in addition; with a key all are one
		w.want(s, w.newWish(), 2+w.random.IntN(3))
	case n < 67:
		w.again(s, open)
	case n < 73:
		w.more(s)
	case n < 79:
		w.cancelOne(s)
	case n < 85:
		if !w.kind {
			w.spoilReads()
		}
	case n < 95:
		w.getTask(s, w.anyTask(), w.random.IntN(3))
	case n < 97:
		w.getTask(s, "", 0)
	default:
		w.pause(s)
	}
}

func (w *world) pause(s *server) {
	if stop == nil {
		return
	}
	most := 3 * time.Second
	if w.chance(0.1) {
		most = 15 * time.Second // its lease runs out, and others take its work
	}
	w.verdict.stops++
	s.pause(w.span(50*time.Millisecond, most))
}

// want orders a wish for the first time, in many calls at once.
func (w *world) want(s *server, k *wish, many int) {
	if !w.kind && w.chance(0.5) {
		w.spoilCreate(k)
	}
	wait := w.random.IntN(4)
	for i := range many {
		w.generate(s, k, wait, i > 0)
	}
}

// openWishes are those that brought no pictures yet, and may.
func (w *world) openWishes() (open []*wish) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.wishes {
		ended := slices.ContainsFunc(k.tasks, func(id string) bool {
			state := w.ends[id].state
			return isFinal(state) && state != "NOT_SUBMITTED" && state != "CANCELED" // nothing was bought: once more
		})
		if len(k.given) == 0 && !ended {
			open = append(open, k)
		}
	}
	return open
}

// again repeats a call that brought nothing, as a client does after a timeout or a
// restart: on any server.
func (w *world) again(s *server, open []*wish) {
	w.mu.Lock()
	open = slices.DeleteFunc(open, func(k *wish) bool { return k.key == "" && w.isWaitedFor(k, s) })
	w.mu.Unlock()
	if len(open) > 0 {
		w.generate(s, oneOf(w, open...), w.random.IntN(3), false)
	}
}

// more buys a wish once more, on purpose, after its pictures were delivered.
func (w *world) more(s *server) {
	w.mu.Lock()
	var given []*wish
	for _, k := range w.wishes {
		if len(k.given) > 0 && !w.isWaitedFor(k, s) {
			given = append(given, k)
		}
	}
	w.mu.Unlock()
	if len(given) > 0 {
		w.generate(s, oneOf(w, given...), w.random.IntN(3), false)
	}
}

// cancelOne takes a call back that is under way, and now and then repeats it at once.
func (w *world) cancelOne(s *server) {
	w.mu.Lock()
	var under []*call
	for _, c := range w.pending[s] {
		if c.canceled.IsZero() {
			under = append(under, c)
		}
	}
	if len(under) == 0 {
		w.mu.Unlock()
		return
	}
	c := oneOf(w, under...)
	c.canceled = time.Now()
	repeat := c.wish != nil && !w.isWaitedFor(c.wish, s) && w.chance(0.5)
	w.mu.Unlock()
	s.cancel(c.id)
	if repeat {
		w.generate(s, c.wish, w.random.IntN(3), false)
	}
}

// anyTask is a task that the client knows of, by our id or the service's.
func (w *world) anyTask() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.chance(0.1) && len(w.creates) > 0 {
		if id := oneOf(w, w.creates...).TaskID; id != "" {
			return id
		}
	}
	ids := slices.Sorted(maps.Keys(w.owners))
	if len(ids) == 0 {
		return ""
	}
	return ids[max(0, len(ids)-1-w.random.IntN(20))]
}

// die ends servers until there is room for another one; often all.
func (w *world) die() {
	for len(w.running) > 0 {
		i := w.random.IntN(len(w.running))
		s := w.running[i]
		w.running = slices.Delete(w.running, i, i+1)
		switch n := w.random.IntN(100); {
		case n < 60 || !s.isAlive() || !s.isGreeted() || s.isStopped():
			w.verdict.kills++
			s.kill()
		case n < 80 && term != nil:
			w.verdict.terms++
			s.leave(term)
			s.gone()
		case n < 90:
			w.verdict.closes++
			s.leave(nil)
			s.gone()
		default: // the next one starts while this one still ends
			w.verdict.closes++
			s.leave(nil)
		}
		if len(w.running) < w.company && (w.kind || w.chance(0.5)) {
			return // the next life has company
		}
	}
}
