package dashscope

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	cleanMax = 300  // code points that Clean leaves
	cleanRaw = 8192 // bytes that Clean looks at
	quoteMax = 60   // code points of a caller's value that an error repeats
)

// What text from outside must not carry into an answer or a log: links (those to
// pictures are signed, and whoever has one has the picture), and keys.
var (
	anyLink    = regexp.MustCompile(`(?i)[a-z0-9+.-]*://\S*`)
	signedLink = regexp.MustCompile(`(?i)\S*(signature|accesskeyid|security-token|credential)=\S*`)
	anyKey     = regexp.MustCompile(`(?i)\bbearer\s+\S+|\bsk-\S+`)
)

// Clean makes text from outside, such as the service's error messages, fit to be
// shown to a person or a model: one line of at most 300 code points without
// control, zero-width or direction characters, links or keys.
func Clean(s string) string {
	if len(s) > cleanRaw {
		s = s[:cleanRaw]
	}
	s = OneLine(s, cleanRaw)
	s = anyLink.ReplaceAllString(s, "[link]")
	s = signedLink.ReplaceAllString(s, "[link]")
	s = anyKey.ReplaceAllString(s, redacted)
	return Clip(s, cleanMax)
}

// OneLine makes one line of at most limit code points of text from outside, without
// control, zero-width or direction characters. Unlike [Clean] it leaves links, for
// text that may have them.
func OneLine(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co), r == utf8.RuneError:
			return -1
		}
		return r
	}, Clip(s, 4*limit)) // what is invisible may take some room, not all the time
	return Clip(strings.Join(strings.Fields(s), " "), limit)
}

// Clip cuts s to at most n code points, from 1; the last one then is an ellipsis.
func Clip(s string, n int) string {
	count, last := 0, 0
	for at := range s {
		if count++; count > n {
			return s[:last] + "…"
		}
		last = at
	}
	return s
}

// quote shows a value that a caller gave, with everything invisible escaped.
func quote(s string) string { return strconv.Quote(Clip(s, quoteMax)) }
