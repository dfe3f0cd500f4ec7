package tasks

import "sync"

// hub wakes those who wait on a task and calls those who want to know of all.
type hub struct {
	mu          sync.Mutex
	waiters     map[string]map[chan struct{}]bool
	subscribers map[int]func(Task)
	last        int
}

func newHub() *hub {
	return &hub{waiters: map[string]map[chan struct{}]bool{}, subscribers: map[int]func(Task){}}
}

// wait gives a channel that gets a value when there may be news of the task.
func (h *hub) wait(id string) (news <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiters[id] == nil {
		h.waiters[id] = map[chan struct{}]bool{}
	}
	h.waiters[id][c] = true
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.waiters[id], c)
		if len(h.waiters[id]) == 0 {
			delete(h.waiters, id)
		}
	}
}

func (h *hub) awaited() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.waiters) > 0
}

func (h *hub) subscribe(fn func(Task)) (stop func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	id := h.last
	h.subscribers[id] = fn
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.subscribers, id)
	}
}

func (h *hub) publish(t Task) {
	h.mu.Lock()
	wake(h.waiters[t.ID])
	fns := make([]func(Task), 0, len(h.subscribers))
	for _, fn := range h.subscribers {
		fns = append(fns, fn)
	}
	h.mu.Unlock()
	for _, fn := range fns {
		fn(t)
	}
}

// wakeAll is for news of which nobody knows whom they concern.
func (h *hub) wakeAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, waiters := range h.waiters {
		wake(waiters)
	}
}

func wake(waiters map[chan struct{}]bool) {
	for c := range waiters {
		signal(c)
	}
}
