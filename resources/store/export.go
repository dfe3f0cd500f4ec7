package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxNumbered ends the search for a free name.
const maxNumbered = 10_000

// Export puts a copy of p into dir under a name for people and returns its
// absolute path. dir is created where it is missing. Nothing is ever
// overwritten: where name is taken, it becomes name-2, name-3 and so on before the
// extension, and a file that has the same bytes already is taken as the copy.
//
// It is a copy and no hard link, so that editing it leaves the folder's own
// picture whole. It appears with all its bytes or not at all.
func (f *Folder) Export(p Picture, dir, name string) (path string, err error) {
	if err := checkFileName(name); err != nil {
		return "", err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("saving a picture: %w", err)
	}
	source, err := f.openRaw(p)
	if err != nil {
		return "", err
	}
	defer release(source)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", exportError(dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", exportError(dir, err)
	}
	defer release(root)
	if _, again := f.swept.LoadOrStore(dir, true); !again {
		sweep(root)
	}
	name, err = f.export(p, source, root, name)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, name), nil
}

// export finds the name and writes the copy, which it makes at the first free
// name and keeps through others that are taken meanwhile.
func (f *Folder) export(p Picture, source *os.File, root *os.Root, name string) (string, error) {
	var copied *draft
	for n := 1; n <= maxNumbered; n++ {
		candidate := numbered(name, n)
		if _, err := root.Lstat(candidate); errors.Is(err, fs.ErrNotExist) {
			if copied == nil {
				var err error
				if copied, err = f.copyTo(root, p, source); err != nil {
					return "", err
				}
				defer copied.discard()
			}
			err := copied.claim(candidate)
			if err == nil {
				return candidate, nil
			}
			if !errors.Is(err, fs.ErrExist) {
				return "", exportError(root.Name(), err)
			}
		}
		if f.sameBytes(root, candidate, p, source) {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("saving a picture: %s has %d files named like %s", root.Name(), maxNumbered, name)
}

// copyTo makes a finished draft of p in root.
func (f *Folder) copyTo(root *os.Root, p Picture, source *os.File) (*draft, error) {
	d, err := newDraft(root, 0o644)
	if err != nil {
		return nil, exportError(root.Name(), err)
	}
	if err = f.verify(p, source, d); err == nil {
		err = d.finish()
	}
	switch {
	case err == nil:
		return d, nil
	case !errors.Is(err, ErrDamaged):
		err = exportError(root.Name(), err)
	}
	d.discard()
	return nil, err
}

// claim gives a finished draft its name, unless there is such a file.
func (d *draft) claim(name string) error {
	err := d.root.Link(d.name, name)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.claimUnlinked(name)
}

// claimUnlinked is for FAT and network file systems, which have no links: an
// empty file takes the name, which fails when somebody has it, and is replaced
// at once. Only here a crash between the two can leave an empty file.
func (d *draft) claimUnlinked(name string) error {
	reserved, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if err := errors.Join(reserved.Close(), d.root.Rename(d.name, name)); err != nil {
		return errors.Join(err, d.root.Remove(name))
	}
	return nil
}

// sameBytes reports whether the file name is a copy of p.
func (f *Folder) sameBytes(root *os.Root, name string, p Picture, source *os.File) bool {
	there, err := root.Lstat(name)
	if err != nil {
		return false
	}
	if kept, err := source.Stat(); err != nil || kept.Size() != there.Size() {
		return false
	}
	file, err := root.Open(name)
	if err != nil {
		return false
	}
	defer release(file)
	buffer := f.buffer()
	defer f.buffers.Put(buffer)
	hash := sha256.New()
	_, err = io.CopyBuffer(hash, onlyReader{file}, buffer[:])
	return err == nil && hex.EncodeToString(hash.Sum(nil)) == p.SHA256
}

// numbered is the n-th name to try.
func numbered(name string, n int) string {
	if n == 1 {
		return name
	}
	ext := filepath.Ext(name)
	return fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext)
}

func exportError(dir string, err error) error {
	switch {
	case isFull(err):
		return fmt.Errorf("%w: the disk of %s is full", ErrNoSpace, dir)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("pictures cannot be saved in %s, it is read-only for this user: choose another folder: %w", dir, err)
	}
	return fmt.Errorf("pictures cannot be saved in %s: %w", dir, err)
}
