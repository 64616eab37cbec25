package testenv

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// server is what a test holds of a process: the same for every kind.
type server struct {
	*process
	t      testing.TB
	shared bool
}

// Addr returns where clients connect, "127.0.0.1:12345". It stays the same over a Restart.
func (s *server) Addr() string { return s.address() }

// Port returns the port of Addr.
func (s *server) Port() int { return s.port }

// Dir returns the directory the server runs in, with its log and what it persists.
func (s *server) Dir() string { return s.dir }

// Log returns everything the server said, over all its starts.
func (s *server) Log() string { return s.said(0) }

// Kill ends the server at once, as a power cut of its machine would (SIGKILL), and returns when it is gone.
func (s *server) Kill() {
	s.t.Helper()
	s.mayBreak()
	s.kill()
}

// Stop ends the server in order (SIGTERM).
func (s *server) Stop() {
	s.t.Helper()
	s.mayBreak()
	s.stop()
}

// Pause freezes the server (SIGSTOP): it accepts connections, as the kernel does that, and answers nothing.
func (s *server) Pause() { s.signal("pause", pause, true) }

// Resume ends a Pause.
func (s *server) Resume() { s.signal("resume", resume, false) }

func (s *server) signal(what string, send func(*os.Process) error, still bool) {
	s.t.Helper()
	s.mayBreak()
	if up, _ := s.running(); !up {
		s.t.Fatalf("%s at %s is down: nothing to %s", s.command, s.Addr(), what)
	}
	cmd, _ := s.current()
	if err := send(cmd.Process); err != nil {
		s.t.Fatalf("%s %s at %s: %v", what, s.command, s.Addr(), err)
	}
	s.mu.Lock()
	s.still = still
	s.mu.Unlock()
}

// Restart starts the server again on its port and directory, after stopping it in order if it is up. It returns
// when the server serves: what it had persisted is loaded.
func (s *server) Restart() {
	s.t.Helper()
	s.mayBreak()
	s.stop()
	if err := s.start(); err != nil {
		s.t.Fatalf("restart: %v", err)
	}
}

func (s *server) mayBreak() {
	s.t.Helper()
	if s.shared {
		s.t.Fatalf("other tests use this %s too: a test that stops, pauses or restarts a server starts its own", s.command)
	}
}

// endWithTest ends the server with the test, and says if it had ended before.
func (s *server) endWithTest() {
	s.t.Cleanup(func() {
		_, ours := s.running()
		s.kill() // not in order: its directory goes too
		if cmd, _ := s.current(); !ours && cmd.ProcessState.Exited() {
			s.t.Errorf("%s at %s ended by itself, %v:\n%s", s.command, s.Addr(), cmd.ProcessState, tail(s.Log()))
		}
		s.release()
		s.keepLog()
	})
}

var unfit = regexp.MustCompile(`[^\w.-]+`)

// keepLog copies the log of a failed test to where it outlives the test.
func (s *server) keepLog() {
	if !s.t.Failed() {
		return
	}
	dir := filepath.Join(logRoot(), unfit.ReplaceAllString(s.t.Name(), "_"))
	name := filepath.Join(dir, filepath.Base(s.dir)+".log")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		s.t.Logf("the server's log is lost: %v", err)
	} else if err := os.WriteFile(name, []byte(s.Log()), 0o600); err != nil {
		s.t.Logf("the server's log is lost: %v", err)
	} else {
		s.t.Logf("the log of %s at %s: %s", s.command, s.Addr(), name)
	}
}

func logRoot() string {
	if dir := os.Getenv("JETON_TEST_LOGS"); dir != "" {
		return dir
	}
	return filepath.Join(os.TempDir(), "jeton-logs")
}
