package store

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// ours is always true: a new directory takes over the access list of the user's
// own profile, which lets nobody else in.
func ours(fs.FileInfo) bool { return true }

// isFull reports whether err means that a disk or a disk quota is used up.
func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) ||
		errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}

// freeBytes is how much the user may still write where dir is.
func freeBytes(dir *os.File) (int64, error) {
	name, err := windows.UTF16PtrFromString(dir.Name())
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(min(free, 1<<62)), nil
}

// lock takes the lock of an open file that dies with the process; false means
// that somebody else has it. The locked byte lies far behind the end, because
// Windows keeps others from reading what is locked.
func lock(file *os.File) bool {
	const behindEnd = 1 << 30
	at := windows.Overlapped{OffsetHigh: behindEnd}
	err := windows.LockFileEx(windows.Handle(file.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	return !errors.Is(err, windows.ERROR_LOCK_VIOLATION)
}

// syncDir does nothing: Windows cannot flush a directory, and NTFS journals its
// names.
func syncDir(*os.Root) error { return nil }
