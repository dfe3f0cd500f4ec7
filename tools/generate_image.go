package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/invopop/jsonschema"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks"
)

const maxKey = 64 // characters of an idempotency_key

// generateParams are the arguments of generate_image. Where a description has
// numbers of the catalogue in it, generateInput writes it.
type generateParams struct {
	Prompt         string `json:"prompt"`
	Model          string `json:"model,omitempty"`
	Size           string `json:"size,omitempty"`
	AspectRatio    string `json:"aspect_ratio,omitempty"`
	N              *int   `json:"n,omitempty"`
	NegativePrompt string `json:"negative_prompt,omitempty"`
	Seed           *int64 `json:"seed,omitempty"`
	PromptExtend   *bool  `json:"prompt_extend,omitempty" jsonschema_description:"Let the service rewrite the prompt before it draws, which adds 3 to 4 seconds and usually helps a short prompt. Left out means true; the rewritten prompt is reported where the service tells it."`
	Watermark      bool   `json:"watermark,omitempty" jsonschema_description:"Put the service's mark for AI-made pictures in the lower right corner. Left out means false."`
	WaitSeconds    *int   `json:"wait_seconds,omitempty"`
	IdempotencyKey string `json:"idempotency_key,omitempty"`
}

func (h *handlers) generateImage() (server.ServerTool, error) {
	models := make(map[string]json.RawMessage, len(h.Models))
	for _, m := range h.Models {
		models[m.ID] = m.JSONSchema()
	}
	return declare(h, spec{
		name:  GenerateImage,
		title: "Generate images",
		description: "Draw pictures from a text with Alibaba's Wan models. Each picture is paid for. " +
			"The answer comes within wait_seconds: the pictures, with files, links and resources, or a task_id while they are still being drawn. " +
			"Then call get_task with it; do not call generate_image again, that would buy a second set.",
		openWorld: true,
		input:     h.generateInput(),
		output:    reflectOf[tasks.Answer](),
		refused:   "Nothing was ordered and nothing was spent.",
		meta:      map[string]any{"wan-image-mcp/models": models},
	}, h.generate)
}

func (h *handlers) generate(ctx context.Context, c call, p generateParams) (*mcp.CallToolResult, error) {
	if h.NoKey != nil {
		return nil, h.NoKey
	}
	caller := h.Caller(ctx)
	ticket, err := h.Service.Generate(ctx, tasks.Order{Caller: caller, Request: p.request(h), IdempotencyKey: p.IdempotencyKey})
	h.Ordered(ctx)
	if err != nil {
		return nil, err
	}
	defer endOnPanic(ticket)
	h.OnLeave(ctx, func() { ticket.Done(false) })
	t, err := h.wait(ctx, c, ticket, p.WaitSeconds)
	if err != nil && h.Canceled(ctx) {
		// Before it is sent that still spends nothing; after that it was bought and
		// goes on to the end, as it does when others wait on it too.
		t, _, _ = ticket.Cancel(context.WithoutCancel(ctx))
	}
	return h.answer(ctx, c, caller, ticket, t), nil
}

func (p generateParams) request(h *handlers) dashscope.ImageRequest {
	r := dashscope.ImageRequest{
		Model: p.Model, Prompt: p.Prompt, NegativePrompt: p.NegativePrompt,
		Size: p.Size, AspectRatio: p.AspectRatio, N: 1,
		Seed: p.Seed, PromptExtend: p.PromptExtend, Watermark: p.Watermark,
	}
	if strings.TrimSpace(r.Model) == "" {
		r.Model = h.DefaultModel
	}
	if p.N != nil {
		r.N = *p.N
	}
	return r
}

func (p generateParams) check(h *handlers) problems {
	r := p.request(h)
	bad := violations(r, h.Region)
	if m, ok := dashscope.LookupModel(r.Model); ok && !enabled(h.Models, m.ID) {
		bad = merge(bad, problems{{"model", fmt.Sprintf("model %s is not enabled on this server: use %s", m.ID, list(ids(h.Models), "or"))}})
	}
	if r.N > h.MaxImages {
		bad = merge(bad, problems{{"n", fmt.Sprintf("n is %d; this server makes at most %d a call (--max-images-per-call)", r.N, h.MaxImages)}})
	}
	if n := utf8.RuneCountInString(p.IdempotencyKey); n > maxKey {
		bad = append(bad, problem{"idempotency_key", fmt.Sprintf("idempotency_key has %d characters; at most %d are legal", n, maxKey)})
	}
	return append(bad, checkWait(p.WaitSeconds)...)
}

