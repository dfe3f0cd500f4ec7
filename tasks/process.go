package tasks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// process is this process as others see it: a lock that dies with it.
type process struct {
	id   string
	dir  string
	lock *flock.Flock
}

func startProcess(dir string) (*process, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	p := &process{id: newID(), dir: dir}
	p.lock = flock.New(p.file(p.id), flock.SetPermissions(0o600))
	locked, err := p.lock.TryLock()
	if err != nil || !locked {
		return nil, fmt.Errorf("lock of this process in %s: %w", dir, errors.Join(err, fs.ErrExist))
	}
	p.sweep()
	return p, nil
}

func (p *process) file(id string) string { return filepath.Join(p.dir, id+".lock") }

// alive reports whether the process with that id still runs. Whoever looks holds the
// lock for a moment, and shares it: else two who look at a dead process at once would
// take each other for it, and a request that died with it for one that still waits.
func (p *process) alive(id string) bool {
	if id == p.id {
		return true
	}
	if _, err := os.Stat(p.file(id)); err != nil {
		return false
	}
	other := flock.New(p.file(id))
	locked, err := other.TryRLock()
	if err != nil || !locked {
		return true
	}
	return other.Unlock() != nil
}

// sweep removes the files that dead processes left behind.
func (p *process) sweep() {
	files, err := filepath.Glob(p.file("*"))
	if err != nil {
		return
	}
	for _, name := range files {
		info, err := os.Stat(name)
		id := strings.TrimSuffix(filepath.Base(name), ".lock")
		if err != nil || time.Since(info.ModTime()) < time.Hour || p.alive(id) {
			continue
		}
		_ = os.Remove(name) // or the next start does
	}
}

// stop lets go of the lock. Windows keeps the file while another process looks at
// it; that one's next sweep removes it.
func (p *process) stop() error {
	err := p.lock.Unlock()
	_ = os.Remove(p.file(p.id))
	return err
}
