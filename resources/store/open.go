package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Open opens the directory dir as a folder and creates it, with mode 0700, where
// it is missing. It refuses a symbolic link and a directory of another user, and
// it closes one that others may look into. What a crash left half written an
// hour ago or earlier is deleted.
func Open(dir string, o Options) (*Folder, error) {
	o = o.withDefaults()
	links, err := newLinkGuard(o.AllowHosts)
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("picture folder: %w", err)
	}
	root, err := openPrivate(dir)
	if err != nil {
		return nil, fmt.Errorf("picture folder: %w", err)
	}
	f := &Folder{
		dir: dir, root: root, options: o, links: links, transport: o.Transport,
		previews: make(chan struct{}, maxPreviews),
	}
	if f.transport == nil {
		f.transport = newTransport(newDialer(links, o.AllowCIDRs), o.Proxy)
	}
	if n := sweep(root); n > 0 {
		o.Logger.Info("deleted what a crash left half written", "dir", dir, "files", n)
	}
	return f, nil
}

// openPrivate opens dir, or a new directory, that is nobody else's. A folder of
// pictures can be lured into writing elsewhere or into serving planted files
// only through a link or through another owner.
func openPrivate(dir string) (*os.Root, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	named, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	switch {
	case named.Mode()&fs.ModeSymlink != 0:
		return nil, fmt.Errorf("%s is a symbolic link: name the directory it leads to", dir)
	case !named.IsDir():
		return nil, fmt.Errorf("%s is not a directory", dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if err := makePrivate(root, named); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

// makePrivate checks that root is the directory that was named and is ours, and
// takes the permissions of others away.
func makePrivate(root *os.Root, named fs.FileInfo) error {
	opened, err := root.Stat(".")
	if err != nil {
		return err
	}
	switch {
	case !os.SameFile(named, opened):
		return fmt.Errorf("%s was exchanged while it was opened", root.Name())
	case !ours(opened):
		return fmt.Errorf("%s belongs to another user: choose a directory of your own", root.Name())
	case opened.Mode()&fs.ModeSticky != 0:
		return fmt.Errorf("%s is shared with others: choose a directory inside it", root.Name())
	case opened.Mode().Perm()&0o077 != 0:
		return root.Chmod(".", opened.Mode().Perm()&0o700)
	}
	return nil
}
