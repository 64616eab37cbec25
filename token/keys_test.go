package token_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

func TestKeysThatAreRefused(t *testing.T) {
	good := edKey(0)
	mixed := slices.Concat(good[:32], edKey(1)[32:])
	long := strings.Repeat("k", store.MaxNameLen+1)
	sign := func(_ token.SigningKey, err error) error { return err }
	check := func(_ token.VerifyKey, err error) error { return err }
	for _, c := range []struct {
		name  string
		err   error
		field string
	}{
		{"no secret", sign(token.HS256("k", nil)), "secret"},
		{"a secret of 31 bytes", sign(token.HS256("k", secret[:31])), "secret"},
		{"a secret of zeros", sign(token.HS256("k", make([]byte, 32))), "secret"},
		{"a secret of one byte over and over", sign(token.HS256("k", bytes.Repeat([]byte("x"), 100))), "secret"},
		{"HS256 without a kid", sign(token.HS256("", secret)), "kid"},
		{"HS256 with a kid of 257 bytes", sign(token.HS256(long, secret)), "kid"},
		{"HS256 with a kid that is not UTF-8", sign(token.HS256("\xff", secret)), "kid"},
		{"no private key", sign(token.Ed25519("k", nil)), "key"},
		{"a private key of 32 bytes, a seed", sign(token.Ed25519("k", good[:32])), "key"},
		{"a private key with another's public half", sign(token.Ed25519("k", mixed)), "key"},
		{"Ed25519 without a kid", sign(token.Ed25519("", good)), "kid"},
		{"no public key", check(token.Ed25519Public("k", nil)), "key"},
		{"a public key of 31 bytes", check(token.Ed25519Public("k", edBytes(good.Public())[:31])), "key"},
		{"a public key of zeros", check(token.Ed25519Public("k", make([]byte, 32))), "key"},
		{"a public key without a kid", check(token.Ed25519Public("", edBytes(good.Public()))), "kid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantField(t, c.err, c.field)
			wantErr(t, c.err, store.ErrInvalid)
		})
	}
}

// TestPointsOfSmallOrder: under each of these a signature that nobody made is good for one text of eight or more, which
// proves the table right, and each is refused as a key.
func TestPointsOfSmallOrder(t *testing.T) {
	last := strings.Repeat("ff", 30)
	forged := make([]byte, ed25519.SignatureSize)
	forged[0] = 1 // R is the neutral point, S is 0
	for _, y := range []string{
		strings.Repeat("00", 32), "01" + strings.Repeat("00", 31), "ec" + last + "7f", "ed" + last + "7f", "ee" + last + "7f",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	} {
		for _, sign := range []byte{0, 0x80} {
			public := must(hex.DecodeString(y))
			public[31] |= sign
			good := 0
			for n := range 200 {
				if ed25519.Verify(public, []byte{byte(n)}, forged) {
					good++
				}
			}
			if good == 0 {
				t.Errorf("%x is not of small order", public)
			}
			_, err := token.Ed25519Public("k", public)
			wantField(t, err, "key")
		}
	}
	for seed := range byte(20) {
		_, err := token.Ed25519("k", edKey(seed))
		noErr(t, err)
	}
}

func TestKeySetsThatAreRefused(t *testing.T) {
	a := must(token.HS256("a", secret)).VerifyKey()
	for _, c := range []struct {
		name, field string
		keys        []token.VerifyKey
	}{
		{"no key", "keys", nil},
		{"the zero key", "keys[1]", []token.VerifyKey{a, {}}},
		{"a kid twice", "keys[1]", []token.VerifyKey{a, must(token.Ed25519("a", edKey(0))).VerifyKey()}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := token.NewKeySet(c.keys...)
			wantField(t, err, c.field)
		})
	}
}

func TestKeysAreCopied(t *testing.T) {
	s := slices.Clone(secret)
	k := newKit(t, setup{})
	mine := must(token.HS256(keyID, s))
	clear(s)
	i := must(token.NewIssuer(k.store, issuerName, mine, &token.IssuerOptions{Now: k.clock.Now}))
	noErr(t, k.verify(must(i.Login(t.Context(), ann, token.LoginOptions{}))))
}

