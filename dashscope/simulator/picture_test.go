package simulator_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"
	"testing/synctest"

	"wan-image-mcp/dashscope/simulator"
)

// TestPictures makes one picture per model, in sizes at the edges of what the
// models take.
func TestPictures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, simulator.Options{})
		for _, test := range []struct{ model, size string }{
			{"wan2.6-t2i", "1280*1280"},
			{"wan2.5-t2i-preview", "2700*768"},
			{"wan2.2-t2i-plus", "512*1440"},
			{"wan2.2-t2i-flash", "1440*512"},
			{"wanx2.1-t2i-plus", "512*512"},
			{"wanx2.1-t2i-turbo", "769*513"},
			{"wanx2.0-t2i-turbo", "512*640"},
		} {
			a := l.finish(l.mustCreate(test.model, "A flower shop", fmt.Sprintf(`{"n":1,"size":%q}`, test.size)))
			body := []byte(l.do("GET", l.links(a)[0], "").body)
			img, err := png.Decode(bytes.NewReader(body))
			if err != nil {
				t.Fatalf("%s %s: %v", test.model, test.size, err)
			}
			if got := fmt.Sprintf("%d*%d", img.Bounds().Dx(), img.Bounds().Dy()); got != test.size {
				t.Errorf("%s: got %s, want %s", test.model, got, test.size)
			}
			if len(body) < 100<<10 || len(body) > 4<<20 {
				t.Errorf("%s %s: %d bytes, want 100 KiB to 4 MiB", test.model, test.size, len(body))
			}
			if n := colours(img); n < 200 {
				t.Errorf("%s %s: %d colours: that is no landscape", test.model, test.size, n)
			}
		}
	})
}

func colours(img image.Image) int {
	seen := map[color.Color]bool{}
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y += 16 {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x += 16 {
			seen[img.At(x, y)] = true
		}
	}
	return len(seen)
}

// TestSameInSameOut holds the bytes against everything that may decide them.
func TestSameInSameOut(t *testing.T) {
	draw := func(seed int64, prompt, parameters string, first int) (pictures []string) {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, simulator.Options{Seed: seed})
			for _, link := range l.links(l.finish(l.mustCreate("wan2.2-t2i-flash", prompt, parameters)))[:first] {
				pictures = append(pictures, l.do("GET", link, "").body)
			}
		})
		return pictures
	}
	const two = `{"n":2,"size":"512*512","seed":7}`
	first := draw(1, "A shop", two, 2)
	if again := draw(1, "A shop", two, 2); first[0] != again[0] || first[1] != again[1] {
		t.Error("the same request makes other bytes")
	}
	if first[0] == first[1] {
		t.Error("both pictures of one request are the same")
	}
	for name, other := range map[string][]string{
		"option seed":  draw(2, "A shop", two, 1),
		"prompt":       draw(1, "A ship", two, 1),
		"request seed": draw(1, "A shop", strings.Replace(two, "7", "8", 1), 1),
		"size":         draw(1, "A shop", strings.Replace(two, "512*512", "512*528", 1), 1),
		"watermark":    draw(1, "A shop", strings.Replace(two, `"n"`, `"watermark":true,"n"`, 1), 1),
	} {
		if other[0] == first[0] {
			t.Errorf("another %s makes the same bytes", name)
		}
	}
}

// TestCaptions draws texts that a careless layout would trip over.
func TestCaptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, simulator.Options{})
		for _, prompt := range []string{
			"一间有着精致窗户的花店，漂亮的木质门，摆放着花朵", strings.Repeat("x", 500), strings.Repeat("word ", 100), "🐈‍⬛ e\u0301 \u202e\x01 \n\t", "[sim:partial]",
			strings.Repeat("长", 500),
		} {
			a := l.finish(l.mustCreate("wan2.2-t2i-flash", prompt, `{"n":1,"size":"512*512"}`))
			if got := l.do("GET", l.links(a)[0], ""); got.status != 200 {
				t.Errorf("%q: got %d", prompt, got.status)
			}
		}
	})
}
