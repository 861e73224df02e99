//go:build !unix

package demo

import (
	"os"
	"os/exec"
)

// detach does nothing: there are no process groups to leave.
func detach(*exec.Cmd) {}

// askToStop ends a process: there is no signal that asks.
func askToStop(p *os.Process) error { return p.Kill() }
