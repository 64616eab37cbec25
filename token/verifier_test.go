package token_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// checker is a Checker of a user's own.
type checker struct {
	life    time.Duration
	lifeErr error
	answer  token.Answer
	err     error
}

func (c checker) MaxTokenLife() (time.Duration, error) { return c.life, c.lifeErr }

func (c checker) Check(context.Context, *token.Token) (token.Answer, error) { return c.answer, c.err }

func TestVerifiersThatAreRefused(t *testing.T) {
	s := newMemory(t, time.Now)
	evicting := &altered{TokenStore: s, caps: &store.Capabilities{MaxTokenLife: time.Hour}}
	silent := &altered{TokenStore: s, caps: &store.Capabilities{NeverEvicts: true}}
	keys := must(token.HS256(keyID, secret)).VerifyKey()
	good := token.TrustedIssuer{Issuer: issuerName, Keys: keys, Check: token.Sessions(s)}
	with := func(change func(*token.TrustedIssuer)) []token.TrustedIssuer {
		t := good
		change(&t)
		return []token.TrustedIssuer{t}
	}
	one := []token.TrustedIssuer{good}
	for _, c := range []struct {
		name, field string
		issuers     []token.TrustedIssuer
		o           token.VerifierOptions
	}{
		{"nobody", "issuers", nil, token.VerifierOptions{}},
		{"no name", "issuers[0].Issuer", with(func(t *token.TrustedIssuer) { t.Issuer = "" }), token.VerifierOptions{}},
		{"a name of 257 bytes", "issuers[0].Issuer", with(func(t *token.TrustedIssuer) { t.Issuer = strings.Repeat("x", 257) }), token.VerifierOptions{}},
		{"a name twice", "issuers[1].Issuer", []token.TrustedIssuer{good, good}, token.VerifierOptions{}},
		{"no keys", "issuers[0].Keys", with(func(t *token.TrustedIssuer) { t.Keys = nil }), token.VerifierOptions{}},
		{"the zero key", "issuers[0].Keys", with(func(t *token.TrustedIssuer) { t.Keys = token.VerifyKey{} }), token.VerifierOptions{}},
		{"an empty audience", "issuers[0].Audience[0]", with(func(t *token.TrustedIssuer) { t.Audience = []string{""} }), token.VerifierOptions{}},
		{"an empty type", "issuers[0].Types[1]", with(func(t *token.TrustedIssuer) { t.Types = []string{"at+jwt", ""} }), token.VerifierOptions{}},
		{"refresh tokens as access tokens", "issuers[0].Types[0]", with(func(t *token.TrustedIssuer) { t.Types = []string{"rt+jwt"} }), token.VerifierOptions{}},
		{"refresh tokens by their long name", "issuers[0].Types[0]", with(func(t *token.TrustedIssuer) { t.Types = []string{"application/rt+jwt"} }), token.VerifierOptions{}},
		{"no checker", "issuers[0].Check", with(func(t *token.TrustedIssuer) { t.Check = nil }), token.VerifierOptions{}},
		{"Sessions of nothing", "issuers[0].Check", with(func(t *token.TrustedIssuer) { t.Check = token.Sessions(nil) }), token.VerifierOptions{}},
		{"Denylist of nothing", "issuers[0].Check", with(func(t *token.TrustedIssuer) { t.Check = token.Denylist(nil) }), token.VerifierOptions{}},
		{"Denylist on a store that may evict", "issuers[0].Check", with(func(t *token.TrustedIssuer) { t.Check = token.Denylist(evicting) }), token.VerifierOptions{}},
		{"Sessions on a store without MaxTokenLife", "issuers[0].Check", with(func(t *token.TrustedIssuer) { t.Check = token.Sessions(silent) }), token.VerifierOptions{}},
		{"Denylist on a store without MaxTokenLife", "issuers[0].Check", with(func(t *token.TrustedIssuer) { t.Check = token.Denylist(silent) }), token.VerifierOptions{}},
		{"a checker without a life", "issuers[0].Check", with(func(t *token.TrustedIssuer) { t.Check = checker{} }), token.VerifierOptions{}},
		{"MaxLifetime over the checker's", "issuers[0].MaxLifetime", with(func(t *token.TrustedIssuer) { t.MaxLifetime = 25 * time.Hour }), token.VerifierOptions{}},
		{"MaxLifetime negative", "issuers[0].MaxLifetime", with(func(t *token.TrustedIssuer) { t.MaxLifetime = -1 }), token.VerifierOptions{}},
		{"a leeway over two minutes", "VerifierOptions.Leeway", one, token.VerifierOptions{Leeway: store.MaxLeeway + 1}},
		{"a negative slide", "VerifierOptions.Slide", one, token.VerifierOptions{Slide: -1}},
		{"a slide without touches", "VerifierOptions.Slide", one, token.VerifierOptions{Slide: time.Hour, TouchInterval: -1}},
		{"a slide that nobody can touch", "VerifierOptions.Slide", with(func(t *token.TrustedIssuer) { t.Check = token.Denylist(s) }), token.VerifierOptions{Slide: time.Hour}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := token.NewVerifier(c.issuers, &c.o)
			wantField(t, err, c.field)
			if v != nil {
				t.Error("there is a verifier with the error")
			}
		})
	}
	if _, err := token.NewVerifier(one, nil); err != nil {
		t.Errorf("nil options are refused: %v", err)
	}
	if _, err := token.NewVerifier(with(func(t *token.TrustedIssuer) { t.Check = token.Sessions(evicting) }), nil); err != nil {
		t.Errorf("Sessions is refused on a store that evicts: %v", err)
	}
	mixed := append(with(func(t *token.TrustedIssuer) { t.Issuer, t.Check = "other", token.Denylist(s) }), one...)
	if _, err := token.NewVerifier(mixed, &token.VerifierOptions{Slide: time.Hour}); err != nil {
		t.Errorf("a slide is refused that one of two checkers can do: %v", err)
	}
	odd := errors.New("not today")
	_, err := token.NewVerifier(with(func(t *token.TrustedIssuer) { t.Check = checker{lifeErr: odd} }), nil)
	wantErr(t, err, odd)
}

