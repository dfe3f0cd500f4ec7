// Package edit changes single values in configuration files that belong to other
// programs and to people, and leaves every other byte as it is: comments, order,
// indentation, line ends.
//
// [JSON] also understands comments and trailing commas, which editors allow in
// their settings. [TOML] replaces or adds one table. [Replace] puts the new text
// into the file, atomically and with a backup.
package edit

import (
	"bytes"
	"strings"
)

// lineEnd is how the lines of text end.
func lineEnd(text []byte) string {
	if bytes.Contains(text, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}

// withLineEnd gives lines that end with \n the line end of their new place.
func withLineEnd(lines, end string) string { return strings.ReplaceAll(lines, "\n", end) }

// cut is text with the bytes from start to end replaced.
func cut(text []byte, start, end int, by string) []byte {
	return append(append(bytes.Clone(text[:start]), by...), text[end:]...)
}

// position counts lines and columns from 1.
func position(text []byte, offset int) (line, column int) {
	before := text[:min(max(offset, 0), len(text))]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}
