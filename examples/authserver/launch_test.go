package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// binary is the program, built once per run of the tests.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "authserver-") // it outlives the test that is first to need it
	if err != nil {
		return "", err
	}
	binaryDir = dir
	args := []string{"build", "-o", dir}
	if raceEnabled { // then what it links has been compiled for the test, and it is judged too
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
		return "", errors.Join(err, errors.New(string(out)))
	}
	return filepath.Join(dir, "authserver"), nil
})

var binaryDir string

func removeBinary(code int) {
	if binaryDir != "" {
		_ = os.RemoveAll(binaryDir)
	}
	os.Exit(code)
}

// process is the program, running.
type process struct {
	client
	cmd            *exec.Cmd
	stdout, stderr *journal
	wait           func() error
}

// launch starts the program in dir as scripts/run.sh does, with flags, and only tells it another port. It returns when it
// listens.
func launch(t *testing.T, dir, adminPassword string, flags ...string) *process {
	t.Helper()
	path, err := binary()
	check(t, err)
	p := &process{stdout: new(journal), stderr: new(journal)}
	p.cmd = exec.Command(path, append([]string{"-addr", "127.0.0.1:0"}, flags...)...)
	p.cmd.Dir = dir
	p.cmd.Env = append(os.Environ(), "AUTHSERVER_ADMIN_PASSWORD="+adminPassword)
	p.cmd.Stdout = p.stdout
	stderr, err := p.cmd.StderrPipe()
	check(t, err)
	check(t, p.cmd.Start())
	addr, read := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			_, _ = p.stderr.Write(append(lines.Bytes(), '\n'))
			var line struct{ Msg, Addr string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "listening" {
				addr <- line.Addr
			}
		}
	}()
	p.wait = sync.OnceValue(func() error {
		<-read
		return p.cmd.Wait()
	})
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.wait()
	})
	select {
	case a := <-addr:
		p.client = newClient(t, a)
	case <-read:
		t.Fatalf("it ended: %v\n%s", p.wait(), p.stderr)
	case <-time.After(30 * time.Second):
		t.Fatalf("it does not listen:\n%s", p.stderr)
	}
	return p
}

// kill is kill -9.
func (p *process) kill(t *testing.T) {
	t.Helper()
	check(t, p.cmd.Process.Kill())
	_ = p.wait()
	p.http.CloseIdleConnections()
}

// waitFor waits until something is so that no channel tells.
func waitFor(t *testing.T, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(end) {
			t.Fatal("it does not come")
		}
		time.Sleep(5 * time.Millisecond)
	}
}
