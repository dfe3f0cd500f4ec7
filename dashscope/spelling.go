package dashscope

import "sync"

// spellings remembers under which names the service does not know a model. Its
// pages disagree about wan2.1-* and wanx2.1-*, so the client may have to learn.
type spellings struct {
	mu       sync.Mutex
	rejected map[string]bool // spelling on the wire -> the service did not know it
}

// wire returns the name to send: the region's own, until the service rejects it
// and another is left. When all were rejected it is the region's own again.
func (s *spellings) wire(m *Model, region Region) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := m.spellingIn(region)
	if !s.rejected[own] {
		return own
	}
	for _, other := range m.spellings() {
		if !s.rejected[other] {
			return other
		}
	}
	return own
}

// reject notes that the service does not know a name and reports whether another
// one is left to try.
func (s *spellings) reject(m *Model, name string) (another bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rejected == nil {
		s.rejected = make(map[string]bool)
	}
	s.rejected[name] = true
	for _, other := range m.spellings() {
		another = another || !s.rejected[other]
	}
	return another
}

// spellingIn returns the region's name for the model.
func (m *Model) spellingIn(region Region) string {
	if offer, ok := m.Offers[region]; ok {
		return offer.Spelling
	}
	return m.ID
}
