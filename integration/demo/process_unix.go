//go:build unix

package demo

import (
	"os/exec"
	"syscall"
)

// detach keeps the terminal's interrupt from a child: the show stops its processes itself, in order.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
