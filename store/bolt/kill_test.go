package boltstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	boltstore "github.com/jetonkit/jeton/store/bolt"
)

// childEnv makes the test binary a child process: "write" or "hold", then the file.
const childEnv = "JETON_BOLT_CHILD"

func TestMain(m *testing.M) {
	if task, path, ok := strings.Cut(os.Getenv(childEnv), ":"); ok {
		child(task, path)
		return
	}
	os.Exit(m.Run())
}

// child opens the file, says so, and writes until it is killed, or holds the file until its input ends.
func child(task, path string) {
	s, err := boltstore.Open(context.Background(), path, nil)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("open")
	if task == "hold" {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = s.Close()
		return
	}
	var out sync.Mutex
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() { writeForEver(s, w, &out) })
	}
	writers.Wait()
}

// writeForEver issues sessions, revokes every other one, and prints what was acknowledged.
func writeForEver(s *boltstore.Store, w int, out *sync.Mutex) {
	ctx := context.Background()
	say := func(what, subject, id string) {
		out.Lock()
		defer out.Unlock()
		fmt.Println(what, subject, id)
	}
	for n := 0; ; n++ {
		subject := fmt.Sprintf("user-%d-%d", w, n%5)
		id := store.NewID()
		if _, err := s.Issue(ctx, issue(subject, id)); err != nil {
			say("error", subject, err.Error())
			return
		}
		say("issued", subject, id)
		if n%2 == 0 {
			continue
		}
		if err := s.Revoke(ctx, store.Revocation{Subject: store.User(subject), IDs: []string{id}}); err != nil {
			say("error", subject, err.Error())
			return
		}
		say("revoked", subject, id)
	}
}

func issue(subject, id string) store.IssueRequest {
	return store.IssueRequest{Record: store.Record{
		ID: id, Subject: store.User(subject), Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour),
	}}
}

// start runs the test binary as a child and waits until it has the file open.
func start(t *testing.T, task, path string) (*exec.Cmd, *bufio.Scanner, io.Closer) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+task+":"+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() || lines.Text() != "open" {
		t.Fatalf("the child did not open the file: %q", lines.Text())
	}
	return cmd, lines, in
}

// TestKill kills a writer at 20 moments: whatever it had acknowledged must be there.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kill.db")
	want := map[[2]string]store.Status{}
	for round := range 20 {
		cmd, lines, _ := start(t, "write", path)
		most := 20 + 13*round // another moment each time
		for n := 0; lines.Scan(); n++ {
			what, rest, _ := strings.Cut(lines.Text(), " ")
			subject, id, _ := strings.Cut(rest, " ")
			switch what {
			case "issued":
				want[[2]string{subject, id}] = store.Live
			case "revoked":
				want[[2]string{subject, id}] = store.Revoked
			default:
				t.Fatalf("the child failed: %s", lines.Text())
			}
			if n == most {
				if err := cmd.Process.Kill(); err != nil { // SIGKILL; what is still in the pipe was acknowledged too
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // it was killed
	}
	s := open(t, path, nil)
	lost := 0
	for k, status := range want {
		st, err := s.Lookup(t.Context(), store.User(k[0]), k[1])
		if err != nil {
			t.Fatal(err)
		}
		// A child may have been killed between a revocation and its line, so issued may be revoked; never the reverse.
		if got := st.Entries[0].Status; got != status && got != store.Revoked {
			lost++
			t.Errorf("%s %s is %v, acknowledged as %v", k[0], k[1], got, status)
		}
	}
	t.Logf("acknowledged %d lost %d", len(want), lost)
	if len(want) < 20*20 {
		t.Errorf("only %d acknowledged writes: the test shows nothing", len(want))
	}
}

// TestLocked: a second process gets ErrLocked within its timeout, and the file once the first has gone.
func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "locked.db")
	cmd, _, in := start(t, "hold", path)
	_, err := boltstore.Open(t.Context(), path, &boltstore.Options{Timeout: 100 * time.Millisecond})
	if !errors.Is(err, store.ErrLocked) {
		t.Errorf("with a timeout of 100ms: %v, want ErrLocked", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err = boltstore.Open(ctx, path, &boltstore.Options{Timeout: time.Minute})
	if !errors.Is(err, store.ErrLocked) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a deadline of 50ms: %v, want ErrLocked or the deadline", err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the context's deadline was ignored: %v", took)
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	open(t, path, nil)
}

func open(t *testing.T, path string, o *boltstore.Options) *boltstore.Store {
	t.Helper()
	s, err := boltstore.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