func TestWhatATokenTells(t *testing.T) {
	k := newKit(t, setup{issuer: token.IssuerOptions{Audience: []string{"a", issuerName}, ClientID: "spa"}})
	subject := store.Subject{Realm: "north", Name: "ann"}
	p := must(k.issuer.Login(t.Context(), subject, token.LoginOptions{Class: "web", Metadata: map[string]string{"a": "b"}}))
	got := must(k.verifier.Verify(t.Context(), p.Access.Reveal()))
	_, claims := parts(p.Access.Reveal())
	if got.Subject() != subject || got.SessionID() != p.Session.ID || got.Seq() != p.Session.Seq || got.ID() != claims["jti"] ||
		got.Issuer() != issuerName || got.ClientID() != "spa" || !got.ExpiresAt().Equal(p.AccessExpiresAt) ||
		got.IssuedAt().Unix() != start.Unix() {
		t.Errorf("the token tells %v", got)
	}
	got.Audience()[0] = "changed"
	rec, ok := got.Session()
	if !ok || rec.Class != "web" {
		t.Errorf("the session is %v", rec)
	}
	rec.Metadata["a"] = "changed"
	if again, _ := got.Session(); got.Audience()[0] != "a" || again.Metadata["a"] != "b" {
		t.Error("a caller changed the token")
	}
	if _, ok := must(k.verifier.Parse(t.Context(), p.Access.Reveal())).Session(); ok {
		t.Error("Parse knows a session")
	}
	if _, ok := token.Extra[m](got); ok {
		t.Error("there are custom claims without a type")
	}
}

func TestAudience(t *testing.T) {
	for _, c := range []struct {
		name           string
		minted, wanted []string
		want           error
	}{
		{"both default to the issuer", nil, nil, nil},
		{"one in common", []string{"a", "b"}, []string{"b", "c"}, nil},
		{"none in common", []string{"a"}, []string{"b"}, token.ErrAudience},
		{"made for others alone", []string{"a"}, nil, token.ErrAudience},
		{"in another case", []string{"API"}, []string{"api"}, token.ErrAudience},
		{"a prefix", []string{"https://api"}, []string{"https://api.example"}, token.ErrAudience},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, setup{issuer: token.IssuerOptions{Audience: c.minted}, trusted: token.TrustedIssuer{Audience: c.wanted}})
			if err := k.verify(k.login()); !errors.Is(err, c.want) {
				t.Errorf("the error is %v, want %v", err, c.want)
			}
		})
	}
}

