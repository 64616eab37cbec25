package token_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// partedFeed is a feed of many partitions that a test writes, some of which fail.
type partedFeed struct {
	mu    sync.Mutex
	birth time.Time
	parts [64][]store.Event
	down  func(part int) bool
}

func newPartedFeed() *partedFeed {
	f := &partedFeed{birth: time.Now()}
	for i := range f.parts {
		f.parts[i] = []store.Event{{Position: store.Position{ID: "0"}, Birth: f.birth, Time: f.birth}}
	}
	return f
}

func (f *partedFeed) Capabilities() store.Capabilities {
	return store.Capabilities{NeverEvicts: true, MaxTokenLife: 2 * time.Hour}
}

func (f *partedFeed) Partitions(context.Context) (int, error) { return len(f.parts), nil }

func (f *partedFeed) Poll(_ context.Context, part int, from store.Position) (store.Batch, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil && f.down(part) {
		return store.Batch{}, store.ErrUnavailable
	}
	for i, e := range f.parts[part] {
		if from == (store.Position{}) || e.Position == from {
			return store.Batch{Events: f.parts[part][i:]}, nil
		}
	}
	return store.Batch{}, nil
}

func (f *partedFeed) Listen(ctx context.Context, _ func(store.Bell)) error {
	<-ctx.Done()
	return ctx.Err()
}

func part(s store.Subject) int { return s.Digest().Partition(64) }

// cut revokes everything of a subject.
func (f *partedFeed) cut(s store.Subject) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.parts[part(s)] = append(f.parts[part(s)], store.Event{
		Position: store.Position{ID: "1"}, Birth: f.birth, Time: now, Subject: s.Digest(), Cut: uint64(now.UnixMicro()), CutTime: now,
	})
}

// fail lets partitions fail from now on, until the view has noticed.
func (f *partedFeed) fail(which func(part int) bool) {
	f.mu.Lock()
	f.down = which
	f.mu.Unlock()
	time.Sleep(10 * time.Second)
}

// newView opens a view, in a bubble.
func newView(t *testing.T, feed store.Feed) *revocation.View {
	t.Helper()
	v := must(revocation.Open(t.Context(), feed, &revocation.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}))
	t.Cleanup(func() { noErr(t, v.Close()) })
	return v
}

// TestLocal: our own tokens are judged by the view alone, and each way to revoke them is heard of at once.
func TestLocal(t *testing.T) {
	for _, c := range []struct {
		rule   string
		revoke func(*kit, *token.Token, token.Pair) error
		dead   bool
	}{
		{"nothing is revoked", func(*kit, *token.Token, token.Pair) error { return nil }, false},
		{"the token is", func(k *kit, t *token.Token, _ token.Pair) error { return k.revoker.Token(k.t.Context(), t, "leaked") }, true},
		{"its session is", func(k *kit, t *token.Token, _ token.Pair) error {
			return k.revoker.Session(k.t.Context(), t.Subject(), t.SessionID(), "kick")
		}, true},
		{"everything is", func(k *kit, t *token.Token, _ token.Pair) error {
			return k.revoker.Subject(k.t.Context(), t.Subject(), "")
		}, true},
		{"the other sessions are", func(k *kit, t *token.Token, _ token.Pair) error {
			return k.revoker.Others(k.t.Context(), t.Subject(), t.SessionID(), "")
		}, false},
		{"all but another are", func(k *kit, t *token.Token, other token.Pair) error {
			return k.revoker.Others(k.t.Context(), t.Subject(), other.Session.ID, "")
		}, true},
		{"its session's refresh token is used twice", func(k *kit, t *token.Token, _ token.Pair) error {
			r := must(k.store.List(k.t.Context(), t.Subject(), store.Page{})).Items
			_, err := k.store.Rotate(k.t.Context(), store.RotateRequest{Subject: t.Subject(), ID: t.SessionID(), Rotation: r[0].Rotation, Link: store.NewLink(), NextLink: store.NewLink()})
			return err
		}, true},
	} {
		t.Run(c.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKit(t, setup{now: time.Now, check: func(s store.TokenStore) token.Checker {
					return token.Local(newView(t, must(store.FeedOf(s))), nil)
				}})
				time.Sleep(time.Second)
				pair, other := k.login(), k.login()
				parsed := must(k.verifier.Verify(t.Context(), pair.Access.Reveal()))
				noErr(t, c.revoke(k, parsed, other))
				synctest.Wait()
				if err := k.verify(pair); errors.Is(err, token.ErrRevoked) != c.dead || (err == nil) == c.dead {
					t.Errorf("%v, want a dead token: %v", err, c.dead)
				}
			})
		})
	}
}

