package simulator

import "time"

const (
	// queriesPerSecond is shared by task query, list and cancel.
	queriesPerSecond = 20
	window           = time.Second
)

// A meter counts what arrives in a sliding second, and admits up to a limit.
type meter struct {
	arrived  []time.Time
	admitted []time.Time
	worst    int // arrivals in any one second, the refused ones too
}

// admit reports whether one more at now stays within limit.
func (m *meter) admit(now time.Time, limit int) bool {
	m.arrived = append(since(m.arrived, now), now)
	m.worst = max(m.worst, len(m.arrived))
	m.admitted = since(m.admitted, now)
	if len(m.admitted) >= limit {
		return false
	}
	m.admitted = append(m.admitted, now)
	return true
}

// since drops what is a whole window old.
func since(times []time.Time, now time.Time) []time.Time {
	for len(times) > 0 && now.Sub(times[0]) >= window {
		times = times[1:]
	}
	return times
}
