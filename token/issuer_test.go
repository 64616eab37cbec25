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

func TestIssuersThatAreRefused(t *testing.T) {
	s := newMemory(t, time.Now)
	key := must(token.HS256(keyID, secret))
	long := strings.Repeat("x", store.MaxNameLen+1)
	caps := func(c store.Capabilities) store.TokenStore { return &altered{TokenStore: s, caps: &c} }
	cases := []struct {
		name, field string
		store       store.TokenStore
		issuer      string
		key         token.SigningKey
		o           token.IssuerOptions
	}{
		{"no store", "store", nil, issuerName, key, token.IssuerOptions{}},
		{"a store that promises no MaxTokenLife", "store", caps(store.Capabilities{NeverEvicts: true}), issuerName, key, token.IssuerOptions{}},
		{"no name", "issuer", s, "", key, token.IssuerOptions{}},
		{"a name of 257 bytes", "issuer", s, long, key, token.IssuerOptions{}},
		{"a name that is not UTF-8", "issuer", s, "\xff", key, token.IssuerOptions{}},
		{"the zero key", "key", s, issuerName, token.SigningKey{}, token.IssuerOptions{}},
		{"an empty audience", "IssuerOptions.Audience[1]", s, issuerName, key, token.IssuerOptions{Audience: []string{"a", ""}}},
		{"a ClientID that is not UTF-8", "IssuerOptions.ClientID", s, issuerName, key, token.IssuerOptions{ClientID: "\xff"}},
		{"AccessTTL over the store's MaxTokenLife", "IssuerOptions.AccessTTL", s, issuerName, key, token.IssuerOptions{AccessTTL: 24*time.Hour + time.Second}},
		{"AccessTTL over a short MaxTokenLife", "IssuerOptions.AccessTTL", caps(store.Capabilities{MaxTokenLife: time.Minute}), issuerName, key, token.IssuerOptions{}},
		{"AccessTTL negative", "IssuerOptions.AccessTTL", s, issuerName, key, token.IssuerOptions{AccessTTL: -time.Second}},
		{"AccessTTL with a fraction", "IssuerOptions.AccessTTL", s, issuerName, key, token.IssuerOptions{AccessTTL: 1500 * time.Millisecond}},
		{"IdleTTL below AccessTTL", "IssuerOptions.IdleTTL", s, issuerName, key, token.IssuerOptions{IdleTTL: time.Minute}},
		{"IdleTTL of ten years", "IssuerOptions.IdleTTL", s, issuerName, key, token.IssuerOptions{IdleTTL: store.MaxLife}},
		{"MaxTTL below AccessTTL", "IssuerOptions.MaxTTL", s, issuerName, key, token.IssuerOptions{MaxTTL: time.Minute}},
		{"MaxTTL of ten years", "IssuerOptions.MaxTTL", s, issuerName, key, token.IssuerOptions{MaxTTL: store.MaxLife}},
		{"MaxTTL negative", "IssuerOptions.MaxTTL", s, issuerName, key, token.IssuerOptions{MaxTTL: -1}},
		{"Grace over five minutes", "IssuerOptions.Grace", s, issuerName, key, token.IssuerOptions{Grace: 5*time.Minute + 1}},
		{"GraceReplays over 16", "IssuerOptions.GraceReplays", s, issuerName, key, token.IssuerOptions{GraceReplays: 17}},
		{"GraceReplays negative", "IssuerOptions.GraceReplays", s, issuerName, key, token.IssuerOptions{GraceReplays: -1}},
		{"a limit over 256", "Limit.Max", s, issuerName, key, token.IssuerOptions{Limit: store.Limit{Max: 257}}},
		{"an unknown policy", "Limit.Policy", s, issuerName, key, token.IssuerOptions{Limit: store.Limit{Max: 1, Policy: 9}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			i, err := token.NewIssuer(c.store, c.issuer, c.key, &c.o)
			wantField(t, err, c.field)
			if i != nil {
				t.Error("there is an issuer with the error")
			}
		})
	}
	if _, err := token.NewIssuer(s, issuerName, key, nil); err != nil {
		t.Errorf("nil options are refused: %v", err)
	}
}

