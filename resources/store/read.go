package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// Open opens p for reading, after its bytes were checked against its SHA-256.
// The error is [ErrMissing] or [ErrDamaged] where fetching it again would help.
//
// A damaged file is renamed to .tmp-damaged-NAME, so that [Folder.Has] is true
// again only after a new fetch, and is deleted after a week.
func (f *Folder) Open(p Picture) (*os.File, error) {
	file, err := f.openRaw(p)
	if err != nil {
		return nil, err
	}
	if err := f.verify(p, file, io.Discard); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// Bytes reads p, with the checks and the errors of [Folder.Open].
func (f *Folder) Bytes(p Picture) ([]byte, error) {
	file, err := f.openRaw(p)
	if err != nil {
		return nil, err
	}
	defer release(file)
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	data := bytes.NewBuffer(make([]byte, 0, min(info.Size(), f.options.MaxPicture)))
	if err := f.verify(p, file, data); err != nil {
		return nil, err
	}
	return data.Bytes(), nil
}

func (f *Folder) openRaw(p Picture) (*os.File, error) {
	name, err := p.fileName()
	if err != nil {
		return nil, err
	}
	file, err := f.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrMissing, name)
	}
	return file, err
}

// verify copies file to dst and compares what it was with p's SHA-256. Callers
// must not let anybody have what dst got before it has answered nil.
func (f *Folder) verify(p Picture, file *os.File, dst io.Writer) error {
	buffer := f.buffer()
	defer f.buffers.Put(buffer)
	hash := sha256.New()
	// Neither end may be asked to copy by itself: that would go round the buffer.
	_, err := io.CopyBuffer(onlyWriter{io.MultiWriter(hash, dst)}, onlyReader{file}, buffer[:])
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != p.SHA256 {
		return f.setAside(p, file)
	}
	return nil
}

type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)

// setAside takes a damaged file out of the way, unless another process has put
// a new one in its place meanwhile.
func (f *Folder) setAside(p Picture, damaged *os.File) error {
	name, err := p.fileName()
	if err != nil {
		return err
	}
	read, err := damaged.Stat()
	if err != nil {
		return err
	}
	now, err := f.root.Lstat(name)
	if err != nil || !os.SameFile(read, now) {
		return fmt.Errorf("%w: %s", ErrDamaged, name)
	}
	defer f.rescan()
	aside := damagedPrefix + name
	if err := f.root.Rename(name, aside); err != nil {
		return fmt.Errorf("%w: %s, and cannot be moved away: %w", ErrDamaged, name, err)
	}
	today := time.Now()
	_ = f.root.Chtimes(aside, today, today) // its week begins; without it, it goes earlier
	f.options.Logger.Warn("a kept picture is damaged", "dir", f.dir, "kept_as", aside)
	return fmt.Errorf("%w: %s was changed on disk and is now %s", ErrDamaged, name, aside)
}
