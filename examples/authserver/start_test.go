package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A start that cannot succeed says why in one sentence, and leaves nothing open (TestMain looks for what runs on).
func TestStartRefusals(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	check(t, err)
	defer taken.Close() //nolint:errcheck // nothing was sent
	for _, c := range []struct {
		wrong, flag, value, env, says string
	}{
		{"a port that is taken", "-addr", taken.Addr().String(), password, "address already in use"},
		{"an address that is none", "-addr", "nowhere", password, "the address (-addr): listen tcp: address nowhere: missing port"},
		{"an unknown scheme", "-store", "redi://x", password, `-store): jeton: store.url has the unknown scheme "redi"`},
		{"a store without scheme", "-store", "jeton.bolt", password, "store.url is not a URL"},
		{"an unknown parameter", "-store", "memory://?x=1", password, `"x" is unknown`},
		{"a store in no directory", "-store", "bolt:///nowhere/at/all", password, "no such file"},
		{"accounts in no directory", "-accounts", "/nowhere/at/all", password, "no such file"},
		{"accounts that are no database", "-accounts", os.Args[0], password, "-accounts) do not open"},
		{"a key in no directory", "-key", "/nowhere/at/all", password, "no such file"},
		{"a short password", "-store", "memory://", "short", "AUTHSERVER_ADMIN_PASSWORD has 5 characters, the least is 8"},
	} {
		t.Run(c.wrong, func(t *testing.T) {
			t.Chdir(t.TempDir())
			err := run(t.Context(), []string{"-addr", "127.0.0.1:0", c.flag, c.value}, func(string) string { return c.env }, io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("says %v", err)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		want error
		says string
	}{
		{[]string{"-h"}, flag.ErrHelp, "-addr"},
		{[]string{"-nonsense"}, errUsage, "-nonsense"},
		{[]string{"nonsense"}, errUsage, `"nonsense" is no flag`},
		{[]string{"-config", "jeton.yaml", "-store", "memory://"}, errUsage, "-config and -store both say where sessions are kept"},
		{[]string{"-store", "bolt:jeton.bolt", "-config", "jeton.yaml"}, errUsage, "-config and -store both say"}, // the default, but given
		{[]string{"-config", "jeton.yaml", "-key", "jeton.key"}, errUsage, "-config and -key both say what tokens are signed with"},
		{[]string{"-config", ""}, errUsage, "-config names no file"},
	} {
		var stderr bytes.Buffer
		if err := run(t.Context(), c.args, os.Getenv, io.Discard, &stderr); !errors.Is(err, c.want) || !strings.Contains(stderr.String(), c.says) {
			t.Errorf("%v: %v, %s", c.args, err, &stderr)
		}
	}
}

// A run ends in order when its context does.
func TestRun(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	log := new(journal)
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-addr", "127.0.0.1:0"}, func(string) string { return password }, io.Discard, log)
	}()
	waitFor(t, func() bool { return strings.Contains(log.String(), `"listening"`) })
	cancel()
	check(t, <-done)
}

// What is kept in memory is lost: logged out, which is no outage.
func TestMemoryIsLostAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	in := start(t, dir, "memory://", nil)
	admin := in.login(t, "admin", password)
	check(t, in.stop())
	in = start(t, dir, "memory://", nil)
	in.call(t, "GET", "/me", admin.Access, "").want(t, 401, "invalid_token")
	in.refresh(t, admin.Refresh).want(t, 401, "invalid_token")
}

type brokenPipe struct{}

// Write fails.
func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// A password that could not be printed must not be the admin's: nobody would ever know it.
func TestAPasswordThatIsNotShownIsNotSet(t *testing.T) {
	dir := t.TempDir()
	cfg := settings{store: "memory://", accounts: filepath.Join(dir, "accounts.db"), key: filepath.Join(dir, "jeton.key"), hash: cheap()}
	if _, err := open(t.Context(), cfg, brokenPipe{}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "broken pipe") {
		t.Fatalf("got %v", err)
	}
	var stdout bytes.Buffer
	s, err := open(t.Context(), cfg, &stdout, slog.New(slog.DiscardHandler))
	check(t, err)
	check(t, s.close())
	if !strings.HasPrefix(stdout.String(), "The password of admin is ") {
		t.Errorf("printed %q", &stdout)
	}
}

// No character of a path is read as anything else.
func TestAccountsAtOddPaths(t *testing.T) {
	for _, name := range []string{"a?mode=ro", "a#b", "a%20b", ":memory:", "a b&c", "ä"} {
		path := filepath.Join(t.TempDir(), name)
		a, err := openAccounts(t.Context(), path)
		check(t, err)
		check(t, a.add(t.Context(), account{name: "ann", password: "x"}))
		check(t, a.close())
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%q: the accounts are somewhere else (%v)", name, err)
		}
	}
}

func TestLoadKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jeton.key")
	keys := make([]string, 8)
	var wg sync.WaitGroup
	for i := range keys { // starts at the same time agree on one key
		wg.Go(func() {
			key, err := loadKey(path)
			if err != nil {
				t.Error(err)
			}
			keys[i] = key.Secret.Reveal()
		})
	}
	wg.Wait()
	for _, key := range keys {
		if key != keys[0] || key == "" {
			t.Fatal("keys differ")
		}
	}
	if other, err := loadKey(path + "2"); err != nil || other.Secret.Reveal() == keys[0] {
		t.Errorf("another file has the same key (%v)", err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 2 {
		t.Errorf("files are left over: %v %v", left, err)
	}
}

func TestLoadKeyRefusals(t *testing.T) {
	good := filepath.Join(t.TempDir(), "jeton.key")
	_, err := loadKey(good)
	check(t, err)
	text, err := os.ReadFile(good)
	check(t, err)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(ec)
	check(t, err)
	for _, c := range []struct {
		wrong string
		text  []byte
		mode  os.FileMode
		says  string
	}{
		{"others may read it", text, 0o640, "chmod 600"},
		{"no PEM", []byte("rubbish"), 0o600, "not one PEM block"},
		{"empty", nil, 0o600, "not one PEM block"},
		{"two keys", append(bytes.Clone(text), text...), 0o600, "not one PEM block"},
		{"another kind of block", bytes.ReplaceAll(text, []byte("PRIVATE"), []byte("PUBLIC")), 0o600, "not one PEM block"},
		{"no key in the block", pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: []byte("rubbish")}), 0o600, "no PKCS #8 key"},
		{"another kind of key", pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}), 0o600, "another key than an Ed25519 one"},
	} {
		path := filepath.Join(t.TempDir(), "jeton.key")
		check(t, os.WriteFile(path, c.text, 0o600))
		check(t, os.Chmod(path, c.mode))
		if _, err := loadKey(path); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v", c.wrong, err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, c.text) {
			t.Errorf("%s: the file was changed (%v)", c.wrong, err)
		}
	}
}
