package simulator

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"slices"

	"golang.org/x/image/vector"
)

// A rgb is a colour in sRGB, each part from 0 to 1.
type rgb [3]float32

func (a rgb) mix(b rgb, t float32) rgb {
	return rgb{a[0] + (b[0]-a[0])*t, a[1] + (b[1]-a[1])*t, a[2] + (b[2]-a[2])*t}
}

// over is the colour with an opacity, premultiplied.
func (a rgb) over(alpha float32) color.RGBA {
	return color.RGBA{byte(a[0]*alpha*255 + .5), byte(a[1]*alpha*255 + .5), byte(a[2]*alpha*255 + .5), byte(alpha*255 + .5)}
}

// lch is a colour of the OKLCH space, in which equal steps look equal: what
// makes hues from a hash go together.
func lch(l, c, hue float64) rgb {
	a, b := c*math.Cos(hue*math.Pi/180), c*math.Sin(hue*math.Pi/180)
	l1, m1, s1 := l+0.3963377774*a+0.2158037573*b, l-0.1055613458*a-0.0638541728*b, l-0.0894841775*a-1.2914855480*b
	l1, m1, s1 = l1*l1*l1, m1*m1*m1, s1*s1*s1
	linear := [3]float64{
		4.0767416621*l1 - 3.3077115913*m1 + 0.2309699292*s1,
		-1.2684380046*l1 + 2.6097574011*m1 - 0.3413193965*s1,
		-0.0041960863*l1 - 0.7034186147*m1 + 1.7076147010*s1,
	}
	var out rgb
	for i, v := range linear {
		v = max(0, min(1, v))
		if v <= 0.0031308 {
			v *= 12.92
		} else {
			v = 1.055*math.Pow(v, 1/2.4) - 0.055
		}
		out[i] = float32(v)
	}
	return out
}

// A mood is a palette, in degrees of hue.
type mood struct {
	zenith, horizon, sun   rgb
	far, near              rgb // hills, from the horizon to the foreground
	petals                 [3]rgb
	heart, leaf, leafLight rgb
}

// moods are hand-picked skies; the hash turns them a little.
func newMood(r *rand.Rand) mood {
	turn := r.Float64()*24 - 12
	flower := []float64{10, 350, 30, 330, 60, 300, 285, 85}[r.IntN(8)]
	c := func(l, ch, hue float64) rgb { return lch(l, ch, hue+turn) }
	m := mood{
		petals: [3]rgb{lch(.72, .15, flower), lch(.82, .11, flower+22), lch(.92, .05, flower+45)},
		heart:  lch(.80, .15, 80),
	}
	switch r.IntN(6) {
	case 0: // dawn
		m.zenith, m.horizon, m.sun = c(.66, .09, 285), c(.90, .07, 45), c(.97, .05, 80)
		m.far, m.near = c(.76, .06, 330), c(.34, .07, 300)
	case 1: // clear morning
		m.zenith, m.horizon, m.sun = c(.70, .10, 240), c(.95, .04, 90), c(.985, .05, 95)
		m.far, m.near = c(.82, .05, 215), c(.42, .09, 150)
	case 2: // golden evening
		m.zenith, m.horizon, m.sun = c(.62, .09, 25), c(.89, .10, 75), c(.97, .08, 90)
		m.far, m.near = c(.74, .09, 50), c(.32, .06, 20)
	case 3: // blue hour
		m.zenith, m.horizon, m.sun = c(.38, .10, 275), c(.80, .08, 330), c(.97, .03, 90)
		m.far, m.near = c(.60, .09, 295), c(.24, .06, 275)
	case 4: // sea mist
		m.zenith, m.horizon, m.sun = c(.74, .07, 200), c(.95, .03, 120), c(.99, .03, 100)
		m.far, m.near = c(.83, .04, 190), c(.40, .07, 185)
	default: // rose
		m.zenith, m.horizon, m.sun = c(.74, .09, 350), c(.94, .05, 60), c(.985, .04, 85)
		m.far, m.near = c(.83, .06, 10), c(.40, .09, 345)
	}
	m.leaf, m.leafLight = m.near.mix(lch(.42, .10, 150), .55), m.near.mix(lch(.62, .12, 135), .6)
	return m
}

