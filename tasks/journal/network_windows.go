package journal

import (
	"path/filepath"
	"syscall"
	"unsafe"
)

// driveRemote is what GetDriveTypeW answers for a drive on another computer.
const driveRemote = 4

func refuseNetwork(dir string) error {
	root, err := syscall.UTF16PtrFromString(filepath.VolumeName(dir) + `\`)
	if err != nil {
		return err
	}
	kind, _, _ := syscall.NewLazyDLL("kernel32.dll").NewProc("GetDriveTypeW").Call(uintptr(unsafe.Pointer(root)))
	if kind == driveRemote {
		return refuseKind(dir, "a network drive")
	}
	return nil
}
