package token_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

func TestTwentyRefreshOneToken(t *testing.T) {
	k := newKit(t, setup{})
	p := k.login()
	pairs, errs := make([]token.Pair, 20), make([]error, 20)
	var all sync.WaitGroup
	for n := range pairs {
		all.Go(func() { pairs[n], errs[n] = k.refresh(p) })
	}
	all.Wait()
	var successor token.Pair
	good, limited := 0, 0
	for n, err := range errs {
		switch {
		case err == nil:
			good++
			if successor.Access.IsZero() {
				successor = pairs[n]
			}
			if pairs[n].Access.Reveal() != successor.Access.Reveal() || pairs[n].Refresh.Reveal() != successor.Refresh.Reveal() {
				t.Error("two callers got two successors")
			}
		case errors.Is(err, store.ErrReplayLimit):
			limited++
			if errors.Is(err, token.ErrInvalidToken) {
				t.Error("the replay limit says that the token is bad (HTTP 409, not 401)")
			}
		default:
			t.Errorf("unexpected error: %v", err)
		}
	}
	// One rotates and three replay; the store's memory of replays may take one more for a repeat.
	if n := k.events.count(token.EventRefreshed); n != 1 {
		t.Errorf("%d rotations, want 1", n)
	}
	if good < 4 || good > 6 || good+limited != 20 || k.events.count(token.EventReplayed) != good-1 {
		t.Errorf("%d got the successor and %d were limited; %d replay events", good, limited, k.events.count(token.EventReplayed))
	}
	if successor.Session.Rotation != 1 || k.sessions() != 1 {
		t.Errorf("the session stands at rotation %d", successor.Session.Rotation)
	}
	noErr(t, k.verify(successor))
	noErr(t, k.verify(p))
	next, err := k.refresh(successor)
	noErr(t, err)
	noErr(t, k.verify(next))
}

func TestGraceOff(t *testing.T) {
	k := newKit(t, setup{issuer: token.IssuerOptions{Grace: -1}})
	p := k.login()
	next := must(k.refresh(p))
	_, err := k.refresh(p)
	wantErr(t, err, token.ErrReused)
	wantErr(t, err, token.ErrInvalidToken)
	wantErr(t, k.verify(next), token.ErrRevoked)
	_, err = k.refresh(next)
	wantErr(t, err, token.ErrRevoked)
	if k.sessions() != 0 || k.events.count(token.EventReused) != 1 {
		t.Error("the session lives, or no event tells of the reuse")
	}
}

func TestReuse(t *testing.T) {
	for _, c := range []struct {
		name string
		use  func(*kit, token.Pair) token.Pair // returns the pair whose refresh token is used again
	}{
		{"after the grace window", func(k *kit, p token.Pair) token.Pair {
			must(k.refresh(p))
			k.clock.Advance(10*time.Second + time.Millisecond)
			return p
		}},
		{"two rotations behind", func(k *kit, p token.Pair) token.Pair {
			must(k.refresh(must(k.refresh(p))))
			return p
		}},
		{"with a link that is not the previous one", func(k *kit, p token.Pair) token.Pair {
			next := must(k.refresh(p))
			next.Session.Rotation = 0 // rotation before the current one, link of the current one
			return resigned(next, p)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, setup{})
			p := k.login()
			_, err := k.refresh(c.use(k, p))
			wantErr(t, err, token.ErrReused)
			if k.sessions() != 0 {
				t.Error("the session lives")
			}
			wantErr(t, k.verify(p), token.ErrRevoked)
		})
	}
}

// resigned returns p with a refresh token of p's rotation and another link.
func resigned(p, from token.Pair) token.Pair {
	header, payload := parts(from.Refresh.Reveal())
	link := p.Session.Link
	payload["lnk"] = b64(string(link[:]))
	payload["rot"] = p.Session.Rotation
	payload["exp"], payload["iat"] = p.Session.Deadline.Unix(), p.Session.IssuedAt.Unix()
	out := from
	out.Refresh = token.BearerForTest(forge(header.text(), payload.text()))
	return out
}

func TestReplayGetsTheSameSuccessor(t *testing.T) {
	k := newKit(t, setup{})
	p := k.login()
	k.clock.Advance(time.Minute + 300*time.Millisecond)
	first := must(k.refresh(p))
	k.clock.Advance(9 * time.Second)
	second := must(k.refresh(p))
	if first.Access.Reveal() != second.Access.Reveal() || first.Refresh.Reveal() != second.Refresh.Reveal() {
		t.Error("the replay got another successor")
	}
	if first.Response().ExpiresIn != 900 || second.Response().ExpiresIn != 891 {
		t.Errorf("expires_in is %d, then %d", first.Response().ExpiresIn, second.Response().ExpiresIn)
	}
	if _, c := parts(second.Access.Reveal()); c["iat"] != float64(start.Add(time.Minute+300*time.Millisecond).Unix()) {
		t.Errorf("iat is %v, not the time of the rotation", c["iat"])
	}
	if k.events.count(token.EventReplayed) != 1 {
		t.Error("no event tells of the replay")
	}
}

