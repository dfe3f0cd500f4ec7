package store

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"
)

const (
	draftPrefix   = ".tmp-"
	damagedPrefix = draftPrefix + "damaged-"
	randomLength  = 26 // of rand.Text
	// A fetch takes at most two minutes, so an hour is far behind any that lives.
	draftLife = time.Hour
	// A damaged file may be the last trace of something paid for; a person has a
	// week to look at it.
	damagedLife = 7 * 24 * time.Hour
)

// draft is a file that is being written under a name which nobody reads. It
// appears under its real name whole and durable, or never.
type draft struct {
	root *os.Root
	file *os.File
	name string
}

func newDraft(root *os.Root, perm fs.FileMode) (*draft, error) {
	name := draftPrefix + rand.Text()
	file, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return nil, err
	}
	lock(file) // tells sweepers in other processes that its writer lives
	return &draft{root: root, file: file, name: name}, nil
}

func (d *draft) Write(p []byte) (int, error) { return d.file.Write(p) }

// finish makes the bytes durable and closes the file.
func (d *draft) finish() error {
	return errors.Join(d.file.Sync(), d.file.Close())
}

// replace gives the draft its real name, in place of whatever has it.
func (d *draft) replace(name string) error {
	if err := d.finish(); err != nil {
		return err
	}
	if err := d.root.Rename(d.name, name); err != nil {
		return err
	}
	return syncDir(d.root)
}

// discard deletes the draft. Where it has got its real name there is nothing
// left to delete, so it can be deferred.
func (d *draft) discard() {
	_ = d.file.Close()
	_ = d.root.Remove(d.name)
}

// sweep deletes the drafts of processes that died, and tells how many. A draft
// whose writer lives is locked, and young besides.
func sweep(root *os.Root) (deleted int) {
	names, err := fileNames(root)
	if err != nil {
		return 0
	}
	for _, name := range names {
		if isDraft(name) && abandoned(root, name) && root.Remove(name) == nil {
			deleted++
		}
	}
	return deleted
}

// isDraft recognises our own names only: in a directory of exports there may be
// dot files of others.
func isDraft(name string) bool {
	if strings.HasPrefix(name, damagedPrefix) {
		return true
	}
	random, ok := strings.CutPrefix(name, draftPrefix)
	return ok && len(random) == randomLength && strings.Trim(random, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

func abandoned(root *os.Root, name string) bool {
	life := draftLife
	if strings.HasPrefix(name, damagedPrefix) {
		life = damagedLife
	}
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || time.Since(info.ModTime()) < life {
		return false
	}
	file, err := root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	free := lock(file)
	return file.Close() == nil && free
}

// fileNames lists root in no order.
func fileNames(root *os.Root) ([]string, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(-1)
	return names, errors.Join(err, dir.Close())
}
