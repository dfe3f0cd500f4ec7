package server

import "wan-image-mcp/tasks"

// What tests of this package need to see from the inside.
var (
	ParseEnvelope = parseEnvelope
	AfterWrite    = afterWrite
	Canceled      = canceled
)

// Method and Version are what parseEnvelope has found.
func (e envelope) Method() string  { return e.method }
func (e envelope) Version() string { return e.version }
func (e envelope) ID() string      { return string(e.id) }

const (
	MaxCalls    = maxCalls
	MaxLine     = maxLine
	MaxBody     = maxBody
	MaxStreams  = maxStreams
	MaxSessions = maxSessions
)

// AnswerIn is how the legacy transport knows what it has delivered.
var AnswerIn = answerIn

// NewLimits are limits with nothing in them.
var NewLimits = newLimits

// Task counts what is new about a task.
func (m *Metrics) Task(t tasks.Task) { m.task(t) }

// Enter takes one call.
func (l *limits) Enter(owner string) (leave func(), ok bool) {
	stay, ok := l.enter(owner, load{calls: 1})
	if !ok {
		return nil, false
	}
	return stay.leave, true
}
