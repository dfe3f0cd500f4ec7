package dashscope

import (
	"fmt"
	"strings"
	"sync"
)

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

func unknownModel(name string) Violation {
	legal := make([]string, len(catalogue))
	for i := range catalogue {
		legal[i] = catalogue[i].ID
	}
	v := Violation{
		Field: "model", Value: clip(name, quoteMax), Limit: strings.Join(legal, ", "),
		Text: fmt.Sprintf("model %s is not known: legal are %s", quote(name), joinAnd(legal)),
	}
	if near, ok := nearModel(name); ok {
		v.Nearest = []string{near}
		v.Text = fmt.Sprintf("model %s is not known, did you mean %s? Legal are %s", quote(name), near, joinAnd(legal))
	}
	return v
}

// nearModel finds the model that a misspelt name most likely means: one that it
// begins, or one at most three letters away.
func nearModel(name string) (string, bool) {
	const tolerance = 3
	wanted := letters(clip(name, quoteMax))
	best, least := "", tolerance+1
	for i := range catalogue {
		for _, spelling := range catalogue[i].spellings() {
			off := edits(wanted, letters(spelling))
			if len(wanted) >= 3 && strings.HasPrefix(letters(spelling), wanted) {
				off = 0
			}
			if off < least {
				best, least = catalogue[i].ID, off
			}
		}
	}
	return best, best != ""
}

// letters leaves only what two spellings of a name should agree in.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(s))
}

// edits counts the letters to insert or delete to get from a to b. Replacing one
// counts twice, so that wan2.0 is nearer to wanx2.0 than to wan2.1.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			best := min(row[j+1], row[j]) + 1
			if a[i] == b[j] {
				best = min(best, diagonal)
			}
			diagonal, row[j+1] = row[j+1], best
		}
	}
	return row[len(b)]
}
