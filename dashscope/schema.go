package dashscope

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// schema is the part of JSON Schema 2020-12 that the limits of a model need.
type schema struct {
	Schema      string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        string             `json:"type,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	MinLength   int                `json:"minLength,omitempty"`
	MaxLength   int                `json:"maxLength,omitempty"`
	Minimum     *int               `json:"minimum,omitempty"`
	Maximum     *int               `json:"maximum,omitempty"`
	Default     any                `json:"default,omitempty"`
	Examples    []string           `json:"examples,omitempty"`
	Properties  *requestProperties `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Not         *schema            `json:"not,omitempty"`
	Sizes       *schemaSizes       `json:"x-sizes,omitempty"`
}

// requestProperties are the fields of an ImageRequest, in the order to show them.
type requestProperties struct {
	Model          schema `json:"model"`
	Prompt         schema `json:"prompt"`
	NegativePrompt schema `json:"negative_prompt"`
	Size           schema `json:"size"`
	AspectRatio    schema `json:"aspect_ratio"`
	N              schema `json:"n"`
	Seed           schema `json:"seed"`
	PromptExtend   schema `json:"prompt_extend"`
	Watermark      schema `json:"watermark"`
}

// schemaSizes says in numbers what a pattern cannot: JSON Schema knows no product
// or ratio of two numbers inside a string.
type schemaSizes struct {
	MinPixels int      `json:"min_pixels,omitempty"`
	MaxPixels int      `json:"max_pixels,omitempty"`
	MaxRatio  float64  `json:"max_ratio,omitempty"`
	MinSide   int      `json:"min_side,omitempty"`
	MaxSide   int      `json:"max_side,omitempty"`
	Also      []string `json:"also,omitempty"`
}

// Characters that are no text: all control characters but tab and line ends.
const controls = `\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F`

// JSONSchema returns the limits of an ImageRequest for this model as a JSON Schema
// (2020-12), made from the catalogue alone.
//
// Every limit is in it but one: where the rule for sizes counts pixels or bounds
// the ratio, the pattern admits some sizes that Validate refuses, and x-sizes and
// the description give the numbers. Sizes are in the spelling that is sent,
// "1280*1280". Properties it does not name are left to the reader.
func (m Model) JSONSchema() json.RawMessage {
	s := schema{
		Schema:      "https://json-schema.org/draft/2020-12/schema",
		Title:       m.ID,
		Description: fmt.Sprintf("What %s takes. Limits from %s.", m.ID, m.Source),
		Type:        "object",
		Required:    []string{"prompt"},
		Not:         &schema{Required: []string{"size", "aspect_ratio"}},
		Properties: &requestProperties{
			Model: schema{Type: "string", Enum: m.spellings()},
			Prompt: schema{
				Type: "string", MinLength: 1, MaxLength: m.PromptMax,
				Pattern:     "^[^" + controls + "]*[^" + controls + `\s][^` + controls + "]*$",
				Description: fmt.Sprintf("What the picture shows: 1 to %d characters (Unicode code points).", m.PromptMax),
			},
			NegativePrompt: schema{
				Type: "string", MaxLength: m.NegativePromptMax, Pattern: "^[^" + controls + "]*$", Default: "",
				Description: fmt.Sprintf("What it should not show: at most %d characters (Unicode code points).", m.NegativePromptMax),
			},
			Size:        m.sizeSchema(),
			AspectRatio: m.ratioSchema(),
			N: schema{
				Type: "integer", Minimum: new(1), Maximum: new(m.MaxN), Default: 1,
				Description: fmt.Sprintf("Number of pictures, 1 to %d; each is billed.", m.MaxN),
			},
			Seed: schema{
				Type: "integer", Minimum: new(0), Maximum: new(MaxSeed),
				Description: fmt.Sprintf("0 to %d; the same seed gives similar pictures, not the same.", MaxSeed),
			},
			PromptExtend: schema{Type: "boolean", Default: true, Description: "Let the service rewrite the prompt; adds a few seconds."},
			Watermark:    schema{Type: "boolean", Default: false, Description: "Put a mark into the bottom right corner."},
		},
	}
	out, _ := encode(s) // strings, numbers and booleans always encode
	return out
}

func (m *Model) sizeSchema() schema {
	rule := m.Sizes
	low, high := rule.sides()
	s := schema{
		Type:        "string",
		Description: fmt.Sprintf("width*height: %s. Not together with aspect_ratio.", rule),
		Pattern:     fmt.Sprintf(`^(%[1]s)\*(%[1]s)$`, digitRange(low, high)),
		Default:     m.DefaultSize.String(),
		Sizes: &schemaSizes{
			MinPixels: rule.MinPixels, MaxPixels: rule.MaxPixels, MaxRatio: rule.MaxRatio,
			MinSide: rule.MinSide, MaxSide: rule.MaxSide, Also: sizeTexts(rule.Also),
		},
	}
	for _, shape := range m.Shapes {
		s.Examples = append(s.Examples, shape.Size.String())
	}
	return s
}

func (m *Model) ratioSchema() schema {
	s := schema{Type: "string"}
	var sizes []string
	for _, shape := range m.Shapes {
		s.Enum = append(s.Enum, shape.Ratio)
		sizes = append(sizes, shape.Ratio+" = "+shape.Size.String())
	}
	s.Description = "The recommended size of a shape: " + strings.Join(sizes, ", ") + ". Not together with size."
	return s
}

// sides returns the shortest and the longest side that a legal size can have.
func (r SizeRule) sides() (low, high int) {
	low, high = max(1, r.MinSide), min(maxSide, cmp.Or(r.MaxSide, maxSide))
	if r.MaxRatio > 0 {
		low = max(low, int(math.Ceil(math.Sqrt(float64(r.MinPixels)/r.MaxRatio))))
		high = min(high, int(math.Sqrt(float64(r.MaxPixels)*r.MaxRatio)))
	}
	for _, s := range r.Also {
		low, high = min(low, s.Width, s.Height), max(high, s.Width, s.Height)
	}
	return low, high
}

// digitRange returns a regular expression for the numbers from low to high, such
// as 51[2-9]|5[2-9]\d|[6-9]\d\d|1[0-3]\d\d|14[0-3]\d|1440 for 512 to 1440.
func digitRange(low, high int) string {
	var parts []string
	for low <= high {
		block, free := 1, "" // the run of numbers with the same leading digits
		for low%(block*10) == 0 && low+block*10-1 <= high {
			block, free = block*10, free+`\d`
		}
		first := low / block % 10
		last := min(9, first+(high-low+1)/block-1)
		digit := strconv.Itoa(first)
		if last > first {
			digit = fmt.Sprintf("[%d-%d]", first, last)
		}
		prefix := ""
		if leading := low / (block * 10); leading > 0 {
			prefix = strconv.Itoa(leading)
		}
		parts = append(parts, prefix+digit+free)
		low += (last - first + 1) * block
	}
	return strings.Join(parts, "|")
}