func TestReplaySurvivesAKeyChange(t *testing.T) {
	k := newKit(t, setup{})
	p := k.login()
	first := must(k.refresh(p))
	next := must(token.Ed25519("2026-02", edKey(0)))
	i := must(token.NewIssuer(k.store, issuerName, next, &token.IssuerOptions{Keys: k.key.VerifyKey(), Now: k.clock.Now}))
	second, err := i.Refresh(t.Context(), p.Refresh.Reveal(), token.RefreshOptions{})
	noErr(t, err)
	for _, b := range [][2]token.Bearer{{first.Access, second.Access}, {first.Refresh, second.Refresh}} {
		h1, c1 := parts(b[0].Reveal())
		h2, c2 := parts(b[1].Reveal())
		if c1.text() != c2.text() || h1["kid"] == h2["kid"] {
			t.Errorf("the claims are\n%s and\n%s, the keys %v and %v", c1.text(), c2.text(), h1["kid"], h2["kid"])
		}
	}
	_, err = i.Refresh(t.Context(), second.Refresh.Reveal(), token.RefreshOptions{}) // by the key that Keys does not hold
	noErr(t, err)
}

func TestEveryRotationHasItsOwnIDs(t *testing.T) {
	k := newKit(t, setup{})
	p := k.login()
	seen := map[any]bool{}
	for range 50 {
		for _, b := range []token.Bearer{p.Access, p.Refresh} {
			_, c := parts(b.Reveal())
			if seen[c["jti"]] {
				t.Fatalf("jti %v came twice (CVE-2020-15222)", c["jti"])
			}
			seen[c["jti"]] = true
		}
		p = must(k.refresh(p))
	}
}

