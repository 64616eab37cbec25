//go:build unix

package faults_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	redisstore "github.com/jetonkit/jeton/store/redis"
	"github.com/jetonkit/jeton/token"
)

const stale = 600 * time.Millisecond

// stand is one server, an authorization server on a way of its own, and a resource server behind a proxy that breaks.
type stand struct {
	*testing.T
	server *testenv.RedisServer
	proxy  *testenv.Proxy
	prefix string
	limit  time.Duration // of the stores' calls
	secret []byte
	key    token.SigningKey

	writer  *redisstore.Store
	issuer  *token.Issuer
	revoker *token.Revoker

	behind   *redisstore.Store
	cache    *storecache.Cache
	verifier *token.Verifier
}

func newStand(t *testing.T, o storecache.Options) *stand {
	t.Helper()
	return newPatientStand(t, o, time.Second)
}

// newPatientStand is newStand whose stores wait as long as that for an answer.
func newPatientStand(t *testing.T, o storecache.Options, limit time.Duration) *stand {
	t.Helper()
	s := &stand{T: t, limit: limit, server: testenv.Redis(t, testenv.AppendOnly("always")), prefix: testenv.Prefix(t)}
	s.proxy = testenv.NewProxy(t, s.server.Addr())
	s.writer = s.open(s.server.Addr())
	s.secret = make([]byte, 32)
	_, _ = rand.Read(s.secret) // it has no errors
	s.key = must(token.HS256("stand", s.secret))(t)
	s.issuer = must(token.NewIssuer(s.writer, issuerName, s.key, nil))(t)
	s.revoker = must(token.NewRevoker(s.writer, nil))(t)
	s.behind = s.open(s.proxy.Addr())
	if o.MaxStale == 0 {
		o.MaxStale = stale
	}
	s.cache = must(storecache.New(t.Context(), s.behind, &o))(t)
	t.Cleanup(func() { _ = s.cache.Close() })
	s.verifier = s.verify(token.Sessions(s.cache))
	return s
}

// must returns what a call returned, or ends the test.
func must[V any](v V, err error) func(testing.TB) V {
	return func(t testing.TB) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (s *stand) open(addr string) *redisstore.Store {
	s.Helper()
	got := must(redisstore.Open(s.Context(), fmt.Sprintf("redis://%s?read_timeout=%v&dial_timeout=2s", addr, s.limit/2), &redisstore.Options{
		Prefix: s.prefix + ":", Partitions: 16, Timeout: s.limit, Logger: quiet,
	}))(s)
	s.Cleanup(func() { _ = got.Close() })
	return got
}

func (s *stand) verify(check token.Checker) *token.Verifier {
	s.Helper()
	v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: s.key.VerifyKey(), Check: check}},
		&token.VerifierOptions{TouchInterval: -1}))(s)
	s.Cleanup(func() { _ = v.Close() })
	return v
}

// view opens a view behind the proxy, and a verifier that asks nothing else.
func (s *stand) view() (*revocation.View, *token.Verifier) {
	s.Helper()
	feed := s.open(s.proxy.Addr())
	view := must(revocation.Open(s.Context(), feed, &revocation.Options{MaxStale: stale, Logger: quiet}))(s)
	s.Cleanup(func() { _ = view.Close() })
	return view, s.verify(token.Local(view, nil))
}

func (s *stand) login(user string) token.Pair {
	s.Helper()
	return must(s.issuer.Login(s.Context(), store.User(user), token.LoginOptions{}))(s)
}

// check verifies once, with little patience, and says when it began.
func check1(t testing.TB, v *token.Verifier, pair token.Pair) (verdict, time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	began := clock()
	_, err := v.Verify(ctx, pair.Access.Reveal())
	return verdictOf(err), began
}

// becomes waits until a token is judged so.
func becomes(t testing.TB, v *token.Verifier, pair token.Pair, want verdict) {
	t.Helper()
	for since := clock(); ; time.Sleep(time.Millisecond) {
		got, _ := check1(t, v, pair)
		if got == want {
			return
		}
		if clock()-since > 20*time.Second {
			t.Fatalf("a token is judged %d, want %d", got, want)
		}
	}
}

// stat returns one of a layer's or a verifier's figures.
func stat(s store.StatsReporter, name string) int64 {
	for _, st := range s.Stats() {
		if st.Name == name {
			return st.Value
		}
	}
	return 0
}