func TestSeveralIssuers(t *testing.T) {
	clock := newClock()
	north, south := newMemory(t, clock.Now), newMemory(t, clock.Now)
	kn, ks := must(token.Ed25519("k", edKey(0))), must(token.Ed25519("k", edKey(1))) // the same kid
	v := must(token.NewVerifier([]token.TrustedIssuer{
		{Issuer: "north", Keys: kn.VerifyKey(), Check: token.Sessions(north)},
		{Issuer: "south", Keys: ks.VerifyKey(), Check: token.Sessions(south), MaxLifetime: time.Minute},
	}, &token.VerifierOptions{Now: clock.Now}))
	login := func(s store.TokenStore, name string, k token.SigningKey) string {
		i := must(token.NewIssuer(s, name, k, &token.IssuerOptions{Now: clock.Now}))
		return must(i.Login(t.Context(), ann, token.LoginOptions{})).Access.Reveal()
	}
	verify := func(raw string) error { _, err := v.Verify(t.Context(), raw); return err }
	noErr(t, verify(login(north, "north", kn)))
	wantErr(t, verify(login(south, "south", ks)), token.ErrLifetime)
	wantErr(t, verify(login(north, "north", ks)), token.ErrSignature) // the other's key
	wantErr(t, verify(login(north, "west", kn)), token.ErrIssuer)
}

func TestOwnChecker(t *testing.T) {
	odd := errors.New("no answer")
	for _, c := range []struct {
		name   string
		answer token.Answer
		err    error
		want   error
	}{
		{"alive", token.Answer{Verdict: store.Verdict{Alive: true}}, nil, nil},
		{"the zero answer is dead", token.Answer{}, nil, token.ErrRevoked},
		{"unknown", token.Answer{Verdict: store.Verdict{Reason: store.ReasonUnknown}}, nil, token.ErrUnknownSession},
		{"no answer", token.Answer{Verdict: store.Verdict{Alive: true}}, odd, odd},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, setup{check: func(store.TokenStore) token.Checker {
				return checker{life: time.Hour, answer: c.answer, err: c.err}
			}})
			err := k.verify(k.login())
			if !errors.Is(err, c.want) || (c.err != nil && errors.Is(err, token.ErrInvalidToken)) {
				t.Errorf("the error is %v, want %v", err, c.want)
			}
		})
	}
}

// TestOneRoundTrip counts what a verification asks of the store.
func TestOneRoundTrip(t *testing.T) {
	for name, check := range checkers {
		t.Run(name, func(t *testing.T) {
			lookups := 0
			k := newKit(t, setup{check: check, wrap: func(s store.TokenStore) store.TokenStore {
				return &altered{TokenStore: s, lookup: func(context.Context) error { lookups++; return nil }}
			}})
			p := k.login()
			noErr(t, k.verify(p))
			if lookups != 1 {
				t.Errorf("%d lookups, want 1", lookups)
			}
			_, err := k.verifier.Parse(t.Context(), p.Access.Reveal())
			noErr(t, err)
			wantErr(t, k.verify(token.Pair{}), token.ErrMalformed)
			if lookups != 1 {
				t.Error("Parse, or a refused text, asked the store")
			}
		})
	}
}

var checkers = map[string]func(store.TokenStore) token.Checker{"Sessions": token.Sessions, "Denylist": token.Denylist}

