package simulator

import (
	"context"
	"image"
	"sync"
)

const (
	// paintersMax bounds the pictures that are painted at one time.
	paintersMax = 2
	// keptMax bounds the bytes of pictures kept for the next download.
	keptMax = 32 << 20
)

// A picture is everything that decides the bytes of one.
type picture struct {
	prompt        string
	width, height int
	seed          int64
	i             int // which one of its task, from 0
	watermark     bool
}

func (t *task) picture(i int) picture {
	return picture{t.Prompt, t.Width, t.Height, t.Seed, i, t.Watermark}
}

// A gallery paints pictures when they are asked for and keeps the last few.
type gallery struct {
	seed     int64
	painters chan struct{}

	mu    sync.Mutex
	order []picture
	kept  map[picture][]byte
	bytes int
}

func newGallery(seed int64) *gallery {
	return &gallery{seed: seed, painters: make(chan struct{}, paintersMax), kept: map[picture][]byte{}}
}

func (g *gallery) png(ctx context.Context, p picture) ([]byte, error) {
	if body := g.recall(p); body != nil {
		return body, nil
	}
	select {
	case g.painters <- struct{}{}:
		defer func() { <-g.painters }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if body := g.recall(p); body != nil { // painted while this one waited
		return body, nil
	}
	body := encode(paint(g.seed, p))
	g.keep(p, body)
	return body, nil
}

func (g *gallery) recall(p picture) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.kept[p]
}

func (g *gallery) keep(p picture, body []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.kept[p] != nil {
		return
	}
	g.kept[p], g.order, g.bytes = body, append(g.order, p), g.bytes+len(body)
	for g.bytes > keptMax {
		g.bytes -= len(g.kept[g.order[0]])
		delete(g.kept, g.order[0])
		g.order = g.order[1:]
	}
}

// paint makes the picture: a landscape, flowers in front of it, light on top
// of it, and the words.
func paint(seed int64, p picture) *image.RGBA {
	s := newScene(seed, p)
	s.paintLand()
	s.paintMeadow()
	s.paintFlowers()
	s.paintLights()
	s.paintWords(p)
	return s.img
}
