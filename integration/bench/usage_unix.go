//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
	"time"
)

// usage is what an ended process needed.
type usage struct {
	memory int64 // the largest resident size, in bytes
	cpu    time.Duration
}

func usageOf(p *os.ProcessState) usage {
	u := usage{cpu: p.UserTime() + p.SystemTime()}
	if r, ok := p.SysUsage().(*syscall.Rusage); ok {
		u.memory = r.Maxrss
		if runtime.GOOS != "darwin" { // which counts bytes where others count KiB
			u.memory *= 1024
		}
	}
	return u
}

func (u usage) and(other usage) usage {
	return usage{memory: max(u.memory, other.memory), cpu: u.cpu + other.cpu}
}