// TestRevocations holds what each revocation ends, under both checkers.
func TestRevocations(t *testing.T) {
	for name, check := range checkers {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct {
				name     string
				revoke   func(*kit, *token.Token) error
				one, two error // of the session's own token, and of another session's
				sibling  error // of another token of the same session
			}{
				{"nothing", func(*kit, *token.Token) error { return nil }, nil, nil, nil},
				{"one token", func(k *kit, t *token.Token) error { return k.revoker.Token(k.t.Context(), t, "leaked") }, token.ErrRevoked, nil, nil},
				{"one session", func(k *kit, t *token.Token) error {
					return k.revoker.Session(k.t.Context(), ann, t.SessionID(), "logout")
				}, token.ErrRevoked, nil, token.ErrRevoked},
				{"the others", func(k *kit, t *token.Token) error {
					return k.revoker.Others(k.t.Context(), ann, t.SessionID(), "password changed")
				}, nil, token.ErrRevoked, nil},
				{"everything", func(k *kit, _ *token.Token) error { return k.revoker.Subject(k.t.Context(), ann, "banned") }, token.ErrRevoked, token.ErrRevoked, token.ErrRevoked},
				{"another subject", func(k *kit, _ *token.Token) error {
					return k.revoker.Subject(k.t.Context(), store.User("bob"), "banned")
				}, nil, nil, nil},
				{"the same name in another realm", func(k *kit, _ *token.Token) error {
					return k.revoker.Subject(k.t.Context(), store.Subject{Realm: "north", Name: "ann"}, "banned")
				}, nil, nil, nil},
			} {
				t.Run(c.name, func(t *testing.T) {
					k := newKit(t, setup{check: check})
					one, two := k.login(), k.login()
					sibling := must(k.refresh(one))
					parsed := must(k.verifier.Parse(t.Context(), one.Access.Reveal()))
					noErr(t, c.revoke(k, parsed))
					noErr(t, c.revoke(k, parsed)) // idempotent
					for what, p := range map[string]struct {
						pair token.Pair
						want error
					}{"the token": {one, c.one}, "its sibling": {sibling, c.sibling}, "the other session": {two, c.two}} {
						if err := k.verify(p.pair); !errors.Is(err, p.want) {
							t.Errorf("%s: the error is %v, want %v", what, err, p.want)
						}
					}
					noErr(t, k.verify(k.login())) // a login after it lives
				})
			}
		})
	}
}

// TestWithoutARecord: a denylist takes tokens whose sessions it has never seen, and still ends them by mark and by cut.
func TestWithoutARecord(t *testing.T) {
	k := newKit(t, setup{})
	header, payload := parts(k.login().Access.Reveal())
	mint := func(sid string, seq int64) string {
		return forge(header.text(), payload.with(m{
			"sid": sid, "seq": seq, "sub": "bob", "jti": store.NewID(), "iat": start.Unix(), "exp": start.Unix() + 900,
		}).text())
	}
	now := start.UnixMicro() + 1000
	one, two, three := mint("one", now), mint("two", now+1), mint("three", now+1e9)
	deny, sessions := verifierAt(t, k.store, token.Denylist, start), verifierAt(t, k.store, token.Sessions, start)
	want := func(raw string, want error) {
		t.Helper()
		if _, err := deny.Verify(t.Context(), raw); !errors.Is(err, want) {
			t.Errorf("the denylist says %v, want %v", err, want)
		}
		_, err := sessions.Verify(t.Context(), raw)
		wantErr(t, err, token.ErrInvalidToken)
	}
	want(one, nil)
	want(two, nil)
	noErr(t, k.revoker.Session(t.Context(), store.User("bob"), "one", "logout"))
	want(one, token.ErrRevoked)
	want(two, nil)
	k.clock.Advance(time.Second) // whoever minted them has given out seqs up to here
	noErr(t, k.revoker.Subject(t.Context(), store.User("bob"), "logout"))
	want(two, token.ErrRevoked)
	want(three, nil) // minted after the cut
}

