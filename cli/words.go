package cli

import "strings"

// commandLine puts what the tools say to a model into words for a person at a
// command line: its flags and commands in the place of arguments and tools.
var commandLine = strings.NewReplacer(
	"call get_task without task_id for your newest tasks", "wan-image-mcp task lists the newest",
	"prompt_extend false", "--prompt-extend=false",
	"use one of these, or size for", "use one of these, or --size for",
	"aspect_ratio", "--aspect-ratio",
	"negative_prompt", "--negative-prompt",
	"idempotency_key", "--idempotency-key",
)
