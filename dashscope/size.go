package dashscope

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Size is a picture's width and height in pixels.
type Size struct{ Width, Height int }

// String writes the size as the service wants it: "1280*1280".
func (s Size) String() string { return strconv.Itoa(s.Width) + "*" + strconv.Itoa(s.Height) }

// Pixels returns width times height.
func (s Size) Pixels() int { return s.Width * s.Height }

// ratio returns width divided by height.
func (s Size) ratio() float64 { return float64(s.Width) / float64(s.Height) }

// The largest side ParseSize reads; no model comes near it, and products of two
// such sides fit every int.
const maxSide = 32767

var sizeText = regexp.MustCompile(`^\s*(\d+)\s*[*xX×＊✕]\s*(\d+)\s*$`)

// ParseSize reads width and height. Between them may stand what people and
// models write: * x X × ＊, with spaces around.
func ParseSize(s string) (Size, error) {
	m := sizeText.FindStringSubmatch(s)
	if m == nil {
		return Size{}, fmt.Errorf("size %s is not a size: write width*height in pixels, for example 1280*1280", quote(s))
	}
	w, errW := strconv.Atoi(m[1])
	h, errH := strconv.Atoi(m[2])
	if errW != nil || errH != nil || w < 1 || h < 1 || w > maxSide || h > maxSide {
		return Size{}, fmt.Errorf("size %s is not a size: width and height are from 1 to %d pixels, for example 1280*1280", quote(s), maxSide)
	}
	return Size{w, h}, nil
}

// SizeRule says which sizes a model takes. A zero field is no limit.
type SizeRule struct {
	MinPixels, MaxPixels int     // of width times height
	MaxRatio             float64 // of the longer to the shorter side; 4 means 1:4 to 4:1
	MinSide, MaxSide     int     // of each side
	Also                 []Size  // taken although the rest of the rule says no
}

// Allows reports whether the rule takes the size.
func (r SizeRule) Allows(s Size) bool {
	if s.Width < 1 || s.Height < 1 {
		return false
	}
	if slices.Contains(r.Also, s) {
		return true
	}
	long, short := max(s.Width, s.Height), min(s.Width, s.Height)
	return (r.MinPixels == 0 || s.Pixels() >= r.MinPixels) &&
		(r.MaxPixels == 0 || s.Pixels() <= r.MaxPixels) &&
		(r.MaxRatio == 0 || float64(long) <= r.MaxRatio*float64(short)) &&
		(r.MinSide == 0 || short >= r.MinSide) &&
		(r.MaxSide == 0 || long <= r.MaxSide)
}

// String says the rule in words: "1638400 to 2073600 pixels, ratio 1:4 to 4:1, also
// 1104*1472 and 1472*1104".
func (r SizeRule) String() string {
	var parts []string
	if r.MaxPixels > 0 {
		parts = append(parts, fmt.Sprintf("%d to %d pixels", r.MinPixels, r.MaxPixels))
	}
	if r.MaxRatio > 0 {
		parts = append(parts, fmt.Sprintf("ratio 1:%g to %g:1", r.MaxRatio, r.MaxRatio))
	}
	if r.MaxSide > 0 {
		parts = append(parts, fmt.Sprintf("each side %d to %d pixels", r.MinSide, r.MaxSide))
	}
	if len(r.Also) > 0 {
		parts = append(parts, "also "+joinAnd(sizeTexts(r.Also)))
	}
	return strings.Join(parts, ", ")
}

func sizeTexts(sizes []Size) []string {
	var all []string
	for _, s := range sizes {
		all = append(all, s.String())
	}
	return all
}

// distance says how different two shapes are: 0 = equal, symmetric for turning.
func distance(a, b Size) float64 { return math.Abs(math.Log(a.ratio() / b.ratio())) }

// sameShape reports whether two sizes count as one shape. The recommended 16:9
// size, 1696*960, is off by 0.6 %.
func sameShape(a, b Size) bool { return distance(a, b) < 0.03 }

// Nearest returns up to three legal sizes for one that is not, best first: a
// recommended size of the same shape, the size itself scaled into the limits,
// then the recommended sizes whose shape is nearest.
func (m Model) Nearest(s Size) []Size {
	if s.Width < 1 || s.Height < 1 {
		s = m.DefaultSize
	}
	shapes := make([]Size, len(m.Shapes))
	for i, shape := range m.Shapes {
		shapes[i] = shape.Size
	}
	slices.SortStableFunc(shapes, func(a, b Size) int {
		return cmp.Compare(distance(a, s), distance(b, s))
	})
	best := shapes
	if fitted, ok := m.Sizes.fit(s); ok {
		at := 0
		if len(shapes) > 0 && sameShape(shapes[0], s) {
			at = 1
		}
		best = slices.Insert(shapes, at, fitted)
	}
	var out []Size
	for _, size := range best {
		if len(out) < 3 && m.Sizes.Allows(size) && !slices.Contains(out, size) {
			out = append(out, size)
		}
	}
	return out
}

// fit scales a size into the rule, keeping its shape as far as the rule lets it.
func (r SizeRule) fit(s Size) (Size, bool) {
	if r.MaxPixels > 0 {
		return r.fitArea(s)
	}
	scale := 1.0
	if long := max(s.Width, s.Height); r.MaxSide > 0 && long > r.MaxSide {
		scale = float64(r.MaxSide) / float64(long)
	} else if short := min(s.Width, s.Height); short < r.MinSide {
		scale = float64(r.MinSide) / float64(short)
	}
	clamp := func(side int) int {
		side = max(r.MinSide, int(math.Round(float64(side)*scale)))
		if r.MaxSide > 0 {
			side = min(r.MaxSide, side)
		}
		return side
	}
	fitted := Size{clamp(s.Width), clamp(s.Height)}
	return fitted, r.Allows(fitted)
}

// grain is what fitArea rounds sides to; sizes of pictures look that way.
const grain = 8

// fitArea looks at the four ways to round the ideal sides and takes the legal
// one that is nearest in shape.
func (r SizeRule) fitArea(s Size) (best Size, ok bool) {
	ratio := s.ratio()
	if r.MaxRatio > 0 {
		ratio = min(max(ratio, 1/r.MaxRatio), r.MaxRatio)
	}
	area := float64(min(max(s.Pixels(), r.MinPixels), r.MaxPixels))
	width, height := math.Sqrt(area*ratio)/grain, math.Sqrt(area/ratio)/grain
	wanted := Size{int(width * 1000), int(height * 1000)}
	for _, w := range []float64{math.Floor(width), math.Ceil(width)} {
		for _, h := range []float64{math.Floor(height), math.Ceil(height)} {
			c := Size{int(w) * grain, int(h) * grain}
			if r.Allows(c) && (!ok || distance(c, wanted) < distance(best, wanted)) {
				best, ok = c, true
			}
		}
	}
	return best, ok
}