// TestLocalForeign: a foreign token has two subjects, its user and its session, and dies with either, though the other is
// not known of.
func TestLocalForeign(t *testing.T) {
	sid, user := token.ForeignSession("acme", keycloak, "s1"), token.ForeignUser("acme", keycloak, "ann")
	only := func(s store.Subject) func(int) bool { return func(n int) bool { return n == part(s) } }
	for _, c := range []struct {
		rule string
		cut  []store.Subject
		down func(int) bool
		want error
	}{
		{"nothing is revoked", nil, nil, nil},
		{"somebody else's session is", []store.Subject{
			token.ForeignSession("acme", keycloak, "s2"), token.ForeignSession("acme", auth0, "s1"), token.ForeignSession("", keycloak, "s1"), token.ForeignUser("", keycloak, "ann"),
		}, nil, nil},
		{"its user is", []store.Subject{user}, nil, token.ErrRevoked},
		{"its session is", []store.Subject{sid}, nil, token.ErrRevoked},
		{"nothing is known of the user", nil, only(user), revocation.ErrNotReady},
		{"nothing is known of the session", nil, only(sid), revocation.ErrNotReady},
		{"nothing is known of the user, and the session is revoked", []store.Subject{sid}, only(user), token.ErrRevoked},
		{"nothing is known of the session, and the user is revoked", []store.Subject{user}, only(sid), token.ErrRevoked},
		{"nothing is known at all", []store.Subject{user, sid}, func(int) bool { return true }, revocation.ErrNotReady},
	} {
		t.Run(c.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newPartedFeed()
				v := must(token.NewVerifier([]token.TrustedIssuer{{
					Issuer: keycloak, Keys: foreignKeys()[keycloak].VerifyKey(), Audience: []string{api}, Types: []string{"JWT"},
					Check: token.Local(newView(t, f), nil), Foreign: &token.Foreign{Realm: "acme"},
				}}, nil))
				defer func() { noErr(t, v.Close()) }()
				time.Sleep(time.Minute)
				now := time.Now().Unix()
				raw := sign(foreignKeys()[keycloak], m{"typ": "JWT"}, m{
					"iss": keycloak, "aud": api, "sub": "ann", "sid": "s1", "jti": "j", "iat": now, "exp": now + 300,
				}.text())
				for _, s := range c.cut {
					f.cut(s)
				}
				time.Sleep(time.Second)
				f.fail(c.down)
				_, err := v.Verify(t.Context(), raw)
				if wantErr(t, err, c.want); errors.Is(c.want, revocation.ErrNotReady) && (!errors.Is(err, store.ErrUnavailable) || errors.Is(err, token.ErrInvalidToken)) {
					t.Errorf("%v is no outage", err)
				}
			})
		})
	}
}

// TestLocalFallsBack: where the view is not ready the fallback judges, and only there.
func TestLocalFallsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, odd := newPartedFeed(), errors.New("odd")
		view := newView(t, f)
		time.Sleep(time.Second)
		k := newKit(t, setup{now: time.Now, check: func(store.TokenStore) token.Checker {
			return token.Local(view, checker{life: time.Hour, err: odd})
		}})
		pair := k.login()
		noErr(t, k.verify(pair))
		f.fail(func(n int) bool { return n != part(ann) })
		noErr(t, k.verify(pair))
		f.fail(func(n int) bool { return n == part(ann) })
		wantErr(t, k.verify(pair), odd)
		f.fail(nil)
		noErr(t, k.verify(pair))
	})
}

// TestLocalLife: tokens may live as long as both the view and the fallback can judge.
func TestLocalLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		view, odd := newView(t, newPartedFeed()), errors.New("odd")
		for _, c := range []struct {
			fallback token.Checker
			want     time.Duration
			err      error
		}{
			{nil, 2 * time.Hour, nil},
			{checker{life: time.Hour}, time.Hour, nil},
			{checker{life: 3 * time.Hour}, 2 * time.Hour, nil},
			{checker{life: time.Hour, lifeErr: odd}, time.Hour, odd},
			{token.Local(view, checker{life: time.Minute}), time.Minute, nil},
		} {
			if got, err := token.Local(view, c.fallback).MaxTokenLife(); got != c.want || !errors.Is(err, c.err) {
				t.Errorf("%v, %v, want %v, %v", got, err, c.want, c.err)
			}
		}
	})
}

// TestLocalsThatAreRefused: without a view there is none, and a foreign issuer cannot fall back on sessions.
func TestLocalsThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, view := newMemory(t, time.Now), newView(t, newPartedFeed())
		evicting := &altered{TokenStore: s, caps: &store.Capabilities{MaxTokenLife: time.Hour}}
		keys := foreignKeys()[keycloak].VerifyKey()
		for rule, issuer := range map[string]token.TrustedIssuer{
			"no view":                              {Check: token.Local(nil, token.Sessions(s))},
			"a fallback without a store":           {Check: token.Local(view, token.Denylist(nil))},
			"a fallback on a store that may evict": {Check: token.Local(view, token.Denylist(evicting))},
			"sessions of a foreign issuer":         {Check: token.Local(view, token.Sessions(s)), Foreign: &token.Foreign{}, Audience: []string{api}},
			"the same, deeper":                     {Check: token.Local(view, token.Local(view, token.Sessions(s))), Foreign: &token.Foreign{}, Audience: []string{api}},
		} {
			issuer.Issuer, issuer.Keys = keycloak, keys
			v, err := token.NewVerifier([]token.TrustedIssuer{issuer}, nil)
			if wantField(t, err, "issuers[0].Check"); v != nil {
				t.Errorf("%s: there is a verifier", rule)
			}
		}
	})
}
