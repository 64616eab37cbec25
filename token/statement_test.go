package token_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// A statement is read by who has its key and expects its type, and by nobody else.
func TestStatements(t *testing.T) {
	key, other := must(token.HS256(keyID, secret)), must(token.HS256("else", secret))
	forged := must(token.HS256(keyID, []byte(strings.Repeat("another secret ", 3))))
	good := must(token.SignClaims(key, "x+jwt", map[string]any{"a": 1}))
	text := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	raw := func(head, body string) string {
		signed := text(head) + "." + text(body)
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(signed))
		return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	const head = `{"alg":"HS256","kid":"` + keyID + `","typ":"x+jwt"}`
	for _, c := range []struct {
		rule, typ, raw string
		most           int
		want           error
	}{
		{"good", "x+jwt", good, len(good), nil},
		{"with the prefix", "application/x+jwt", good, len(good), nil},
		{"its typ with the prefix", "x+jwt", raw(strings.Replace(head, "x+jwt", "application/x+jwt", 1), `{"a":1}`), 1000, nil},
		{"longer than allowed", "x+jwt", good, len(good) - 1, token.ErrTooLong},
		{"longer than an access token may be", "x+jwt", must(token.SignClaims(key, "x+jwt", map[string]any{"a": 1, "b": strings.Repeat("b", token.MaxBytes)})), 20000, nil},
		{"another type", "y+jwt", good, 1000, token.ErrType},
		{"no type", "x+jwt", raw(`{"alg":"HS256","kid":"`+keyID+`"}`, `{"a":1}`), 1000, token.ErrType},
		{"another kid", "x+jwt", must(token.SignClaims(other, "x+jwt", map[string]any{"a": 1})), 1000, token.ErrKey},
		{"another's signature", "x+jwt", must(token.SignClaims(forged, "x+jwt", map[string]any{"a": 1})), 1000, token.ErrSignature},
		{"no algorithm", "x+jwt", text(`{"alg":"none","kid":"`+keyID+`","typ":"x+jwt"}`) + "." + text(`{"a":1}`) + ".AA", 1000, token.ErrKey},
		{"an unknown extension", "x+jwt", raw(`{"crit":["b"],`+head[1:], `{"a":1}`), 1000, token.ErrCritical},
		{"a claim twice", "x+jwt", raw(head, `{"a":1,"a":1}`), 1000, token.ErrMalformed},
		{"a claim of another type", "x+jwt", raw(head, `{"a":"1"}`), 1000, token.ErrMalformed},
		{"a claim in capitals is another", "x+jwt", raw(head, `{"A":2,"a":1}`), 1000, nil},
		{"something behind", "x+jwt", raw(head, `{"a":1}{}`), 1000, token.ErrMalformed},
		{"nested too deep", "x+jwt", raw(head, `{"a":1,"b":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`}`), 1000, token.ErrMalformed},
		{"two parts", "x+jwt", "a.b", 1000, token.ErrMalformed},
		{"a line break", "x+jwt", good + "\n", 1000, token.ErrMalformed},
	} {
		t.Run(c.rule, func(t *testing.T) {
			var claims struct {
				A int `json:"a"`
			}
			err := token.VerifyClaims(t.Context(), key.VerifyKey(), c.typ, c.raw, c.most, &claims)
			if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) || (err == nil && claims.A != 1) {
				t.Errorf("%v, want %v; claims %v", err, c.want, claims)
			}
			if err != nil && !errors.Is(err, token.ErrInvalidToken) {
				t.Errorf("%v is no refusal", err)
			}
		})
	}
}

// TestStatementsOfBothSignatures: of ECDSA's two signatures for a text we make the one with the lower s, and read either.
// Killed mutants: the lower one alone is read; the higher one is made.
func TestStatementsOfBothSignatures(t *testing.T) {
	for alg, private := range map[string]*ecdsa.PrivateKey{token.AlgES256: p256(), token.AlgES384: p384(), token.AlgES512: p521()} {
		key := must(token.NewSigningKey(keyID, alg, private))
		half := new(big.Int).Rsh(private.Params().N, 1)
		for range 8 { // a signature is the lower one by chance, every other time
			lower := must(token.SignClaims(key, "x+jwt", map[string]any{"a": 1}))
			sig := must(unb64(lower[strings.LastIndexByte(lower, '.')+1:]))
			if new(big.Int).SetBytes(sig[len(sig)/2:]).Cmp(half) > 0 {
				t.Errorf("%s: made with the higher s", alg)
			}
			for which, raw := range map[string]string{"lower": lower, "higher": otherS(lower, private.Curve)} {
				var claims struct {
					A int `json:"a"`
				}
				if err := token.VerifyClaims(t.Context(), key.VerifyKey(), "x+jwt", raw, 1000, &claims); err != nil || claims.A != 1 {
					t.Errorf("%s with the %s s: %v", alg, which, err)
				}
			}
		}
	}
}

// What opens something is not signed as a statement, nor read as one; and who cannot answer proves nothing.
func TestStatementsBadInput(t *testing.T) {
	key := must(token.HS256(keyID, secret))
	for _, typ := range []string{"", "at+jwt", "application/at+jwt", "rt+jwt", "logout+jwt", "JWT", "Jwt", "AT+JWT", "APPLICATION/at+jwt"} {
		if _, err := token.SignClaims(key, typ, map[string]any{}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%q is signed: %v", typ, err)
		}
		if err := token.VerifyClaims(t.Context(), key.VerifyKey(), typ, "", 1, nil); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%q is read: %v", typ, err)
		}
	}
	for _, claims := range []any{nil, 1, []int{1}, make(chan int)} {
		if _, err := token.SignClaims(key, "x+jwt", claims); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%v is signed: %v", claims, err)
		}
	}
	if _, err := token.SignClaims(token.SigningKey{}, "x+jwt", map[string]any{}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("the zero key: %v", err)
	}
	if err := token.VerifyClaims(t.Context(), nil, "x+jwt", "", 1, nil); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("no keys: %v", err)
	}
	good := must(token.SignClaims(key, "x+jwt", map[string]any{}))
	err := token.VerifyClaims(t.Context(), noAnswer{}, "x+jwt", good, 1000, &struct{}{})
	if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, token.ErrInvalidToken) {
		t.Errorf("keys that are not at hand: %v", err)
	}
}

type noAnswer struct{}

func (noAnswer) FindKey(context.Context, string) (token.VerifyKey, error) {
	return token.VerifyKey{}, store.ErrUnavailable
}

// AccessID is what the issuer writes into the token, at login and after a refresh.
func TestAccessID(t *testing.T) {
	s := must(memstore.New(nil))
	defer func() { _ = s.Close() }()
	key := must(token.HS256(keyID, secret))
	issuer := must(token.NewIssuer(s, issuerName, key, nil))
	verifier := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: key.VerifyKey(), Check: token.Sessions(s)}}, nil))
	defer func() { _ = verifier.Close() }()
	first := must(issuer.Login(t.Context(), ann, token.LoginOptions{}))
	second := must(issuer.Refresh(t.Context(), first.Refresh.Reveal(), token.RefreshOptions{}))
	for _, p := range []token.Pair{first, second} {
		if got := must(verifier.Verify(t.Context(), p.Access.Reveal())).ID(); got != token.AccessID(p.Session) {
			t.Errorf("the jti is %s, and AccessID says %s", got, token.AccessID(p.Session))
		}
	}
}
