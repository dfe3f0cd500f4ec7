package tools

import (
	"context"
	"encoding/base64"
	"fmt"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"

	"wan-image-mcp/resources/store"
	"wan-image-mcp/tasks"
)

const (
	maxPreviews = 700_000 // characters of base64 of all previews of an answer
	previewSide = 1024    // pixels; enough for a model to judge a picture
)

// shown is a picture as an answer shows it.
type shown struct {
	data  []byte
	mime  string
	whole bool
}

// images are the kept pictures as image content that takes at most room bytes,
// and what the text should say about them.
func (h *handlers) images(ctx context.Context, caller tasks.Caller, t tasks.Task, room int) (images []mcp.Content, note string) {
	n := kept(t)
	if n == 0 || room < n || h.Results.Images == ImagesNone || ctx.Err() != nil {
		return nil, ""
	}
	all := make([]shown, len(t.Pictures))
	var wg sync.WaitGroup
	for i, p := range t.Pictures {
		if p.IsKept() {
			wg.Go(func() { all[i] = h.show(ctx, caller, t.ID, p, room/n, n) })
		}
	}
	wg.Wait()

	var reduced, missing []string
	for i, s := range all {
		switch number := fmt.Sprint(t.Pictures[i].N); {
		case !t.Pictures[i].IsKept():
			continue
		case s.data == nil:
			missing = append(missing, number)
			continue
		case !s.whole:
			reduced = append(reduced, number)
		}
		images = append(images, mcp.NewImageContent(base64.StdEncoding.EncodeToString(s.data), s.mime))
	}
	return images, noteOn(reduced, missing)
}

// show makes one of n images: the picture itself if that is wanted and fits in
// its share of the room, else its preview, else nothing.
func (h *handlers) show(ctx context.Context, caller tasks.Caller, id string, p tasks.Picture, share, n int) shown {
	if h.Results.Images == ImagesFull && int64(base64.StdEncoding.EncodedLen(int(p.Kept.Bytes))) <= int64(share) {
		if _, data, err := h.Service.Bytes(ctx, caller, id, p.N); err == nil {
			return shown{data, p.Kept.MIME, true}
		}
	}
	size := store.PreviewSize{Side: previewSide, Bytes: min(share, maxPreviews/n) / 4 * 3}
	data, err := h.Service.Preview(ctx, caller, id, p.N, size)
	if err != nil {
		return shown{} // the text says so, and where the picture is
	}
	return shown{data: data, mime: "image/jpeg"}
}

// noteOn says which pictures are not shown as they are.
func noteOn(reduced, missing []string) string {
	if len(reduced)+len(missing) == 0 {
		return ""
	}
	var b page
	if len(reduced) > 0 {
		b.line("Shown here reduced, as a preview: picture %s.", list(reduced, "and"))
	}
	if len(missing) > 0 {
		b.line("Not shown here: picture %s.", list(missing, "and"))
	}
	b.line("The whole picture is at its file, resource or link above.")
	return b.String()
}
