//go:build unix

package store

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// ours reports whether the process' user owns the file.
func ours(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// isFull reports whether err means that a disk or a disk quota is used up.
func isFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// freeBytes is how much an ordinary user may still write where dir is.
func freeBytes(dir *os.File) (int64, error) {
	conn, err := dir.SyscallConn()
	if err != nil {
		return 0, err
	}
	var stat unix.Statfs_t
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = unix.Fstatfs(int(fd), &stat) }); err != nil {
		return 0, err
	}
	return int64(stat.Bavail) * int64(stat.Bsize), failed //nolint:unconvert // other widths on macOS
}

// lock takes the lock of an open file that dies with the process; false means
// that somebody else has it. A file system without locks counts as free.
func lock(file *os.File) bool {
	conn, err := file.SyscallConn()
	if err != nil {
		return false
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = unix.Flock(int(fd), unix.LOCK_EX|unix.LOCK_NB) }); err != nil {
		return false
	}
	return !errors.Is(failed, unix.EWOULDBLOCK)
}

// syncDir makes the names in root durable. Some network file systems cannot and
// say EINVAL; there the rename itself has to do.
func syncDir(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	err = dir.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, dir.Close())
}