func TestLoginsThatAreRefused(t *testing.T) {
	k := newKit(t, setup{})
	login := func(s store.Subject, o token.LoginOptions) error {
		_, err := k.issuer.Login(t.Context(), s, o)
		return err
	}
	long := strings.Repeat("x", store.MaxNameLen+1)
	bobs := must(k.issuer.Begin(t.Context(), store.User("bob")))
	for _, c := range []struct {
		name, field string
		subject     store.Subject
		o           token.LoginOptions
	}{
		{"no name", "Subject.Name", store.User(""), token.LoginOptions{}},
		{"a name of 257 bytes", "Subject.Name", store.User(long), token.LoginOptions{}},
		{"a name that is not UTF-8", "Subject.Name", store.User("\xff"), token.LoginOptions{}},
		{"a realm that is not UTF-8", "Subject.Realm", store.Subject{Realm: "\xff", Name: "ann"}, token.LoginOptions{}},
		{"another issuer's user", "Subject", store.Subject{Issuer: "https://elsewhere", Name: "ann"}, token.LoginOptions{}},
		{"an API key's holder", "Subject", store.Subject{Kind: store.KindKey, Name: "ann"}, token.LoginOptions{}},
		{"another subject's guard", "LoginOptions.Guard", ann, token.LoginOptions{Guard: bobs}},
		{"TTL negative", "LoginOptions.TTL", ann, token.LoginOptions{TTL: -time.Second}},
		{"TTL below a second", "LoginOptions.TTL", ann, token.LoginOptions{TTL: time.Millisecond}},
		{"TTL over MaxTTL", "LoginOptions.TTL", ann, token.LoginOptions{TTL: 90*day + 1}},
		{"a class of 65 bytes", "Record.Class", ann, token.LoginOptions{Class: strings.Repeat("c", 65)}},
		{"a binding of 65 bytes", "Record.Binding", ann, token.LoginOptions{Binding: strings.Repeat("b", 65)}},
		{"metadata with an empty key", "Metadata", ann, token.LoginOptions{Metadata: map[string]string{"": "x"}}},
		{"claims that are a number", "Claims", ann, token.LoginOptions{Claims: 7}},
		{"claims that are a list", "Claims", ann, token.LoginOptions{Claims: []string{"a"}}},
		{"claims that do not marshal", "Claims", ann, token.LoginOptions{Claims: map[string]any{"f": func() {}}}},
		{"claims that hold a token", "Claims", ann, token.LoginOptions{Claims: map[string]any{"t": token.Bearer{}}}},
		{"claims that set sub", "Claims", ann, token.LoginOptions{Claims: map[string]any{"sub": "root"}}},
		{"claims that set EXP", "Claims", ann, token.LoginOptions{Claims: map[string]any{"EXP": 9999999999}}},
		{"claims that set lnk", "Claims", ann, token.LoginOptions{Claims: map[string]any{"lnk": "x"}}},
		{"claims that set nbf", "Claims", ann, token.LoginOptions{Claims: struct {
			NotBefore int `json:"nbf"`
		}{1}}},
	} {
		t.Run(c.name, func(t *testing.T) { wantField(t, login(c.subject, c.o), c.field) })
	}
	if n := k.sessions(); n != 0 {
		t.Errorf("bad input left %d sessions", n)
	}
	if _, err := k.issuer.Begin(t.Context(), store.User("")); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("Begin takes an empty name: %v", err)
	}
}

const day = 24 * time.Hour

