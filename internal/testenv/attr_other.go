//go:build !linux

package testenv

import "syscall"

// dieWithUs can do nothing here: after a test binary that was killed, servers stay until somebody ends them.
func dieWithUs() *syscall.SysProcAttr { return nil }

// awaitStopped trusts the signal where there is no /proc to ask.
func awaitStopped(int) error { return nil }
