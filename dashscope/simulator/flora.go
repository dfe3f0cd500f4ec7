package simulator

import (
	"cmp"
	"image"
	"math"
	"slices"
)

// fill paints a closed path made of cubic curves: the first point, then three
// points for each curve.
func (s *scene) fill(c rgb, alpha float32, path ...[2]float64) {
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, p := range path {
		x0, y0, x1, y1 = min(x0, p[0]), min(y0, p[1]), max(x1, p[0]), max(y1, p[1])
	}
	box := image.Rect(int(math.Floor(x0)), int(math.Floor(y0)), int(math.Ceil(x1))+1, int(math.Ceil(y1))+1)
	visible := box.Intersect(s.img.Rect)
	if visible.Empty() {
		return
	}
	s.raster.Reset(visible.Dx(), visible.Dy())
	at := func(p [2]float64) (x, y float32) {
		return float32(p[0] - float64(visible.Min.X)), float32(p[1] - float64(visible.Min.Y))
	}
	s.raster.MoveTo(at(path[0]))
	for i := 1; i+2 < len(path); i += 3 {
		bx, by := at(path[i])
		cx, cy := at(path[i+1])
		dx, dy := at(path[i+2])
		s.raster.CubeTo(bx, by, cx, cy, dx, dy)
	}
	s.raster.ClosePath()
	s.raster.Draw(s.img, visible, image.NewUniform(c.over(alpha)), image.Point{})
}

// disc is a circle as four curves.
func (s *scene) disc(c rgb, alpha float32, x, y, r float64) {
	const k = 0.5522847498
	s.fill(c, alpha,
		[2]float64{x + r, y}, [2]float64{x + r, y + k*r}, [2]float64{x + k*r, y + r}, [2]float64{x, y + r},
		[2]float64{x - k*r, y + r}, [2]float64{x - r, y + k*r}, [2]float64{x - r, y},
		[2]float64{x - r, y - k*r}, [2]float64{x - k*r, y - r}, [2]float64{x, y - r},
		[2]float64{x + k*r, y - r}, [2]float64{x + r, y - k*r}, [2]float64{x + r, y})
}

// paintMeadow sets trees on the hills and flowers into the grass.
func (s *scene) paintMeadow() {
	for i := 1; i < len(s.ridges)-1; i++ {
		s.paintTrees(i)
	}
	ground := s.ridges[len(s.ridges)-1]
	type bloom struct{ x, y, depth float64 }
	blooms := make([]bloom, 420*s.w/max(s.w, s.h)+160)
	for i := range blooms {
		x := s.random.IntN(s.w)
		top := float64(ground[x])
		depth := math.Pow(s.random.Float64(), 1.3)
		blooms[i] = bloom{float64(x), top + (float64(s.h)-top)*(depth+.02), depth}
	}
	slices.SortFunc(blooms, func(a, b bloom) int { return cmp.Compare(a.y, b.y) })
	for _, b := range blooms {
		s.paintGrass(b.x+(s.random.Float64()-.5)*60*s.unit, b.y, b.depth)
		size := (1.6 + 8*b.depth) * s.unit
		c := s.mood.petals[s.random.IntN(3)].mix(s.mood.near, float32(.35*(1-b.depth)))
		if b.depth < .35 {
			s.disc(c, .9, b.x, b.y, size)
			continue
		}
		turn := s.random.Float64()
		for k := range 5 {
			a := 2 * math.Pi * (float64(k) + turn) / 5
			s.disc(c, .9, b.x+math.Cos(a)*size*.8, b.y+math.Sin(a)*size*.6, size*.62)
		}
		s.disc(s.mood.heart, 1, b.x, b.y, size*.42)
	}
}

func (s *scene) paintGrass(x, y, depth float64) {
	tall := (10 + 70*depth) * s.unit
	lean := (s.random.Float64() - .5) * tall * .7
	wide := (.8 + 2.6*depth) * s.unit
	c := s.mood.leaf.mix(s.mood.leafLight, s.random.Float32())
	s.fill(c, .75,
		[2]float64{x - wide, y}, [2]float64{x - wide, y - tall*.4}, [2]float64{x + lean*.3, y - tall*.8}, [2]float64{x + lean, y - tall},
		[2]float64{x + lean*.3 + wide, y - tall*.7}, [2]float64{x + wide, y - tall*.4}, [2]float64{x + wide, y})
}

