package store

import (
	"bytes"
	"fmt"
)

// The largest picture that is kept. Nothing is decoded to learn it.
const (
	maxSide   = 16_384
	maxPixels = 100_000_000
)

// headLength is how many bytes tell one format from another.
const headLength = 12

// format checks the bytes of one picture format as they stream by. It decodes
// nothing, and its memory is a few bytes.
type format interface {
	// write takes the next bytes and fails at the first that cannot be right.
	write(p []byte) error
	// end says what the picture was, or that it is not whole.
	end() (Picture, error)
}

// inspector recognises the format by its first bytes, whatever the host claims,
// and hands all bytes to its check.
type inspector struct {
	head   field
	format format
}

func (i *inspector) write(p []byte) error {
	if i.format == nil {
		rest, full := i.head.fill(p, headLength)
		if !full {
			return nil
		}
		format, err := recognise(i.head.got)
		if err != nil {
			return err
		}
		if err := format.write(i.head.got); err != nil {
			return err
		}
		i.format, p = format, rest
	}
	return i.format.write(p)
}

func (i *inspector) end() (Picture, error) {
	if i.format == nil {
		return Picture{}, fmt.Errorf("%w: it ends after %d bytes", ErrDamaged, len(i.head.got))
	}
	return i.format.end()
}

func recognise(head []byte) (format, error) {
	switch {
	case bytes.HasPrefix(head, []byte(pngSignature)):
		return new(pngCheck), nil
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return new(jpegCheck), nil
	case bytes.HasPrefix(head, []byte("RIFF")) && bytes.HasSuffix(head, []byte("WEBP")):
		return new(webpCheck), nil
	}
	if text := bytes.TrimLeft(head, "\ufeff \t\r\n"); bytes.HasPrefix(text, []byte("<")) {
		return nil, fmt.Errorf("%w: the host sent a web page or XML", ErrNotPicture)
	}
	return nil, fmt.Errorf("%w: it begins like no PNG, JPEG or WebP", ErrNotPicture)
}

// checkSize holds the size that a header tells against the limits.
func checkSize(width, height int) error {
	switch {
	case width < 1 || height < 1:
		return fmt.Errorf("%w: its header says %d by %d pixels", ErrDamaged, width, height)
	case width > maxSide || height > maxSide || width*height > maxPixels:
		return fmt.Errorf("%w: its header says %d by %d pixels", ErrTooBig, width, height)
	}
	return nil
}

// field collects a fixed number of bytes that may come in pieces.
type field struct{ got []byte }

// fill takes from p until the field has size bytes, and returns what is left.
func (f *field) fill(p []byte, size int) (rest []byte, full bool) {
	n := min(len(p), size-len(f.got))
	f.got = append(f.got, p[:n]...)
	return p[n:], len(f.got) == size
}
