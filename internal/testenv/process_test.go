package testenv_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jetonkit/jeton/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(testenv.Main(m)) }

const held = "JETON_TESTENV_HOLD"

// TestHold is the test binary that TestServersDieWithTheBinary kills.
func TestHold(t *testing.T) {
	if os.Getenv(held) == "" {
		t.Skip("it is run by TestServersDieWithTheBinary")
	}
	r, m := testenv.Redis(t), testenv.Memcached(t)
	fmt.Println("held", r.Addr(), r.Info("process_id"), m.Addr(), strings.TrimPrefix(m.Do("stats")[0], "STAT pid "))
	select {}
}

func TestServersDieWithTheBinary(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has a parent-death signal")
	}
	testenv.Memcached(t) // a skip here, not in the child
	cmd := exec.Command(os.Args[0], "-test.run=^TestHold$")
	cmd.Env = append(os.Environ(), held+"=1", "TMPDIR="+t.TempDir()) // which it cannot tidy up
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var addrs [2]string
	var pids [2]int
	line, err := bufio.NewReader(out).ReadString('\n')
	_, err2 := fmt.Sscanf(line, "held %s %d %s %d", &addrs[0], &pids[0], &addrs[1], &pids[1])
	if err3 := cmd.Process.Kill(); err != nil || err2 != nil || err3 != nil {
		t.Fatalf("%q: %v, %v, %v", line, err, err2, err3)
	}
	_ = cmd.Wait() // it was killed
	for i, addr := range addrs {
		if err := within(5*time.Second, func() bool { return !listens(addr) }); err != nil {
			t.Errorf("the server at %s outlived the test binary: %v", addr, err)
			if server, err := os.FindProcess(pids[i]); err == nil {
				_ = server.Kill() // it would stay
			}
		}
	}
}

// TestServersOutliveTheThread: the parent-death signal comes when the thread that started the server ends.
func TestServersOutliveTheThread(t *testing.T) {
	var s *testenv.RedisServer
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		s = testenv.Redis(t)
	}()
	<-done
	if s == nil {
		t.SkipNow() // no server here, which Redis said
	}
	died := func() bool { return !listens(s.Addr()) }
	if within(100*time.Millisecond, died) == nil {
		t.Error("the server died with the thread of the goroutine that asked for it")
	}
}

func TestServerThatEndsByItselfFailsTheTest(t *testing.T) {
	logs := t.TempDir()
	t.Setenv("JETON_TEST_LOGS", logs)
	said := try(t, func(t testing.TB) {
		s := testenv.Redis(t)
		_, _ = s.Try("SHUTDOWN", "NOSAVE") // its end is the reply
		if err := within(5*time.Second, func() bool { return !listens(s.Addr()) }); err != nil {
			t.Error(err)
		}
	})
	if said.skip != "" {
		t.Skip(said.skip)
	}
	if !strings.Contains(said.failure, "ended by itself") || !strings.Contains(said.failure, "bye bye") {
		t.Errorf("the failure does not say how the server ended: %q", said.failure)
	}
	_, name, found := strings.Cut(strings.Join(said.logs, ""), ": ")
	kept, err := os.ReadFile(name)
	if !found || err != nil || !strings.HasPrefix(name, logs) || !strings.Contains(string(kept), "bye bye") {
		t.Errorf("the log was not kept: %q, %v", said.logs, err)
	}
}

func TestServerThatCannotStartSaysWhy(t *testing.T) {
	said := try(t, func(t testing.TB) { testenv.Redis(t, testenv.Config("maxmemory-policy", "nonsense")) })
	if said.skip != "" {
		t.Skip(said.skip)
	}
	if !strings.Contains(said.failure, "FATAL CONFIG FILE ERROR") {
		t.Errorf("the failure is %q", said.failure)
	}
}

func TestParallelServersKeepApart(t *testing.T) {
	seen := make(chan string, 20)
	t.Run("servers", func(t *testing.T) {
		for i := range cap(seen) {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				seen <- testenv.Redis(t).Addr()
			})
		}
	})
	close(seen)
	addrs := map[string]bool{}
	for addr := range seen {
		addrs[addr] = true
		if listens(addr) {
			t.Errorf("%s is up after its test", addr)
		}
	}
	t.Log(len(addrs), "addresses")
}

func listens(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// within polls until true, and says when it was not.
func within(limit time.Duration, happened func() bool) error {
	for begin := time.Now(); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > limit {
			return fmt.Errorf("not within %v", limit)
		}
	}
	return nil
}
