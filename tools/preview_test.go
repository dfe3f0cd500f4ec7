package tools_test

import (
	"bytes"
	"encoding/base64"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"

	"wan-image-mcp/tasks"
	"wan-image-mcp/tools"
)

// images decodes the base64 of a result's images.
func images(t *testing.T, res *mcp.CallToolResult) (raw [][]byte, encoded int) {
	t.Helper()
	for _, c := range res.Content {
		image, ok := c.(mcp.ImageContent)
		if !ok {
			continue
		}
		data, err := base64.StdEncoding.DecodeString(image.Data)
		if err != nil {
			t.Fatal(err)
		}
		raw, encoded = append(raw, data), encoded+len(image.Data)
	}
	return raw, encoded
}

// TestFourLargePictures: all of them are shown, and the answer stays small.
func TestFourLargePictures(t *testing.T) {
	inWorld(t, func(w *world) {
		const four = `{"prompt": "A flower shop", "size": "1440*1440", "n": 4, "idempotency_key": "four"}`
		c := w.connect("test", "")
		res := c.call(w.T, "generate_image", four)
		raw, encoded := images(w.T, res)
		if got := kinds(res); got != "text"+strings.Repeat(" image/jpeg", 4)+strings.Repeat(" resource_link", 4) {
			w.Fatalf("got content %s", got)
		}
		if encoded > 700_000 {
			w.Errorf("the previews have %d bytes of base64, want at most 700,000", encoded)
		}
		for i, data := range raw {
			size, err := jpeg.DecodeConfig(bytes.NewReader(data))
			if err != nil || size.Width != size.Height || size.Width < 400 || size.Width > 1024 {
				w.Errorf("preview %d: got %d*%d (%v), want a square of 400 to 1024", i+1, size.Width, size.Height, err)
			}
		}
		wantAll(w.T, text(res), "Shown here reduced, as a preview: picture 1, 2, 3 and 4.\nThe whole picture is at its file, resource or link above.")

		// The files are larger than an answer may be, so full falls back.
		w.deps.Results = tools.ResultOptions{Images: tools.ImagesFull}
		res = w.connect("test", "").call(w.T, "generate_image", four)
		raw, _ = images(w.T, res)
		a := structured[tasks.Answer](w.T, res)
		whole := 0
		for _, p := range a.Images {
			whole += base64.StdEncoding.EncodedLen(int(p.Bytes))
		}
		if whole < 1_000_000 {
			w.Fatalf("the pictures have %d bytes together, too few for this test", whole)
		}
		if len(raw) != 4 {
			w.Errorf("got %d images, want 4", len(raw))
		}
	})
}

// TestFullPicture: a picture that fits is shown as it is.
func TestFullPicture(t *testing.T) {
	inWorld(t, func(w *world) {
		w.deps.Results = tools.ResultOptions{Images: tools.ImagesFull}
		res := w.connect("test", "").call(w.T, "generate_image", fox)
		a := structured[tasks.Answer](w.T, res)
		raw, _ := images(w.T, res)
		if len(raw) != 1 || int64(len(raw[0])) != a.Images[0].Bytes {
			w.Fatalf("got %s, want the whole picture", kinds(res))
		}
		if size, err := png.DecodeConfig(bytes.NewReader(raw[0])); err != nil || size.Width != 512 {
			w.Errorf("got %+v, %v", size, err)
		}
		if strings.Contains(text(res), "Shown here") {
			w.Errorf("got %q", text(res))
		}
	})
}
