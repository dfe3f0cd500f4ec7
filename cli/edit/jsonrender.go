package edit

import (
	"bytes"
	"encoding/json"
	"strings"
)

// render is a value as it stands behind a line that is indented so; nil means
// that the file has everything on one line.
func (d *JSON) render(value any, indent *string) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return "", err
	}
	text := bytes.TrimSpace(b.Bytes())
	if indent == nil {
		return string(text), nil
	}
	n, _ := parseNode(text, 0)
	var out strings.Builder
	layOut(&out, text, n, *indent, d.unit())
	return withLineEnd(out.String(), lineEnd(d.text)), nil
}

// layOut writes objects over several lines, and lists of words on one.
func layOut(out *strings.Builder, text []byte, n node, indent, unit string) {
	opening, closing := "\n"+indent+unit, "\n"+indent
	switch {
	case len(n.members) == 0:
		out.Write(text[n.start:n.end])
		return
	case n.kind == '[' && isFlat(n):
		opening, closing = "", ""
	}
	out.WriteByte(n.kind)
	for i, m := range n.members {
		switch {
		case i > 0 && opening == "":
			out.WriteString(", ")
		case i > 0:
			out.WriteString("," + opening)
		default:
			out.WriteString(opening)
		}
		if n.kind == '{' {
			out.WriteString(quote(m.name) + ": ")
		}
		layOut(out, text, m.value, indent+unit, unit)
	}
	out.WriteString(closing)
	out.WriteByte(n.kind + 2) // ASCII has } two behind {, and ] two behind [
}

func isFlat(n node) bool {
	for _, m := range n.members {
		if m.value.kind == '{' || m.value.kind == '[' {
			return false
		}
	}
	return true
}

func quote(name string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(name) // a string always can be
	return strings.TrimSpace(b.String())
}

// gap is what stands between a colon and a value.
func (d *JSON) gap(indent *string) string {
	if indent == nil {
		return ""
	}
	return " "
}

// unit is one step of the file's indentation.
func (d *JSON) unit() string {
	if len(d.root.members) > 0 {
		if indent := d.ownIndent(d.root.members[0].start); indent != nil && *indent != "" {
			return *indent
		}
	}
	return "  "
}

// ownIndent is the indentation of what starts a line of its own at offset, nil
// for what shares its line.
func (d *JSON) ownIndent(offset int) *string {
	if len(bytes.TrimSpace(lineStart(d.plain, offset))) > 0 {
		return nil
	}
	indent := d.lineIndent(offset)
	return &indent
}

// lineIndent is the indentation of the line that offset is on.
func (d *JSON) lineIndent(offset int) string {
	line := d.text[offset-len(lineStart(d.plain, offset)) : offset]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// innerIndent is the indentation of the members of n, nil when they share a line.
func (d *JSON) innerIndent(n node) *string {
	if len(n.members) > 0 {
		return d.ownIndent(n.members[len(n.members)-1].start)
	}
	if n.start != d.root.start && d.ownIndent(d.root.members[0].start) == nil {
		return nil // the whole file is on one line
	}
	indent := d.lineIndent(n.start) + d.unit()
	return &indent
}

// lineStart is the part of a line before offset, lineAt the part from there.
func lineStart(text []byte, offset int) []byte {
	return text[bytes.LastIndexByte(text[:offset], '\n')+1 : offset]
}

func lineAt(text []byte, offset int) []byte {
	if end := bytes.IndexByte(text[offset:], '\n'); end >= 0 {
		return text[offset : offset+end]
	}
	return text[offset:]
}
