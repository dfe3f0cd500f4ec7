package edit

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// TOML is a TOML document as it stands in a file.
type TOML struct {
	text []byte
	root map[string]any
}

// ParseTOML reads the text of a file.
func ParseTOML(text []byte) (*TOML, error) {
	d := &TOML{text: text, root: map[string]any{}}
	if _, err := toml.Decode(string(text), &d.root); err != nil {
		if bad, ok := errors.AsType[toml.ParseError](err); ok {
			return nil, fmt.Errorf("line %d: %s", bad.Position.Line, bad.Message)
		}
		return nil, err
	}
	return d, nil
}

// Bytes is the text with all changes.
func (d *TOML) Bytes() []byte { return d.text }

// Table is the table at the path of names; ok is false when there is none.
func (d *TOML) Table(path ...string) (table map[string]any, ok bool) {
	table = d.root
	for _, name := range path {
		if table, ok = table[name].(map[string]any); !ok {
			return nil, false
		}
	}
	return table, true
}

// SetTable writes the table at the path of names anew, with all that is below it,
// in its old place or at the end. Comments in the old table are lost, all others
// stay. A table that the file defines in another way than under a [header] is
// an error, and the text stays as it was.
func (d *TOML) SetTable(table map[string]any, path ...string) error {
	own, err := tableText(table, path)
	if err == nil {
		err = d.refuseInline(path)
	}
	if err != nil {
		return err
	}
	text, at := d.without(path)
	end := lineEnd(d.text)
	if at == len(text) && at > 0 {
		if !bytes.HasSuffix(text, []byte("\n")) {
			own = "\n" + own
		}
		if !bytes.HasSuffix(text, []byte("\n\n")) && !bytes.HasSuffix(text, []byte("\n\r\n")) {
			own = "\n" + own
		}
	}
	changed, err := ParseTOML(cut(text, at, at, withLineEnd(own, end)))
	if err != nil || !reflect.DeepEqual(changed.root, replaced(d.root, table, path)) {
		return notUnderHeader(path)
	}
	*d = *changed
	return nil
}

func notUnderHeader(path []string) error {
	return fmt.Errorf("%[1]s is written there in another way than under [%[1]s]", toml.Key(path))
}

// refuseInline finds tables above the path that are written inline, {...}, and so
// can get nothing from a header elsewhere. The parser would let that pass, others
// do not: but it takes no second definition either.
func (d *TOML) refuseInline(path []string) error {
	all := sections(d.text)
	for n := range path[1:] {
		above := path[:n+1]
		if slices.ContainsFunc(all, func(s section) bool { return slices.Equal(s.path, above) }) {
			continue
		}
		header := fmt.Sprintf("\n[%s]\n", toml.Key(above))
		if _, err := ParseTOML(append(bytes.Clone(d.text), header...)); err != nil {
			return notUnderHeader(above)
		}
	}
	return nil
}

// replaced is root with another table at the path of names.
func replaced(root, table map[string]any, path []string) map[string]any {
	if len(path) == 0 {
		return table
	}
	root = maps.Clone(root)
	inner, _ := root[path[0]].(map[string]any)
	if inner == nil {
		inner = map[string]any{}
	}
	root[path[0]] = replaced(inner, table, path[1:])
	return root
}

// without is the text without the table and those below it, and where the first
// of them was.
func (d *TOML) without(path []string) (text []byte, at int) {
	var own []section
	for _, s := range sections(d.text) {
		if len(s.path) < len(path) || !slices.Equal(s.path[:len(path)], path) {
			continue
		}
		if last := len(own) - 1; last >= 0 && len(bytes.TrimSpace(d.text[own[last].end:s.start])) == 0 {
			own[last].end = s.end // with the empty lines between them
			continue
		}
		own = append(own, s)
	}
	text, at = d.text, len(d.text)
	for _, s := range slices.Backward(own) {
		text, at = cut(text, s.start, s.end, ""), s.start
	}
	return text, at
}

// tableText is a table with its header and those below it.
func tableText(table map[string]any, path []string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "[%s]\n", toml.Key(path))
	inner := map[string]map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if below, ok := table[name].(map[string]any); ok {
			inner[name] = below
			continue
		}
		line, err := toml.Marshal(map[string]any{name: table[name]})
		if err != nil {
			return "", err
		}
		b.Write(line)
	}
	for _, name := range slices.Sorted(maps.Keys(inner)) {
		text, err := tableText(inner[name], append(slices.Clone(path), name))
		if err != nil {
			return "", err
		}
		b.WriteString("\n" + text)
	}
	return b.String(), nil
}