// TestSuccessorIDs pins the jti: processes of two versions must give a replay the same.
func TestSuccessorIDs(t *testing.T) {
	link := store.Link{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	for typ, want := range map[string]string{"at+jwt": "at9HGCnjg_DGDLDHWlskLg", "rt+jwt": "13BKJkZn7NeY6ZT-fWcsWg"} {
		mac := hmac.New(sha256.New, link[:])
		mac.Write([]byte("jeton/jti/1\x00\x00\x00\x00\x00\x00\x00\x07" + typ + "session"))
		if by := b64(string(mac.Sum(nil)[:16])); by != want {
			t.Errorf("the vector of %s is wrong: %s", typ, by)
		}
		if got := token.SuccessorIDForTest(store.Record{ID: "session", Rotation: 7, Link: link}, typ); got != want {
			t.Errorf("the jti of %s is %s, want %s", typ, got, want)
		}
	}
}

func TestBinding(t *testing.T) {
	k := newKit(t, setup{})
	p := must(k.issuer.Login(t.Context(), ann, token.LoginOptions{Binding: "device-a"}))
	by := func(b string) error {
		_, err := k.issuer.Refresh(t.Context(), p.Refresh.Reveal(), token.RefreshOptions{Binding: b})
		return err
	}
	noErr(t, by("device-a"))
	noErr(t, by("device-a"))
	wantErr(t, by("device-b"), token.ErrReused)
	wantErr(t, by("device-a"), token.ErrRevoked)
	_, err := k.issuer.Refresh(t.Context(), k.login().Refresh.Reveal(), token.RefreshOptions{Binding: strings.Repeat("b", 65)})
	wantField(t, err, "Binding")
}

func TestAThousandRefreshesLeaveOneRecord(t *testing.T) {
	k := newKit(t, setup{})
	p := k.login()
	for range 1000 {
		k.clock.Advance(time.Minute)
		p = must(k.refresh(p))
	}
	if n := k.sessions(); n != 1 || p.Session.Rotation != 1000 {
		t.Errorf("%d records, rotation %d", n, p.Session.Rotation)
	}
	noErr(t, k.verify(p))
}

func TestAThousandTouchesBetweenTwoRefreshes(t *testing.T) {
	k := newKit(t, setup{})
	p := must(k.refresh(k.login()))
	for range 1000 {
		k.clock.Advance(time.Second)
		noErr(t, k.store.Touch(t.Context(), store.TouchRequest{Subject: ann, ID: p.Session.ID, ExpiresAt: k.clock.Now().Add(30 * day)}))
	}
	next, err := k.refresh(p)
	noErr(t, err)
	noErr(t, k.verify(next))
}

func TestIdleAndAbsoluteEnd(t *testing.T) {
	t.Run("idle", func(t *testing.T) {
		k := newKit(t, setup{})
		p := k.login()
		for range 2 {
			k.clock.Advance(29 * day)
			p = must(k.refresh(p)) // each starts the 30 days again
		}
		k.clock.Advance(30*day + time.Millisecond)
		_, err := k.refresh(p)
		wantErr(t, err, token.ErrUnknownSession)
	})
	t.Run("absolute", func(t *testing.T) {
		k := newKit(t, setup{issuer: token.IssuerOptions{MaxTTL: 3 * time.Hour}})
		p := k.login()
		_, claims := parts(p.Refresh.Reveal())
		for range 3 {
			p = must(k.refresh(p))
			if _, c := parts(p.Refresh.Reveal()); c["exp"] != claims["exp"] {
				t.Error("a refresh moved the absolute end (NIST 800-63B-4)")
			}
			k.clock.Advance(59 * time.Minute)
		}
		p = must(k.refresh(p)) // 177 minutes on: three are left
		if d := p.AccessExpiresAt.Sub(k.clock.Now()); d > 3*time.Minute || d < 3*time.Minute-time.Second {
			t.Errorf("the last access token lives %v", d)
		}
		k.clock.Advance(3*time.Minute + 31*time.Second)
		_, err := k.refresh(p)
		wantErr(t, err, token.ErrExpired)
		wantErr(t, k.verify(p), token.ErrExpired)
	})
	t.Run("of one login", func(t *testing.T) {
		k := newKit(t, setup{})
		p := must(k.issuer.Login(t.Context(), ann, token.LoginOptions{TTL: time.Minute}))
		if d := p.AccessExpiresAt.Sub(k.clock.Now()); d > time.Minute {
			t.Errorf("the access token lives %v", d)
		}
		k.clock.Advance(time.Minute)
		_, err := k.refresh(p)
		wantErr(t, err, token.ErrUnknownSession)
	})
}

func TestRefreshTokensThatAreRefused(t *testing.T) {
	k := newKit(t, setup{})
	p := k.login()
	header, payload := parts(p.Refresh.Reveal())
	payload["exp"], payload["iat"] = p.Session.Deadline.Unix(), p.Session.IssuedAt.Unix()
	judge := func(raw string) (*token.Token, error) {
		got, err := k.issuer.Refresh(t.Context(), raw, token.RefreshOptions{})
		if !got.Access.IsZero() || !got.Refresh.IsZero() {
			t.Error("there is a pair with the error")
		}
		return nil, err
	}
	change := func(c m) string { return forge(header.text(), payload.with(c).text()) }
	zero := b64(strings.Repeat("\x00", 16))
	oddLink := spareBits("." + b64(string(p.Session.Link[:])))[1:]
	for _, c := range []struct {
		name, raw string
		want      error
	}{
		{"an access token", p.Access.Reveal(), token.ErrType},
		{"an access token of typ rt+jwt", func() string {
			_, access := parts(p.Access.Reveal())
			return forge(header.text(), access.with(m{"exp": start.Unix() + 900, "iat": start.Unix(), "seq": 1}).text())
		}(), token.ErrMalformed},
		{"nothing", "", token.ErrMalformed},
		{"another signature", forgeWith([]byte(strings.Repeat("x", 32)), header.text(), payload.text()), token.ErrSignature},
		{"another issuer", change(m{"iss": "https://" + mark}), token.ErrIssuer},
		{"no issuer", change(m{"iss": nil}), token.ErrIssuer},
		{"another audience", change(m{"aud": "https://" + mark}), token.ErrAudience},
		{"expired", change(m{"iat": start.Unix() - 100, "exp": start.Unix() - 30}), token.ErrExpired},
		{"no exp", change(m{"exp": nil}), token.ErrMalformed},
		{"no rot", change(m{"rot": nil}), token.ErrMalformed},
		{"rot negative", change(m{"rot": -1}), token.ErrMalformed},
		{"no lnk", change(m{"lnk": nil}), token.ErrMalformed},
		{"lnk zero", change(m{"lnk": zero}), token.ErrMalformed},
		{"lnk of 15 bytes", change(m{"lnk": b64(strings.Repeat("x", 15))}), token.ErrMalformed},
		{"lnk with spare bits", change(m{"lnk": oddLink}), token.ErrMalformed},
		{"another session", change(m{"sid": store.NewID()}), token.ErrUnknownSession},
		{"another subject", change(m{"sub": "bob"}), token.ErrUnknownSession},
		{"another realm", change(m{"realm": "north"}), token.ErrUnknownSession},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, judge, c.raw, c.want) })
	}
	if k.events.count(token.EventRefreshRefused) == 0 {
		t.Error("no event tells of refusals")
	}
	noErr(t, k.verify(must(k.refresh(p)))) // none of it has touched the session
}