func TestWhatALoginMints(t *testing.T) {
	k := newKit(t, setup{issuer: token.IssuerOptions{Audience: []string{"https://api.example", "https://other.example"}, ClientID: "spa"}})
	subject := store.Subject{Realm: "north", Name: "änn \"quoted\" \x00"}
	p := must(k.issuer.Login(t.Context(), subject, token.LoginOptions{Class: "web", Metadata: map[string]string{"device": "phone"}}))
	header, access := parts(p.Access.Reveal())
	want := m{
		"iss": issuerName, "sub": subject.Name, "aud": []any{"https://api.example", "https://other.example"}, "realm": "north",
		"iat": float64(start.Unix()), "exp": float64(start.Unix() + 900), "client_id": "spa",
		"sid": p.Session.ID, "seq": float64(p.Session.Seq), "jti": access["jti"],
	}
	if got, want := access.text(), want.text(); got != want {
		t.Errorf("the access token says\n%s, want\n%s", got, want)
	}
	if header["typ"] != "at+jwt" || header["alg"] != "HS256" || header["kid"] != keyID {
		t.Errorf("the header says %v", header)
	}
	header, refresh := parts(p.Refresh.Reveal())
	want = m{
		"iss": issuerName, "sub": subject.Name, "aud": issuerName, "realm": "north",
		"iat": float64(start.Unix()), "exp": float64(start.Add(90 * day).Unix()), "sid": p.Session.ID,
		"rot": float64(0), "lnk": b64(string(p.Session.Link[:])), "jti": refresh["jti"],
	}
	if got, want := refresh.text(), want.text(); got != want {
		t.Errorf("the refresh token says\n%s, want\n%s", got, want)
	}
	if header["typ"] != "rt+jwt" || refresh["jti"] == access["jti"] {
		t.Errorf("the refresh token's header says %v, its jti %v", header, refresh["jti"])
	}
	if id, ok := access["jti"].(string); !ok || len(must(unb64(id))) != 16 {
		t.Errorf("jti is not 128 bits: %v", access["jti"])
	}
	if p.Session.Class != "web" || p.Session.Metadata["device"] != "phone" || !p.AccessExpiresAt.Equal(time.Unix(start.Unix()+900, 0)) {
		t.Errorf("the pair is of %+v until %v", p.Session, p.AccessExpiresAt)
	}
}

// TestRounding holds that a token is good at once and never outlives its record, wherever in a second the clock stands.
func TestRounding(t *testing.T) {
	for _, frac := range []time.Duration{0, 1, time.Millisecond, 499 * time.Millisecond, 500 * time.Millisecond, 999_999_999} {
		for _, ttl := range []time.Duration{0, time.Second, 1001 * time.Millisecond, 1999 * time.Millisecond, time.Minute, time.Minute + 1} {
			k := newKit(t, setup{verify: token.VerifierOptions{Leeway: -1}})
			k.clock.Set(start.Truncate(time.Second).Add(frac))
			p := must(k.issuer.Login(t.Context(), ann, token.LoginOptions{TTL: ttl}))
			_, access := parts(p.Access.Reveal())
			_, refresh := parts(p.Refresh.Reveal())
			number := func(c m, name string) time.Time { return time.Unix(int64(c[name].(float64)), 0) } //nolint:errcheck // a number in every token of ours
			if iat := number(access, "iat"); iat.After(k.clock.Now()) {
				t.Errorf("+%v, TTL %v: iat %v is in the future", frac, ttl, iat)
			}
			if exp := number(access, "exp"); exp.After(p.Session.ExpiresAt) || exp.Sub(number(access, "iat")) > 15*time.Minute {
				t.Errorf("+%v, TTL %v: exp %v outlives the record (%v) or AccessTTL", frac, ttl, exp, p.Session.ExpiresAt)
			}
			if exp := number(refresh, "exp"); exp.After(p.Session.Deadline) || p.Session.Deadline.Sub(exp) >= time.Second {
				t.Errorf("+%v, TTL %v: the refresh token ends at %v, the deadline is %v", frac, ttl, exp, p.Session.Deadline)
			}
			if r := p.Response(); r.ExpiresIn < 0 || r.ExpiresIn > 900 {
				t.Errorf("+%v, TTL %v: expires_in is %d", frac, ttl, r.ExpiresIn)
			}
			if ttl == 0 || ttl >= 2*time.Second {
				noErr(t, k.verify(p))
			}
		}
	}
}

func TestShortestTokenLivesItsSecond(t *testing.T) {
	k := newKit(t, setup{issuer: token.IssuerOptions{AccessTTL: time.Second}, verify: token.VerifierOptions{Leeway: -1}})
	noErr(t, k.verify(k.login()))
}

