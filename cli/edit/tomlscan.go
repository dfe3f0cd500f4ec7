package edit

import (
	"bytes"

	"github.com/BurntSushi/toml"
)

// section is a [header] with the lines that belong to it. Comments and empty lines
// before the next header belong to that one.
type section struct {
	path       []string
	start, end int
}

// sections finds the headers of a valid TOML text.
func sections(text []byte) []section {
	var all []section
	depth, content := 0, 0 // brackets that are open; where the last thing ends that is no comment
	closeLast := func() {
		if len(all) > 0 {
			all[len(all)-1].end = min(content+len(lineAt(text, content))+1, len(text))
		}
	}
	for at := 0; at < len(text); {
		next := skipTOML(text, at)
		switch c := text[at]; {
		case c == '[' && depth == 0 && isLineStart(text, at):
			closeLast()
			line := lineAt(text, at)
			all = append(all, section{path: headerPath(line), start: at})
			next = at + len(line)
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		}
		if !isSpace(text[at]) && text[at] != '#' {
			content = next
		}
		at = next
	}
	closeLast()
	return all
}

// skipTOML is the offset behind the comment, string or single byte at.
func skipTOML(text []byte, at int) int {
	rest := text[at:]
	for _, mark := range []string{`"""`, `'''`, `"`, `'`} {
		if bytes.HasPrefix(rest, []byte(mark)) {
			return at + len(mark) + stringLength(rest[len(mark):], mark)
		}
	}
	if text[at] == '#' {
		return at + len(lineAt(text, at))
	}
	return at + 1
}

// stringLength is the length of what follows an opening mark, with the closing one.
func stringLength(rest []byte, mark string) int {
	for i := 0; i < len(rest); i++ {
		switch {
		case rest[i] == '\\' && mark[0] == '"':
			i++
		case bytes.HasPrefix(rest[i:], []byte(mark)):
			end := i + len(mark)
			for len(mark) == 3 && end < len(rest) && rest[end] == mark[0] {
				end++ // up to two more belong to the text
			}
			return end
		}
	}
	return len(rest)
}

func isLineStart(text []byte, at int) bool {
	return len(bytes.TrimSpace(lineStart(text, at))) == 0
}

// headerPath is the path of names in a header, nil for one of an array.
func headerPath(line []byte) []string {
	var any map[string]any
	meta, err := toml.Decode(string(line), &any)
	if err != nil || bytes.HasPrefix(line, []byte("[[")) {
		return nil
	}
	var path []string
	for _, key := range meta.Keys() {
		if len(key) > len(path) {
			path = key
		}
	}
	return path
}
