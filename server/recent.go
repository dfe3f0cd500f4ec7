package server

// recent remembers the newest limit names. It is for one goroutine at a time.
type recent struct {
	limit int
	names map[string]bool
	order []string // of names, oldest first
}

func newRecent(limit int) *recent { return &recent{limit: limit, names: make(map[string]bool)} }

func (r *recent) has(name string) bool { return r.names[name] }

func (r *recent) add(name string) {
	if r.names[name] {
		return
	}
	r.names[name] = true
	if r.order = append(r.order, name); len(r.order) > r.limit {
		delete(r.names, r.order[0])
		r.order = r.order[1:]
	}
}
