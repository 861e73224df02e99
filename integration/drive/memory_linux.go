package drive

import (
	"bytes"
	"fmt"
	"os"
	"time"
)

// peakInterval is how often a running program is looked at. A Go program gives memory back slowly, so that
// looks this far apart miss little.
const peakInterval = 5 * time.Millisecond

// watchPeak begins to watch the memory of a program that has just been started. The function that it returns
// is called when the program has ended, and tells the most that it was seen to have, in bytes.
//
// What wait4 tells (ru_maxrss) cannot be used, for two reasons. Until a child has called execve it runs in its
// parent's memory, and what that had at its largest counts as the child's (Linux, fs/exec.c, exec_mmap): it would
// be the size of this process whenever that is larger than the program. And it counts the pages of the
// program's file, most of the whole, of which more or fewer are mapped as they happen to lie in the system's
// cache. What a program has taken itself is RssAnon, of which the kernel keeps no maximum.
func watchPeak(pid int) func() int64 {
	// Opened once: it says nothing any more when the program is gone, whoever gets its number then.
	status, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return func() int64 { return 0 }
	}
	var peak int64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = status.Close() }()
		tick := time.NewTicker(peakInterval)
		defer tick.Stop()
		for {
			peak = max(peak, ownMemory(status))
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	return func() int64 {
		close(stop)
		<-done
		return peak
	}
}

// ownMemory is the resident memory, in bytes, that is not of files, in /proc/PID/status; 0 when the program is gone.
func ownMemory(status *os.File) int64 {
	text := make([]byte, 4096)
	n, _ := status.ReadAt(text, 0) // an end of file is no error here, and of one that is gone nothing is read
	_, line, found := bytes.Cut(text[:n], []byte("\nRssAnon:"))
	if !found {
		return 0
	}
	var kib int64
	if _, err := fmt.Sscan(string(line), &kib); err != nil {
		return 0
	}
	return kib * 1024
}
