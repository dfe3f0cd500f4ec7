package dashscope_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wan-image-mcp/dashscope"
)

func TestValidate(t *testing.T) {
	const wan26, wan22 = "wan2.6-t2i", "wan2.2-t2i-plus"
	type request = dashscope.ImageRequest
	for _, c := range []struct {
		name   string
		change func(*request)
		region dashscope.Region
		want   string // field, then part of the sentence; "" = legal
	}{
		{name: "the reference's example"},
		{name: "default model", change: func(r *request) { r.Model = "" }},

		{name: "empty prompt", change: func(r *request) { r.Prompt = "" }, want: "prompt: is empty"},
		{name: "blank prompt", change: func(r *request) { r.Prompt = " \n\t　" }, want: "prompt: is empty"},
		{name: "invisible prompt", change: func(r *request) { r.Prompt = "\u200b\ufeff" }, want: "prompt: is empty"},
		{name: "2100 characters", change: func(r *request) { r.Prompt = codePoints(2100) }},
		{name: "2101 characters", change: func(r *request) { r.Prompt = codePoints(2101) }, want: "prompt: prompt has 2101 characters; wan2.6-t2i takes at most 2100 and would silently cut the rest: shorten it by 1"},
		{name: "501 characters for wan2.2", change: func(r *request) { r.Model, r.Size, r.Prompt = wan22, "", codePoints(501) }, want: "prompt: at most 500"},
		{name: "501 characters of negative prompt", change: func(r *request) { r.NegativePrompt = codePoints(501) }, want: "negative_prompt: has 501 characters"},
		{name: "blank negative prompt", change: func(r *request) { r.NegativePrompt = "  " }},
		{name: "control character", change: func(r *request) { r.Prompt = "a cat\x1b[0m" }, want: "prompt: U+001B as character 6"},
		{name: "only a control character", change: func(r *request) { r.Prompt = "\x00" }, want: "prompt: U+0000"},
		{name: "C1 control", change: func(r *request) { r.NegativePrompt = "\u0085x" }, want: "negative_prompt: U+0085"},
		{name: "not UTF-8", change: func(r *request) { r.Prompt = "caf\xe9" }, want: "prompt: not valid UTF-8"},
		{name: "newline, tab, emoji, Chinese", change: func(r *request) { r.Prompt = "一只猫\n\t👩‍👩‍👧 🇨🇳\r\nend\r" }},

		{name: "0*0", change: func(r *request) { r.Size = "0*0" }, want: `size: size "0*0" is not a size`},
		{name: "1280*", change: func(r *request) { r.Size = "1280*" }, want: "size: write width*height in pixels, for example 1280*1280"},
		{name: "1280*1280*3", change: func(r *request) { r.Size = "1280*1280*3" }, want: "size: is not a size"},
		{name: "overflow", change: func(r *request) { r.Size = "9223372036854775807*9223372036854775807" }, want: "size: is not a size"},
		{name: "9999*9999", change: func(r *request) { r.Size = "9999*9999" }, want: "size: has 99980001 pixels; wan2.6-t2i takes at most 2073600: for 1:1 use 1280*1280"},
		{name: "2048*1152", change: func(r *request) { r.Size = "2048*1152" }, want: "size: size 2048*1152 has 2359296 pixels; wan2.6-t2i takes at most 2073600: for 16:9 use 1696*960, or 1920*1080, the nearest legal size"},
		{name: "1024*1024", change: func(r *request) { r.Size = "1024*1024" }, want: "size: at least 1638400: for 1:1 use 1280*1280"},
		{name: "5:1", change: func(r *request) { r.Size = "3000*600" }, want: "size: has the ratio 5:1; wan2.6-t2i takes 1:4 to 4:1"},
		{name: "1:5", change: func(r *request) { r.Size = "600*3000" }, want: "size: has the ratio 1:5"},
		{name: "768*2700", change: func(r *request) { r.Size = "768*2700" }},
		{name: "960*1696", change: func(r *request) { r.Size = "960*1696" }},
		{name: "1696x960", change: func(r *request) { r.Size = " 1696 × 960 " }},
		{name: "near a recommended one", change: func(r *request) { r.Size = "960*1697" }, want: "size: has 1629120 pixels"},
		{name: "512*1441 for wan2.2", change: func(r *request) { r.Model, r.Size = wan22, "512*1441" }, want: "size: has a side of 1441 pixels; wan2.2-t2i-plus takes sides from 512 to 1440: the nearest legal size is 512*1440"},
		{name: "511*1440 for wan2.2", change: func(r *request) { r.Model, r.Size = wan22, "511*1440" }, want: "size: has a side of 511 pixels"},
		{name: "512*1440 for wan2.2", change: func(r *request) { r.Model, r.Size = wan22, "512*1440" }},
		{name: "aspect ratio", change: func(r *request) { r.Size, r.AspectRatio = "", "16:9" }},
		{name: "aspect ratio as 9x16", change: func(r *request) { r.Size, r.AspectRatio = "", " 9 x 16" }},
		{name: "odd aspect ratio", change: func(r *request) { r.Size, r.AspectRatio = "", "21:9" }, want: `aspect_ratio: "21:9" is not one of 1:1, 4:3, 3:4, 16:9 and 9:16`},
		{name: "size and aspect ratio", change: func(r *request) { r.AspectRatio = "16:9" }, want: "aspect_ratio: give only one of them (for 16:9 the size is 1696*960)"},

		{name: "n 4", change: func(r *request) { r.N = 4 }},
		{name: "n 0", change: func(r *request) { r.N = 0 }, want: "n: n is 0; wan2.6-t2i makes 1 to 4 pictures"},
		{name: "n 5", change: func(r *request) { r.N = 5 }, want: "n: n is 5"},
		{name: "n -1", change: func(r *request) { r.N = -1 }, want: "n: n is -1"},
		{name: "n 1e9", change: func(r *request) { r.N = 1e9 }, want: "n: n is 1000000000"},
		{name: "no seed", change: func(r *request) { r.Seed = nil }},
		{name: "seed 0", change: func(r *request) { r.Seed = new(int64(0)) }},
		{name: "largest seed", change: func(r *request) { r.Seed = new(int64(dashscope.MaxSeed)) }},
		{name: "seed -1", change: func(r *request) { r.Seed = new(int64(-1)) }, want: "seed: seed is -1; it goes from 0 to 2147483647"},
		{name: "seed too large", change: func(r *request) { r.Seed = new(int64(math.MaxInt64)) }, want: "seed: 9223372036854775807"},

		{name: "unknown model", change: func(r *request) { r.Model = "gpt-image-1" }, want: "model: is not known: legal are wan2.6-t2i, wan2.5-t2i-preview,"},
		{name: "model with a slip", change: func(r *request) { r.Model = "wan2.1-turbo" }, want: "model: did you mean wan2.1-t2i-turbo?"},
		{name: "model cut short", change: func(r *request) { r.Model = "wan2.6" }, want: "model: did you mean wan2.6-t2i?"},
		{name: "model without its x", change: func(r *request) { r.Model = "wan2.0-t2i-turbo" }, want: "model: did you mean wanx2.0-t2i-turbo?"},
		{name: "model with an escape", change: func(r *request) { r.Model = "wan\x1b[31m" }, want: `model: model "wan\x1b[31m" is not known`},
		{name: "other spelling", change: func(r *request) { r.Model, r.Size = "WANX2.1-t2i-plus ", "" }},
		{name: "not in this region", region: dashscope.Singapore, change: func(r *request) { r.Model, r.Size = "wanx2.0-t2i-turbo", "" }, want: "model: model wanx2.0-t2i-turbo is not served in region singapore, only in beijing; singapore has wan2.6-t2i, "},
		{name: "unknown region", region: "mars", want: `region: region "mars" is not known: legal are beijing, singapore, virginia and frankfurt`},
		{name: "region by its other name", region: "eu-central-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := flowerShop()
			if c.change != nil {
				c.change(&r)
			}
			got := r.Validate(c.region)
			if diff := cmp.Diff(got, r.Resolve().Validate(c.region)); diff != "" {
				t.Error("the resolved request is judged otherwise:\n" + diff)
			}
			if c.want == "" {
				if got != nil {
					t.Errorf("got %+v, want none", got)
				}
				return
			}
			field, text, _ := strings.Cut(c.want, ": ")
			if len(got) != 1 || got[0].Field != field || !strings.Contains(got[0].Text, text) {
				t.Errorf("got %+v, want one of field %s with %q", got, field, text)
			}
		})
	}
}

