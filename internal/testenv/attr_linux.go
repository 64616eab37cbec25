package testenv

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// dieWithUs has the kernel kill the server when the thread that started it ends, for which see process.own.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// awaitStopped waits until every thread of a process that was sent SIGSTOP stands still: until then one may answer once more.
func awaitStopped(pid int) error {
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(100 * time.Microsecond) {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		if err != nil {
			return err
		}
		running := 0
		for _, thread := range threads {
			if stat, err := os.ReadFile(thread); err == nil && !stopped(stat) { // one that has ended runs no more
				running++
			}
		}
		switch {
		case running == 0:
			return nil
		case time.Now().After(end):
			return fmt.Errorf("%d threads still run", running)
		}
	}
}

// stopped reads the state, which follows the name in parentheses (proc(5)).
func stopped(stat []byte) bool {
	i := bytes.LastIndex(stat, []byte(") "))
	return i < 0 || i+2 >= len(stat) || bytes.ContainsRune([]byte("TtZX"), rune(stat[i+2]))
}
