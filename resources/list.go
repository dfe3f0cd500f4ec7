package resources

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"wan-image-mcp/tasks"
)

// maxListed is how many of the caller's newest tasks a list shows. With their
// pictures they fit on one page.
const maxListed = 20

// listRecent adds the caller's newest tasks and their pictures to the first page
// of resources/list. They are not registered one by one with mcp-go: its
// resources belong to every client.
func (s *Shelf) listRecent(ctx context.Context, _ any, req *mcp.ListResourcesRequest, page *mcp.ListResourcesResult) {
	if req.Params.Cursor != "" {
		return
	}
	recent, err := s.service.Recent(ctx, s.caller(ctx), maxListed)
	if err != nil {
		s.log.Error("recent tasks could not be listed", "error", err)
		return
	}
	for _, t := range recent {
		page.Resources = append(page.Resources, taskResource(t))
		for _, p := range t.Pictures {
			if p.IsKept() {
				page.Resources = append(page.Resources, pictureResource(t, p))
			}
		}
	}
}

func taskResource(t tasks.Task) mcp.Resource {
	return mcp.NewResource(tasks.TaskURI(t.ID), "task "+t.ID,
		mcp.WithResourceTitle(title(t)),
		mcp.WithResourceDescription(fmt.Sprintf("Task of %s: %s.", t.Created.UTC().Format(time.RFC3339), t.State)),
		mcp.WithMIMEType(jsonType))
}

func pictureResource(t tasks.Task, p tasks.Picture) mcp.Resource {
	return mcp.NewResource(tasks.PictureURI(t.ID, p.N), fmt.Sprintf("picture %s %d", t.ID, p.N),
		mcp.WithResourceTitle(title(t)),
		mcp.WithResourceDescription(fmt.Sprintf("Picture %d, %d by %d pixels, by %s.", p.N, p.Kept.Width, p.Kept.Height, t.Request.Model)),
		mcp.WithResourceSize(p.Kept.Bytes),
		mcp.WithMIMEType(p.Kept.MIME))
}

// title is the beginning of the prompt, which is what people know a picture by.
func title(t tasks.Task) string {
	const most = 60
	runes := []rune(strings.Join(strings.Fields(t.Request.Prompt), " "))
	switch {
	case len(runes) == 0:
		return "Task " + t.ID
	case len(runes) <= most:
		return string(runes)
	}
	return string(runes[:most]) + "…"
}