func TestEd25519IssuesAndPublicHalfVerifies(t *testing.T) {
	clock := newClock()
	s := newMemory(t, clock.Now)
	key := must(token.Ed25519("ed", edKey(0)))
	i := must(token.NewIssuer(s, issuerName, key, &token.IssuerOptions{Now: clock.Now}))
	raw := must(i.Login(t.Context(), ann, token.LoginOptions{})).Access.Reveal()
	verify := func(k token.KeySet) error {
		v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: k, Check: token.Sessions(s)}},
			&token.VerifierOptions{Now: clock.Now}))
		_, err := v.Verify(t.Context(), raw)
		return err
	}
	noErr(t, verify(must(token.Ed25519Public("ed", edBytes(edKey(0).Public())))))
	wantErr(t, verify(must(token.Ed25519Public("ed", edBytes(edKey(1).Public())))), token.ErrSignature)
	wantErr(t, verify(must(token.Ed25519Public("other", edBytes(edKey(0).Public())))), token.ErrKey)
	if h, _ := parts(raw); h["alg"] != "EdDSA" || h["typ"] != "at+jwt" || h["kid"] != "ed" {
		t.Errorf("the header is %v", h)
	}
}

func TestRFC8037Vector(t *testing.T) {
	// RFC 8037 App. A.4: the signature of "Example of Ed25519 signing" under the key of A.1.
	public := must(unb64("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"))
	header := "eyJhbGciOiJFZERTQSJ9"
	sig := must(unb64("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"))
	if !ed25519.Verify(public, []byte(header+".RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"), sig) {
		t.Fatal("the vector was copied wrongly")
	}
	v := must(token.Ed25519Public("k", public))
	noErr(t, token.VerifyForTest(v, "EdDSA", header+".RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc", sig))
	noErr(t, token.VerifyForTest(v, "Ed25519", header+".RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc", sig))
	wantErr(t, token.VerifyForTest(v, "EdDSA", header+".RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmd", sig), token.ErrSignature)
	wantErr(t, token.VerifyForTest(v, "HS256", header+".RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc", sig), token.ErrKey)
	wantErr(t, token.VerifyForTest(token.VerifyKey{}, "EdDSA", "x.y", sig), token.ErrKey)
}

func TestKeysChangeWithoutALogout(t *testing.T) {
	k := newKit(t, setup{})
	old := k.login()
	next := must(token.Ed25519("2026-02", edKey(0)))
	both := must(token.NewKeySet(k.key.VerifyKey(), next.VerifyKey()))
	i := must(token.NewIssuer(k.store, issuerName, next, &token.IssuerOptions{Keys: both, Now: k.clock.Now}))
	v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: both, Check: token.Sessions(k.store)}},
		&token.VerifierOptions{Now: k.clock.Now}))
	fresh, err := i.Refresh(t.Context(), old.Refresh.Reveal(), token.RefreshOptions{})
	noErr(t, err)
	for _, p := range []token.Pair{old, fresh} {
		_, err := v.Verify(t.Context(), p.Access.Reveal())
		noErr(t, err)
	}
	// Without the old key the old refresh token is nobody's.
	alone := must(token.NewIssuer(k.store, issuerName, next, &token.IssuerOptions{Now: k.clock.Now}))
	_, err = alone.Refresh(t.Context(), old.Refresh.Reveal(), token.RefreshOptions{})
	wantErr(t, err, token.ErrKey)
}

// brokenKeys is a key set that cannot answer.
type brokenKeys struct{ err error }

func (b brokenKeys) FindKey(context.Context, string) (token.VerifyKey, error) {
	return token.VerifyKey{}, b.err
}

func TestKeySetThatCannotAnswerIsNoRefusal(t *testing.T) {
	k := newKit(t, setup{})
	p := k.login()
	for _, c := range []struct {
		name    string
		err     error
		refusal bool
	}{
		{"an outage", errors.New("dial tcp: refused"), false},
		{"a context's end", context.DeadlineExceeded, false},
		{"an unknown kid", token.ErrKey, true},
		{"nothing at all: the zero key", nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := must(token.NewVerifier([]token.TrustedIssuer{{
				Issuer: issuerName, Keys: brokenKeys{c.err}, Check: token.Sessions(k.store),
			}}, &token.VerifierOptions{Now: k.clock.Now}))
			got, err := v.Verify(t.Context(), p.Access.Reveal())
			if got != nil || err == nil || errors.Is(err, token.ErrInvalidToken) != c.refusal {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestKeyAccessors(t *testing.T) {
	k := must(token.HS256("a", secret))
	if k.KeyID() != "a" || k.Algorithm() != "HS256" || k.VerifyKey().KeyID() != "a" || k.VerifyKey().Algorithm() != "HS256" {
		t.Error("kid or alg is not the key's")
	}
	if z := (token.SigningKey{}); z.KeyID() != "" || z.Algorithm() != "" {
		t.Error("the zero key has a kid or an alg")
	}
	_, err := token.VerifyKey{}.FindKey(t.Context(), "")
	wantErr(t, err, token.ErrKey)
}
