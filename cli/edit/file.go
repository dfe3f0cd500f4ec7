package edit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// maxFile is how large a configuration file may be.
const maxFile = 64 << 20

// ErrChanged means that somebody else wrote to the file meanwhile.
var ErrChanged = errors.New("it was changed by another program meanwhile")

// Read is the text of a file, nil when there is none.
func Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is too large for a configuration file", path)
	}
	return text, err
}

// Replace puts a new text into the file at path, in place of the old one that was
// read before; nil for old means that there was no file. The file changes at once
// or not at all, keeps its permissions, and stays where a symbolic link at path
// leads to. The old text goes into a file next to it, whose path is returned.
// A new file and its folder are made for their owner only, as it may hold keys.
func Replace(path string, old, text []byte, now time.Time) (backup string, err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	perm := fs.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		perm = info.Mode().Perm()
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	draft, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	defer os.Remove(draft.Name()) // nothing is there any more once it has its name
	if err := fill(draft, text, perm); err != nil {
		return "", err
	}
	there, err := Read(path)
	if err != nil {
		return "", err
	}
	if !bytes.Equal(there, old) {
		return "", ErrChanged
	}
	if old != nil {
		if backup, err = backUp(path, old, perm, now); err != nil {
			return "", fmt.Errorf("backup: %w", err)
		}
	}
	if err := os.Rename(draft.Name(), path); err != nil {
		if backup != "" {
			err = errors.Join(err, os.Remove(backup))
		}
		return "", err
	}
	return backup, nil
}

// maxBackups is how many backups one file may get in a second.
const maxBackups = 100

// backUp keeps a text next to the file at path, under a name that nobody has.
func backUp(path string, text []byte, perm fs.FileMode, now time.Time) (string, error) {
	for n := 1; n <= maxBackups; n++ {
		name := path + "." + now.Format("20060102-150405")
		if n > 1 {
			name = fmt.Sprintf("%s-%d", name, n)
		}
		name += ".bak"
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		if err := fill(f, text, perm); err != nil {
			return "", errors.Join(err, os.Remove(name))
		}
		return name, nil
	}
	return "", errors.New("there are too many")
}

// fill writes a new file durably and closes it.
func fill(f *os.File, text []byte, perm fs.FileMode) error {
	_, err := f.Write(text)
	return errors.Join(err, f.Chmod(perm), f.Sync(), f.Close())
}
