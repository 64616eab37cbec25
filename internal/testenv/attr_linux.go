package testenv

import "syscall"

// dieWithUs has the kernel kill the server when the thread that started it ends, for which see process.own.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
