//go:build unix

package drive

import (
	"os"
	"runtime"
	"syscall"
)

// peakMemory is the largest resident size that an ended process had, in bytes.
func peakMemory(p *os.ProcessState) int64 {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" { // counts bytes where others count KiB
		return usage.Maxrss
	}
	return usage.Maxrss * 1024
}
