package testenv

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// startLimit is how long a server may take to answer, and stopLimit to end in order. They are long because
// machines that run tests in parallel are slow at times; nothing waits for them in the good case.
const (
	startLimit = 20 * time.Second
	stopLimit  = 10 * time.Second
)

// process is a server that can be started again after it ended, on the same port and directory.
type process struct {
	command string // what it is called in messages
	path    string
	args    func(port int) []string
	dir     string
	// ready asks the server once whether the process with this id is the one that answers, and can serve.
	ready func(addr string, pid int) error
	reservation

	mu    sync.Mutex
	cmd   *exec.Cmd     // nil while it is not running
	ended chan struct{} // closed when cmd ended
	ours  bool          // its end was asked for
	still bool          // it is paused
}

// launch reserves a port and starts the server there, elsewhere if somebody was faster.
func (p *process) launch() error {
	var err error
	for range 5 {
		if p.reservation, err = reserve(); err != nil {
			return err
		}
		if err = p.start(); err == nil {
			return nil
		}
		p.release()
		if !errors.Is(err, errPortTaken) {
			break
		}
	}
	return err
}

// start runs the server and waits until it serves.
func (p *process) start() error {
	log, err := os.OpenFile(p.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the server has its own handle
	before, err := log.Stat()
	if err != nil {
		return err
	}
	cmd := exec.Command(p.path, p.args(p.port)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = p.dir, log, log, dieWithUs()
	started, ended := make(chan error, 1), make(chan struct{})
	go own(cmd, started, ended)
	if err := <-started; err != nil {
		return err
	}
	p.mu.Lock()
	p.cmd, p.ended, p.ours, p.still = cmd, ended, false, false
	p.mu.Unlock()
	return p.await(before.Size())
}

// own starts a server and stays until it ended, with its thread: Linux sends the parent-death signal when the
// starting *thread* ends, and Go ends a thread whose goroutine was locked to it. A thread of our own is never that.
func own(cmd *exec.Cmd, started chan<- error, ended chan<- struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	started <- err
	if err == nil {
		_ = cmd.Wait() // how it ended is in ProcessState
	}
	close(ended)
}

// await polls until the server serves. from is where its log of this start begins.
func (p *process) await(from int64) error {
	err := poll(startLimit, func() error {
		select {
		case <-p.ended:
			return final{fmt.Errorf("it ended: %v", p.cmd.ProcessState)}
		default:
			return p.ready(p.address(), p.cmd.Process.Pid)
		}
	})
	if err == nil {
		return nil
	}
	p.kill()
	said := p.said(from)
	if strings.Contains(said, "Address already in use") {
		return errPortTaken
	}
	return fmt.Errorf("%s does not serve at %s: %w; it said:\n%s", p.command, p.address(), err, tail(said))
}

// running says whether the server is up, and whether an end was asked for.
func (p *process) running() (up, ours bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return false, p.ours
	}
	select {
	case <-p.ended:
		return false, p.ours
	default:
		return true, p.ours
	}
}

func (p *process) self() *process { return p }

// current returns the process that was started last, nil before the first start.
func (p *process) current() (*exec.Cmd, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd, p.ended
}

// answers says that the server is up and not paused.
func (p *process) answers() bool {
	up, _ := p.running()
	p.mu.Lock()
	defer p.mu.Unlock()
	return up && !p.still
}

// end sends what ends the server and waits for it; after stopLimit it is killed.
func (p *process) end(signal func(*os.Process) error) {
	p.mu.Lock()
	cmd, ended := p.cmd, p.ended
	p.ours = true
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = signal(cmd.Process) // it may have ended by itself
	select {
	case <-ended:
	case <-time.After(stopLimit):
		_ = cmd.Process.Kill() // as above
		<-ended
	}
}

func (p *process) kill() { p.end((*os.Process).Kill) }

// stop ends it in order, also if it was paused.
func (p *process) stop() {
	p.end(func(process *os.Process) error { return errors.Join(terminate(process), resume(process)) })
}

func (p *process) logFile() string { return filepath.Join(p.dir, "server.log") }

// said returns the log from an offset on.
func (p *process) said(from int64) string {
	log, err := os.ReadFile(p.logFile())
	if err != nil {
		return err.Error()
	}
	return string(log[min(from, int64(len(log))):])
}

// tail returns the last lines of a log, for a message.
func tail(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// final is an error that waiting does not mend.
type final struct{ error }

// poll tries until nil or a final error, and returns the last error when the time is up.
func poll(limit time.Duration, try func() error) error {
	deadline := time.Now().Add(limit)
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		err := try()
		if err == nil || errors.As(err, new(final)) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %v: %w", limit, err)
		}
		time.Sleep(pause)
	}
}

func mkdir(dir string) error { return os.MkdirAll(dir, 0o700) }
