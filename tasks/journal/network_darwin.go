package journal

import (
	"strings"
	"syscall"
)

func refuseNetwork(dir string) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return err
	}
	var name strings.Builder
	for _, c := range fs.Fstypename {
		if c == 0 {
			break
		}
		name.WriteByte(byte(c))
	}
	switch name.String() {
	case "nfs", "smbfs", "afpfs", "webdav":
		return refuseKind(dir, name.String())
	}
	return nil
}
