package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"wan-image-mcp/dashscope"
	"wan-image-mcp/tasks"
)

const (
	maxResult = 1_000_000 // bytes of a whole answer; some clients drop a longer one, some drop the server
	envelope  = 4000      // of them, for the message around it and what frames each image
	maxPrompt = 1200      // characters shown of a prompt that the service rewrote
	maxName   = 100       // characters shown of an id or code
	maxReason = 800       // characters shown of what the service says
	maxLink   = 4096      // bytes of a link that is shown
)

// result tells where a task stands: text that stands alone, then the same facts
// as structuredContent, images and links as far as this client takes them.
func (h *handlers) result(ctx context.Context, c call, caller tasks.Caller, t tasks.Task) *mcp.CallToolResult {
	a := answer(t)
	if b, err := h.Service.Budget(ctx); err == nil { // without it the answer is poorer, not wrong
		a.Budget = &b
	}
	if failed(t.State) {
		return mcp.NewToolResultError(h.text(t, a))
	}
	text := h.text(t, a)
	links := h.links(c, t, a)
	res := &mcp.CallToolResult{Content: append([]mcp.Content{mcp.NewTextContent(text)}, links...)}
	if h.Results.structured(c.client) {
		res.StructuredContent = a
	}
	images, note := h.images(ctx, caller, t, maxResult-envelope-length(res))
	res.Content = slices.Concat([]mcp.Content{mcp.NewTextContent(text + note)}, images, links)
	return res
}

// failed reports whether a state is an error to the caller. UNKNOWN is not: the
// pictures may still come. Nor is CANCELED: that is what was asked for.
func failed(s tasks.State) bool {
	return s == tasks.Failed || s == tasks.Expired || s == tasks.NotSubmitted
}

// answer is the task's own, with everything that comes from the service made
// fit for a reader that might follow what it reads.
func answer(t tasks.Task) tasks.Answer {
	a := t.Answer()
	a.Code, a.Reason = dashscope.OneLine(a.Code, maxName), dashscope.OneLine(a.Reason, maxReason)
	a.UpstreamTaskID, a.UpstreamRequestID = dashscope.OneLine(a.UpstreamTaskID, maxName), dashscope.OneLine(a.UpstreamRequestID, maxName)
	for i := range a.Images {
		p := &a.Images[i]
		p.ActualPrompt, p.Error = dashscope.OneLine(p.ActualPrompt, maxPrompt), dashscope.OneLine(p.Error, maxReason)
		if !isLink(p.URL) {
			p.URL, p.ExpiresAt = "", ""
		}
	}
	return a
}

// isLink keeps words that only pretend to be a link out of answers.
func isLink(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && len(s) <= maxLink &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '<' || r == '>' })
}

// links are the kept pictures as links of the kind that the client takes.
func (h *handlers) links(c call, t tasks.Task, a tasks.Answer) []mcp.Content {
	kind := h.Results.links(c.client)
	if kind == LinksNone {
		return nil
	}
	var links []mcp.Content
	for i, p := range t.Pictures {
		uri := tasks.PictureURI(t.ID, p.N)
		if kind == LinksHTTPS {
			uri = a.Images[i].URL
			if uri == "" && h.PictureLink != nil {
				uri = h.PictureLink(t, p.N)
			}
		}
		if !p.IsKept() || uri == "" {
			continue
		}
		l := mcp.NewResourceLink(uri, fileName(t, p), dashscope.OneLine(t.Request.Prompt, 100), p.Kept.MIME)
		l.Title = fmt.Sprintf("Picture %d of %d, %d*%d", p.N, len(t.Pictures), p.Kept.Width, p.Kept.Height)
		l.Size = &p.Kept.Bytes
		// Not for the assistant: a client may put the whole file before its model.
		l.Annotations = &mcp.Annotations{Audience: []mcp.Role{mcp.RoleUser}}
		links = append(links, l)
	}
	return links
}

func fileName(t tasks.Task, p tasks.Picture) string {
	if p.Path != "" {
		return filepath.Base(p.Path)
	}
	return fmt.Sprintf("%s-%d.%s", t.ID, p.N, strings.TrimPrefix(p.Kept.MIME, "image/"))
}

// length is how many bytes a value takes on the wire.
func length(v any) int {
	raw, err := json.Marshal(v)
	if err != nil {
		return maxResult
	}
	return len(raw)
}

// refusal is the answer to a call that did nothing: what is wrong and what to
// do, and that it cost nothing.
func refusal(err error, ending string) *mcp.CallToolResult {
	text := strings.TrimRight(err.Error(), ".\n") + "."
	if ending != "" {
		text += "\n" + ending
	}
	return mcp.NewToolResultError(text)
}

// argumentsMark in the _meta of a refusal says that the arguments were at fault,
// not the state of things: the same call can never succeed.
const argumentsMark = "wan-image-mcp/bad-arguments"

// BadArguments reports whether a result refuses a call for its arguments.
func BadArguments(res *mcp.CallToolResult) bool {
	return res.IsError && res.Meta != nil && res.Meta.AdditionalFields[argumentsMark] == true
}

// answer shapes the answer of a call that waited on a task, and ends the waiting.
// Without pictures it ends before the answer is written: the same call right
// behind it then finds the task instead of buying another. With pictures it ends
// when they were written whole.
func (h *handlers) answer(ctx context.Context, c call, caller tasks.Caller, ticket *tasks.Ticket, t tasks.Task) *mcp.CallToolResult {
	if !t.HasPictures() {
		ticket.Done(false)
		return h.result(ctx, c, caller, t)
	}
	res := h.result(ctx, c, caller, t)
	h.AfterWrite(ctx, ticket.Done)
	return res
}

// endOnPanic is deferred by who holds a ticket: a panic delivers nothing.
func endOnPanic(ticket *tasks.Ticket) {
	if reason := recover(); reason != nil {
		ticket.Done(false)
		panic(reason)
	}
}
