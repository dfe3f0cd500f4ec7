package store

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// The times of one fetch.
const (
	connectTime = 10 * time.Second
	fetchTime   = 120 * time.Second // over all redirects
	slowTime    = 30 * time.Second  // less than slowRate over it is given up
	slowRate    = 16 << 10          // bytes per second
	slowSteps   = 6                 // the last slowTime is looked at this often
)

var (
	errFetchTime = fmt.Errorf("it was not finished after %v", fetchTime)
	errSlow      = fmt.Errorf("less than %d KiB per second arrived for %v", slowRate>>10, slowTime)
)

// meter counts what is read through it.
type meter struct {
	io.Reader
	read atomic.Int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.read.Add(int64(n))
	return n, err
}

// watch cancels a transfer that crawls. It returns when ctx ends.
func (m *meter) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(slowTime / slowSteps)
	defer tick.Stop()
	var marks [slowSteps]int64 // what had been read at the last steps
	for step := 1; ; step++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		read, before := m.read.Load(), &marks[step%slowSteps]
		if step >= slowSteps && read-*before < slowRate*int64(slowTime/time.Second) {
			cancel(errSlow)
			return
		}
		*before = read
	}
}
