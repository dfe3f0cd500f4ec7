//go:build unix

package torture_test

import (
	"os"
	"syscall"
)

var (
	term os.Signal = syscall.SIGTERM
	stop os.Signal = syscall.SIGSTOP
	cont os.Signal = syscall.SIGCONT
)
