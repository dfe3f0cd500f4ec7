package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

const pngSignature = "\x89PNG\r\n\x1a\n"

// pngCheck follows the chunks of a PNG (https://www.w3.org/TR/png-3/): their
// lengths, their order as far as IHDR, IDAT and IEND go, and every checksum. It
// notices cut, changed and appended bytes without unpacking a pixel.
type pngCheck struct {
	part   pngPart
	field  field  // the fixed part that is being collected
	kind   string // of the current chunk
	left   int64  // bytes of its data still to come
	sum    uint32 // of its kind and data so far
	header []byte // data of IHDR
	pixels bool   // an IDAT was seen
}

type pngPart int

const (
	pngStart pngPart = iota // signature
	pngHead                 // length and kind of a chunk
	pngData
	pngSum
	pngDone
)

func (c *pngCheck) write(p []byte) error {
	for len(p) > 0 {
		var err error
		switch c.part {
		case pngStart:
			p, err = c.collect(p, len(pngSignature), c.begin)
		case pngHead:
			p, err = c.collect(p, 8, c.open)
		case pngData:
			p = c.data(p)
		case pngSum:
			p, err = c.collect(p, 4, c.close)
		case pngDone:
			err = fmt.Errorf("%w: bytes follow the end of the PNG", ErrDamaged)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *pngCheck) end() (Picture, error) {
	if c.part != pngDone {
		return Picture{}, fmt.Errorf("%w: the PNG ends before its last chunk", ErrDamaged)
	}
	width, height := c.size()
	return Picture{MIME: mimePNG, Width: width, Height: height}, nil
}

// collect gathers size bytes and then hands them to done.
func (c *pngCheck) collect(p []byte, size int, done func([]byte) error) ([]byte, error) {
	rest, full := c.field.fill(p, size)
	if !full {
		return rest, nil
	}
	err := done(c.field.got)
	c.field.got = c.field.got[:0]
	return rest, err
}

func (c *pngCheck) begin(signature []byte) error {
	if string(signature) != pngSignature {
		return fmt.Errorf("%w: it has no PNG signature", ErrNotPicture)
	}
	c.part = pngHead
	return nil
}

// open begins a chunk.
func (c *pngCheck) open(head []byte) error {
	length, kind := binary.BigEndian.Uint32(head), string(head[4:])
	switch {
	case (c.header == nil) != (kind == "IHDR"), kind == "IHDR" && length != 13:
		return fmt.Errorf("%w: the PNG does not begin with one IHDR chunk", ErrDamaged)
	case kind == "IEND" && (length != 0 || !c.pixels):
		return fmt.Errorf("%w: the PNG has no pixels, or data in its last chunk", ErrDamaged)
	case length > math.MaxInt32 || !isChunkKind(kind):
		return fmt.Errorf("%w: the PNG has a chunk %.8q of %d bytes", ErrDamaged, kind, length)
	}
	c.pixels = c.pixels || kind == "IDAT"
	c.kind, c.left, c.sum = kind, int64(length), crc32.ChecksumIEEE(head[4:])
	c.part = pngData
	if length == 0 {
		c.part = pngSum
	}
	return nil
}

func isChunkKind(kind string) bool {
	for _, letter := range []byte(kind) {
		if letter|0x20 < 'a' || letter|0x20 > 'z' {
			return false
		}
	}
	return true
}

// data passes over the data of a chunk.
func (c *pngCheck) data(p []byte) (rest []byte) {
	part := p[:min(int64(len(p)), c.left)]
	c.sum = crc32.Update(c.sum, crc32.IEEETable, part)
	if c.kind == "IHDR" {
		c.header = append(c.header, part...)
	}
	c.left -= int64(len(part))
	if c.left == 0 {
		c.part = pngSum
	}
	return p[len(part):]
}

// close ends a chunk.
func (c *pngCheck) close(sum []byte) error {
	if binary.BigEndian.Uint32(sum) != c.sum {
		return fmt.Errorf("%w: the checksum of PNG chunk %s is wrong", ErrDamaged, c.kind)
	}
	c.part = pngHead
	switch c.kind {
	case "IHDR":
		return checkSize(c.size())
	case "IEND":
		c.part = pngDone
	}
	return nil
}

func (c *pngCheck) size() (width, height int) {
	return int(binary.BigEndian.Uint32(c.header)), int(binary.BigEndian.Uint32(c.header[4:]))
}
