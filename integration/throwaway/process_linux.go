package throwaway

import "syscall"

// endWithParent makes a process end when this one ends, however that happens.
func endWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGKILL }
