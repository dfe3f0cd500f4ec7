package tools

import "wan-image-mcp/tasks"

// Tell shapes a task as an answer does, for tasks that no simulator makes.
func Tell(t tasks.Task) (text string, a tasks.Answer) {
	a = answer(t)
	return (&handlers{}).text(t, a), a
}

// Failed is which states are errors to the caller.
var Failed = failed