// generateInput narrows the schema to what the enabled models take here.
func (h *handlers) generateInput() *jsonschema.Schema {
	s := reflectOf[generateParams]()

	p := property(s, "prompt")
	lengths(p, 1, most(h.Models, promptMax))
	p.Description = "What to draw, in English or Chinese. Length: " +
		perModel(h.Models, func(m dashscope.Model) string { return fmt.Sprintf("1 to %d characters", m.PromptMax) }) +
		". A Chinese character counts as 1. A longer prompt is refused, never cut."

	p = property(s, "model")
	choices(p, ids(h.Models))
	p.Description = fmt.Sprintf("Model. Left out means %s. Price of a picture in region %s, in CNY: %s. list_models tells all limits.", h.DefaultModel, h.Region, perModel(h.Models, h.price))

	p = property(s, "size")
	p.Description = "Exact size in pixels as width*height, such as " + h.Models[0].DefaultSize.String() + ". Legal: " + perModel(h.Models, sizes) +
		". Anything else is refused, with the nearest legal sizes. Not together with aspect_ratio."

	p = property(s, "aspect_ratio")
	choices(p, ratios(h.Models))
	p.Description = "Shape instead of size; picks the recommended size: " + perModel(h.Models, shapes) + ". Not together with size."

	p = property(s, "n")
	high := min(most(h.Models, maxN), h.MaxImages)
	bounds(p, 1, high)
	p.Description = fmt.Sprintf("How many pictures, 1 to %d. Each is paid for. Left out means 1.", high)

	p = property(s, "negative_prompt")
	lengths(p, 0, most(h.Models, negativePromptMax))
	p.Description = "What the picture must not show. Length: " +
		perModel(h.Models, func(m dashscope.Model) string { return fmt.Sprintf("at most %d characters", m.NegativePromptMax) }) + "."

	p = property(s, "seed")
	bounds(p, 0, dashscope.MaxSeed)
	p.Description = fmt.Sprintf("0 to %d. The same seed with the same arguments gives a similar picture. Left out, one is chosen and reported.", dashscope.MaxSeed)

	p = property(s, "idempotency_key")
	lengths(p, 0, maxKey)
	p.Description = fmt.Sprintf("A name of your own for this wish, at most %d characters. Repeat the same value when you repeat a call, after a timeout or a lost answer: "+
		"it finds the first task instead of buying again. Take a new value only for pictures that you want in addition. The same value with other arguments is refused.", maxKey)

	h.narrowWait(property(s, "wait_seconds"))
	return s
}

func promptMax(m dashscope.Model) int         { return m.PromptMax }
func negativePromptMax(m dashscope.Model) int { return m.NegativePromptMax }
func maxN(m dashscope.Model) int              { return m.MaxN }

func (h *handlers) price(m dashscope.Model) string {
	offer, _ := m.Offer(h.Region)
	return offer.Price.String()
}

// sizes words which sizes a model takes.
func sizes(m dashscope.Model) string {
	return m.Sizes.String() + ", default " + m.DefaultSize.String()
}

// shapes words the recommended size of each aspect ratio.
func shapes(m dashscope.Model) string {
	parts := make([]string, len(m.Shapes))
	for i, s := range m.Shapes {
		parts[i] = s.Ratio + " " + s.Size.String()
	}
	return strings.Join(parts, ", ")
}

// ratios are the aspect ratios that at least one of the models knows.
func ratios(models []dashscope.Model) []string {
	var all []string
	seen := map[string]bool{}
	for _, m := range models {
		for _, s := range m.Shapes {
			if !seen[s.Ratio] {
				seen[s.Ratio] = true
				all = append(all, s.Ratio)
			}
		}
	}
	return all
}

// narrowWait is the wait_seconds of both tools that wait.
func (h *handlers) narrowWait(p *jsonschema.Schema) {
	bounds(p, 0, int(maxWait/time.Second))
	p.Description = fmt.Sprintf("How many seconds to wait for the pictures, 0 to %d. Left out means %d. Most clients give up on a call after 60 s, so ask for more only when yours waits longer. "+
		"When the time is over the answer is the task_id, and the work goes on.", int(maxWait/time.Second), int(h.DefaultWait/time.Second))
}

func checkWait(seconds *int) problems {
	if high := int(maxWait / time.Second); seconds != nil && (*seconds < 0 || *seconds > high) {
		return problems{{"wait_seconds", fmt.Sprintf("wait_seconds %d is out of range; 0 to %d are legal", *seconds, high)}}
	}
	return nil
}