// paintTrees sets groups of firs on the ridge of hill i.
func (s *scene) paintTrees(i int) {
	depth := float32(i) / float32(len(s.ridges)-1)
	c := s.mood.far.mix(s.mood.near, min(1, depth*.75+.18))
	for range 2 + s.random.IntN(3) {
		middle := s.random.Float64() * float64(s.w)
		for range 4 + s.random.IntN(9) {
			x := middle + s.random.NormFloat64()*48*s.unit
			if x < 0 || int(x) >= s.w {
				continue
			}
			tall := (14 + 22*s.random.Float64()) * (.5 + 1.3*float64(depth)) * s.unit
			foot := float64(s.ridges[i][int(x)]) + 3*s.unit
			if s.hidden(i, int(x), foot-tall*.3) {
				continue
			}
			s.paintFir(c, x, foot, tall)
		}
	}
}

// hidden reports whether a hill nearer than i stands before (x, y).
func (s *scene) hidden(i, x int, y float64) bool {
	for _, ridge := range s.ridges[i+1:] {
		if float64(ridge[x]) < y {
			return true
		}
	}
	return false
}

func (s *scene) paintFir(c rgb, x, foot, tall float64) {
	for k := range 3 {
		up, wide := tall*float64(k)*.26, tall*(.26-.06*float64(k))
		base, tip := foot-up, foot-up-tall*.5
		s.fill(c, 1,
			[2]float64{x - wide, base}, [2]float64{x - wide*.4, base - tall*.1}, [2]float64{x - wide*.1, tip + tall*.2}, [2]float64{x, tip},
			[2]float64{x + wide*.1, tip + tall*.2}, [2]float64{x + wide*.4, base - tall*.1}, [2]float64{x + wide, base})
	}
}

// paintFlowers puts the large flowers before everything, the small ones
// first.
func (s *scene) paintFlowers() {
	count := 5 + int(3*float64(s.w)/float64(s.h))
	two := s.random.Perm(len(kinds))[:2]
	sizes := make([]float64, count)
	for i := range sizes {
		sizes[i] = 46 + 74*s.random.Float64()
	}
	slices.Sort(sizes)
	places := s.random.Perm(count)
	for i, size := range sizes {
		place := (float64(places[i]) + .2 + .6*s.random.Float64()) / float64(count)
		x := place * float64(s.w)
		y := float64(s.h)*(.83-.10*s.random.Float64()) - size*.8*s.unit
		s.paintStem(x, y, size*s.unit)
		s.paintFlower(kinds[two[s.random.IntN(2)]], x, y, size*s.unit)
	}
}

func (s *scene) paintStem(x, y, size float64) {
	foot := float64(s.h) + 10
	bend := (s.random.Float64() - .5) * size
	wide := size * .045
	s.fill(s.mood.leaf, 1,
		[2]float64{x - wide, y}, [2]float64{x - wide, y + size}, [2]float64{x + bend - wide, foot - size}, [2]float64{x + bend - wide, foot},
		[2]float64{x + bend, foot}, [2]float64{x + bend, foot}, [2]float64{x + bend + wide, foot},
		[2]float64{x + bend + wide, foot - size}, [2]float64{x + wide, y + size}, [2]float64{x + wide, y})
	for _, side := range []float64{-1, 1} {
		at := y + size*(1.2+.9*s.random.Float64())
		long := size * (.8 + .5*s.random.Float64())
		angle := -math.Pi/2 + side*(.7+.4*s.random.Float64())
		for k, c := range []rgb{s.mood.leaf, s.mood.leafLight} {
			s.petal(c, .9-.5*float32(k), x+bend*.2, at, long*(1-.2*float64(k)), .17-.08*float64(k), angle, 1)
		}
	}
}