func TestViolationsComeTogetherInOrder(t *testing.T) {
	r := dashscope.ImageRequest{
		Model: "wan2.5-t2i-preview", NegativePrompt: "\x01", Size: "5*5", N: 9, Seed: new(int64(-7)),
	}
	var fields []string
	got := r.Validate(dashscope.Frankfurt)
	for _, v := range got {
		fields = append(fields, v.Field)
		if v.Text == "" || v.Limit == "" {
			t.Errorf("%+v lacks its sentence or limit", v)
		}
	}
	want := []string{"model", "prompt", "negative_prompt", "size", "n", "seed"}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}
	text := (&dashscope.ValidationError{Violations: got}).Error()
	for _, v := range got {
		if !strings.Contains(text, v.Text) {
			t.Errorf("%q lacks %q", text, v.Text)
		}
	}
}

func TestViolationFields(t *testing.T) {
	r := flowerShop()
	r.Size = "2048*1152"
	want := []dashscope.Violation{{
		Field: "size", Value: "2048*1152", Limit: "1638400 to 2073600 pixels, ratio 1:4 to 4:1, also 1104*1472, 1472*1104, 960*1696 and 1696*960", Unit: "pixels",
		Nearest: []string{"1696*960", "1920*1080", "1472*1104"},
		Text:    "size 2048*1152 has 2359296 pixels; wan2.6-t2i takes at most 2073600: for 16:9 use 1696*960, or 1920*1080, the nearest legal size",
	}}
	if diff := cmp.Diff(want, r.Validate("")); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}
}

