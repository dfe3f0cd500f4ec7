package journal

import (
	"fmt"
	"syscall"
)

// networkFileSystems are the kinds of file system on which SQLite's shared
// memory does not work, by their magic number (statfs(2)).
var networkFileSystems = map[int64]string{
	0x6969: "NFS", 0xff534d42: "CIFS", 0xfe534d42: "SMB2", 0x517b: "SMB", 0x01021997: "9P", 0x5346414f: "AFS", 0x73757245: "Coda",
}

func refuseNetwork(dir string) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return err
	}
	if name, ok := networkFileSystems[int64(fs.Type)]; ok { //nolint:unconvert // the field's type differs between CPUs
		return fmt.Errorf("%s is on a network file system (%s), where a journal cannot be shared safely; use --state-dir with a local folder", dir, name)
	}
	return nil
}
