package tasks

import (
	"time"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks/journal"
)

// expected is how long such a task runs at the service.
func (s *Service) expected(model string) time.Duration {
	m, _ := dashscope.LookupModel(model)
	return m.Typical
}

// nextLook is when to ask about a task again: like the official SDKs, at first
// each second, then less and less often.
func (s *Service) nextLook(row journal.Task) time.Duration {
	age := time.Since(row.Accepted)
	switch {
	case age < 3*time.Second:
		return time.Second
	case age < 9*time.Second:
		return 2 * time.Second
	case age < 2*time.Minute:
		return 4 * time.Second
	}
	return 5 * time.Second
}
