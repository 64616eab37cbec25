package httpauth_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

const issuerName = "https://issuer.test"

// fixture is a verifier with tokens in every condition.
type fixture struct {
	verifier *token.Verifier
	issuer   *token.Issuer
	// outage, when set, is what the store answers.
	outage atomic.Pointer[error]

	good, expired, revoked, lost, refresh string
}

// brittle is the Sessions checker with an outage at will.
type brittle struct {
	token.Checker
	outage *atomic.Pointer[error]
}

func (b brittle) Check(ctx context.Context, t *token.Token) (token.Answer, error) {
	if err := b.outage.Load(); err != nil {
		return token.Answer{}, *err
	}
	return b.Checker.Check(ctx, t)
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	now := time.Now()
	clock := func() time.Time { return now }
	s := must(memstore.New(&memstore.Options{Now: clock}))(t)
	t.Cleanup(func() { _ = s.Close() })
	key := must(token.HS256("k1", []byte("0123456789abcdef0123456789abcdef")))(t)

	f := new(fixture)
	f.issuer = must(token.NewIssuer(s, issuerName, key, &token.IssuerOptions{AccessTTL: time.Minute, Now: clock}))(t)
	revoker := must(token.NewRevoker(s, nil))(t)
	f.verifier = must(token.NewVerifier([]token.TrustedIssuer{{
		Issuer: issuerName, Keys: key.VerifyKey(), Check: brittle{token.Sessions(s), &f.outage},
	}}, &token.VerifierOptions{Now: clock, TouchInterval: -1}))(t)

	f.expired = f.login(t, "ann").Access.Reveal()
	now = now.Add(time.Hour)
	barred := f.login(t, "ann")
	f.revoked = barred.Access.Reveal()
	check(t, revoker.Session(t.Context(), barred.Session.Subject, barred.Session.ID, "kicked out"))
	elsewhere := must(memstore.New(&memstore.Options{Now: clock}))(t)
	t.Cleanup(func() { _ = elsewhere.Close() })
	other := must(token.NewIssuer(elsewhere, issuerName, key, &token.IssuerOptions{Now: clock}))(t)
	f.lost = must(other.Login(t.Context(), store.User("ann"), token.LoginOptions{}))(t).Access.Reveal()
	pair := f.login(t, "ann")
	f.good, f.refresh = pair.Access.Reveal(), pair.Refresh.Reveal()
	return f
}

func (f *fixture) login(t testing.TB, name string) token.Pair {
	t.Helper()
	return must(f.issuer.Login(t.Context(), store.User(name), token.LoginOptions{}))(t)
}

func (f *fixture) fail(err error) {
	if err == nil {
		f.outage.Store(nil)
		return
	}
	f.outage.Store(&err)
}

func (f *fixture) middleware(t *testing.T, o *httpauth.Options) *httpauth.Middleware {
	t.Helper()
	return must(httpauth.New(f.verifier, o))(t)
}

// must returns the value of a call that has to succeed.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		check(t, err)
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
