package tasks

import "time"

// Forecast is the production forecast, for figures and tests.
type Forecast struct{ f *forecast }

// NewForecast starts from a typical duration.
func NewForecast(typical time.Duration) Forecast { return Forecast{newForecast(typical)} }

// Learn adds a task.
func (f Forecast) Learn(took time.Duration) { f.f.learn(took) }

// Next is how long after a look at that age the next is due.
func (f Forecast) Next(age time.Duration) time.Duration {
	return f.f.next(age, f.f.price(), minLookGap)
}

// Backoff is how long a task waits after so many POSTs.
func Backoff(posts int, err error) time.Duration { return backoff(posts, err) }

// Process is a process as others see it.
type Process struct{ p *process }

// StartProcess is what a service does first.
func StartProcess(dir string) (Process, error) {
	p, err := startProcess(dir)
	return Process{p}, err
}

// ID is what others know it by.
func (p Process) ID() string { return p.p.id }

// Alive reports whether another one lives.
func (p Process) Alive(id string) bool { return p.p.alive(id) }

// Die leaves everything as a kill does.
func (p Process) Die() error { return p.p.lock.Close() }
