package edit

import (
	"bytes"
	"encoding/json"
)

// node is where a value stands in valid JSON.
type node struct {
	kind       byte // its first byte
	start, end int
	members    []member // of an object or an array
}

// member is a name with its value, or an element of an array without a name.
type member struct {
	name  string
	start int // of the name, or of the element
	value node
}

func (n node) member(name string) *member {
	if n.kind != '{' {
		return nil
	}
	for i := range n.members {
		if n.members[i].name == name {
			return &n.members[i]
		}
	}
	return nil
}

func (n node) count(name string) (count int) {
	for _, m := range n.members {
		if m.name == name {
			count++
		}
	}
	return count
}

// parseNode reads the value that starts at; text is known to be valid.
func parseNode(text []byte, at int) (n node, end int) {
	n = node{kind: text[at], start: at}
	switch n.kind {
	case '{', '[':
		for at = skipSpace(text, at+1); text[at] != '}' && text[at] != ']'; {
			var m member
			m, at = parseMember(text, at, n.kind == '{')
			n.members = append(n.members, m)
			at = skipSpace(text, at)
			if text[at] == ',' {
				at = skipSpace(text, at+1)
			}
		}
		n.end = at + 1
	case '"':
		n.end = skipString(text, at)
	default:
		for n.end = at; n.end < len(text) && !isPunctuation(text[n.end]); {
			n.end++
		}
	}
	return n, n.end
}

func parseMember(text []byte, at int, named bool) (m member, end int) {
	m.start = at
	if named {
		end = skipString(text, at)
		_ = json.Unmarshal(text[at:end], &m.name) // it is valid
		at = skipSpace(text, skipSpace(text, end)+1)
	}
	m.value, end = parseNode(text, at)
	return m, end
}

func skipSpace(text []byte, at int) int {
	for at < len(text) && isSpace(text[at]) {
		at++
	}
	return at
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func isPunctuation(c byte) bool { return isSpace(c) || c == ',' || c == ']' || c == '}' || c == ':' }

// skipString is the offset behind the string that starts at.
func skipString(text []byte, at int) int {
	for at++; at < len(text) && text[at] != '"'; at++ {
		if text[at] == '\\' {
			at++
		}
	}
	return min(at+1, len(text))
}

// blankComments puts blanks in the place of comments, of trailing commas, and of
// a byte order mark, so that plain JSON of the same length remains. It tells where
// the commas were.
func blankComments(text []byte) (plain []byte, commas []int) {
	plain = append(plain, text...)
	blank := func(start, end int) {
		for i := start; i < end; i++ {
			plain[i] = ' '
		}
	}
	comma := -1       // where the last thing was a comma behind a value
	last := byte('{') // the last thing that was no space
	at := 0
	if len(text) >= 3 && string(text[:3]) == string(byteOrderMark) {
		blank(0, 3)
		at = 3
	}
	for at < len(text) {
		next := at + 1
		switch c := text[at]; {
		case c == '"':
			next = skipString(text, at)
			comma = -1
		case c == '/' && skipComment(text, at) > at:
			next = skipComment(text, at)
			blank(at, next)
		case c == ',' && !bytes.ContainsRune([]byte("{[,:"), rune(last)):
			comma = at
		case (c == '}' || c == ']') && comma >= 0:
			blank(comma, comma+1)
			commas = append(commas, comma)
			comma = -1
		case !isSpace(c):
			comma = -1
		}
		if c := plain[at]; !isSpace(c) {
			last = c
		}
		at = next
	}
	return plain, commas
}

// skipComment is the offset behind the comment that starts at, at itself when none
// does. The line end is no part of a comment; one that never ends is none.
func skipComment(text []byte, at int) int {
	rest := text[at:]
	switch {
	case bytes.HasPrefix(rest, []byte("//")):
		if end := bytes.IndexAny(rest, "\r\n"); end >= 0 {
			return at + end
		}
		return len(text)
	case bytes.HasPrefix(rest, []byte("/*")):
		if end := bytes.Index(rest[2:], []byte("*/")); end >= 0 {
			return at + 2 + end + 2
		}
	}
	return at
}
