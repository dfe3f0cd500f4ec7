package store

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// usageLife is how long a scan of the folder is believed. Our own changes end it
// at once; those of other processes are seen after it.
const usageLife = 2 * time.Second

// Room reports whether need more bytes may be kept: under MaxBytes, with MinFree
// left on the disk, in a directory that can be written. Ask before money is
// spent. [ErrNoSpace] comes with the figures; where old pictures may go, delete
// some and ask again.
//
// Room reserves nothing, and Fetch does not ask it: what is paid for is kept even
// if it goes over a limit, as long as the disk takes it.
func (f *Folder) Room(need int64) error {
	need = max(need, 0)
	used, err := f.Used()
	if err != nil {
		return err
	}
	if limit := f.options.MaxBytes; need > limit-used {
		return fmt.Errorf("%w: %s of %s are taken in %s and %s more are needed; --max-store-bytes sets the limit",
			ErrNoSpace, human(used), human(limit), f.dir, human(need))
	}
	if err := f.free(need); err != nil {
		return err
	}
	return f.Writable()
}

// free checks the floor of free space.
func (f *Folder) free(need int64) error {
	if f.options.MinFree < 0 {
		return nil
	}
	dir, err := f.root.Open(".")
	if err != nil {
		return fmt.Errorf("picture folder: %w", err)
	}
	free, err := freeBytes(dir)
	if err := errors.Join(err, dir.Close()); err != nil {
		return fmt.Errorf("free space of the picture folder: %w", err)
	}
	if need > free-f.options.MinFree {
		return fmt.Errorf("%w: the disk of %s has %s free; %s are needed and %s stay free",
			ErrNoSpace, f.dir, human(free), human(need), human(f.options.MinFree))
	}
	return nil
}

// Writable reports whether the folder is still there and takes a file.
func (f *Folder) Writable() error {
	d, err := newDraft(f.root, 0o600)
	if err != nil {
		return f.writeError(err)
	}
	d.discard()
	return nil
}

// writeError words the failure to write into the folder.
func (f *Folder) writeError(err error) error {
	if isFull(err) {
		return fmt.Errorf("%w: the disk of %s is full: %w", ErrNoSpace, f.dir, err)
	}
	return fmt.Errorf("cannot write to the picture folder %s: %w", f.dir, err)
}

// Used is how many bytes the folder takes, unfinished and damaged files too. It
// scans at most every two seconds and after a change of our own.
func (f *Folder) Used() (int64, error) {
	f.usage.Lock()
	defer f.usage.Unlock()
	if !f.scanned.IsZero() && time.Since(f.scanned) < usageLife {
		return f.used, nil
	}
	used, err := f.scan()
	if err != nil {
		return 0, fmt.Errorf("adding up the picture folder: %w", err)
	}
	f.used, f.scanned = used, time.Now()
	return used, nil
}

func (f *Folder) scan() (used int64, err error) {
	names, err := fileNames(f.root)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		info, err := f.root.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted or renamed since
		}
		if err != nil {
			return 0, err
		}
		if info.Mode().IsRegular() {
			used += info.Size()
		}
	}
	return used, nil
}

// rescan makes the next Used look again.
func (f *Folder) rescan() {
	f.usage.Lock()
	defer f.usage.Unlock()
	f.scanned = time.Time{}
}

// human prints a number of bytes as people read it.
func human(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d bytes", n)
}
