package journal

import "syscall"

// networkFileSystems are the kinds of file system on which SQLite's shared
// memory does not work, by their magic number (statfs(2)).
var networkFileSystems = map[uint32]string{
	0x6969: "NFS", 0xff534d42: "CIFS", 0xfe534d42: "SMB2", 0x517b: "SMB", 0x01021997: "9P", 0x5346414f: "AFS",
	0x73757245: "Coda", 0x00c36400: "Ceph", 0x0bd00bd0: "Lustre", 0x786f4256: "VirtualBox shared folder",
}

func refuseNetwork(dir string) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return err
	}
	// The field is signed and 32 bits wide on some CPUs.
	return refuseKind(dir, networkFileSystems[uint32(fs.Type)])
}
