package store

import (
	"encoding/binary"
	"fmt"
)

// jpegCheck walks the segments of a JPEG (ITU T.81, annex B) up to the frame
// header, which tells the size, and checks that the file ends with the end mark.
type jpegCheck struct {
	part          jpegPart
	field         field
	marker        byte
	left          int // bytes of a segment to pass over
	width, height int
	last          [2]byte
}

type jpegPart int

const (
	jpegStart  jpegPart = iota // FF D8
	jpegMarker                 // FF, any more FF, kind of the segment
	jpegLength
	jpegSkip
	jpegFrame
	jpegScan // the size is known
)

// The markers that matter here.
const (
	jpegTEM = 0x01
	jpegDHT = 0xc4
	jpegJPG = 0xc8
	jpegDAC = 0xcc
	jpegEOI = 0xd9
	jpegSOS = 0xda
)

func (c *jpegCheck) write(p []byte) error {
	switch len(p) {
	case 0:
		return nil
	case 1:
		c.last = [2]byte{c.last[1], p[0]}
	default:
		c.last = [2]byte(p[len(p)-2:])
	}
	for len(p) > 0 && c.part != jpegScan {
		var err error
		if p, err = c.step(p); err != nil {
			return err
		}
	}
	return nil
}

func (c *jpegCheck) end() (Picture, error) {
	if c.part != jpegScan || c.last != [2]byte{0xff, jpegEOI} {
		return Picture{}, fmt.Errorf("%w: the JPEG ends before its end mark", ErrDamaged)
	}
	return Picture{MIME: mimeJPEG, Width: c.width, Height: c.height}, nil
}

// step takes one part, or a piece of it, from p.
func (c *jpegCheck) step(p []byte) (rest []byte, err error) {
	switch c.part {
	case jpegStart:
		return c.collect(p, 2, func([]byte) error { c.part = jpegMarker; return nil })
	case jpegMarker:
		return c.collect(p, 2, c.segment)
	case jpegLength:
		return c.collect(p, 2, c.length)
	case jpegFrame:
		return c.collect(p, 5, c.frame)
	}
	n := min(len(p), c.left)
	if c.left -= n; c.left == 0 {
		c.part = jpegMarker
	}
	return p[n:], nil
}

func (c *jpegCheck) collect(p []byte, size int, done func([]byte) error) ([]byte, error) {
	rest, full := c.field.fill(p, size)
	if !full {
		return rest, nil
	}
	got := c.field.got
	c.field.got = nil
	return rest, done(got)
}

func (c *jpegCheck) segment(mark []byte) error {
	if mark[0] != 0xff {
		return fmt.Errorf("%w: the JPEG has bytes between its segments", ErrDamaged)
	}
	switch kind := mark[1]; {
	case kind == 0xff: // padding: this may be the FF of the marker itself
		c.field.got = append(c.field.got, 0xff)
		return nil
	case kind == 0x00, kind == jpegTEM, kind >= 0xd0 && kind <= jpegSOS:
		return fmt.Errorf("%w: the JPEG has no frame header", ErrDamaged)
	default:
		c.marker, c.part = kind, jpegLength
		return nil
	}
}

func (c *jpegCheck) length(b []byte) error {
	c.left = int(binary.BigEndian.Uint16(b)) - 2
	c.part = jpegSkip
	if isFrame(c.marker) {
		c.part = jpegFrame
	}
	if c.left < 0 || c.part == jpegFrame && c.left < 6 {
		return fmt.Errorf("%w: the JPEG has a segment of impossible length", ErrDamaged)
	}
	if c.left == 0 {
		c.part = jpegMarker
	}
	return nil
}

// isFrame reports whether a marker is one of the frame headers SOF0 to SOF15.
func isFrame(marker byte) bool {
	return marker >= 0xc0 && marker <= 0xcf && marker != jpegDHT && marker != jpegJPG && marker != jpegDAC
}

// frame reads the precision, height and width of a frame header.
func (c *jpegCheck) frame(b []byte) error {
	c.height, c.width = int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
	c.part = jpegScan
	return checkSize(c.width, c.height)
}
