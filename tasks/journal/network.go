package journal

import "fmt"

// refuseKind refuses a folder on a file system of that kind; "" is a local one.
func refuseKind(dir, kind string) error {
	if kind == "" {
		return nil
	}
	return fmt.Errorf("%s is on a network file system (%s), where a journal cannot be shared safely; use --state-dir with a local folder", dir, kind)
}
