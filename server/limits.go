package server

import "sync"

const (
	maxStreams  = 1000 // open at once
	maxSessions = 4000 // that are held in memory
)

// limits counts what clients hold open, together and for each owner. With many
// owners, each gets at most half of everything, so that none locks the others out.
type limits struct {
	mu      sync.Mutex
	shared  bool // there are tokens
	total   load
	byOwner map[string]*load
}

// load is what somebody holds open.
type load struct {
	calls, bytes, streams int
}

func (l *load) add(more load) {
	l.calls += more.calls
	l.bytes += more.bytes
	l.streams += more.streams
}

func (l *load) fits(more load, share int) bool {
	return l.calls+more.calls <= maxCalls/share &&
		l.bytes+more.bytes <= maxCallBytes/share &&
		l.streams+more.streams <= maxStreams/share
}

func newLimits(shared bool) *limits {
	return &limits{shared: shared, byOwner: make(map[string]*load)}
}

// enter takes more for owner, or reports that there is no room.
func (l *limits) enter(owner string, more load) (*stay, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	own := l.byOwner[owner]
	if own == nil {
		own = &load{}
	}
	share := 1
	if l.shared {
		share = 2
	}
	if !l.total.fits(more, 1) || !own.fits(more, share) {
		return nil, false
	}
	s := &stay{limits: l, owner: owner}
	l.byOwner[owner] = own
	s.add(more)
	return s, true
}

// stay is what somebody holds, until he leaves.
type stay struct {
	limits *limits
	owner  string
	held   load
}

func (s *stay) add(more load) {
	s.held.add(more)
	s.limits.total.add(more)
	s.limits.byOwner[s.owner].add(more)
}

// shrink gives back all bytes but these.
func (s *stay) shrink(bytes int) {
	s.limits.mu.Lock()
	defer s.limits.mu.Unlock()
	s.add(load{bytes: bytes - s.held.bytes})
}

func (s *stay) leave() {
	s.limits.mu.Lock()
	defer s.limits.mu.Unlock()
	s.add(load{-s.held.calls, -s.held.bytes, -s.held.streams})
	if *s.limits.byOwner[s.owner] == (load{}) {
		delete(s.limits.byOwner, s.owner)
	}
}
