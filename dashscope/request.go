package dashscope

import (
	"strings"
)

// ImageRequest asks for pictures.
type ImageRequest struct {
	Model          string // any spelling; "" = DefaultModel
	Prompt         string
	NegativePrompt string // what the picture should not show
	Size           string // "W*H"; "" = the model's default, or AspectRatio's
	// AspectRatio ("16:9") picks the recommended size of that shape; never together
	// with Size. It is ours, the service does not know it.
	AspectRatio string
	// N is the number of pictures. There is no default: the service makes, and
	// bills, four where n is left out.
	N            int
	Seed         *int64 // nil = the service chooses one and does not tell it
	PromptExtend *bool  // whether the service may rewrite the prompt; nil = its default, true
	Watermark    bool   // a mark in the bottom right corner
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// Resolve returns the request with everything filled in that is sent: the shown
// spelling of the model, the size as "W*H", the aspect ratio turned into a size,
// and prompt_extend. Line ends in prompts become "\n". It never fails: what is
// illegal stays as it is, for Validate.
func (r ImageRequest) Resolve() ImageRequest {
	r.Prompt = lineEnds.Replace(r.Prompt)
	r.NegativePrompt = lineEnds.Replace(r.NegativePrompt)
	r.Size = strings.TrimSpace(r.Size)
	r.AspectRatio = normalRatio(r.AspectRatio)
	if r.Model = strings.TrimSpace(r.Model); r.Model == "" {
		r.Model = DefaultModel
	}
	if r.PromptExtend == nil {
		r.PromptExtend = new(true)
	}
	if size, err := ParseSize(r.Size); err == nil {
		r.Size = size.String()
	}
	model := findModel(r.Model)
	if model == nil {
		return r
	}
	r.Model = model.ID
	if r.Size != "" {
		return r
	}
	if r.AspectRatio == "" {
		r.Size = model.DefaultSize.String()
		return r
	}
	for _, shape := range model.Shapes {
		if shape.Ratio == r.AspectRatio {
			r.Size, r.AspectRatio = shape.Size.String(), ""
			break
		}
	}
	return r
}

// normalRatio understands 16x9, 16/9 and the full-width colon.
func normalRatio(s string) string {
	s = strings.Join(strings.Fields(s), "")
	for _, sep := range []string{"：", "x", "X", "×", "/", "*"} {
		s = strings.ReplaceAll(s, sep, ":")
	}
	return s
}