// A scene is a picture while it is painted.
type scene struct {
	w, h   int
	unit   float64 // a thousandth of the shorter side
	img    *image.RGBA
	random *rand.Rand
	mood   mood
	sunX   float64
	sunY   float64
	ridges [][]float32 // height of each hill at each column, far to near
	tops   []float32   // the highest point of each
	raster vector.Rasterizer
}

func newScene(seed int64, p picture) *scene {
	key := fmt.Sprintf("%d|%s|%d|%d|%d|%d", seed, p.prompt, p.seed, p.width, p.height, p.i)
	r := rand.New(rand.NewPCG(hash(key), hash("picture")))
	s := &scene{
		w: p.width, h: p.height, unit: float64(min(p.width, p.height)) / 1000,
		img: image.NewRGBA(image.Rect(0, 0, p.width, p.height)), random: r, mood: newMood(r),
	}
	s.sunX = float64(s.w) * (.22 + .56*r.Float64())
	s.sunY = float64(s.h) * (.20 + .16*r.Float64())
	s.raise()
	return s
}

// raise makes the hills: sums of sines that roll more gently the nearer they
// are.
func (s *scene) raise() {
	layers := 5 + s.random.IntN(2)
	top := .42 + .06*s.random.Float64()
	for i := range layers {
		depth := float64(i) / float64(layers-1)
		base := float64(s.h) * (top + (.80-top)*math.Pow(depth, 1.15))
		rough := 1 - .75*depth
		long := float64(s.w) * (.55 + .5*s.random.Float64())
		if s.h > s.w {
			long *= 1.5
		}
		var phase [6]float64
		for k := range phase {
			phase[k] = s.random.Float64() * 2 * math.Pi
		}
		ridge := make([]float32, s.w)
		for x := range ridge {
			y, amp, wave := 0.0, 70*s.unit*(1+.5*rough), 2*math.Pi/long
			for k := range phase {
				v := math.Sin(float64(x)*wave + phase[k])
				if k > 0 && rough > .5 {
					v = 1 - 2*math.Abs(v) // crests, on the far ones
				}
				y += amp * v
				amp *= .28 + .15*rough
				wave *= 2.1
			}
			ridge[x] = float32(base - y)
		}
		s.ridges, s.tops = append(s.ridges, ridge), append(s.tops, slices.Min(ridge))
	}
}

// paintLand fills every pixel: the sky, and the nearest hill before it.
//
// No race detector: a picture belongs to one goroutine, and watching every
// pixel makes tests crawl.
//
//go:norace
func (s *scene) paintLand() {
	sky := s.newSky()
	shades := make([][]rgb, len(s.ridges))
	for i := range shades {
		shades[i] = s.shade(i)
	}
	reach := float32(s.h) * .30 / shadeSteps
	grain := uint32(s.random.Uint64()) | 1
	for y := range s.h {
		line := s.img.Pix[y*s.img.Stride:]
		behind := sky.row(y)
		hills := s.hillsAt(y)
		for x := range s.w {
			var c rgb
			above := float32(1) // what is still to be covered
			for _, i := range hills {
				under := float32(y) - s.ridges[i][x] + .5
				if under <= 0 {
					continue
				}
				cover := min(under, 1) * above
				shade := &shades[i][min(int(under/reach), shadeSteps-1)]
				c[0] += shade[0] * cover
				c[1] += shade[1] * cover
				c[2] += shade[2] * cover
				if above -= cover; above <= 0 {
					break
				}
			}
			if above > 0 && s.inSun(x, y) {
				above = s.paintSun(&c, x, y, above)
			}
			if above > 0 {
				left, right, t := &behind[x/coarse], &behind[x/coarse+1], float32(x%coarse)/coarse
				c[0] += (left[0] + (right[0]-left[0])*t) * above
				c[1] += (left[1] + (right[1]-left[1])*t) * above
				c[2] += (left[2] + (right[2]-left[2])*t) * above
			}
			grain ^= grain << 13
			grain ^= grain >> 17
			grain ^= grain << 5
			d := float32(grain>>24) / 256 // dither: no bands in the gradients
			px := line[x*4 : x*4+4 : x*4+4]
			px[0] = byte(min(c[0]*255+d, 255))
			px[1] = byte(min(c[1]*255+d, 255))
			px[2] = byte(min(c[2]*255+d, 255))
			px[3] = 255
		}
	}
}

