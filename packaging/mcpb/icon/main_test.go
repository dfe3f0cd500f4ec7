package main

import (
	"image/color"
	"image/png"
	"os"
	"testing"
)

// TestIcon: the file is what this program draws.
func TestIcon(t *testing.T) {
	f, err := os.Open("../icon.png")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	want := draw()
	if got.Bounds() != want.Bounds() {
		t.Fatalf("it is %v, want %v", got.Bounds(), want.Bounds())
	}
	for y := range side {
		for x := range side {
			if color.NRGBAModel.Convert(got.At(x, y)) != want.At(x, y) {
				t.Fatalf("pixel %d, %d is %v, want %v: draw it again", x, y, got.At(x, y), want.At(x, y))
			}
		}
	}
}