func TestRefreshAfterRevocation(t *testing.T) {
	for name, revoke := range map[string]func(*kit, token.Pair) error{
		"its session": func(k *kit, p token.Pair) error { return k.revoker.Session(k.t.Context(), ann, p.Session.ID, "logout") },
		"everything":  func(k *kit, _ token.Pair) error { return k.revoker.Subject(k.t.Context(), ann, "logout") },
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, setup{})
			p := k.login()
			noErr(t, revoke(k, p))
			_, err := k.refresh(p)
			wantErr(t, err, token.ErrRevoked)
			wantErr(t, err, store.ErrRevoked)
		})
	}
}

// TestOutagesSayNothingAboutTheToken is CVE-2020-15223: a store's failure never looks like a revocation.
func TestOutagesSayNothingAboutTheToken(t *testing.T) {
	for _, down := range []error{
		store.ErrUnavailable, store.ErrIndeterminate, store.ErrClosed, store.ErrCorrupt, store.ErrClock,
		context.Canceled, context.DeadlineExceeded, errors.New("anything else"),
	} {
		t.Run(down.Error(), func(t *testing.T) {
			var fail error
			answer := func(context.Context) error { return fail }
			k := newKit(t, setup{wrap: func(s store.TokenStore) store.TokenStore {
				return &altered{TokenStore: s, lookup: answer, rotate: answer, issue: answer}
			}})
			p := k.login()
			fail = &store.Error{Op: "x", Store: "test", Subject: ann.Digest(), Err: down}
			_, refreshErr := k.refresh(p)
			_, loginErr := k.issuer.Login(t.Context(), ann, token.LoginOptions{})
			_, beginErr := k.issuer.Begin(t.Context(), ann)
			for verb, err := range map[string]error{"verify": k.verify(p), "refresh": refreshErr, "login": loginErr, "begin": beginErr} {
				if errors.Is(err, token.ErrInvalidToken) || !errors.Is(err, down) || token.Code(err) != "" {
					t.Errorf("%s says %v", verb, err)
				}
			}
			if n := k.events.count(token.EventFailed); n != 4 {
				t.Errorf("%d events tell of it, want 4", n)
			}
			fail = nil
			noErr(t, k.verify(must(k.refresh(p))))
		})
	}
}

// TestNoOutcomeMintsNothing: the zero Rotated of a broken store.
func TestNoOutcomeMintsNothing(t *testing.T) {
	k := newKit(t, setup{})
	p := k.login()
	i := must(token.NewIssuer(noOutcome{k.store}, issuerName, k.key, &token.IssuerOptions{Now: k.clock.Now}))
	got, err := i.Refresh(t.Context(), p.Refresh.Reveal(), token.RefreshOptions{})
	wantErr(t, err, store.ErrIndeterminate)
	if !got.Access.IsZero() || errors.Is(err, token.ErrInvalidToken) {
		t.Error("there is a token, or a refusal")
	}
}

type noOutcome struct{ store.TokenStore }

func (noOutcome) Rotate(context.Context, store.RotateRequest) (store.Rotated, error) {
	return store.Rotated{}, nil
}

// TestLoginAndRefreshAreOneRoundTripEach counts what they ask of the store.
func TestLoginAndRefreshAreOneRoundTripEach(t *testing.T) {
	var calls []string
	called := func(verb string) func(context.Context) error {
		return func(context.Context) error { calls = append(calls, verb); return nil }
	}
	k := newKit(t, setup{wrap: func(s store.TokenStore) store.TokenStore {
		return &altered{TokenStore: s, lookup: called("lookup"), issue: called("issue"), rotate: called("rotate")}
	}})
	must(k.refresh(k.login()))
	if got := strings.Join(calls, " "); got != "issue rotate" {
		t.Errorf("the store was asked to %s", got)
	}
}

func TestRollForward(t *testing.T) {
	k := newKit(t, setup{})
	p := k.login()
	ahead := p
	ahead.Session.Rotation, ahead.Session.Link = 3, store.NewLink() // minted before a failover lost three steps
	next, err := k.refresh(resigned(ahead, p))
	noErr(t, err)
	noErr(t, k.verify(next))
	if next.Session.Rotation != 4 || k.events.count(token.EventRolledForward) != 1 {
		t.Errorf("rotation %d, %d events", next.Session.Rotation, k.events.count(token.EventRolledForward))
	}
}
