//go:build crashpoints && unix

package executor

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// The program built with the tag crashpoints kills itself, with the signal that
// nobody can catch, at the crash point whose number (from 1) MIGRATE_CRASH_AT
// gives. MIGRATE_CRASH_LOG names a file to which each point reached is appended,
// one a line. Tests walk all points with it; no release is built so.
var crash = struct {
	mu   sync.Mutex
	n    int
	at   int
	path string
}{at: crashAt(), path: os.Getenv("MIGRATE_CRASH_LOG")}

func crashAt() int {
	n, err := strconv.Atoi(os.Getenv("MIGRATE_CRASH_AT"))
	if err != nil {
		return 0
	}
	return n
}

// crashpoint counts an instant, and dies if it is the one asked for.
func crashpoint(what string) {
	writer := crashWriter()
	if writer == "(*walk).saveRate" {
		return // written by the clock: it comes at another place in each run
	}
	crash.mu.Lock()
	defer crash.mu.Unlock()
	crash.n++
	if crash.path != "" {
		note(fmt.Sprintf("%d %s, %s\n", crash.n, writer, what))
	}
	if crash.n == crash.at {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal may take a moment; nothing more is to happen
	}
}

// messages are what statements go to the server in: each in one of its own, so that
// between any two a crash leaves what a server that dies there leaves otherwise.
func messages(statements []string) [][]string { return slices.Collect(slices.Chunk(statements, 1)) }

func note(line string) {
	f, err := os.OpenFile(crash.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(fmt.Sprintf("opening the log of crash points: %v", err))
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString(line); err != nil {
		panic(fmt.Sprintf("writing the log of crash points: %v", err))
	}
}

// crashWriter names the function that writes: the one that calls crashpoint, or
// that uses the helper which does.
func crashWriter() string {
	pcs := make([]uintptr, 8)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		name := f.Function[strings.LastIndexByte(f.Function, '/')+1:]
		name = strings.TrimPrefix(name, "executor.")
		switch name {
		case "(*Executor).oneTx", "(*Executor).inTx", "createTolerantly":
		default:
			return name
		}
		if !more {
			return name
		}
	}
}
