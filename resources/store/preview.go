package store

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/draw"
)

const (
	maxPreviews = 2 // decoding keeps a core and megabytes busy
	// previewMemory bounds one decoded picture, as the decoders' worst case for
	// its pixels. Two of them are what a small machine can spare.
	previewMemory = 48 << 20
	pngBytes      = 8  // per pixel: four samples of 16 bits
	jpegBytes     = 16 // per pixel: progressive coefficients of three samples, and the result
	minSide       = 64 // a preview smaller than this shows nothing
)

// PreviewSize bounds a preview.
type PreviewSize struct {
	Side  int // pixels of the longer side; 0 means 512
	Bytes int // length of the JPEG; 0 means 120,000
}

// Preview makes a small JPEG of p for showing. It is never larger than p, keeps
// its shape, has white where p is transparent, and fits in limit: quality is
// lowered first, then size. The size that p's own header tells is checked before
// anything is decoded; [ErrTooBig] means that decoding would take too much memory,
// and a WebP is not decoded at all.
//
// At most two previews are made at once; others wait, and give up with ctx.
func (f *Folder) Preview(ctx context.Context, p Picture, limit PreviewSize) (data []byte, width, height int, err error) {
	select {
	case f.previews <- struct{}{}:
		defer func() { <-f.previews }()
	case <-ctx.Done():
		return nil, 0, 0, ctx.Err()
	}
	picture, err := f.decode(p)
	if err != nil {
		return nil, 0, 0, err
	}
	limit.Side, limit.Bytes = cmp.Or(max(limit.Side, 0), 512), cmp.Or(max(limit.Bytes, 0), 120_000)
	largest := min(limit.Side, max(picture.Bounds().Dx(), picture.Bounds().Dy()))
	for side := largest; side >= min(largest, minSide); side = side * 3 / 4 {
		small := shrink(picture, side)
		for _, quality := range []int{85, 70, 55} {
			if err := ctx.Err(); err != nil {
				return nil, 0, 0, err
			}
			data, err := encodeWithin(small, quality, limit.Bytes)
			if err != nil {
				return nil, 0, 0, fmt.Errorf("preview: %w", err)
			}
			if data != nil {
				return data, small.Rect.Dx(), small.Rect.Dy(), nil
			}
		}
	}
	return nil, 0, 0, fmt.Errorf("no preview of the picture fits in %d bytes", limit.Bytes)
}

// decode unpacks p if its header is modest.
func (f *Folder) decode(p Picture) (image.Image, error) {
	decode, config, perPixel := png.Decode, png.DecodeConfig, pngBytes
	switch p.MIME {
	case mimePNG:
	case mimeJPEG:
		decode, config, perPixel = jpeg.Decode, jpeg.DecodeConfig, jpegBytes
	default:
		return nil, fmt.Errorf("no preview is made of %.20q", p.MIME)
	}
	file, err := f.Open(p)
	if err != nil {
		return nil, err
	}
	defer release(file)
	header, err := config(bufio.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("preview: %w", err)
	}
	if header.Width > maxSide || header.Height > maxSide || header.Width*header.Height > previewMemory/perPixel {
		return nil, fmt.Errorf("%w for a preview: %d by %d pixels", ErrTooBig, header.Width, header.Height)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	picture, err := decode(bufio.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("preview: %w", err)
	}
	return picture, nil
}

// shrink draws picture on white, with side as its longer side.
func shrink(picture image.Image, side int) *image.RGBA {
	from := picture.Bounds()
	width, height := from.Dx(), from.Dy()
	longer := max(width, height)
	width, height = max(1, width*side/longer), max(1, height*side/longer)
	small := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(small, small.Rect, image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.ApproxBiLinear.Scale(small, small.Rect, picture, from, draw.Over, nil)
	return small
}

// encodeWithin answers nil where the JPEG is longer than limit.
func encodeWithin(picture image.Image, quality, limit int) ([]byte, error) {
	var out capped
	out.limit = limit
	err := jpeg.Encode(&out, picture, &jpeg.Options{Quality: quality})
	if errors.Is(err, errCapped) {
		return nil, nil
	}
	return out.Bytes(), err
}

var errCapped = errors.New("longer than the limit")

// capped is a buffer that fails instead of growing over a limit.
type capped struct {
	bytes.Buffer
	limit int
}

func (c *capped) Write(p []byte) (int, error) {
	if c.Len()+len(p) > c.limit {
		return 0, errCapped
	}
	return c.Buffer.Write(p)
}
