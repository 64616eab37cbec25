package token_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// alive is a checker that lets everything live, so that fuzzing gets behind the signature and the claims.
var alive = checker{life: 24 * time.Hour, answer: token.Answer{Verdict: store.Verdict{Alive: true}}}

func fuzzVerifier() *token.Verifier {
	return must(token.NewVerifier([]token.TrustedIssuer{{
		Issuer: issuerName, Keys: must(token.HS256(keyID, secret)).VerifyKey(), Check: alive, Extra: token.ExtraOf[map[string]any](),
	}}, &token.VerifierOptions{Now: func() time.Time { return start }}))
}

// fuzzPair returns a good pair.
func fuzzPair(f *testing.F) token.Pair {
	now := func() time.Time { return start }
	s := must(memstore.New(&memstore.Options{Now: now, SweepInterval: -1}))
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	})
	i := must(token.NewIssuer(s, issuerName, must(token.HS256(keyID, secret)), &token.IssuerOptions{Now: now}))
	return must(i.Login(context.Background(), ann, token.LoginOptions{Claims: m{"roles": []string{"a"}}}))
}

// FuzzVerify: any text is refused or is a token, and never a panic.
func FuzzVerify(f *testing.F) {
	p := fuzzPair(f)
	for _, seed := range []string{
		"", ".", "..", "...", "a.b.c", p.Access.Reveal(), p.Refresh.Reveal(), p.Access.Reveal() + "\n", p.Access.Reveal()[1:],
		b64(`{"alg":"none"}`) + "." + b64(`{}`) + ".", forge(`{"alg":"HS256","kid":"2026-01","typ":"at+jwt"}`, `{"iss":[[[[`),
	} {
		f.Add(seed)
	}
	v := fuzzVerifier()
	f.Fuzz(func(t *testing.T, raw string) { judgeAny(t, v, raw) })
}

// judgeAny verifies and checks that the answer is one or the other.
func judgeAny(t *testing.T, v *token.Verifier, raw string) *token.Token {
	got, err := v.Verify(t.Context(), raw)
	if (got == nil) == (err == nil) || (err != nil && !errors.Is(err, token.ErrInvalidToken)) {
		t.Fatalf("the answer is %v, %v", got, err)
	}
	return got
}

// FuzzClaims signs any header and payload. What is accepted must be what another JSON reader sees, or two servers would
// see two tokens.
func FuzzClaims(f *testing.F) {
	p := fuzzPair(f)
	header, payload := parts(p.Access.Reveal())
	good := `{"iss":"https://login.example","sub":"ann","aud":"https://login.example","exp":1772601667,"iat":1772600767,` +
		`"jti":"a","client_id":"c","sid":"s","seq":17,"realm":"r","x":{"y":[1,2.5e3,null,true]}}`
	for _, seed := range []string{
		"{}", good, payload.text(), `{"exp":1e300}`, `{"exp":1.5,"nbf":0.1}`, `{"aud":[]}`, `{"sub":"\ud800"}`, `{"\u0073ub":"ann"}`,
	} {
		f.Add(header.text(), seed)
		f.Add(seed, good)
	}
	v := fuzzVerifier()
	f.Fuzz(func(t *testing.T, header, payload string) {
		got := judgeAny(t, v, forge(header, payload))
		if got == nil {
			return
		}
		agree(t, got, header, payload)
	})
}

// agree compares an accepted token with what the standard library reads of it.
func agree(t *testing.T, got *token.Token, header, payload string) {
	var h, c map[string]any
	for text, into := range map[string]*map[string]any{header: &h, payload: &c} {
		d := json.NewDecoder(bytes.NewReader([]byte(text)))
		d.UseNumber()
		if err := d.Decode(into); err != nil {
			t.Fatalf("encoding/json does not read it: %v", err)
		}
	}
	extra, _ := token.Extra[map[string]any](got)
	realm, _ := c["realm"].(string)
	switch {
	case h["alg"] != "HS256" || h["kid"] != keyID || h["crit"] != nil:
		t.Errorf("accepted with the header %v", h)
	case c["sub"] != got.Subject().Name || c["sid"] != got.SessionID() || c["jti"] != got.ID() || realm != got.Subject().Realm || c["iss"] != issuerName:
		t.Errorf("the token is %v, another reader sees %v", got, c)
	case extra["sub"] != nil || extra["exp"] != nil:
		t.Errorf("registered claims are among the custom ones: %v", extra)
	case !got.ExpiresAt().After(start.Add(-30 * time.Second)):
		t.Errorf("accepted, though it expired at %v", got.ExpiresAt())
	}
}

// FuzzRefresh: any text is refused or refreshed, and never a panic; whatever it is, no error speaks of an outage.
func FuzzRefresh(f *testing.F) {
	now := func() time.Time { return start }
	s := must(memstore.New(&memstore.Options{Now: now, SweepInterval: -1}))
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	})
	i := must(token.NewIssuer(s, issuerName, must(token.HS256(keyID, secret)), &token.IssuerOptions{Now: now}))
	_, payload := parts(fuzzPair(f).Refresh.Reveal())
	f.Add(payload.text())
	f.Add(`{"iss":"https://login.example","sub":"ann","aud":"https://login.example","exp":1772601667,"iat":1772600767,` +
		`"jti":"a","sid":"s","rot":0,"lnk":"AAAAAAAAAAAAAAAAAAAAAQ"}`)
	f.Fuzz(func(t *testing.T, payload string) {
		_, err := i.Refresh(t.Context(), forge(`{"alg":"HS256","kid":"2026-01","typ":"rt+jwt"}`, payload), token.RefreshOptions{})
		if !errors.Is(err, token.ErrInvalidToken) {
			t.Fatalf("the store holds no session, and the answer is %v", err)
		}
	})
}