// sunRadius is in units.
const sunRadius = 46

func (s *scene) inSun(x, y int) bool {
	r := (sunRadius + 2) * s.unit
	return math.Abs(float64(x)-s.sunX) < r && math.Abs(float64(y)-s.sunY) < r
}

// paintSun covers what the sun covers of a pixel, and returns what it leaves.
//
//go:norace
func (s *scene) paintSun(c *rgb, x, y int, above float32) float32 {
	d := math.Hypot(float64(x)-s.sunX, float64(y)-s.sunY)
	cover := float32(max(0, min(1, sunRadius*s.unit-d+.5))) * above
	bright := s.mood.sun.mix(rgb{1, 1, 1}, .55)
	for k := range c {
		c[k] += bright[k] * cover
	}
	return above - cover
}

// hillsAt returns the hills that reach up to row y, the nearest first.
func (s *scene) hillsAt(y int) []int {
	var hills []int
	for i, top := range slices.Backward(s.tops) {
		if float32(y)+.5 > top {
			hills = append(hills, i)
		}
	}
	return hills
}

const shadeSteps = 256

// shade is the colour of a hill from its ridge downwards: lit at the edge,
// mist at the foot.
func (s *scene) shade(i int) []rgb {
	depth := float32(i) / float32(len(s.ridges)-1)
	body := s.mood.far.mix(s.mood.near, depth*(.6+.4*depth))
	mist := body.mix(s.mood.horizon, .55*(1-depth))
	out := make([]rgb, shadeSteps)
	for k := range out {
		t := float32(k) / shadeSteps
		lit := float32(math.Exp(-float64(t) * 22))
		out[k] = body.mix(s.mood.sun, .22*lit*(1-.5*depth)).mix(mist, t*(1-.4*depth))
		if i == len(s.ridges)-1 {
			out[k] = out[k].mix(s.mood.leaf.mix(s.mood.near, .5), .7*t)
		}
	}
	return out
}

// The sky is soft everywhere, so it is painted at a quarter of the size and
// stretched.
const coarse = 4

type sky struct {
	w, h int
	pix  []rgb
}

//go:norace
func (s *scene) newSky() *sky {
	k := &sky{w: s.w/coarse + 2, h: s.h/coarse + 2}
	k.pix = make([]rgb, k.w*k.h)
	clouds := s.newClouds()
	horizon := float64(s.h) * .55
	for y := range k.h {
		fy := float64(y * coarse)
		t := math.Min(1, fy/horizon)
		base := s.mood.zenith.mix(s.mood.horizon, float32(t*t*(3-2*t)))
		for x := range k.w {
			fx := float64(x * coarse)
			d := math.Hypot(fx-s.sunX, fy-s.sunY)
			c := base.mix(s.mood.sun, float32(.62*math.Exp(-d/(190*s.unit))+.22*math.Exp(-d/(700*s.unit))))
			for i := range clouds {
				c = c.mix(s.mood.sun.mix(rgb{1, 1, 1}, .4), clouds[i].at(fx, fy))
			}
			k.pix[y*k.w+x] = c
		}
	}
	return k
}

// row is one line of the sky, still coarse from left to right.
func (k *sky) row(y int) []rgb {
	i, t := y/coarse*k.w, float32(y%coarse)/coarse
	line := make([]rgb, k.w)
	for x := range line {
		line[x] = k.pix[i+x].mix(k.pix[i+k.w+x], t)
	}
	return line
}

// A cloud is a long soft ellipse.
type cloud struct{ x, y, rx, ry, strength float64 }

func (s *scene) newClouds() []cloud {
	clouds := make([]cloud, 7+s.random.IntN(5))
	for i := range clouds {
		rx := (120 + 240*s.random.Float64()) * s.unit
		clouds[i] = cloud{
			x: s.random.Float64() * float64(s.w), y: float64(s.h) * (.04 + .36*s.random.Float64()),
			rx: rx, ry: rx * (.05 + .08*s.random.Float64()), strength: .15 + .30*s.random.Float64(),
		}
	}
	return clouds
}

func (c cloud) at(x, y float64) float32 {
	dx, dy := (x-c.x)/c.rx, (y-c.y)/c.ry
	d := dx*dx + dy*dy
	if d > 6 {
		return 0
	}
	return float32(c.strength * math.Exp(-d))
}
