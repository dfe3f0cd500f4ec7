package store_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"slices"
	"testing"
)

// Pictures, and what passes for them.

// noise is a picture that does not compress.
func noise(width, height int, seed uint64) *image.NRGBA {
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	if _, err := random.Read(picture.Pix); err != nil {
		panic(err)
	}
	return picture
}

func pngOf(t testing.TB, picture image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// smallPNG is a valid picture of some kilobytes; seeds make different ones.
func smallPNG(t testing.TB, seed uint64) []byte {
	t.Helper()
	return pngOf(t, noise(40, 30, seed))
}

func jpegOf(t testing.TB, width, height int) []byte {
	t.Helper()
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range width {
		picture.Set(i, i%height, color.RGBA{R: 200, A: 255})
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, picture, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// pngChunk builds one chunk with a right checksum.
func pngChunk(kind string, data []byte) []byte {
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	chunk = append(append(chunk, kind...), data...)
	return binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
}

// pngHeader is a signature and an IHDR that claims a size.
func pngHeader(width, height uint32) []byte {
	data := binary.BigEndian.AppendUint32(nil, width)
	data = binary.BigEndian.AppendUint32(data, height)
	data = append(data, 8, 6, 0, 0, 0)
	return append([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", data)...)
}

// bulk is a PNG by its chunks, with any bytes for pixels.
func bulk(header, pixels []byte) []byte {
	return slices.Concat(header, pngChunk("IDAT", pixels), pngChunk("IEND", nil))
}

// megabytes is a PNG by its chunks that does not compress, quickly made.
func megabytes(size int) []byte {
	return bulk(pngHeader(1024, 1024), noise(size/4, 1, 1).Pix)
}

func smooth(width, height int) *image.NRGBA {
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			picture.SetNRGBA(x, y, color.NRGBA{R: uint8(x), G: uint8(y), B: uint8(x + y), A: 255})
		}
	}
	return picture
}

// bomb is a small PNG of so many black pixels: one packed piece, repeated.
func bomb(t testing.TB, width, height int) []byte {
	t.Helper()
	const piece = 1 << 20
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, piece)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	pieces := height*(1+4*width)/piece + 1
	data := append([]byte{0x78, 0x9c}, bytes.Repeat(packed.Bytes(), pieces)...)
	data = append(data, 3, 0) // the empty last block
	data = binary.BigEndian.AppendUint32(data, uint32(pieces*piece%65521)<<16|1)
	return bulk(pngHeader(uint32(width), uint32(height)), data)
}

// webpLossless is the start of a lossless WebP (RFC 9649 3.4), which is all that
// is looked at.
func webpLossless(width, height int) []byte {
	bits := uint32(width-1) | uint32(height-1)<<14
	return webp("VP8L", append([]byte{0x2f}, append(binary.LittleEndian.AppendUint32(nil, bits), 0, 0, 0, 0, 0)...))
}

func webp(kind string, data []byte) []byte {
	chunk := append([]byte(kind), binary.LittleEndian.AppendUint32(nil, uint32(len(data)))...)
	chunk = append([]byte("WEBP"), append(chunk, data...)...)
	return append([]byte("RIFF"), append(binary.LittleEndian.AppendUint32(nil, uint32(len(chunk))), chunk...)...)
}

func webpLossy(width, height int) []byte {
	data := []byte{0x10, 0, 0, 0x9d, 0x01, 0x2a, byte(width), byte(width >> 8), byte(height), byte(height >> 8)}
	return webp("VP8 ", data)
}

func webpExtended(width, height int) []byte {
	w, h := width-1, height-1
	return webp("VP8X", []byte{0, 0, 0, 0, byte(w), byte(w >> 8), byte(w >> 16), byte(h), byte(h >> 8), byte(h >> 16)})
}

// jpegWith is a JPEG header whose segments are given, then a scan and the end.
func jpegWith(segments ...[]byte) []byte {
	return append(append([]byte{0xff, 0xd8}, slices.Concat(segments...)...), 0xff, 0xda, 0, 2, 1, 2, 3, 0xff, 0xd9)
}

func frame(kind byte, width, height int) []byte {
	return []byte{0xff, kind, 0, 11, 8, byte(height >> 8), byte(height), byte(width >> 8), byte(width), 1, 1, 0x11, 0}
}
