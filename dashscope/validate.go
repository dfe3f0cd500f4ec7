package dashscope

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Violation is one thing that is wrong with a request.
type Violation struct {
	Field   string   // region, model, prompt, negative_prompt, size, aspect_ratio, n, seed or task_id
	Value   string   // what was asked
	Limit   string   // what is legal: "1638400 to 2073600 pixels, ratio 1:4 to 4:1"
	Unit    string   // what Value and Limit count: pixels, characters, pictures; "" = neither counts
	Nearest []string // legal values near the asked one, best first
	Text    string   // all of it in one sentence
}

// ValidationError is a request that was not sent, because the service would
// refuse it or silently do something else than was asked.
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

// Validate tells everything that is wrong with the request in a region: model
// first, then prompt, negative_prompt, size or aspect_ratio, n and seed. nil means
// that the service would take it. It is the only place where limits are checked.
func (r ImageRequest) Validate(region Region) []Violation {
	r = r.Resolve()
	model := findModel(r.Model)
	if model == nil {
		return []Violation{unknownModel(r.Model)} // all other limits are the model's
	}
	return slices.Concat(
		model.checkRegion(region),
		checkText("prompt", r.Prompt, model.PromptMax, model),
		checkText("negative_prompt", r.NegativePrompt, model.NegativePromptMax, model),
		model.checkSize(r),
		model.checkN(r.N),
		checkSeed(r.Seed),
	)
}

func (m *Model) checkRegion(region Region) []Violation {
	at, err := findSite(string(region))
	if err != nil {
		return []Violation{{Field: "region", Value: Clip(string(region), quoteMax), Limit: joinAnd(regionNames()), Nearest: regionNames(), Text: err.Error()}}
	}
	if _, ok := m.Offers[at.region]; ok {
		return nil
	}
	var there []string
	for _, other := range Served(nil, at.region) {
		there = append(there, other.ID)
	}
	return []Violation{{
		Field: "model", Value: m.ID, Limit: joinAnd(there), Nearest: there,
		Text: fmt.Sprintf("model %s is not served in region %s, only in %s; %s has %s",
			m.ID, at.region, joinAnd(m.regions()), at.region, joinAnd(there)),
	}}
}

// checkText holds a prompt to its length and to characters that are text. The
// prompt itself must not be blank; the negative one may.
func checkText(field, text string, limit int, m *Model) []Violation {
	length := utf8.RuneCountInString(text)
	v := Violation{Field: field, Value: strconv.Itoa(length), Limit: fmt.Sprintf("1 to %d", limit), Unit: "characters"}
	switch {
	case !utf8.ValidString(text):
		v.Value, v.Limit, v.Unit = "", "UTF-8 text", ""
		v.Text = field + " is not valid UTF-8: send it as UTF-8 text"
	case field == "prompt" && isBlank(text):
		v.Text = fmt.Sprintf("prompt is empty: say what the picture shows, in 1 to %d characters", limit)
	case length > limit:
		v.Text = fmt.Sprintf("%s has %d characters; %s takes at most %d and would silently cut the rest: shorten it by %d",
			field, length, m.ID, limit, length-limit)
	default:
		return checkControl(field, text)
	}
	return []Violation{v}
}

func checkControl(field, text string) []Violation {
	at := 0
	for _, r := range text {
		at++
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return []Violation{{
				Field: field, Value: fmt.Sprintf("%U", r), Limit: "no control characters but newline and tab",
				Text: fmt.Sprintf("%s has the control character %U as character %d: newline and tab are the only ones allowed, take it out", field, r, at),
			}}
		}
	}
	return nil
}

// isBlank reports whether nothing in the text would be seen on paper.
func isBlank(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsGraphic(r) && !unicode.IsSpace(r) || unicode.IsControl(r) && !unicode.IsSpace(r)
	})
}

func (m *Model) checkN(n int) []Violation {
	if n >= 1 && n <= m.MaxN {
		return nil
	}
	return []Violation{{
		Field: "n", Value: strconv.Itoa(n), Limit: fmt.Sprintf("1 to %d", m.MaxN), Unit: "pictures",
		Nearest: []string{strconv.Itoa(min(max(n, 1), m.MaxN))},
		Text:    fmt.Sprintf("n is %d; %s makes 1 to %d pictures per request, each of which is billed", n, m.ID, m.MaxN),
	}}
}

func checkSeed(seed *int64) []Violation {
	if seed == nil || *seed >= 0 && *seed <= MaxSeed {
		return nil
	}
	return []Violation{{
		Field: "seed", Value: strconv.FormatInt(*seed, 10), Limit: fmt.Sprintf("0 to %d", MaxSeed),
		Nearest: []string{strconv.FormatInt(min(max(*seed, 0), MaxSeed), 10)},
		Text:    fmt.Sprintf("seed is %d; it goes from 0 to %d, or leave it out", *seed, MaxSeed),
	}}
}

// joinAnd writes a list as prose: "a, b and c".
func joinAnd(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
