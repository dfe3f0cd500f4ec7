package server

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxLine is the longest message that is taken over stdio.
const maxLine = 4 << 20

// errLineTooLong is a line over the limit. It was read to its end, and the next
// one can be read.
var errLineTooLong = errors.New("line too long")

// lineReader reads lines that somebody else may make as long as he likes.
type lineReader struct {
	in    *bufio.Reader
	limit int
}

func newLineReader(in io.Reader, limit int) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(in, 64<<10), limit: limit}
}

// next returns the next line without its end, also a last one that has no end.
// It holds at most limit bytes of it, however long it is.
func (r *lineReader) next() ([]byte, error) {
	var line []byte
	size := 0
	for {
		part, err := r.in.ReadSlice('\n')
		size += len(part)
		if size <= r.limit+len("\r\n") {
			line = append(line, part...)
		} else {
			line = nil
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && size == 0:
			return nil, err
		}
		// What is wrong with the stream besides its end shows at the next read.
		if line = bytes.TrimRight(line, "\r\n"); len(line) > r.limit || size > r.limit+len("\r\n") {
			return nil, errLineTooLong
		}
		return line, nil
	}
}
