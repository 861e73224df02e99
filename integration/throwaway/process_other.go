//go:build !unix

package throwaway

import (
	"os"
	"os/user"
	"syscall"
)

// processAttributes are the defaults: there is no root to step down from.
func processAttributes(*user.User) *syscall.SysProcAttr { return nil }

// killGroup kills the process itself.
func killGroup(p *os.Process) error { return p.Kill() }