// A kind of flower: how many petals in how many rings, and how wide.
type kindOfFlower struct {
	petals, rings int
	wide          float64
	heart         float64
}

var kinds = []kindOfFlower{
	{petals: 8, rings: 2, wide: .30, heart: .20},  // cosmos
	{petals: 17, rings: 2, wide: .13, heart: .26}, // daisy
	{petals: 6, rings: 2, wide: .46, heart: .16},  // anemone
	{petals: 11, rings: 3, wide: .25, heart: .13}, // dahlia
}

func (s *scene) paintFlower(kind kindOfFlower, x, y, size float64) {
	tilt := .66 + .3*s.random.Float64()
	turn := s.random.Float64() * 2 * math.Pi
	tint := s.random.Float32() * .5
	for ring := range kind.rings {
		long := size * (1 - .20*float64(ring))
		outer := s.mood.petals[0].mix(s.mood.petals[1], tint+.3*float32(ring)/float32(kind.rings))
		for k := range kind.petals {
			a := turn + 2*math.Pi*(float64(k)+.5*float64(ring))/float64(kind.petals)
			one := long * (.94 + .1*s.random.Float64())
			s.petal(outer.mix(s.mood.near, .28), .55, x, y+size*.03, one*1.03, kind.wide*1.05, a, tilt) // its shadow
			for step := range 5 {
				t := float32(step) / 4
				s.petal(outer.mix(s.mood.petals[2], t*.8), .85-.45*t, x, y, one*(1-.07*float64(t)), kind.wide*(1-.75*float64(t)), a, tilt)
			}
			s.petal(s.mood.petals[0].mix(s.mood.near, .25), .35, x, y, one*.5, kind.wide*.22, a, tilt)
		}
	}
	heart := size * kind.heart
	s.fillHeart(x, y, heart, tilt)
}

// fillHeart sets seeds along a sunflower's spiral.
func (s *scene) fillHeart(x, y, r, tilt float64) {
	dark := s.mood.heart.mix(s.mood.near, .55)
	s.disc(dark, .35, x, y+r*.2, r*1.12)
	s.disc(dark, 1, x, y, r*.92)
	const seeds = 70
	for k := range seeds {
		d := r * math.Sqrt(float64(k)/seeds)
		a := float64(k) * 2.39996
		light := float32(k) / seeds
		s.disc(dark.mix(s.mood.heart.mix(rgb{1, 1, 1}, .3*light), .35+.65*light), .95, x+d*math.Cos(a), y+d*math.Sin(a)*tilt, r*.095)
	}
}

// petal is one leaf shape from (x, y) in the direction of angle, flattened by
// tilt.
func (s *scene) petal(c rgb, alpha float32, x, y, long, wide, angle, tilt float64) {
	sin, cos := math.Sincos(angle)
	at := func(along, across float64) [2]float64 {
		u, v := along*long, across*long
		return [2]float64{x + u*cos - v*sin, y + (u*sin+v*cos)*tilt}
	}
	s.fill(c, alpha, at(.04, 0),
		at(.25, -wide*.35), at(.45, -wide*1.25), at(.86, -wide*.72),
		at(.97, -wide*.42), at(1.03, -wide*.1), at(.97, 0),
		at(1.03, wide*.1), at(.97, wide*.42), at(.86, wide*.72),
		at(.45, wide*1.25), at(.25, wide*.35), at(.04, 0))
}

// paintLights floats soft circles over the picture, as a wide-open lens does.
func (s *scene) paintLights() {
	for range 34 {
		r := (5 + 38*math.Pow(s.random.Float64(), 2)) * s.unit
		x, y := s.random.Float64()*float64(s.w), float64(s.h)*(.18+.72*s.random.Float64())
		c := s.mood.sun.mix(s.mood.petals[s.random.IntN(3)], .5*s.random.Float32())
		alpha := .06 + .12*s.random.Float32()
		s.disc(c, alpha, x, y, r)
		s.disc(c, alpha*.7, x, y, r*.86)
	}
}
