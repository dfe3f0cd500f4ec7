package dashscope

import "strings"

// NearestName returns the valid name that a misspelt one most likely stands for, or
// "": aspectRatio and aspect-ratio are another spelling of aspect_ratio, promt is a
// slip, and picture is another word than any.
func NearestName(name string, valid []string) string {
	const tolerance = 3 // more edits are another word
	wanted := letters(Clip(name, quoteMax))
	best, least := "", tolerance+1
	for _, v := range valid {
		known := letters(v)
		if off := edits(wanted, known); off < least && off < len(known) {
			best, least = v, off
		}
	}
	return best
}

// letters leaves only what two spellings of a name should agree in.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(s))
}

// edits counts the letters to insert or delete to get from a to b. Replacing one
// counts twice, so that wan2.0 is nearer to wanx2.0 than to wan2.1.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			best := min(row[j+1], row[j]) + 1
			if a[i] == b[j] {
				best = min(best, diagonal)
			}
			diagonal, row[j+1] = row[j+1], best
		}
	}
	return row[len(b)]
}
