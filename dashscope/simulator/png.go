package simulator

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
)

// encode writes an opaque picture as PNG in 8-bit RGB. The standard encoder
// tries five filters on every row; these pictures are dithered gradients, for
// which one filter and Huffman codes do as well in a third of the time. That
// counts where tests with the race detector draw hundreds of them.
func encode(img *image.RGBA) []byte {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	var data bytes.Buffer
	z, err := zlib.NewWriterLevel(&data, flate.HuffmanOnly)
	if err != nil {
		panic(err) // the level is valid
	}
	const up = 2 // each byte is the difference from the one above
	row, above := make([]byte, 1+3*w), make([]byte, 4*w)
	for y := range h {
		line := img.Pix[y*img.Stride : y*img.Stride+4*w]
		row[0] = up
		subtract(row[1:], line, above)
		_, _ = z.Write(row) // a buffer never fails
		above = line
	}
	_ = z.Close()

	var head [13]byte
	binary.BigEndian.PutUint32(head[0:], uint32(w))
	binary.BigEndian.PutUint32(head[4:], uint32(h))
	head[8], head[9] = 8, 2 // bits, RGB
	out := make([]byte, 0, data.Len()+128)
	out = append(out, "\x89PNG\r\n\x1a\n"...)
	out = chunk(out, "IHDR", head[:])
	out = chunk(out, "tEXt", []byte("Software\x00DashScope simulator"))
	out = chunk(out, "IDAT", data.Bytes())
	return chunk(out, "IEND", nil)
}

// subtract writes the difference of two rows, without their alpha.
//
//go:norace
func subtract(to, line, above []byte) {
	for i, j := 0, 0; j < len(to); i, j = i+4, j+3 {
		to[j], to[j+1], to[j+2] = line[i]-above[i], line[i+1]-above[i+1], line[i+2]-above[i+2]
	}
}

func chunk(out []byte, name string, data []byte) []byte {
	out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
	start := len(out)
	out = append(append(out, name...), data...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[start:]))
}
