//go:build unix

package demo

import (
	"os"
	"os/exec"
	"syscall"
)

// detach keeps the terminal's interrupt from a child: the show stops its processes itself, in order.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// askToStop tells a process to finish what it is doing and end.
func askToStop(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
