//go:build unix

package throwaway

import (
	"errors"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// processAttributes make a process run as the owner, in a process group of its own, so that
// an interrupt from the terminal does not reach it.
func processAttributes(owner *user.User) *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setpgid: true}
	if owner != nil {
		uid, uidErr := strconv.ParseUint(owner.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(owner.Gid, 10, 32)
		if uidErr == nil && gidErr == nil {
			attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	endWithParent(attributes)
	return attributes
}

// killGroup kills a process and what it has started.
func killGroup(p *os.Process) error {
	if err := syscall.Kill(-p.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}