func TestResolve(t *testing.T) {
	got := dashscope.ImageRequest{
		Model: " wanx2.1-t2i-turbo", Prompt: "a\r\nb\rc", NegativePrompt: "\r\n", AspectRatio: "16：9", N: 2,
	}.Resolve()
	want := dashscope.ImageRequest{
		Model: "wan2.1-t2i-turbo", Prompt: "a\nb\nc", NegativePrompt: "\n", Size: "1440*810", N: 2, PromptExtend: new(true),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("(-want +got):\n" + diff)
	}
	if diff := cmp.Diff(got, got.Resolve()); diff != "" {
		t.Error("resolving twice changes it:\n" + diff)
	}
	if got := (dashscope.ImageRequest{}).Resolve(); got.Model != dashscope.DefaultModel || got.Size != "1280*1280" {
		t.Errorf("zero request resolves to %+v", got)
	}
	odd := dashscope.ImageRequest{Model: "odd", Size: "odd", AspectRatio: "odd", PromptExtend: new(false)}
	if diff := cmp.Diff(odd, odd.Resolve()); diff != "" {
		t.Error("what is illegal must stay (-want +got):\n" + diff)
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]dashscope.Size{
		"1280*1280": {1280, 1280}, "1280x960": {1280, 960}, "1280X960": {1280, 960}, "1280×960": {1280, 960},
		"1280＊960": {1280, 960}, " 1280 * 960 ": {1280, 960}, "1*32767": {1, 32767}, "0001*2": {1, 2},
	} {
		if got, err := dashscope.ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "*", "1280", "1280*", "*1280", "1*2*3", "-1*5", "1.5*2", "0*5", "5*0", "1*32768", "1:1", "1280 1280", "１*２"} {
		got, err := dashscope.ParseSize(text)
		if err == nil || !strings.Contains(err.Error(), "for example 1280*1280") {
			t.Errorf("ParseSize(%q) = %v, %v; want an error with an example", text, got, err)
		}
	}
}

// What Nearest offers must be legal, for whatever was asked.
func TestNearestIsLegal(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, m := range dashscope.Models() {
		for range 5000 {
			side := func() int { return 1 + int(math.Exp(random.Float64()*math.Log(32767))) }
			asked := dashscope.Size{Width: side(), Height: side()}
			near := m.Nearest(asked)
			if len(near) == 0 || len(near) > 3 {
				t.Fatalf("%s: %v has %d nearest", m.ID, asked, len(near))
			}
			for _, s := range near {
				if !m.Sizes.Allows(s) {
					t.Fatalf("%s: nearest to %v is %v, which is not legal", m.ID, asked, s)
				}
			}
		}
		if got := m.Nearest(dashscope.Size{}); len(got) == 0 || got[0] != m.DefaultSize {
			t.Errorf("%s: nearest to nothing is %v", m.ID, got)
		}
	}
}
