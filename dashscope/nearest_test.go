package dashscope_test

import (
	"strings"
	"testing"

	"wan-image-mcp/dashscope"
)

func TestNearestName(t *testing.T) {
	valid := []string{"prompt", "aspect_ratio", "seed", "n", "wan2.1-t2i-plus", "wanx2.0-t2i-turbo", "wan2.1-t2i-turbo"}
	for name, want := range map[string]string{
		"promt": "prompt", "PORMPT": "prompt", "prompts": "prompt", "aspectRatio": "aspect_ratio", "aspect-ratio": "aspect_ratio",
		"sead": "seed", "N": "n", "wan2.0-t2i-turbo": "wanx2.0-t2i-turbo", "wan2.1-turbo": "wan2.1-t2i-turbo",
		"m": "", "": "", "提示": "", "aspect": "", "picture": "", strings.Repeat("prompt", 5000): "",
	} {
		if got := dashscope.NearestName(name, valid); got != want {
			t.Errorf("NearestName(%.40q) = %q, want %q", name, got, want)
		}
	}
}

func TestParseModel(t *testing.T) {
	if m, err := dashscope.ParseModel(" WANX2.1-t2i-plus"); err != nil || m.ID != "wan2.1-t2i-plus" {
		t.Errorf("got %s, %v", m.ID, err)
	}
	_, err := dashscope.ParseModel("wan2.5")
	checkKind(t, err, dashscope.ErrInvalid)
	if want := `model "wan2.5" is not known, did you mean wan2.5-t2i-preview? Legal are wan2.6-t2i, `; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