func TestGuard(t *testing.T) {
	other := func(k *kit) string { return k.login().Session.ID }
	for _, c := range []struct {
		name   string
		change func(*kit, string) error
		want   error
	}{
		{"nothing happens", func(*kit, string) error { return nil }, nil},
		{"another session ends", func(k *kit, sid string) error { return k.revoker.Session(k.t.Context(), ann, sid, "x") }, nil},
		{"everything is revoked", func(k *kit, _ string) error { return k.revoker.Subject(k.t.Context(), ann, "password changed") }, store.ErrConflict},
		{"everything else is revoked", func(k *kit, sid string) error { return k.revoker.Others(k.t.Context(), ann, sid, "password changed") }, store.ErrConflict},
		{"another subject is revoked", func(k *kit, _ string) error { return k.revoker.Subject(k.t.Context(), store.User("bob"), "x") }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, setup{})
			sid := other(k)
			guard := must(k.issuer.Begin(t.Context(), ann)) // and now the old password is checked
			noErr(t, c.change(k, sid))
			p, err := k.issuer.Login(t.Context(), ann, token.LoginOptions{Guard: guard})
			if !errors.Is(err, c.want) {
				t.Fatalf("the login's error is %v, want %v", err, c.want)
			}
			if err != nil {
				if !p.Access.IsZero() || k.events.count(token.EventLoginRefused) != 1 {
					t.Error("there is a token, or no event")
				}
				p = must(k.issuer.Login(t.Context(), ann, token.LoginOptions{Guard: must(k.issuer.Begin(t.Context(), ann))}))
			}
			noErr(t, k.verify(p))
		})
	}
	t.Run("the first login of a subject", func(t *testing.T) {
		k := newKit(t, setup{})
		guard := must(k.issuer.Begin(t.Context(), ann))
		noErr(t, k.revoker.Subject(t.Context(), ann, "banned"))
		_, err := k.issuer.Login(t.Context(), ann, token.LoginOptions{Guard: guard})
		wantErr(t, err, store.ErrConflict)
	})
}

func TestLimit(t *testing.T) {
	t.Run("the oldest gives way", func(t *testing.T) {
		k := newKit(t, setup{issuer: token.IssuerOptions{Limit: store.Limit{Max: 2}}})
		first := k.login()
		k.clock.Advance(time.Second)
		second := k.login()
		k.clock.Advance(time.Second)
		third := k.login()
		if len(third.Evicted) != 1 || third.Evicted[0].ID != first.Session.ID || k.events.count(token.EventEvicted) != 1 {
			t.Errorf("evicted are %v", third.Evicted)
		}
		err := k.verify(first)
		wantErr(t, err, token.ErrRevoked)
		var r *token.RefusedError
		if !errors.As(err, &r) || r.Reason != store.ReasonEvicted {
			t.Errorf("the reason is not told: %v", err)
		}
		noErr(t, k.verify(second))
		noErr(t, k.verify(third))
	})
	t.Run("the new one is rejected", func(t *testing.T) {
		k := newKit(t, setup{issuer: token.IssuerOptions{Limit: store.Limit{Max: 1, Policy: store.Reject}}})
		first := k.login()
		_, err := k.issuer.Login(t.Context(), ann, token.LoginOptions{})
		wantErr(t, err, store.ErrLimit)
		noErr(t, k.verify(first))
		if k.events.count(token.EventLoginRefused) != 1 {
			t.Error("no event tells of it")
		}
	})
}

type roles struct {
	Roles []string `json:"roles"`
	Note  string   `json:"note,omitzero"`
}

func TestCustomClaims(t *testing.T) {
	current := roles{Roles: []string{"reader"}}
	asked := 0
	k := newKit(t, setup{
		issuer: token.IssuerOptions{Claims: func(_ context.Context, r store.Record) (any, error) {
			asked++
			if r.Subject != ann || r.ID == "" {
				t.Errorf("asked about %+v", r)
			}
			return current, nil
		}},
		trusted: token.TrustedIssuer{Extra: token.ExtraOf[roles]()},
	})
	read := func(p token.Pair) roles {
		got := must(k.verifier.Verify(t.Context(), p.Access.Reveal()))
		if _, ok := token.Extra[map[string]any](got); ok {
			t.Error("another type than trusted is given")
		}
		c, ok := token.Extra[roles](got)
		if !ok {
			t.Error("no custom claims")
		}
		return c
	}
	p := k.login()
	if got := read(p); len(got.Roles) != 1 || got.Roles[0] != "reader" {
		t.Errorf("the login's claims are %v", got)
	}
	current.Roles = []string{"reader", "admin"}
	p = must(k.refresh(p))
	if got := read(p); len(got.Roles) != 2 {
		t.Errorf("the refresh did not ask again: %v", got)
	}
	p = must(k.issuer.Refresh(t.Context(), p.Refresh.Reveal(), token.RefreshOptions{Claims: roles{Note: "once"}}))
	if got := read(p); got.Note != "once" || len(got.Roles) != 0 || asked != 2 {
		t.Errorf("claims given for one token are %v, asked %d times", got, asked)
	}
}

