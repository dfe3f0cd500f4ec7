package edit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// JSON is a JSON object as it stands in a file. Comments and trailing commas are
// understood and kept.
type JSON struct {
	text   []byte
	plain  []byte // text with blanks for comments and trailing commas: same length
	commas []int  // where text has trailing commas
	root   node
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// ParseJSON reads the text of a file. An empty one counts as an empty object.
func ParseJSON(text []byte) (*JSON, error) {
	d := &JSON{text: text}
	if len(bytes.TrimSpace(bytes.TrimPrefix(text, byteOrderMark))) == 0 {
		d.text = []byte("{}\n")
	}
	return d, d.parse()
}

func (d *JSON) parse() error {
	d.plain, d.commas = blankComments(d.text)
	var any any
	if err := json.Unmarshal(d.plain, &any); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			line, column := position(d.plain, int(syntax.Offset)-1)
			return fmt.Errorf("line %d, column %d: %w", line, column, err)
		}
		return err
	}
	d.root, _ = parseNode(d.plain, skipSpace(d.plain, 0))
	if d.root.kind != '{' {
		return errors.New("it does not hold an object")
	}
	return nil
}

// Bytes is the text with all changes.
func (d *JSON) Bytes() []byte { return d.text }

// Get is the value at the path of names; ok is false when there is none.
func (d *JSON) Get(path ...string) (value any, ok bool) {
	n := d.root
	for _, name := range path {
		m := n.member(name)
		if m == nil {
			return nil, false
		}
		n = m.value
	}
	err := json.Unmarshal(d.plain[n.start:n.end], &value)
	return value, err == nil
}

// Set gives the member at the path of names a value. Objects on the way are made
// where they are missing; anything else there is an error, and so is a name that
// stands twice.
func (d *JSON) Set(value any, path ...string) error {
	n := d.root
	for i, name := range path {
		if n.kind != '{' {
			return fmt.Errorf("%s is not an object", strings.Join(path[:i], "."))
		}
		if n.count(name) > 1 {
			return fmt.Errorf("%s stands there twice", strings.Join(path[:i+1], "."))
		}
		m := n.member(name)
		if m == nil {
			for _, inner := range slices.Backward(path[i+1:]) {
				value = map[string]any{inner: value}
			}
			return d.insert(n, name, value)
		}
		if i == len(path)-1 {
			return d.replace(*m, value)
		}
		n = m.value
	}
	return errors.New("no path")
}

// Append adds an element to the array at the path of names, which is made where
// it is missing.
func (d *JSON) Append(value any, path ...string) error {
	n := d.root
	for _, name := range path {
		m := n.member(name)
		if m == nil {
			return d.Set([]any{value}, path...)
		}
		n = m.value
	}
	if n.kind != '[' {
		return fmt.Errorf("%s is not an array", strings.Join(path, "."))
	}
	return d.insert(n, "", value)
}

// replace exchanges the value of a member.
func (d *JSON) replace(m member, value any) error {
	text, err := d.render(value, d.ownIndent(m.start))
	if err != nil {
		return err
	}
	return d.change(m.value.start, m.value.end, text)
}

// insert adds a member, or an element where name is "", behind the last one.
func (d *JSON) insert(n node, name string, value any) error {
	inner := d.innerIndent(n)
	text, err := d.render(value, inner)
	if err != nil {
		return err
	}
	if n.kind == '{' {
		text = quote(name) + ":" + d.gap(inner) + text
	}
	if len(n.members) == 0 {
		return d.insertFirst(n, inner, text)
	}
	at := n.members[len(n.members)-1].value.end
	comma := slices.IndexFunc(d.commas, func(c int) bool { return at <= c && c < n.end })
	switch {
	case inner == nil && comma < 0:
		return d.change(at, at, ","+text)
	case inner == nil:
		return d.change(d.commas[comma]+1, d.commas[comma]+1, text)
	}
	// A comment behind the last member stays behind it.
	end := at
	if comma >= 0 {
		end = d.commas[comma] + 1
	}
	if rest := lineAt(d.plain, end); len(bytes.TrimSpace(rest)) == 0 && end+len(rest) < n.end {
		end += len(bytes.TrimSuffix(rest, []byte("\r")))
	}
	between := string(d.text[at:end])
	if comma < 0 {
		between = "," + between
	}
	return d.change(at, end, between+lineEnd(d.text)+*inner+text)
}

// insertFirst fills an empty object or array.
func (d *JSON) insertFirst(n node, inner *string, text string) error {
	if inner == nil {
		return d.change(n.end-1, n.end-1, text)
	}
	end := lineEnd(d.text)
	inside := bytes.TrimRight(d.text[n.start+1:n.end-1], " \t\r\n") // comments, if anything
	return d.change(n.start+1, n.end-1, string(inside)+end+*inner+text+end+d.lineIndent(n.start))
}

// change replaces bytes and reads the result again.
func (d *JSON) change(start, end int, by string) error {
	before := *d
	d.text = cut(d.text, start, end, by)
	if err := d.parse(); err != nil {
		*d = before
		return fmt.Errorf("it would break: %w", err)
	}
	return nil
}
