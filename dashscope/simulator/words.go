package simulator

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"strings"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// captionLines is how many lines of the prompt a picture has room for.
const captionLines = 3

var goFont = sync.OnceValue(func() *sfnt.Font {
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		panic(err) // the font is part of the program
	}
	return f
})

// A scribe writes with the Go font, and draws a pattern of blocks for a
// character that the font lacks: the same one always looks the same.
type scribe struct {
	img    *image.RGBA
	face   font.Face
	size   int
	glyphs sfnt.Buffer
	ink    color.RGBA
}

func newScribe(img *image.RGBA, size float64, ink color.RGBA) *scribe {
	face, err := opentype.NewFace(goFont(), &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		panic(err) // only for sizes that no picture has
	}
	return &scribe{img: img, face: face, size: int(size), ink: ink}
}

func (s *scribe) known(r rune) bool {
	i, err := goFont().GlyphIndex(&s.glyphs, r)
	return err == nil && i != 0
}

func (s *scribe) width(text string) int {
	w := 0
	for _, r := range text {
		w += s.advance(r)
	}
	return w
}

func (s *scribe) advance(r rune) int {
	if !s.known(r) {
		return s.size + s.size/8
	}
	a, _ := s.face.GlyphAdvance(r)
	return a.Round()
}

// write puts text with its baseline's left end at (x, y).
func (s *scribe) write(text string, x, y int) {
	d := font.Drawer{Dst: s.img, Src: image.NewUniform(s.ink), Face: s.face}
	for _, r := range text {
		if s.known(r) {
			d.Dot = fixed.P(x, y)
			d.DrawString(string(r))
		} else {
			s.block(r, x, y)
		}
		x += s.advance(r)
	}
}

// block is a square of five by five cells, mirrored, from the character's
// number.
func (s *scribe) block(r rune, x, y int) {
	bits := hash(string(r))
	cell := max(1, s.size/6)
	top := y - 5*cell
	for row := range 5 {
		for column := range 5 {
			half := min(column, 4-column)
			if bits>>(row*3+half)&1 == 0 {
				continue
			}
			box := image.Rect(x+column*cell, top+row*cell, x+(column+1)*cell, top+(row+1)*cell)
			draw.Draw(s.img, box, image.NewUniform(s.ink), image.Point{}, draw.Over)
		}
	}
}

// wrap breaks text into at most limit lines of a width; what does not fit
// ends in an ellipsis.
func (s *scribe) wrap(text string, width, limit int) []string {
	var lines []string
	line := ""
	for _, word := range s.words(text) {
		next := strings.TrimLeft(line+word, " ")
		if line != "" && s.width(strings.TrimRight(next, " ")) > width {
			lines = append(lines, strings.TrimSpace(line))
			next = strings.TrimLeft(word, " ")
			if len(lines) == limit {
				break
			}
		}
		line = next
	}
	if len(lines) < limit {
		return append(lines, strings.TrimSpace(line))
	}
	last := []rune(lines[limit-1])
	for len(last) > 0 && s.width(string(last)+"…") > width {
		last = last[:len(last)-1]
	}
	lines[limit-1] = string(last) + "…"
	return lines
}

// words cuts text where a line may break: after spaces, around characters
// drawn as blocks, and within a word too long for any line.
func (s *scribe) words(text string) []string {
	var words []string
	start, length := 0, 0
	for i, r := range text {
		if i > start && (!s.known(r) || length >= 24) {
			words = append(words, text[start:i])
			start, length = i, 0
		}
		length++
		end := i + len(string(r))
		if r == ' ' || !s.known(r) {
			words = append(words, text[start:end])
			start, length = end, 0
		}
	}
	return append(words, text[start:])
}

// paintWords writes what the picture is of, and what it is.
func (s *scene) paintWords(p picture) {
	size := max(15, 26*s.unit)
	white := color.RGBA{250, 250, 250, 250}
	prompt := newScribe(s.img, size, white)
	small := newScribe(s.img, size*.62, color.RGBA{205, 205, 205, 220})
	margin := int(36 * s.unit)
	lines := prompt.wrap(plain(p.prompt), s.w-2*margin, captionLines)
	step := int(size * 1.38)
	band := margin + len(lines)*step + int(size*.9)
	s.shadeBand(s.h-band, s.h, .52)
	y := s.h - band + margin/2 + int(size*.95)
	for _, line := range lines {
		prompt.write(line, margin, y)
		y += step
	}
	facts := fmt.Sprintf("%d*%d  ·  seed %d  ·  picture %d", p.width, p.height, p.seed, p.i+1)
	small.write(facts, margin, y-int(size*.15))
	s.paintStamp()
	if p.watermark {
		mark := newScribe(s.img, size*.8, white)
		const text = "AI生成"
		mark.write(text, s.w-margin-mark.width(text), s.h-band-margin/2)
	}
}

// paintStamp writes SIMULATED in the upper right corner.
func (s *scene) paintStamp() {
	size := max(13, 19*s.unit)
	stamp := newScribe(s.img, size, color.RGBA{250, 250, 250, 250})
	text := strings.Join(strings.Split("SIMULATED", ""), "\u2009")
	if !stamp.known('\u2009') {
		text = "SIMULATED"
	}
	wide, margin := stamp.width(text), int(28*s.unit)
	pad := int(size * .8)
	x0, y0 := s.w-margin-wide-2*pad, margin
	high := int(size * 1.9)
	r := float64(high) / 2
	left, right, middle := float64(x0)+r, float64(s.w-margin)-r, float64(y0)+r
	const k = 0.5522847498
	s.fill(rgb{}, .38,
		[2]float64{left, middle - r}, [2]float64{left, middle - r}, [2]float64{right, middle - r}, [2]float64{right, middle - r},
		[2]float64{right + k*r, middle - r}, [2]float64{right + r, middle - k*r}, [2]float64{right + r, middle},
		[2]float64{right + r, middle + k*r}, [2]float64{right + k*r, middle + r}, [2]float64{right, middle + r},
		[2]float64{right, middle + r}, [2]float64{left, middle + r}, [2]float64{left, middle + r},
		[2]float64{left - k*r, middle + r}, [2]float64{left - r, middle + k*r}, [2]float64{left - r, middle},
		[2]float64{left - r, middle - k*r}, [2]float64{left - k*r, middle - r}, [2]float64{left, middle - r})
	stamp.write(text, x0+pad, y0+int(size*1.3))
}

// shadeBand darkens the rows from top to bottom, softly at the upper edge.
func (s *scene) shadeBand(top, bottom int, strength float32) {
	soft := 36 * s.unit
	for y := max(0, top-int(soft)); y < bottom; y++ {
		t := float32(min(1, (float64(y-top)+soft)/soft))
		keep := int(256 * (1 - strength*t*t*(3-2*t)))
		row := s.img.Pix[y*s.img.Stride : y*s.img.Stride+4*s.w]
		for i := range row {
			if i%4 != 3 {
				row[i] = byte(int(row[i]) * keep >> 8)
			}
		}
	}
}
