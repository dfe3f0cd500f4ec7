package store

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
)

const (
	maxSlugLetters = 40
	maxSlugBytes   = 96 // some encrypted file systems end names at 143
	maxSlugWords   = 5
	maxNameBytes   = 255
)

// FileName names picture n of a prompt so that a person finds it again:
// 2026-11-22-flower-shop-1.png for "A flower shop with exquisite windows". The
// day is in the time's own zone. Letters of all scripts are kept; the name is
// short and legal on every system.
func FileName(day time.Time, prompt string, n int, mime string) string {
	return fmt.Sprintf("%s-%s-%d%s", day.Format(time.DateOnly), slug(prompt), n, extension(mime))
}

// slug is the gist of a prompt: the words before its first punctuation mark, up
// to a joining word, without articles.
func slug(prompt string) string {
	var words []string
	length := 0
	for word := range strings.FieldsFuncSeq(firstClause(strings.ToValidUTF8(prompt, " ")), isSeparator) {
		word = strings.ToLower(strings.Map(keepLetter, word))
		if word = strings.TrimLeftFunc(word, unicode.IsMark); word == "" || isArticle(word) {
			continue
		}
		if len(words) >= 2 && isJoint(word) || len(words) == maxSlugWords {
			break
		}
		if len(words) > 0 && length+1+len([]rune(word)) > maxSlugLetters {
			break
		}
		words = append(words, word)
		length += 1 + len([]rune(word))
	}
	for len(words) > 1 && isJoint(words[len(words)-1]) {
		words = words[:len(words)-1]
	}
	if len(words) == 0 {
		return "image"
	}
	return shorten(strings.Join(words, "-"))
}

// firstClause ends at the first punctuation mark that ends a clause.
func firstClause(prompt string) string {
	letters := false
	for i, r := range prompt {
		rest := prompt[i+len(string(r)):]
		ends := strings.ContainsRune("\n，。、；：！？", r) ||
			strings.ContainsRune(",.;:!?", r) && (rest == "" || rest[0] == ' ' || rest[0] == '\n')
		if letters && ends {
			return prompt[:i]
		}
		letters = letters || keepLetter(r) >= 0
	}
	return prompt
}

// isSeparator reports whether r stands between words. What it leaves inside a
// word, apostrophes and invisible characters, keepLetter drops.
func isSeparator(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsSymbol(r) || unicode.IsPunct(r) && r != '\'' && r != '’'
}

func keepLetter(r rune) rune {
	if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
		return r
	}
	return -1
}

func isArticle(word string) bool { return slices.Contains([]string{"a", "an", "the"}, word) }

func isJoint(word string) bool {
	return slices.Contains([]string{
		"and", "as", "at", "by", "for", "from", "in", "into", "of", "on", "or", "over", "that", "to",
		"under", "which", "while", "with", "without",
	}, word)
}

// shorten cuts between letters, not before a letter's accents.
func shorten(s string) string {
	letters, end := 0, 0
	for i, r := range s {
		if !unicode.IsMark(r) {
			letters++
			end = i
		}
		if letters > maxSlugLetters || i+len(string(r)) > maxSlugBytes {
			return strings.TrimRight(s[:cmp.Or(end, i)], "-")
		}
	}
	return s
}

// checkFileName refuses what is a path, or is no file name on some system.
func checkFileName(name string) error {
	stem, _, _ := strings.Cut(name, ".")
	switch {
	case name == "" || name == "." || name == ".." || len(name) > maxNameBytes,
		strings.ContainsAny(name, `/\:*?"<>|`),
		strings.ContainsFunc(name, unicode.IsControl),
		strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "),
		isDevice(stem), !filepath.IsLocal(name):
		return fmt.Errorf("%.300q is not a file name for a picture: use letters, digits, - and _", name)
	}
	return nil
}

// isDevice reports whether Windows takes the stem of a name for a device.
func isDevice(stem string) bool {
	stem = strings.ToUpper(strings.TrimSpace(stem))
	switch {
	case slices.Contains([]string{"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}, stem):
		return true
	case len([]rune(stem)) != 4:
		return false
	}
	return (strings.HasPrefix(stem, "COM") || strings.HasPrefix(stem, "LPT")) &&
		strings.ContainsAny(stem[3:], "0123456789¹²³")
}
