package dashscope_test

import (
	"strings"
	"testing"

	"wan-image-mcp/dashscope"
)

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"a boat":                    "a boat",
		" a\r\n\tboat ":             "a boat",
		"see https://h.example/":    "see http…",
		"灯塔灯塔灯塔灯塔灯":                 "灯塔灯塔灯塔灯塔灯",
		"灯塔灯塔灯塔灯塔灯塔":                "灯塔灯塔灯塔灯塔…",
		"a\x1b\u202eb\u200bo\xffat": "aboat",
		strings.Repeat(" ", 1e6):    "…",
		"":                          "",
	} {
		if got := dashscope.OneLine(in, 9); got != want {
			t.Errorf("OneLine(%.40q) = %q, want %q", in, got, want)
		}
	}
}
