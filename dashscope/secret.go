package dashscope

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Secret is a string that must not be seen: an API key, or a signed link, which
// opens the picture for anyone who holds it. It prints as [redacted] with every
// verb of fmt, in slog, JSON and text; only Reveal gives the value.
//
// Two places are out of reach: fmt calls no methods on unexported struct fields,
// and encoding/json none on the keys of a map. Keep a Secret in neither.
type Secret string

const redacted = "[redacted]"

// Reveal returns the value, for the one place that needs it.
func (s Secret) Reveal() string { return string(s) }

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (s Secret) GoString() string { return redacted }

// Format writes "[redacted]" whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns "[redacted]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[redacted]".
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]". LogValue alone does not cover a Secret
// inside a struct that slog writes as JSON.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }
