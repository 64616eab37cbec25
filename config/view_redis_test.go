package config

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/storetest"
	"github.com/jetonkit/jeton/token"
)

// readerRights are those of an account that looks tokens up and follows (docs/operating-redis.md), for the prefix "jeton:".
const readerRights = "%R~jeton:* ~jeton:tails ~jeton:{*}:f &jeton:bell " +
	"+info +time +ping +get +hmget +exists +eval +evalsha +xread +xrange +xrevrange +subscribe"

// pemPair returns an Ed25519 key, private and public.
func pemPair(t *testing.T) (private, public string) {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	private = text("PRIVATE KEY", der, err)
	der, err = x509.MarshalPKIXPublicKey(pub)
	return private, text("PUBLIC KEY", der, err)
}

// TestViewOverRedis: an API of a file, with a public key and an account that can write nothing, refuses what a login server
// revokes without asking Redis about tokens; while it cannot follow it asks, and afterwards no more. Killed mutants: a
// verifier by the store alone; no fallback; a fallback for ever.
func TestViewOverRedis(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	private, public := pemPair(t)
	login := &Config{
		Store: Store{URL: NewSecret(server.URL())}, Key: Key{Algorithm: EdDSA, Secret: NewSecret(private)}, IssuerName: "https://login.example",
	}
	ours, err := login.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close() //nolint:errcheck // the test's end
	server.Do(append([]string{"ACL", "SETUSER", "api", "on", ">hunter2", "resetchannels"}, strings.Fields(readerRights)...)...)
	u := url.URL{Scheme: "redis", User: url.User("api"), Host: server.Addr()}
	api, faults := readerOf(t, u.String(), public)

	pairs := make([]token.Pair, 3)
	for n := range pairs {
		if pairs[n], err = ours.Issuer.Login(t.Context(), store.User("user"+string(rune('0'+n))), token.LoginOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	judge := func(n int) error {
		_, err := api.Verifier.Verify(t.Context(), pairs[n].Access.Reveal())
		return err
	}
	revoke := func(n int) {
		if err := ours.Revoker.Subject(t.Context(), pairs[n].Session.Subject, "logout"); err != nil {
			t.Fatal(err)
		}
	}
	before := 0
	asked := func() int { // since it was asked last
		was := before
		before = faults.Calls(storetest.VerbLookup)
		return before - was
	}
	for n := range pairs {
		if err := judge(n); err != nil {
			t.Errorf("a good token: %v", err)
		}
	}
	revoke(0)
	until(t, "the revocation is heard of", func() bool { return judge(0) != nil })
	if err := judge(0); !errors.Is(err, token.ErrRevoked) || judge(1) != nil {
		t.Errorf("revoked: %v", err)
	}
	if n := asked(); n != 0 {
		t.Errorf("%d lookups", n)
	}

	mend := faults.Inject(storetest.Fault{Verb: storetest.VerbPoll, Err: store.ErrUnavailable})
	until(t, "the view is too old", func() bool { return api.View.Ready() != nil && judge(1) == nil && judge(2) == nil && asked() == 2 })
	revoke(1)
	if err := judge(1); !errors.Is(err, token.ErrRevoked) || judge(2) != nil {
		t.Errorf("revoked while it cannot follow: %v", err)
	}
	if n := asked(); n != 2 {
		t.Errorf("%d lookups for two tokens", n)
	}
	if err := api.Ready(t.Context()); err != nil || !errors.Is(api.View.Ready(), revocation.ErrNotReady) {
		t.Errorf("ready, by its fallback: %v", err)
	}
	mend()
	until(t, "the view is ready again", func() bool { return api.View.Ready() == nil })
	asked()
	for n, dead := range []bool{true, true, false} {
		if err := judge(n); errors.Is(err, token.ErrRevoked) != dead || (err != nil) != dead {
			t.Errorf("afterwards, token %d: %v", n, err)
		}
	}
	if n := asked(); n != 0 {
		t.Errorf("%d lookups afterwards", n)
	}
}

// readerOf builds the API of a file, over a layer that counts and fails.
func readerOf(t *testing.T, storeURL, public string) (*Stack, *storetest.Faults) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"public.pem": public, "password": "hunter2\n", "jeton.yaml": "store: {url: '" + storeURL + "', password_file: password}\n" +
			"key: {algorithm: EdDSA, public_file: public.pem}\nissuer: {name: 'https://login.example'}\n" +
			"verifier: {check: local}\nview: {max_stale: 3s}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := load(t.Context(), filepath.Join(dir, "jeton.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var faults *storetest.Faults
	c.View.Logger = silent
	c.Wrap = []Wrap{func(_ context.Context, inner store.TokenStore) (store.TokenStore, error) {
		faults = storetest.NewFaults(inner)
		return faults, nil
	}}
	s, err := c.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, faults
}

// until waits for something that takes a poll or two.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}