// TestOrderIsNotTime is the heart of the design: a login after "log out everywhere" lives and one before it dies, though
// the clock of store and processes jumps in between. Each token is judged by a verifier whose clock is the one it was
// minted by, so that expiry never answers instead of order.
func TestOrderIsNotTime(t *testing.T) {
	const year = 365 * day
	for name, check := range checkers {
		for _, jump := range []time.Duration{0, 2 * time.Hour, -2 * time.Hour, year, -year, time.Nanosecond, -time.Nanosecond} {
			t.Run(name+" "+jump.String(), func(t *testing.T) {
				clock := newClock()
				s := newMemory(t, clock.Now)
				first := newKit(t, setup{store: s, now: clock.Now, check: check})
				before := first.login()
				noErr(t, first.verify(before))
				clock.Advance(jump)
				second := newKit(t, setup{store: s, now: clock.Now, check: check}) // another process
				noErr(t, second.revoker.Subject(t.Context(), ann, "log out everywhere"))
				after := second.login()
				noErr(t, second.verify(after))
				must(store.Sweep(t.Context(), s))
				noErr(t, second.verify(after))
				atStart := verifierAt(t, s, check, start)
				_, err := atStart.Verify(t.Context(), before.Access.Reveal())
				wantErr(t, err, token.ErrInvalidToken)
				if !errors.Is(err, token.ErrRevoked) && !errors.Is(err, token.ErrUnknownSession) {
					t.Errorf("the login before it is refused for another reason: %v", err)
				}
				_, err = second.refresh(after)
				noErr(t, err)
				clock.Advance(-jump) // and back
				third := newKit(t, setup{store: s, now: clock.Now, check: check})
				noErr(t, third.revoker.Subject(t.Context(), ann, "log out everywhere"))
				last := third.login()
				noErr(t, third.verify(last))
				atJump := verifierAt(t, s, check, start.Add(jump))
				_, err = atJump.Verify(t.Context(), after.Access.Reveal())
				if !errors.Is(err, token.ErrRevoked) && !errors.Is(err, token.ErrUnknownSession) {
					t.Errorf("the login before the second one: %v", err)
				}
			})
		}
	}
}

func verifierAt(t *testing.T, s store.TokenStore, check func(store.TokenStore) token.Checker, at time.Time) *token.Verifier {
	t.Helper()
	v := must(token.NewVerifier([]token.TrustedIssuer{{
		Issuer: issuerName, Keys: must(token.HS256(keyID, secret)).VerifyKey(), Check: check(s),
	}}, &token.VerifierOptions{Now: func() time.Time { return at }, TouchInterval: -1}))
	t.Cleanup(func() { noErr(t, v.Close()) })
	return v
}

// TestSameInstant: order holds where time tells nothing apart.
func TestSameInstant(t *testing.T) {
	for name, check := range checkers {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, setup{check: check})
			var old []token.Pair
			for range 20 {
				p := k.login()
				noErr(t, k.verify(p))
				for _, o := range old {
					wantErr(t, k.verify(o), token.ErrRevoked)
				}
				noErr(t, k.revoker.Subject(t.Context(), ann, "x"))
				old = append(old, p)
			}
		})
	}
}

// TestClockBehindTheStore: a fresh token is good at once on a machine whose clock is behind.
func TestClockBehindTheStore(t *testing.T) {
	for _, ttl := range []time.Duration{time.Second, 15 * time.Minute, 24 * time.Hour} {
		k := newKit(t, setup{issuer: token.IssuerOptions{AccessTTL: ttl}})
		p := k.login()
		for _, behind := range []time.Duration{time.Nanosecond, time.Second, 20 * time.Second, store.MaxLeeway - time.Second} {
			_, err := verifierAt(t, k.store, token.Sessions, start.Add(-behind)).Verify(t.Context(), p.Access.Reveal())
			noErr(t, err)
		}
	}
}

// TestFloor: more revocations than marks are kept cost the living one refresh, and un-revoke nothing.
func TestFloor(t *testing.T) {
	for name, check := range checkers {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, setup{check: check})
			dead, alive := k.login(), k.login()
			noErr(t, k.revoker.Token(t.Context(), must(k.verifier.Parse(t.Context(), dead.Access.Reveal())), "leaked"))
			for range store.DefaultMaxMarks + 1 {
				noErr(t, k.revoker.Session(t.Context(), ann, store.NewID(), "x"))
			}
			wantErr(t, k.verify(dead), token.ErrRevoked)
			wantErr(t, k.verify(alive), token.ErrRevoked)
			alive, err := k.refresh(alive)
			noErr(t, err)
			noErr(t, k.verify(alive))
		})
	}
}
