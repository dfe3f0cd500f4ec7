package store

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Entry is one file of a folder.
type Entry struct {
	SHA256, MIME string
	Bytes        int64
	Stored       time.Time // when it was last fetched
}

// The formats, each with the fixed extension of its files.
const (
	mimePNG  = "image/png"
	mimeJPEG = "image/jpeg"
	mimeWebP = "image/webp"
)

func extension(mime string) string {
	switch mime {
	case mimePNG:
		return ".png"
	case mimeJPEG:
		return ".jpg"
	case mimeWebP:
		return ".webp"
	}
	return ""
}

// fileName is where p lies. It is made from a hash and a known format only, so
// nothing that a stranger wrote ever becomes a path.
func (p Picture) fileName() (string, error) {
	ext := extension(p.MIME)
	if !isHash(p.SHA256) || ext == "" {
		return "", fmt.Errorf("%w: %.64q of type %.20q names none", ErrMissing, p.SHA256, p.MIME)
	}
	return p.SHA256 + ext, nil
}

func isHash(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// parseFileName is the reverse of fileName; ok is false for everything else
// that may lie in the directory.
func parseFileName(name string) (sha, mime string, ok bool) {
	ext := filepath.Ext(name)
	sha = strings.TrimSuffix(name, ext)
	for _, mime := range []string{mimePNG, mimeJPEG, mimeWebP} {
		if ext == extension(mime) && isHash(sha) {
			return sha, mime, true
		}
	}
	return "", "", false
}

// Has reports whether the folder holds a picture with this SHA-256. It does not
// read it.
func (f *Folder) Has(sha string) bool {
	for _, mime := range []string{mimePNG, mimeJPEG, mimeWebP} {
		name, err := Picture{SHA256: sha, MIME: mime}.fileName()
		if err != nil {
			return false
		}
		if info, err := f.root.Lstat(name); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// Remove deletes the picture with this SHA-256. That there is none is no error.
func (f *Folder) Remove(sha string) error {
	defer f.rescan()
	for _, mime := range []string{mimePNG, mimeJPEG, mimeWebP} {
		name, err := Picture{SHA256: sha, MIME: mime}.fileName()
		if err != nil {
			return err
		}
		if err := f.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("deleting a picture: %w", err)
		}
	}
	return nil
}

// List tells what the folder holds, oldest first.
func (f *Folder) List() ([]Entry, error) {
	names, err := fileNames(f.root)
	if err != nil {
		return nil, fmt.Errorf("listing pictures: %w", err)
	}
	var entries []Entry
	for _, name := range names {
		sha, mime, ok := parseFileName(name)
		if !ok {
			continue
		}
		info, err := f.root.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted by another process since
		}
		if err != nil {
			return nil, fmt.Errorf("listing pictures: %w", err)
		}
		entries = append(entries, Entry{SHA256: sha, MIME: mime, Bytes: info.Size(), Stored: info.ModTime()})
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(a.Stored.Compare(b.Stored), cmp.Compare(a.SHA256, b.SHA256))
	})
	return entries, nil
}

// release closes what was only read, where a failure has nothing to lose.
func release(c io.Closer) { _ = c.Close() }
