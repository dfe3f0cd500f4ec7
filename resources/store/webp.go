package store

import (
	"encoding/binary"
	"fmt"
)

// webpHead is how far the header that tells the size reaches.
const webpHead = 30

// webpCheck reads the header of a WebP (RFC 9649) and checks that the file is as
// long as it says.
type webpCheck struct {
	field         field
	size          int64 // bytes so far
	width, height int
}

func (c *webpCheck) write(p []byte) error {
	c.size += int64(len(p))
	if len(c.field.got) == webpHead {
		return nil
	}
	if _, full := c.field.fill(p, webpHead); !full {
		return nil
	}
	if err := c.header(c.field.got); err != nil {
		return err
	}
	return checkSize(c.width, c.height)
}

func (c *webpCheck) end() (Picture, error) {
	if len(c.field.got) < webpHead {
		return Picture{}, fmt.Errorf("%w: the WebP ends inside its header", ErrDamaged)
	}
	if promised := int64(binary.LittleEndian.Uint32(c.field.got[4:])) + 8; c.size != promised {
		return Picture{}, fmt.Errorf("%w: the WebP has %d bytes and says %d", ErrDamaged, c.size, promised)
	}
	return Picture{MIME: mimeWebP, Width: c.width, Height: c.height}, nil
}

// header reads the size out of the first chunk, which is one of three kinds.
func (c *webpCheck) header(b []byte) error {
	kind, data := string(b[12:16]), b[20:]
	switch {
	case kind == "VP8 " && string(data[3:6]) == "\x9d\x01\x2a":
		c.width = int(binary.LittleEndian.Uint16(data[6:]) & 0x3fff)
		c.height = int(binary.LittleEndian.Uint16(data[8:]) & 0x3fff)
	case kind == "VP8L" && data[0] == 0x2f:
		bits := binary.LittleEndian.Uint32(data[1:])
		c.width, c.height = int(bits&0x3fff)+1, int(bits>>14&0x3fff)+1
	case kind == "VP8X":
		c.width = int(uint24(data[4:])) + 1
		c.height = int(uint24(data[7:])) + 1
	default:
		return fmt.Errorf("%w: the WebP begins with no picture", ErrDamaged)
	}
	return nil
}

func uint24(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
}
