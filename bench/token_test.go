package bench_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/jetonkit/jeton/bench"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

const benchIssuer = "https://login.example"

// alive is a checker without a store: what is measured is the codec.
type alive struct{}

func (alive) Check(context.Context, *token.Token) (token.Answer, error) {
	return token.Answer{Verdict: store.Verdict{Alive: true}}, nil
}

func (alive) MaxTokenLife() (time.Duration, error) { return 24 * time.Hour, nil }

// jwtSide is one token, our verifier and golang-jwt's parser with all that it can be told to demand.
type jwtSide struct {
	b        *testing.B
	raw      string
	verifier *token.Verifier
	parser   *jwt.Parser
	key      any // as golang-jwt takes it
}

func newJWTSide(b *testing.B, alg string, private, public any) *jwtSide {
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	key, err := token.NewSigningKey("2026-01", alg, private)
	must(err)
	s, err := memstore.New(nil)
	must(err)
	b.Cleanup(func() { must(s.Close()) })
	issuer, err := token.NewIssuer(s, benchIssuer, key, nil)
	must(err)
	pair, err := issuer.Login(b.Context(), store.User("ann"), token.LoginOptions{})
	must(err)
	v, err := token.NewVerifier([]token.TrustedIssuer{{Issuer: benchIssuer, Keys: key.VerifyKey(), Check: alive{}}},
		&token.VerifierOptions{TouchInterval: -1, CacheBytes: -1})
	must(err)
	return &jwtSide{
		b: b, raw: pair.Access.Reveal(), verifier: v, key: public,
		parser: jwt.NewParser(jwt.WithValidMethods([]string{alg}), jwt.WithIssuer(benchIssuer), jwt.WithAudience(benchIssuer),
			jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding(), jwt.WithLeeway(30*time.Second)),
	}
}

func (j *jwtSide) ours(n int) {
	for range n {
		if _, err := j.verifier.Verify(j.b.Context(), j.raw); err != nil {
			j.b.Fatal(err)
		}
	}
}

func (j *jwtSide) theirs(n int) {
	for range n {
		_, err := j.parser.ParseWithClaims(j.raw, &jwt.RegisteredClaims{}, func(t *jwt.Token) (any, error) {
			if t.Header["kid"] != "2026-01" || t.Header["typ"] != "at+jwt" {
				return nil, jwt.ErrTokenUnverifiable
			}
			return j.key, nil
		})
		if err != nil {
			j.b.Fatal(err)
		}
	}
}

// bare is a signature check with nothing around it.
func (j *jwtSide) bare(check func(signed, sig []byte) bool) func(int) {
	dot := strings.LastIndexByte(j.raw, '.')
	sig, err := base64.RawURLEncoding.DecodeString(j.raw[dot+1:])
	if err != nil {
		j.b.Fatal(err)
	}
	signed := []byte(j.raw[:dot])
	return func(n int) {
		for range n {
			if !check(signed, sig) {
				j.b.Fatal("the signature is not good")
			}
		}
	}
}

func BenchmarkToken(b *testing.B) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	hs := newJWTSide(b, "HS256", secret, secret)
	rs := newJWTSide(b, "RS256", rsaKey, &rsaKey.PublicKey)
	es := newJWTSide(b, "ES256", ecKey, &ecKey.PublicKey)
	ed := newJWTSide(b, "EdDSA", edKey, edPublic)
	fmt.Printf("a cold HS256 verify: %v allocations, golang-jwt's %v; %d bytes\n", testing.AllocsPerRun(1000, func() { hs.ours(1) }),
		testing.AllocsPerRun(1000, func() { hs.theirs(1) }), len(hs.raw))
	bench.Gate(b,
		bench.Row{Name: "cold HS256 verify to golang-jwt, all its options strict", Of: hs.ours, By: hs.theirs, Ops: 5000, Most: 0.35},
		bench.Row{Name: "cold RS256 verify to the bare signature check", Of: rs.ours, By: rs.bare(func(signed, sig []byte) bool {
			sum := sha256.Sum256(signed)
			return rsa.VerifyPKCS1v15(&rsaKey.PublicKey, crypto.SHA256, sum[:], sig) == nil
		}), Ops: 2000, Most: 1.1},
		bench.Row{Name: "cold ES256 verify to the bare signature check", Of: es.ours, By: es.bare(func(signed, sig []byte) bool {
			sum := sha256.Sum256(signed)
			return ecdsa.Verify(&ecKey.PublicKey, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
		}), Ops: 2000, Most: 1.1},
		bench.Row{Name: "cold EdDSA verify to the bare signature check", Of: ed.ours, By: ed.bare(func(signed, sig []byte) bool {
			return ed25519.Verify(edPublic, signed, sig)
		}), Ops: 2000, Most: 1.1},
		bench.Row{Name: "cold RS256 verify to golang-jwt", Of: rs.ours, By: rs.theirs, Ops: 500},
		bench.Row{Name: "cold ES256 verify to golang-jwt", Of: es.ours, By: es.theirs, Ops: 500},
		bench.Row{Name: "cold EdDSA verify to golang-jwt", Of: ed.ours, By: ed.theirs, Ops: 500},
	)
}
