package token_test

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/storetest"
	"github.com/jetonkit/jeton/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	issuerName = "https://login.example"
	keyID      = "2026-01"
)

var (
	secret = []byte("0123456789abcdef0123456789abcdef")
	start  = time.Date(2026, 3, 4, 5, 6, 7, 890_000_000, time.UTC)
	ann    = store.User("ann")
)

func newClock() *storetest.Clock { return storetest.NewClock(start) }

// events collects what is told.
type events struct {
	mu  sync.Mutex
	all []token.Event
}

func (e *events) add(_ context.Context, ev token.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
}

func (e *events) list() []token.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]token.Event(nil), e.all...)
}

func (e *events) count(t token.EventType) int {
	n := 0
	for _, ev := range e.list() {
		if ev.Type == t {
			n++
		}
	}
	return n
}

// kit is a store with everything on it.
type kit struct {
	t        *testing.T
	clock    *storetest.Clock
	key      token.SigningKey
	store    store.TokenStore
	issuer   *token.Issuer
	verifier *token.Verifier
	revoker  *token.Revoker
	events   *events
}

// setup is what a test may change of a kit.
type setup struct {
	store   store.TokenStore
	now     func() time.Time
	wrap    func(store.TokenStore) store.TokenStore
	check   func(store.TokenStore) token.Checker
	issuer  token.IssuerOptions
	verify  token.VerifierOptions
	trusted token.TrustedIssuer
}

func newKit(t *testing.T, s setup) *kit {
	t.Helper()
	k := &kit{t: t, clock: newClock(), key: must(token.HS256(keyID, secret)), events: &events{}}
	if s.now == nil {
		s.now = k.clock.Now
	}
	if s.store == nil {
		s.store = newMemory(t, s.now)
	}
	if s.wrap != nil {
		s.store = s.wrap(s.store)
	}
	if s.check == nil {
		s.check = token.Sessions
	}
	k.store = s.store
	s.issuer.Now, s.verify.Now = s.now, s.now
	s.issuer.Events, s.verify.Events = k.events.add, k.events.add
	s.trusted.Issuer, s.trusted.Keys, s.trusted.Check = issuerName, k.key.VerifyKey(), s.check(s.store)
	k.issuer = must(token.NewIssuer(s.store, issuerName, k.key, &s.issuer))
	k.verifier = must(token.NewVerifier([]token.TrustedIssuer{s.trusted}, &s.verify))
	t.Cleanup(func() { noErr(t, k.verifier.Close()) })
	k.revoker = must(token.NewRevoker(s.store, &token.RevokerOptions{Events: k.events.add, Now: s.now}))
	return k
}

func newMemory(t *testing.T, now func() time.Time) *memstore.Store {
	t.Helper()
	s := must(memstore.New(&memstore.Options{Now: now, SweepInterval: -1}))
	t.Cleanup(func() { noErr(t, s.Close()) })
	return s
}

func (k *kit) login() token.Pair {
	k.t.Helper()
	return must(k.issuer.Login(k.t.Context(), ann, token.LoginOptions{}))
}

func (k *kit) verify(p token.Pair) error {
	_, err := k.verifier.Verify(k.t.Context(), p.Access.Reveal())
	return err
}

func (k *kit) refresh(p token.Pair) (token.Pair, error) {
	return k.issuer.Refresh(k.t.Context(), p.Refresh.Reveal(), token.RefreshOptions{})
}

func (k *kit) sessions() int {
	k.t.Helper()
	return len(must(k.revoker.List(k.t.Context(), ann, store.Page{})).Items)
}

// must is for calls that cannot fail; a panic ends the test with its place.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func noErr(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("unexpected error: %v", err)
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("the error is %v, want %v", err, want)
	}
}

func wantField(t *testing.T, err error, field string) {
	t.Helper()
	var f *store.FieldError
	switch {
	case !errors.As(err, &f):
		t.Errorf("the error is %v, want a FieldError of %s", err, field)
	case f.Field != field:
		t.Errorf("the field is %s, want %s", f.Field, field)
	case f.Problem == "" || f.Remedy == "":
		t.Errorf("the error has no problem or no remedy: %v", err)
	}
}

// m is a JSON object.
type m map[string]any

// with returns a copy with changes; a nil value removes.
func (o m) with(changes m) m {
	out := maps.Clone(o)
	for k, v := range changes {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = v
		}
	}
	return out
}

func (o m) text() string { return string(must(json.Marshal(o))) }

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// forge signs any header and payload with the HS256 secret.
func forge(header, payload string) string { return forgeWith(secret, header, payload) }

func forgeWith(secret []byte, header, payload string) string {
	signed := b64(header) + "." + b64(payload)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return signed + "." + b64(string(mac.Sum(nil)))
}

// parts returns header and payload of a token as objects.
func parts(raw string) (header, payload m) {
	p := strings.Split(raw, ".")
	noPanic(json.Unmarshal(must(base64.RawURLEncoding.DecodeString(p[0])), &header))
	noPanic(json.Unmarshal(must(base64.RawURLEncoding.DecodeString(p[1])), &payload))
	return header, payload
}

func noPanic(err error) {
	if err != nil {
		panic(err)
	}
}

// altered is a store whose answers a test changes. It embeds its store, which layers may not and a test may.
type altered struct {
	store.TokenStore
	lookup func(context.Context) error
	rotate func(context.Context) error
	issue  func(context.Context) error
	revoke func(context.Context, store.Revocation) error
	touch  func(context.Context, store.TouchRequest) error
	caps   *store.Capabilities
}

func (a *altered) Lookup(ctx context.Context, s store.Subject, ids ...string) (store.State, error) {
	if a.lookup != nil {
		if err := a.lookup(ctx); err != nil {
			return store.State{}, err
		}
	}
	return a.TokenStore.Lookup(ctx, s, ids...)
}

func (a *altered) Rotate(ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
	if a.rotate != nil {
		if err := a.rotate(ctx); err != nil {
			return store.Rotated{}, err
		}
	}
	return a.TokenStore.Rotate(ctx, r)
}

func (a *altered) Issue(ctx context.Context, r store.IssueRequest) (store.Issued, error) {
	if a.issue != nil {
		if err := a.issue(ctx); err != nil {
			return store.Issued{}, err
		}
	}
	return a.TokenStore.Issue(ctx, r)
}

func (a *altered) Revoke(ctx context.Context, r store.Revocation) error {
	if a.revoke != nil {
		if err := a.revoke(ctx, r); err != nil {
			return err
		}
	}
	return a.TokenStore.Revoke(ctx, r)
}

func (a *altered) Touch(ctx context.Context, r store.TouchRequest) error {
	if a.touch != nil {
		if err := a.touch(ctx, r); err != nil {
			return err
		}
	}
	return a.TokenStore.Touch(ctx, r)
}

func (a *altered) Capabilities() store.Capabilities {
	if a.caps != nil {
		return *a.caps
	}
	return a.TokenStore.Capabilities()
}

func edKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune('a'+seed)), ed25519.SeedSize)))
}

func edBytes(public any) []byte {
	b, ok := public.(ed25519.PublicKey)
	if !ok {
		panic("no Ed25519 key")
	}
	return b
}

func unb64(s string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(s) }

// failing is an outage.
func failing(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// noKeys is a key set that does not answer.
type noKeys struct{ err error }

func (s noKeys) FindKey(context.Context, string) (token.VerifyKey, error) {
	return token.VerifyKey{}, s.err
}