func TestCustomClaimsThatFail(t *testing.T) {
	down := errors.New("directory down")
	for _, c := range []struct {
		name   string
		claims func(context.Context, store.Record) (any, error)
		want   error
	}{
		{"the callback's error", func(context.Context, store.Record) (any, error) { return nil, down }, down},
		{"a reserved name", func(context.Context, store.Record) (any, error) { return m{"sid": "x"}, nil }, store.ErrInvalid},
		{"more than a token holds", func(context.Context, store.Record) (any, error) { return m{"x": strings.Repeat("x", 8000)}, nil }, store.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			fail := false
			k := newKit(t, setup{issuer: token.IssuerOptions{Claims: func(ctx context.Context, r store.Record) (any, error) {
				if fail {
					return c.claims(ctx, r)
				}
				return nil, nil
			}}})
			p := k.login()
			fail = true
			bad, err := k.issuer.Login(t.Context(), ann, token.LoginOptions{})
			wantErr(t, err, c.want)
			if n := k.sessions(); n != 1 || !bad.Access.IsZero() {
				t.Errorf("the failed login left %d sessions, want the first alone", n)
			}
			_, err = k.refresh(p)
			wantErr(t, err, c.want)
			if errors.Is(err, token.ErrInvalidToken) {
				t.Error("a callback's failure says that the token is bad")
			}
			fail = false
			again, err := k.refresh(p) // within the grace window
			noErr(t, err)
			noErr(t, k.verify(again))
		})
	}
}

// A callback may refuse: an account that was disabled. That is told once, as a refusal, and not as a failure or a success.
func TestCallbackRefuses(t *testing.T) {
	disabled := false
	k := newKit(t, setup{issuer: token.IssuerOptions{Claims: func(context.Context, store.Record) (any, error) {
		if disabled {
			return nil, &token.RefusedError{Err: token.ErrRevoked, Reason: "disabled"}
		}
		return nil, nil
	}}})
	p := k.login()
	disabled = true
	_, err := k.refresh(p)
	wantErr(t, err, token.ErrInvalidToken)
	for typ, want := range map[token.EventType]int{token.EventRefreshRefused: 1, token.EventRefreshed: 0, token.EventFailed: 0} {
		if n := k.events.count(typ); n != want {
			t.Errorf("%d events %s, want %d", n, typ, want)
		}
	}
	if got := (&token.RefusedError{}).Error(); got != "jeton: "+token.ErrInvalidToken.Error() {
		t.Errorf("the zero RefusedError says %q", got)
	}
}

func TestExtraTypes(t *testing.T) {
	s := newMemory(t, time.Now)
	key := must(token.HS256(keyID, secret))
	trust := func(e token.ExtraClaims) error {
		_, err := token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: key.VerifyKey(), Check: token.Sessions(s), Extra: e}}, nil)
		return err
	}
	noErr(t, trust(token.ExtraOf[map[string]any]()))
	noErr(t, trust(token.ExtraOf[*roles]()))
	wantField(t, trust(token.ExtraOf[int]()), "issuers[0].Extra")
	wantField(t, trust(token.ExtraOf[[]string]()), "issuers[0].Extra")
	wantField(t, trust(token.ExtraOf[chan int]()), "issuers[0].Extra")
	t.Run("claims that do not fit", func(t *testing.T) {
		k := newKit(t, setup{trusted: token.TrustedIssuer{Extra: token.ExtraOf[roles]()}})
		p := must(k.issuer.Login(t.Context(), ann, token.LoginOptions{Claims: m{"roles": "admin"}}))
		wantErr(t, k.verify(p), token.ErrMalformed)
	})
	t.Run("no custom claims at all", func(t *testing.T) {
		k := newKit(t, setup{trusted: token.TrustedIssuer{Extra: token.ExtraOf[map[string]any]()}})
		got, ok := token.Extra[map[string]any](must(k.verifier.Verify(t.Context(), k.login().Access.Reveal())))
		if !ok || len(got) != 0 {
			t.Errorf("got %v, %v", got, ok)
		}
	})
}
