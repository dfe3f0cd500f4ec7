package dashscope

import (
	"fmt"
	"strings"
)

// ParseModel finds a model by any of its spellings, in any case. For a name that is
// none the error, a [*ValidationError], tells which there are and which of them was
// most likely meant.
func ParseModel(name string) (Model, error) {
	if m := findModel(name); m != nil {
		return m.clone(), nil
	}
	return Model{}, &ValidationError{[]Violation{unknownModel(name)}}
}

func unknownModel(name string) Violation {
	legal := make([]string, len(catalogue))
	for i := range catalogue {
		legal[i] = catalogue[i].ID
	}
	v := Violation{
		Field: "model", Value: Clip(name, quoteMax), Limit: strings.Join(legal, ", "),
		Text: fmt.Sprintf("model %s is not known: legal are %s", quote(name), joinAnd(legal)),
	}
	if near := nearModel(name); near != nil {
		v.Nearest = []string{near.ID}
		v.Text = fmt.Sprintf("model %s is not known, did you mean %s? Legal are %s", quote(name), near.ID, joinAnd(legal))
	}
	return v
}

// nearModel finds the model that a misspelt name most likely means: the first that
// it begins, or one that NearestName knows.
func nearModel(name string) *Model {
	wanted := letters(Clip(name, quoteMax))
	var all []string
	for i := range catalogue {
		for _, spelling := range catalogue[i].spellings() {
			if len(wanted) >= 3 && strings.HasPrefix(letters(spelling), wanted) {
				return &catalogue[i]
			}
			all = append(all, spelling)
		}
	}
	return findModel(NearestName(name, all))
}
