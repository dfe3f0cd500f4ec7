package tools_test

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"

	"wan-image-mcp/resources/store"
	"wan-image-mcp/tasks"
	"wan-image-mcp/tools"
)

// images decodes the base64 of a result's images.
func images(t *testing.T, res *mcp.CallToolResult) (raw [][]byte, encoded int) {
	t.Helper()
	for _, c := range res.Content {
		shown, ok := c.(mcp.ImageContent)
		if !ok {
			continue
		}
		data, err := base64.StdEncoding.DecodeString(shown.Data)
		if err != nil {
			t.Fatal(err)
		}
		raw, encoded = append(raw, data), encoded+len(shown.Data)
	}
	return raw, encoded
}

// noise is an image host whose pictures no encoder makes small.
type noise struct{ png []byte }

func newNoise(t *testing.T, side int) noise {
	t.Helper()
	const grain = 4 // pixels; what is finer would vanish in the preview
	m, random := image.NewNRGBA(image.Rect(0, 0, side, side)), rand.New(rand.NewPCG(1, 2))
	for y := 0; y < side; y += grain {
		for x := 0; x < side; x += grain {
			c := image.NewUniform(color.NRGBA{uint8(random.Uint32()), uint8(random.Uint32()), uint8(random.Uint32()), 255})
			draw.Draw(m, image.Rect(x, y, x+grain, y+grain), c, image.Point{}, draw.Src)
		}
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return noise{b.Bytes()}
}

func (n noise) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"image/png"}},
		ContentLength: int64(len(n.png)), Body: io.NopCloser(bytes.NewReader(n.png)),
	}, nil
}

// TestFourLargePictures: whatever they show, all of them are there, and the
// answer stays small.
func TestFourLargePictures(t *testing.T) {
	host, dir := newNoise(t, 1440), t.TempDir()
	inWorld(t, func(w *world) {
		w.deps.Results.Images = tools.ImagesFull // they are too large for that
		res := w.connect("test", "").call(w.T, "generate_image", `{"prompt": "Noise", "size": "1440*1440", "n": 4}`)
		raw, encoded := images(w.T, res)
		if got := kinds(res); got != "text"+strings.Repeat(" image/jpeg", 4)+strings.Repeat(" resource_link", 4) {
			w.Fatalf("got content %s", got)
		}
		if encoded > 700_000 {
			w.Errorf("the previews have %d characters of base64, want at most 700,000", encoded)
		}
		for i, data := range raw {
			size, err := jpeg.DecodeConfig(bytes.NewReader(data))
			if err != nil || size.Width != size.Height || size.Width < 400 || size.Width > 1024 {
				w.Errorf("preview %d: got %d*%d (%v), want a square of 400 to 1024", i+1, size.Width, size.Height, err)
			}
		}
		wantAll(w.T, text(res), "Shown here reduced, as a preview: picture 1, 2, 3 and 4.\nThe whole picture is at its file, resource or link above.")
	}, func(c *tasks.Config) {
		folder, err := store.Open(dir, store.Options{Transport: host, AllowHosts: []string{"127.0.0.1:8080"}, MinFree: -1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = folder.Close() })
		c.Store = folder
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
