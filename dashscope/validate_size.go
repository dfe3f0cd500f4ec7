package dashscope

import (
	"fmt"
	"strings"
)

// checkSize holds size, or the aspect ratio that Resolve could not turn into one,
// to the model's rule.
func (m *Model) checkSize(r ImageRequest) []Violation {
	switch {
	case r.Size != "" && r.AspectRatio != "":
		return []Violation{m.bothSizes(r)}
	case r.AspectRatio != "":
		return []Violation{m.unknownRatio(r.AspectRatio)}
	}
	v := Violation{Field: "size", Value: Clip(r.Size, quoteMax), Limit: m.Sizes.String(), Unit: "pixels"}
	size, err := ParseSize(r.Size)
	if err != nil {
		v.Nearest = []string{m.DefaultSize.String()}
		v.Text = fmt.Sprintf("%v; %s takes %s", err, m.ID, m.Sizes)
		return []Violation{v}
	}
	if m.Sizes.Allows(size) {
		return nil
	}
	near := m.Nearest(size)
	v.Nearest = sizeTexts(near)
	v.Text = fmt.Sprintf("size %s %s: %s", size, m.broken(size), m.instead(size, near))
	return []Violation{v}
}

// broken says which limit an illegal size breaks.
func (m *Model) broken(s Size) string {
	rule := m.Sizes
	long, short := max(s.Width, s.Height), min(s.Width, s.Height)
	switch {
	case rule.MaxSide > 0 && long > rule.MaxSide:
		return fmt.Sprintf("has a side of %d pixels; %s takes sides from %d to %d", long, m.ID, rule.MinSide, rule.MaxSide)
	case short < rule.MinSide:
		return fmt.Sprintf("has a side of %d pixels; %s takes sides from %d to %d", short, m.ID, rule.MinSide, rule.MaxSide)
	case rule.MaxPixels > 0 && s.Pixels() > rule.MaxPixels:
		return fmt.Sprintf("has %d pixels; %s takes at most %d", s.Pixels(), m.ID, rule.MaxPixels)
	case s.Pixels() < rule.MinPixels:
		return fmt.Sprintf("has %d pixels; %s takes at least %d", s.Pixels(), m.ID, rule.MinPixels)
	}
	ratio := fmt.Sprintf("%.6g:1", s.ratio())
	if s.Width < s.Height {
		ratio = fmt.Sprintf("1:%.6g", 1/s.ratio())
	}
	return fmt.Sprintf("has the ratio %s; %s takes 1:%g to %g:1", ratio, m.ID, rule.MaxRatio, rule.MaxRatio)
}

// instead says which size to use.
func (m *Model) instead(s Size, near []Size) string {
	if len(near) == 0 {
		return "leave it out for " + m.DefaultSize.String()
	}
	for _, shape := range m.Shapes {
		if shape.Size == near[0] && sameShape(s, shape.Size) {
			text := fmt.Sprintf("for %s use %s", shape.Ratio, shape.Size)
			if len(near) > 1 && sameShape(s, near[1]) {
				text += fmt.Sprintf(", or %s, the nearest legal size", near[1])
			}
			return text
		}
	}
	return "the nearest legal size is " + near[0].String()
}

func (m *Model) bothSizes(r ImageRequest) Violation {
	v := Violation{
		Field: "aspect_ratio", Value: Clip(r.AspectRatio, quoteMax), Limit: "size or aspect_ratio, not both",
		Text: fmt.Sprintf("size %s and aspect_ratio %s were given together: give only one of them", quote(r.Size), quote(r.AspectRatio)),
	}
	for _, shape := range m.Shapes {
		if shape.Ratio == r.AspectRatio {
			v.Nearest = []string{shape.Size.String()}
			v.Text += fmt.Sprintf(" (for %s the size is %s)", shape.Ratio, shape.Size)
		}
	}
	return v
}

func (m *Model) unknownRatio(ratio string) Violation {
	var legal []string
	for _, shape := range m.Shapes {
		legal = append(legal, shape.Ratio)
	}
	return Violation{
		Field: "aspect_ratio", Value: Clip(ratio, quoteMax), Limit: strings.Join(legal, ", "), Nearest: legal,
		Text: fmt.Sprintf("aspect_ratio %s is not one of %s: use one of these, or size for any other shape",
			quote(ratio), joinAnd(legal)),
	}
}
