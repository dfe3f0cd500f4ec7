package tools

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"wan-image-mcp/dashscope"
)

// problem is one thing that is wrong with a call's arguments, in one sentence.
type problem struct {
	field string // "" where nothing could be read at all
	text  string
}

// problems are all that is wrong with a call: one answer lets a model mend
// everything at once.
type problems []problem

func (p problems) Error() string {
	const most = 20 // of them are told; nobody makes more by mistake
	texts := make([]string, 0, most)
	for i, one := range p {
		if i == most {
			texts = append(texts, fmt.Sprintf("and %d more mistakes", len(p)-most))
			break
		}
		texts = append(texts, one.text)
	}
	return strings.Join(texts, ".\n")
}

// merge adds what is not about a field that is wrong already: a prompt sent as
// "promt" need not also be called empty. A problem without a field is about all.
func merge(bad, more problems) problems {
	merged := bad
	for _, m := range more {
		if !slices.ContainsFunc(bad, func(b problem) bool { return b.field == m.field || b.field == "" }) {
			merged = append(merged, m)
		}
	}
	return merged
}

// violations makes problems of what the service would not take.
func violations(r dashscope.ImageRequest, at dashscope.Region) problems {
	var bad problems
	for _, v := range r.Validate(at) {
		bad = append(bad, problem{v.Field, v.Text})
	}
	return bad
}

// strangers names the arguments that the tool does not have, and those it has.
func strangers(unknown, valid []string) problems {
	var bad problems
	for _, name := range unknown {
		p := problem{name, "unknown argument " + dashscope.Clip(strconv.Quote(name), 40)}
		if meant := dashscope.NearestName(name, valid); meant != "" {
			p.field = meant
			p.text += " (did you mean " + meant + "?)"
		}
		bad = append(bad, p)
	}
	if bad != nil {
		bad[len(bad)-1].text += "; valid arguments: " + strings.Join(valid, ", ")
	}
	return bad
}
