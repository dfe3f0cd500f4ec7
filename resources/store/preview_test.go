package store_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/jpeg"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"wan-image-mcp/resources/store"
)

func TestPreview(t *testing.T) {
	tests := map[string]struct {
		data          []byte
		limit         store.PreviewSize
		width, height int // 0: whatever fits
	}{
		"defaults":         {pngOf(t, smooth(600, 600)), store.PreviewSize{}, 512, 512},
		"wide":             {pngOf(t, smooth(424, 240)), store.PreviewSize{Side: 256}, 256, 144},
		"high":             {pngOf(t, smooth(240, 424)), store.PreviewSize{Side: 100}, 56, 100},
		"not enlarged":     {pngOf(t, smooth(100, 50)), store.PreviewSize{Side: 512}, 100, 50},
		"a line":           {pngOf(t, smooth(1000, 1)), store.PreviewSize{Side: 100}, 100, 1},
		"tiny":             {pngOf(t, smooth(100, 100)), store.PreviewSize{Side: 16}, 16, 16},
		"JPEG":             {jpegOf(t, 400, 300), store.PreviewSize{Side: 200}, 200, 150},
		"noise in 20 kB":   {pngOf(t, noise(200, 200, 1)), store.PreviewSize{Side: 800, Bytes: 20_000}, 0, 0},
		"noise in 4 kB":    {pngOf(t, noise(200, 200, 1)), store.PreviewSize{Bytes: 4_000}, 0, 0},
		"negative is none": {pngOf(t, smooth(515, 515)), store.PreviewSize{Side: -1, Bytes: -1}, 512, 512},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			folder, _, p := keep(t, store.Options{}, test.data)
			data, width, height, err := folder.Preview(t.Context(), p, test.limit)
			if err != nil {
				t.Fatal(err)
			}
			got, err := jpeg.DecodeConfig(bytes.NewReader(data))
			if err != nil || got.Width != width || got.Height != height {
				t.Errorf("it is %d by %d, said %d by %d, %v", got.Width, got.Height, width, height, err)
			}
			if test.width > 0 && (width != test.width || height != test.height) {
				t.Errorf("got %d by %d, want %d by %d", width, height, test.width, test.height)
			}
			if limit := max(test.limit.Bytes, 0); limit > 0 && len(data) > limit || len(data) > 120_000 {
				t.Errorf("%d bytes of %d", len(data), limit)
			}
		})
	}
}

func TestPreviewIsWhiteUnderGlass(t *testing.T) {
	folder, _, p := keep(t, store.Options{}, pngOf(t, image.NewNRGBA(image.Rect(0, 0, 64, 64))))
	data, _, _, err := folder.Preview(t.Context(), p, store.PreviewSize{})
	if err != nil {
		t.Fatal(err)
	}
	picture, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if r, g, b, _ := picture.At(32, 32).RGBA(); r < 0xfc00 || g < 0xfc00 || b < 0xfc00 {
		t.Errorf("a transparent pixel is %x %x %x, want white", r>>8, g>>8, b>>8)
	}
}

func TestPreviewThatCannotFit(t *testing.T) {
	folder, _, p := keep(t, store.Options{}, pngOf(t, noise(200, 200, 1)))
	if _, _, _, err := folder.Preview(t.Context(), p, store.PreviewSize{Bytes: 100}); err == nil {
		t.Error("a preview of 100 bytes came out")
	}
}

// 400 kB that unpack to 400 MB are kept, as they are paid for, and refused for a
// preview before anything of it is allocated.
func TestPreviewOfABomb(t *testing.T) {
	data := bomb(t, 10_000, 10_000)
	if len(data) > 500<<10 {
		t.Fatalf("the bomb has %d bytes", len(data))
	}
	frame := binary.BigEndian.AppendUint16([]byte{0xff, 0xc2, 0, 17, 8}, 4000)
	frame = append(binary.BigEndian.AppendUint16(frame, 4000), 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0)
	for name, data := range map[string][]byte{"PNG": data, "JPEG": jpegWith(frame)} {
		folder, _, p := keep(t, store.Options{}, data)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, _, err := folder.Preview(t.Context(), p, store.PreviewSize{})
		runtime.ReadMemStats(&after)
		checkKind(t, name, err, store.ErrTooBig)
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
			t.Errorf("%s: %d bytes were allocated to refuse it", name, got)
		}
	}
}

func TestPreviewRefusesWebP(t *testing.T) {
	folder, _, p := keep(t, store.Options{}, webpLossless(7, 5))
	if _, _, _, err := folder.Preview(t.Context(), p, store.PreviewSize{}); err == nil {
		t.Error("a WebP was decoded")
	}
}

// A picture that is a PNG by its chunks and has no pixels to unpack is an error,
// not a crash.
func TestPreviewOfNonsense(t *testing.T) {
	folder, _, p := keep(t, store.Options{}, bulk(pngHeader(10, 10), []byte("nonsense")))
	if _, _, _, err := folder.Preview(t.Context(), p, store.PreviewSize{}); err == nil {
		t.Error("nonsense was decoded")
	}
}

// blocked is a context whose error is asked for between two steps of a preview:
// there it holds the preview until the test lets it go.
type blocked struct {
	context.Context
	entered chan struct{}
	leave   chan struct{}
}

func (b blocked) Err() error {
	b.entered <- struct{}{}
	<-b.leave
	return context.Canceled
}

func TestPreviewsAtOnce(t *testing.T) {
	data := smallPNG(t, 1)
	synctest.Test(t, func(t *testing.T) {
		folder := open(t, store.Options{Transport: answerWith(data)})
		p, err := folder.Fetch(t.Context(), linkTo("https://"+bucket))
		if err != nil {
			t.Fatal(err)
		}
		entered, leave, done := make(chan struct{}, 3), make(chan struct{}), make(chan error, 3)
		for range 3 {
			go func() {
				_, _, _, err := folder.Preview(blocked{t.Context(), entered, leave}, p, store.PreviewSize{})
				done <- err
			}()
		}
		synctest.Wait()
		if got := len(entered); got != 2 {
			t.Errorf("%d previews are made at once, want 2", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, _, err := folder.Preview(ctx, p, store.PreviewSize{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the one that waits ends with %v", err)
		}
		close(leave)
		for range 3 {
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	})
}
