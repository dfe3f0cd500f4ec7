//go:build !linux

package store_test

import (
	"errors"
	"io"
)

// childFullDisk needs mounts of its own, which only Linux gives.
func childFullDisk(io.Writer) error { return errors.ErrUnsupported }
