package store_test

import (
	"bytes"
	"errors"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "golang.org/x/image/webp"

	"wan-image-mcp/resources/store"
)

func TestInspect(t *testing.T) {
	long := append([]byte{0xff, 0xe1, 0x80, 0}, make([]byte, 0x7ffe)...)
	header, end := pngHeader(7, 5), pngChunk("IEND", nil)
	pixels := pngChunk("IDAT", []byte("not unpacked"))
	png := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	tests := map[string]struct {
		data []byte
		want error // nil is a picture of 7 by 5
	}{
		"PNG":                       {png(header, pixels, end), nil},
		"PNG, more chunks":          {png(header, pngChunk("tEXt", []byte("k\x00v")), pngChunk("gAMA", nil), pixels, pixels, end), nil},
		"PNG, nothing else":         {header[:8], store.ErrDamaged},
		"PNG, no pixels":            {png(header, end), store.ErrDamaged},
		"PNG, no end":               {png(header, pixels), store.ErrDamaged},
		"PNG, data in the end":      {png(header, pixels, pngChunk("IEND", []byte{1})), store.ErrDamaged},
		"PNG, two ends":             {png(header, pixels, end, end), store.ErrDamaged},
		"PNG, two headers":          {png(header, header[8:], pixels, end), store.ErrDamaged},
		"PNG, header late":          {png(header[:8], pixels, header[8:], end), store.ErrDamaged},
		"PNG, long header":          {png(header[:8], pngChunk("IHDR", append(bytes.Clone(header[16:29]), 0)), pixels, end), store.ErrDamaged},
		"PNG, short header":         {png(header[:8], pngChunk("IHDR", []byte{0, 0, 0, 7}), pixels, end), store.ErrDamaged},
		"PNG, odd chunk":            {png(header, pngChunk("ID\x00T", nil), pixels, end), store.ErrDamaged},
		"PNG, chunk of 4 GB":        {png(header, []byte{0xff, 0xff, 0xff, 0xff, 'I', 'D', 'A', 'T'}), store.ErrDamaged},
		"PNG, 0 wide":               {png(pngHeader(0, 5), pixels, end), store.ErrDamaged},
		"PNG, 16384 wide, too high": {png(pngHeader(16384, 6104), pixels, end), store.ErrTooBig},
		"PNG, 16385 high":           {png(pngHeader(1, 16385), pixels, end), store.ErrTooBig},
		"JPEG":                      {jpegWith(frame(0xc0, 7, 5)), nil},
		"JPEG, progressive":         {jpegWith(long, long, frame(0xc2, 7, 5)), nil},
		"JPEG, fill bytes":          {jpegWith([]byte{0xff, 0xff}, frame(0xc0, 7, 5)), nil},
		"JPEG, a fill byte":         {jpegWith([]byte{0xff}, frame(0xc0, 7, 5)), nil},
		"JPEG, empty segment":       {jpegWith([]byte{0xff, 0xfe, 0, 2}, frame(0xc0, 7, 5)), nil},
		"JPEG, tables first":        {jpegWith([]byte{0xff, 0xc4, 0, 4, 9, 9}, frame(0xc0, 7, 5)), nil},
		"JPEG, no frame":            {jpegWith(), store.ErrDamaged},
		"JPEG, no size":             {jpegWith(frame(0xc0, 0, 0)), store.ErrDamaged},
		"JPEG, too big":             {jpegWith(frame(0xc0, 65535, 65535)), store.ErrTooBig},
		"JPEG, length 1":            {jpegWith([]byte{0xff, 0xe0, 0, 1}), store.ErrDamaged},
		"JPEG, short frame":         {jpegWith([]byte{0xff, 0xc0, 0, 7, 8, 0, 5, 0, 7}), store.ErrDamaged},
		"JPEG, stray bytes":         {jpegWith([]byte{0xff, 0xfe, 0, 2, 1, 2}, frame(0xc0, 7, 5)), store.ErrDamaged},
		"JPEG, cut":                 {jpegWith(long, frame(0xc0, 7, 5))[:40000-7000], store.ErrDamaged},
		"JPEG, no end":              {append(jpegWith(frame(0xc0, 7, 5)), 0), store.ErrDamaged},
		"WebP, lossless":            {webpLossless(7, 5), nil},
		"WebP, lossy":               {webpLossy(7, 5), nil},
		"WebP, extended":            {webpExtended(7, 5), nil},
		"WebP, too big":             {webpExtended(1<<24, 1<<24), store.ErrTooBig},
		"WebP, no size":             {webpLossy(0, 5), store.ErrDamaged},
		"WebP, cut":                 {webpLossless(7, 5)[:20], store.ErrDamaged},
		"WebP, cut behind header":   {append(webpLossless(7, 5), 0)[:30], nil},
		"WebP, bytes behind":        {append(webpLossless(7, 5), 0), store.ErrDamaged},
		"WebP, unknown kind":        {webp("ANIM", make([]byte, 20)), store.ErrDamaged},
		"WebP, no start code":       {webp("VP8 ", bytes.Repeat([]byte{1}, 20)), store.ErrDamaged},
		"RIFF, but sound":           {[]byte("RIFF\x00\x00\x00\x00WAVEfmt "), store.ErrNotPicture},
		"nothing":                   {nil, store.ErrDamaged},
	}
	for name, test := range tests {
		for _, size := range []int{1, 7, 64 << 10} { // however the network cuts it
			got, err := store.Inspect(test.data, size)
			switch {
			case test.want != nil:
				checkKind(t, name, err, test.want)
			case err != nil || got.Width != 7 || got.Height != 5:
				t.Errorf("%s in pieces of %d: got %v, %v", name, size, got, err)
			}
		}
	}
}

