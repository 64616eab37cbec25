package token_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

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
	theirs := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(issuerName), jwt.WithAudience(issuerName), jwt.WithStrictDecoding(),
		jwt.WithExpirationRequired(), jwt.WithLeeway(30*time.Second), jwt.WithTimeFunc(func() time.Time { return start }))
	f.Fuzz(func(t *testing.T, header, payload string) {
		got := judgeAny(t, v, forge(header, payload))
		if got == nil {
			return
		}
		agree(t, got, header, payload)
		// What is accepted here golang-jwt's validator accepts as well: ours is only stricter.
		if _, err := theirs.Parse(forge(header, payload), func(*jwt.Token) (any, error) { return secret, nil }); err != nil {
			t.Errorf("golang-jwt refuses it: %v", err)
		}
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

// FuzzHeader: a header that is known by its text is judged as one that is read. One verifier remembers headers from run to
// run, the other is new each time.
func FuzzHeader(f *testing.F) {
	p := fuzzPair(f)
	header, payload := parts(p.Access.Reveal())
	for _, changes := range []m{{}, {"typ": "JWT"}, {"typ": "application/at+jwt"}, {"x": 1}, {"crit": []string{}}, {"kid": "x"}, {"alg": "none"}, {"jwk": m{}}} {
		f.Add(header.with(changes).text(), payload.text())
	}
	f.Add(header.text()+" ", payload.with(m{"aud": "x"}).text())
	f.Add(`{"kid":"2026-01","kid":"2026-01","alg":"HS256","typ":"at+jwt"}`, "{}")
	warm := fuzzVerifier()
	f.Fuzz(func(t *testing.T, header, payload string) {
		for _, raw := range []string{forge(header, payload), forgeWith([]byte("another secret"), header, payload)} {
			cold := judgement(t, fuzzVerifier(), raw)
			for range 2 {
				if got := judgement(t, warm, raw); got != cold {
					t.Fatalf("warm %q, cold %q", got, cold)
				}
			}
		}
	})
}

// judgement is all that a verification says, as one text.
func judgement(t *testing.T, v *token.Verifier, raw string) string {
	got := judgeAny(t, v, raw)
	if got != nil {
		extra, _ := token.Extra[map[string]any](got)
		return fmt.Sprint(got.Subject(), got.ID(), got.SessionID(), got.Seq(), got.Audience(), got.ClientID(), got.IssuedAt(), got.ExpiresAt(), extra)
	}
	_, err := v.Verify(t.Context(), raw)
	return err.Error()
}

// FuzzJWK: any text is refused with a field's name or is a key, and never a panic. What is a key comes back from its JWK set.
func FuzzJWK(f *testing.F) {
	for _, key := range []any{secret, rsaKey(), p256(), p521(), edKey(0)} {
		f.Add([]byte(jwkOf(key).text()))
		f.Add([]byte(jwkOf(key).with(noPrivate).text()))
		f.Add(setOf(jwkOf(key).with(noPrivate)))
		f.Add(setOf(jwkOf(key)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		signing, err := token.ParseSigningJWK(text)
		field(t, err)
		verify, err := token.ParseVerifyJWK(text)
		if field(t, err) {
			again(t, verify)
		}
		set, err := token.ParseJWKS(text)
		if field(t, err) {
			for _, k := range set.Keys() {
				again(t, k)
			}
		}
		_, err = token.ParsePrivateJWKS(text)
		field(t, err)
		if signing.KeyID() != "" {
			sig := must(token.SignForTest(signing, "a.b"))
			noErr(t, token.VerifyForTest(signing.VerifyKey(), signing.Algorithm(), "a.b", sig))
		}
	})
}

// FuzzPEM: any text is refused with a field's name or is a key, and never a panic.
func FuzzPEM(f *testing.F) {
	for _, key := range []crypto.Signer{rsaKey(), p256(), edKey(0)} {
		f.Add(encode("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key))))
		f.Add(encode("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(key.Public()))))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, alg := range []string{"", token.AlgRS256} {
			_, err := token.ParseSigningPEM("k", alg, text)
			field(t, err)
			verify, err := token.ParseVerifyPEM("k", alg, text)
			if field(t, err) {
				again(t, verify)
			}
		}
	})
}

// field reports whether there is no error, and holds an error to its type.
func field(t *testing.T, err error) bool {
	var f *store.FieldError
	if err != nil && !errors.As(err, &f) {
		t.Fatalf("the error is %v", err)
	}
	return err == nil
}

// again publishes a key, unless it is a secret, and reads it back.
func again(t *testing.T, k token.VerifyKey) {
	if k.Thumbprint() == "" {
		return
	}
	set := must(token.ParseJWKS(must(token.MarshalJWKS(k))))
	if got := set.Keys(); len(got) != 1 || got[0].KeyID() != k.KeyID() || got[0].Thumbprint() != k.Thumbprint() || got[0].Algorithm() != k.Algorithm() {
		t.Fatalf("it came back as %v", got)
	}
}

// deep nests deeper than the library is let.
func deep(open, end string) string {
	return `{"x":` + strings.Repeat(open, 66) + "1" + strings.Repeat(end, 66) + "}"
}

func manyNames(n int) string {
	o := m{}
	for i := range n {
		o[fmt.Sprint("name", i)] = i
	}
	return o.text()
}

// FuzzScan: what the scanner reads of a payload is what the strict library reads of it.
func FuzzScan(f *testing.F) {
	_, payload := parts(fuzzPair(f).Access.Reveal())
	for _, seed := range []string{
		payload.text(), "{}", "}", "{", `{"aud":]}`, `{"aud":[]}`, `{"aud":["a","b","c"],"x":{"a":[1,{"a":2}],"b":true}}`, `{"x":1,"y":"z","x":2}`,
		`{"x":{"a":1,"a":2}}`, `{"exp":012}`, `{"exp":-1}`, `{"exp":1.5}`, `{"seq":18446744073709551615}`, `{"seq":18446744073709551616}`, `{"Exp":1}`, `{"x":nul}`, `{"x":"a}`, `{"x":1,}`,
		`{"exp":253402300799,"nbf":253402300800}`, `{"seq":1`, `{"x":[[[[[[[[[[1]]]]]]]]]]}`, deep("[", "]"), deep(`{"a":`, "}"), `{"rot":0,"lnk":"x"}`, `{"":1}`, `{"exp":1}x`, `{"sub":"a\u0062"}`,
		`{"x":`, `{"exp":`, `{"x":}`, `{"exp":}`, `{"x":[,1]}`, `{"x":[1`, `{"x":{"a":`, `{"Client_ID":"x"}`, "{\"sub\":\"a\x80\"}", `{"x":null,"y":false,"z":[null,[]],"w":{}}`, `{"x":[nul]}`, `{"aud":["a",1]}`, `{"aud":{}}`, `{"x":{"a":tru}}`, `{"x":[1 ]}`, manyNames(33), manyNames(32),
		`{"sub":"änn","name":"Müller\u007f"}`, "{\"sub\":\"a\xff\"}", "{\"x\":\"\xed\xa0\x80\"}", `{"ſub":"x"}`, "{\"sub\":\"a\x7fb\"}", "{\"sub\":\"a\tb\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, others := range []bool{false, true} {
			if _, difference := token.ScanForTest(text, others); difference != "" {
				t.Fatalf("others %v: %s", others, difference)
			}
		}
	})
}
