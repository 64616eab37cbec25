package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// TestMain makes the test binary the program itself where it is started as that.
func TestMain(m *testing.M) {
	if os.Getenv("JETON_RESOURCESERVER") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

const issuerName = "https://login.example"

// world is a login server in this process, and a resource server in another.
type world struct {
	*testing.T
	redis   *testenv.RedisServer
	issuer  *token.Issuer
	revoker *token.Revoker
	process *os.Process
	url     string
}

func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, redis: testenv.Redis(t)}
	s, err := store.Open(t.Context(), w.redis.URL())
	must(t, s, err)
	t.Cleanup(func() { _ = s.Close() })
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, private, err)
	key, err := token.NewSigningKey("k1", "ES256", private)
	must(t, key, err)
	w.issuer, err = token.NewIssuer(s, issuerName, key, nil)
	must(t, w.issuer, err)
	w.revoker, err = token.NewRevoker(s, nil)
	must(t, w.revoker, err)

	// What the resource server gets: public keys, and an account of docs/local-view.md.
	public, err := token.MarshalJWKS(key.VerifyKey())
	must(t, public, err)
	keys := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(keys, public, 0o600); err != nil {
		t.Fatal(err)
	}
	w.redis.Do(append([]string{"ACL", "SETUSER"}, strings.Fields(account(t))...)...)
	w.start(keys)
	return w
}

// account is the Redis account that the docs tell to make.
func account(t *testing.T) string {
	t.Helper()
	docs, err := os.ReadFile("../../docs/local-view.md")
	must(t, docs, err)
	_, rest, found := strings.Cut(string(docs), "ACL SETUSER ")
	rights, _, ended := strings.Cut(rest, "```")
	if !found || !ended {
		t.Fatal("docs/local-view.md makes no account")
	}
	return strings.ReplaceAll(rights, "\\\n", " ")
}

// start runs the program in a process of its own.
func (w *world) start(keys string) {
	w.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(w.Context()), os.Args[0], "-addr", "127.0.0.1:0", "-issuer", issuerName, "-keys", keys, "-max-stale", "1s")
	cmd.Env = append(os.Environ(), "JETON_RESOURCESERVER=yes", "GORACE=atexit_sleep_ms=0",
		"RESOURCESERVER_FEED=redis://jeton-follower:password@"+w.redis.Addr()+"?read_timeout=300ms")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(w.T, out, err)
	must(w.T, cmd, cmd.Start())
	w.process = cmd.Process
	w.Cleanup(func() {
		_ = w.process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			w.Errorf("it ended with %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	must(w.T, line, err)
	w.url = "http://" + strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
}

// get returns the status of an answer.
func (w *world) get(path, bearer string) int {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), http.MethodGet, w.url+path, nil)
	must(w.T, r, err)
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	answer, err := http.DefaultClient.Do(r)
	must(w.T, answer, err)
	_ = answer.Body.Close()
	return answer.StatusCode
}

func (w *world) login(name string) token.Pair {
	w.Helper()
	p, err := w.issuer.Login(w.Context(), store.User(name), token.LoginOptions{})
	return must(w.T, p, err)
}

// becomes waits for an answer; others than those allowed until then are wrong.
func (w *world) becomes(want int, p token.Pair, meanwhile ...int) {
	w.Helper()
	allowed := fmt.Sprint(meanwhile)
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		got := w.get("/hello", p.Access.Reveal())
		switch {
		case got == want:
			return
		case !strings.Contains(allowed, fmt.Sprint(got)) || time.Since(start) > 20*time.Second:
			w.Fatalf("the answer is %d, want %d", got, want)
		}
	}
}

// TestAnotherProcess: a process that has no key and may write nothing accepts a token, and refuses it once this process has
// revoked it; when Redis does not answer it says 503, and when it was asleep it accepts nothing that was revoked meanwhile.
func TestAnotherProcess(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no signals that stop a process")
	}
	w := newWorld(t)
	ann, bob, carol := w.login("ann"), w.login("bob"), w.login("carol")
	if got := w.get("/readyz", ""); got != http.StatusOK {
		t.Fatalf("it listens and is not ready: %d", got)
	}
	for _, p := range []token.Pair{ann, bob, carol} {
		w.becomes(http.StatusOK, p, http.StatusServiceUnavailable)
	}
	if got := w.get("/hello", ann.Refresh.Reveal()); got != http.StatusUnauthorized {
		t.Errorf("a refresh token: %d", got)
	}

	must(t, w, w.revoker.Subject(t.Context(), store.User("ann"), "logout"))
	w.becomes(http.StatusUnauthorized, ann, http.StatusOK, http.StatusServiceUnavailable)
	w.becomes(http.StatusOK, bob, http.StatusServiceUnavailable)

	must(t, w, w.process.Signal(syscall.SIGSTOP))
	asleep := time.Now()
	must(t, w, w.revoker.Subject(t.Context(), store.User("bob"), "logout"))
	time.Sleep(time.Until(asleep.Add(2 * time.Second))) // twice its MaxStale
	must(t, w, w.process.Signal(syscall.SIGCONT))
	w.becomes(http.StatusUnauthorized, bob, http.StatusServiceUnavailable)
	w.becomes(http.StatusOK, carol, http.StatusServiceUnavailable)

	w.redis.Pause()
	w.becomes(http.StatusServiceUnavailable, carol, http.StatusOK)
	if got := w.get("/readyz", ""); got != http.StatusServiceUnavailable {
		t.Errorf("it is ready without Redis: %d", got)
	}
	w.redis.Resume()
	w.becomes(http.StatusOK, carol, http.StatusServiceUnavailable)
	w.becomes(http.StatusUnauthorized, ann, http.StatusServiceUnavailable)
}

// TestNoFeed: a feed that does not open ends the program with a sentence.
func TestNoFeed(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-issuer", issuerName)
	cmd.Env = append(os.Environ(), "JETON_RESOURCESERVER=yes", "RESOURCESERVER_FEED=memory://")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), `unknown scheme "memory"`) {
		t.Errorf("%v, it prints\n%s", err, out)
	}
}