// A chunk of impossible length is refused when it begins, not when a body of that
// length is through.
func TestInspectRefusesEarly(t *testing.T) {
	_, err := store.Inspect(append(pngHeader(7, 5), 0x80, 0, 0, 0, 'I', 'D', 'A', 'T'), 64<<10)
	if err == nil || !strings.Contains(err.Error(), "2147483648 bytes") {
		t.Errorf("got %v", err)
	}
}

// Every cut and every flipped bit of a PNG is noticed.
func TestInspectNoticesAllDamage(t *testing.T) {
	data := pngOf(t, noise(6, 4, 1))
	for at := range data {
		if _, err := store.Inspect(data[:at], 64<<10); err == nil {
			t.Errorf("cut at %d passes", at)
		}
		for bit := range 8 {
			damaged := bytes.Clone(data)
			damaged[at] ^= 1 << bit
			if _, err := store.Inspect(damaged, 64<<10); err == nil {
				t.Errorf("bit %d of byte %d flipped passes", bit, at)
			}
		}
	}
}

func FuzzInspectPNG(f *testing.F) {
	f.Add(pngOf(f, noise(3, 2, 1)), 7)
	f.Add(pngOf(f, image.NewGray16(image.Rect(0, 0, 2, 2))), 1)
	f.Add(pngHeader(1<<31-1, 1), 3)
	f.Fuzz(fuzzInspect)
}

func FuzzInspectHeaders(f *testing.F) {
	f.Add(jpegOf(f, 20, 10), 5)
	f.Add(jpegWith(frame(0xc2, 7, 5)), 1)
	f.Add(webpLossless(7, 5), 4)
	f.Add(webpLossy(7, 5), 9)
	f.Add(webpExtended(7, 5), 30)
	f.Fuzz(fuzzInspect)
}

// fuzzInspect: the answer does not depend on how the bytes are cut, a size stays
// in its limits, and where the decoders of the standard library understand the
// header they read the same size.
func fuzzInspect(t *testing.T, data []byte, size int) {
	size = max(1, min(size, 1<<16))
	got, err := store.Inspect(data, size)
	again, errAgain := store.Inspect(data, max(1, len(data)))
	if (err == nil) != (errAgain == nil) || err == nil && !cmp.Equal(got, again) {
		t.Fatalf("in pieces: %v, %v; whole: %v, %v", got, err, again, errAgain)
	}
	if err != nil {
		if !errors.Is(err, store.ErrDamaged) && !errors.Is(err, store.ErrNotPicture) && !errors.Is(err, store.ErrTooBig) {
			t.Errorf("an error without a kind: %v", err)
		}
		return
	}
	if got.Width < 1 || got.Height < 1 || got.Width > store.MaxSide || got.Height > store.MaxSide || got.Width*got.Height > store.MaxPixels {
		t.Errorf("%d by %d pixels pass", got.Width, got.Height)
	}
	header, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err == nil && (header.Width != got.Width || header.Height != got.Height) {
		t.Errorf("%d by %d here, %d by %d there", got.Width, got.Height, header.Width, header.Height)
	}
}
