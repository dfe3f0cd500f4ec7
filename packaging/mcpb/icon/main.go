// Icon draws the program's icon: go run ./packaging/mcpb/icon packaging/mcpb/icon.png
package main

import (
	"bytes"
	"flag"
	"image"
	"image/color"
	"image/png"
	"log"
	"math"
	"os"
)

func main() {
	flag.Parse()
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, draw()); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(flag.Arg(0), b.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
}

const (
	side   = 512
	corner = 112.0 // radius
)

// draw is a sun over two hills, in a frame with round corners.
func draw() image.Image {
	picture := image.NewNRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			picture.SetNRGBA(x, y, pixel(float64(x)+0.5, float64(y)+0.5))
		}
	}
	return picture
}

func pixel(x, y float64) color.NRGBA {
	c := mix(rgb{38, 44, 110}, rgb{255, 153, 102}, math.Pow(y/side, 1.3)) // the sky at dusk
	c = mix(c, rgb{255, 226, 168}, inside(104-math.Hypot(x-322, y-206)))  // the sun
	c = mix(c, rgb{92, 62, 140}, inside(y-(330+52*math.Cos((x-110)/92)))) // the hill behind
	c = mix(c, rgb{33, 28, 78}, inside(y-(404+34*math.Sin((x+40)/74))))   // the hill in front
	return color.NRGBA{uint8(c.r + 0.5), uint8(c.g + 0.5), uint8(c.b + 0.5), uint8(255*inside(frame(x, y)) + 0.5)}
}

// frame is the distance to the frame, positive inside.
func frame(x, y float64) float64 {
	dx := math.Max(math.Abs(x-side/2)-(side/2-corner), 0)
	dy := math.Max(math.Abs(y-side/2)-(side/2-corner), 0)
	return corner - math.Hypot(dx, dy)
}

// inside softens an edge over one pixel.
func inside(distance float64) float64 { return math.Min(math.Max(distance+0.5, 0), 1) }

type rgb struct{ r, g, b float64 }

func mix(a, b rgb, share float64) rgb {
	return rgb{a.r + (b.r-a.r)*share, a.g + (b.g-a.g)*share, a.b + (b.b-a.b)*share}
}
