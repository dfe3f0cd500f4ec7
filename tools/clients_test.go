package tools_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"

	"wan-image-mcp/tasks"
	"wan-image-mcp/tools"
)

// fox is always the same task, so that many clients can look at one picture.
const fox = `{` + small + `"prompt": "A fox", "idempotency_key": "fox"}`

// TestShapedForTheClient: each client gets what it can take, whatever its era.
func TestShapedForTheClient(t *testing.T) {
	const all = "text image/jpeg resource_link"
	inWorld(t, func(w *world) {
		for _, tt := range []struct {
			client, version string
			options         tools.ResultOptions
			content         string
			structured      bool
		}{
			{"claude-code", "", tools.ResultOptions{}, all, true},
			{"claude-ai", "2025-11-25", tools.ResultOptions{}, all, true},
			{"claude-ai", "2025-06-18", tools.ResultOptions{}, all, true},
			{"never-seen", "2025-03-26", tools.ResultOptions{}, "text image/jpeg", false},
			{"never-seen", "2024-11-05", tools.ResultOptions{Links: tools.LinksResource}, "text image/jpeg", false},
			{"never-seen", "2024-11-05", tools.ResultOptions{Structured: tools.StructuredOn}, "text image/jpeg", true},
			{"codex-mcp-client", "", tools.ResultOptions{}, all, false},
			{"codex-mcp-client", "2025-06-18", tools.ResultOptions{Structured: tools.Auto}, all, false},
			{"codex-mcp-client", "2025-06-18", tools.ResultOptions{Structured: tools.StructuredOn}, all, true},
			{"@langchain/mcp-adapters", "2025-11-25", tools.ResultOptions{}, "text image/jpeg", true},
			{"@langchain/mcp-adapters", "2025-11-25", tools.ResultOptions{Links: tools.LinksResource}, all, true},
			{"any", "", tools.ResultOptions{Structured: tools.StructuredOff}, all, false},
			{"any", "", tools.ResultOptions{Images: tools.ImagesNone}, "text resource_link", true},
			{"any", "", tools.ResultOptions{Links: tools.LinksNone}, "text image/jpeg", true},
			{"any", "", tools.ResultOptions{Images: tools.ImagesFull}, "text image/png resource_link", true},
			{"any", "", tools.ResultOptions{Images: tools.ImagesPreview, Links: tools.LinksHTTPS}, all, true},
		} {
			at := tt.client + " " + tt.version
			w.deps.Results = tt.options
			res := w.connect(tt.client, tt.version).call(w.T, "generate_image", fox)
			if got := kinds(res); got != tt.content {
				w.Errorf("%s %+v: got content %s, want %s", at, tt.options, got, tt.content)
			}
			if got := res.StructuredContent != nil; got != tt.structured {
				w.Errorf("%s %+v: got structuredContent %v, want %v", at, tt.options, got, tt.structured)
			}
			wantAll(w.T, text(res), "resource: wan://images/", "link: http")
			links(w, res, tt.options)
		}
		w.mustHaveBought(1)
	})
}

func links(w *world, res *mcp.CallToolResult, o tools.ResultOptions) {
	w.Helper()
	for _, c := range res.Content {
		link, ok := c.(mcp.ResourceLink)
		if !ok {
			continue
		}
		want := "wan://images/"
		if o.Links == tools.LinksHTTPS {
			want = "http://127.0.0.1:8080/images/"
		}
		if !strings.HasPrefix(link.URI, want) {
			w.Errorf("got link %s, want %s...", link.URI, want)
		}
	}
}

// TestPictureLink: people whose client shows no resources get a page to open.
func TestPictureLink(t *testing.T) {
	inWorld(t, func(w *world) {
		w.deps.PictureLink = func(t tasks.Task, n int) string {
			return fmt.Sprintf("http://127.0.0.1:8080/images/%s/%d?token=t", t.ID, n)
		}
		res := w.connect("test", "").call(w.T, "generate_image", fox)
		a := structured[tasks.Answer](w.T, res)
		wantAll(w.T, text(res), "open in a browser: http://127.0.0.1:8080/images/"+a.TaskID+"/1?token=t")
	})
}
