//go:build unix

package torture_test

import (
	"os"
	"runtime"
	"syscall"
)

var (
	term os.Signal = syscall.SIGTERM
	stop os.Signal = syscall.SIGSTOP
	cont os.Signal = syscall.SIGCONT
)

// memoryOf is the most memory that a process had, in bytes.
func memoryOf(p *os.ProcessState) int64 {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	most := int64(usage.Maxrss) //nolint:unconvert // int32 on some systems
	if runtime.GOOS == "darwin" {
		return most
	}
	return most * 1024
}
