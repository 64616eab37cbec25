package token_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"io"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

var (
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	p256   = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	p384   = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) })
	p521   = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)) })
)

// algorithms are all of them, each with private material and its public half.
func algorithms() map[string][2]any {
	long := []byte(strings.Repeat("0123456789abcdef", 4))
	return map[string][2]any{
		token.AlgHS256: {secret, secret}, token.AlgHS384: {long, long}, token.AlgHS512: {long, long},
		token.AlgRS256: {rsaKey(), &rsaKey().PublicKey}, token.AlgRS384: {rsaKey(), &rsaKey().PublicKey}, token.AlgRS512: {rsaKey(), &rsaKey().PublicKey},
		token.AlgPS256: {rsaKey(), &rsaKey().PublicKey}, token.AlgPS384: {rsaKey(), &rsaKey().PublicKey}, token.AlgPS512: {rsaKey(), &rsaKey().PublicKey},
		token.AlgES256: {p256(), &p256().PublicKey}, token.AlgES384: {p384(), &p384().PublicKey}, token.AlgES512: {p521(), &p521().PublicKey},
		token.AlgEdDSA: {edKey(0), edKey(0).Public()}, token.AlgEd25519: {edKey(0), edKey(0).Public()},
	}
}

// hsm is a private key that somebody else keeps.
type hsm struct{ crypto.Signer }

// Every algorithm issues, refreshes and verifies, and no key checks what another algorithm signed.
func TestEveryAlgorithm(t *testing.T) {
	var all []token.VerifyKey
	raws := map[string]string{}
	for alg, key := range algorithms() {
		t.Run(alg, func(t *testing.T) {
			k := newKit(t, setup{})
			signing := must(token.NewSigningKey("k", alg, key[0]))
			v := must(token.NewVerifyKey("k", alg, key[1]))
			all = append(all, v)
			raws[alg] = issueAndVerify(t, k, signing, v)
			if h, _ := parts(raws[alg]); h["alg"] != alg {
				t.Errorf("the header is %v", h)
			}
			if alg != token.AlgEd25519 { // a name that golang-jwt does not know
				_, err := jwt.Parse(raws[alg], func(*jwt.Token) (any, error) { return key[1], nil }, jwt.WithValidMethods([]string{alg}),
					jwt.WithTimeFunc(k.clock.Now), jwt.WithStrictDecoding())
				noErr(t, err)
			}
			if signer, ok := key[0].(crypto.Signer); ok {
				issueAndVerify(t, k, must(token.NewSigningKey("k", alg, hsm{signer})), v)
			}
		})
	}
	if names := token.Algorithms(); len(names) != len(all) {
		t.Errorf("the algorithms are %v", names)
	}
	for _, v := range all {
		for alg, raw := range raws {
			_, err := token.VerifyJWSForTest(t.Context(), v, raw)
			same := v.Algorithm() == alg || (strings.HasPrefix(v.Algorithm(), "Ed") && strings.HasPrefix(alg, "Ed"))
			switch {
			case same && err != nil, !same && !errors.Is(err, token.ErrKey):
				t.Errorf("a key of %s checks a token of %s: %v", v.Algorithm(), alg, err)
			}
		}
	}
}

func issueAndVerify(t *testing.T, k *kit, signing token.SigningKey, v token.VerifyKey) string {
	t.Helper()
	i := must(token.NewIssuer(k.store, issuerName, signing, &token.IssuerOptions{Now: k.clock.Now}))
	verifier := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: v, Check: token.Sessions(k.store)}},
		&token.VerifierOptions{Now: k.clock.Now, TouchInterval: -1}))
	p := must(i.Login(t.Context(), ann, token.LoginOptions{}))
	_, err := i.Refresh(t.Context(), p.Refresh.Reveal(), token.RefreshOptions{})
	noErr(t, err)
	for range 2 { // the second by its header's text
		_, err = verifier.Verify(t.Context(), p.Access.Reveal())
		noErr(t, err)
	}
	return p.Access.Reveal()
}

// liar is a crypto.Signer whose signatures are another key's.
type liar struct {
	crypto.Signer
	public crypto.PublicKey
}

func (l liar) Public() crypto.PublicKey { return l.public }

// broken is a crypto.Signer that returns what is no signature, or an error.
type broken struct {
	crypto.Signer
	sig []byte
	err error
}

func (b broken) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return b.sig, b.err }

// longer is a crypto.Signer that adds a byte to good signatures.
type longer struct{ crypto.Signer }

func (l longer) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	sig, err := l.Signer.Sign(r, digest, o)
	return append(sig, 0), err
}

// What a KMS returns is checked before anybody gets it.
func TestSignersThatFail(t *testing.T) {
	s := newMemory(t, newClock().Now)
	other := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	outage := errors.New("the HSM is away")
	for name, c := range map[string]struct {
		alg    string
		signer crypto.Signer
	}{
		"another key's signatures":          {token.AlgES256, liar{other, p256().Public()}},
		"another Ed25519 key's":             {token.AlgEdDSA, liar{edKey(1), edKey(0).Public()}},
		"no ASN.1":                          {token.AlgES256, broken{p256(), []byte("xx"), nil}},
		"ASN.1 with more behind it":         {token.AlgES256, longer{p256()}},
		"ASN.1 of zeros":                    {token.AlgES256, broken{p256(), []byte{0x30, 6, 2, 1, 0, 2, 1, 0}, nil}},
		"ASN.1 with a negative s":           {token.AlgES256, broken{p256(), []byte{0x30, 6, 2, 1, 1, 2, 1, 0xff}, nil}},
		"nothing, for RSA":                  {token.AlgRS256, broken{rsaKey(), nil, nil}},
		"an error":                          {token.AlgPS256, broken{rsaKey(), nil, outage}},
		"an r that is wider than the order": {token.AlgES256, broken{p256(), append([]byte{0x30, 45, 2, 40}, append(bytes.Repeat([]byte{0x7f}, 40), 2, 1, 1)...), nil}},
	} {
		t.Run(name, func(t *testing.T) {
			key := must(token.NewSigningKey("k", c.alg, c.signer))
			_, err := token.NewIssuer(s, issuerName, key, nil)
			if err == nil || !strings.Contains(err.Error(), "signing failed") || errors.Is(err, store.ErrInvalid) {
				t.Errorf("the error is %v", err)
			}
			if name == "an error" {
				wantErr(t, err, outage)
			}
		})
	}
}

// otherS returns the token's text with the other signature of two: (r, n - s).
func otherS(raw string, c elliptic.Curve) string {
	dot := strings.LastIndexByte(raw, '.')
	sig := must(unb64(raw[dot+1:]))
	s := sig[len(sig)/2:]
	new(big.Int).Sub(c.Params().N, new(big.Int).SetBytes(s)).FillBytes(s)
	return raw[:dot+1] + b64(string(sig))
}

// A token of ours has one text: the ECDSA signature with the lower s, also where a KMS signs. Under a bare key, as foreign
// issuers have, both are good: half of their tokens have the higher s.
func TestLowerS(t *testing.T) {
	for alg, key := range map[string]*ecdsa.PrivateKey{token.AlgES256: p256(), token.AlgES384: p384(), token.AlgES512: p521()} {
		t.Run(alg, func(t *testing.T) {
			k := newKit(t, setup{})
			half := new(big.Int).Rsh(key.Params().N, 1)
			for _, private := range []any{key, hsm{key}} {
				signing := must(token.NewSigningKey("k", alg, private))
				i := must(token.NewIssuer(k.store, issuerName, signing, &token.IssuerOptions{Now: k.clock.Now}))
				v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: signing.VerifyKey(), Check: token.Sessions(k.store)}},
					&token.VerifierOptions{Now: k.clock.Now, TouchInterval: -1}))
				for range 16 {
					p := must(i.Login(t.Context(), ann, token.LoginOptions{}))
					raw := p.Access.Reveal()
					sig := must(unb64(raw[strings.LastIndexByte(raw, '.')+1:]))
					if new(big.Int).SetBytes(sig[len(sig)/2:]).Cmp(half) > 0 {
						t.Fatal("signed with the higher s")
					}
					other := otherS(raw, key.Curve)
					refused(t, func(raw string) (*token.Token, error) { return v.Verify(t.Context(), raw) }, other, token.ErrSignature)
					_, err := i.Refresh(t.Context(), otherS(p.Refresh.Reveal(), key.Curve), token.RefreshOptions{})
					wantErr(t, err, token.ErrSignature)
					_, err = token.VerifyJWSForTest(t.Context(), signing.VerifyKey(), other)
					noErr(t, err)
				}
			}
		})
	}
}

// golang-jwt takes a PSS salt of any length.
func TestPSSSaltIsAsLongAsTheHash(t *testing.T) {
	key := must(token.NewVerifyKey("k", token.AlgPS256, &rsaKey().PublicKey))
	sum := sha256.Sum256([]byte("a.b"))
	for _, length := range []int{0, 20, 31, 32, 33, rsa.PSSSaltLengthAuto} {
		sig := must(rsa.SignPSS(rand.Reader, rsaKey(), crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: length}))
		noErr(t, jwt.SigningMethodPS256.Verify("a.b", sig, &rsaKey().PublicKey))
		err := token.VerifyForTest(key, "PS256", "a.b", sig)
		if length == 32 {
			noErr(t, err)
		} else {
			wantErr(t, err, token.ErrSignature)
		}
	}
}

// A key that is weak checks nothing, whoever made it.
func TestWeakKeysCheckNothing(t *testing.T) {
	small := must(rsa.GenerateKey(rand.Reader, 1024))
	sum := sha256.Sum256([]byte("a.b"))
	rsaSig := must(rsa.SignPKCS1v15(rand.Reader, small, crypto.SHA256, sum[:]))
	short := token.WeakForTest("k", token.AlgHS256, secret[:31])
	empty := token.WeakForTest("k", token.AlgHS256, []byte{})
	for name, c := range map[string]struct {
		key token.VerifyKey
		alg string
		sig []byte
	}{
		"RSA of 1024 bits":     {token.WeakForTest("k", token.AlgRS256, &small.PublicKey), "RS256", rsaSig},
		"a secret of 31 bytes": {short, "HS256", must(jwt.SigningMethodHS256.Sign("a.b", secret[:31]))},
		"no secret":            {empty, "HS256", must(jwt.SigningMethodHS256.Sign("a.b", []byte{}))},
	} {
		t.Run(name, func(t *testing.T) { wantErr(t, token.VerifyForTest(c.key, c.alg, "a.b", c.sig), token.ErrKey) })
	}
}

// The pooled HMAC is golang-jwt's, for every length of text around its buffers, from many callers at once.
func TestHMACIsGolangJWTs(t *testing.T) {
	long := []byte(strings.Repeat("0123456789abcdef", 16)) // over a block of SHA-512
	for _, m := range []*jwt.SigningMethodHMAC{jwt.SigningMethodHS256, jwt.SigningMethodHS384, jwt.SigningMethodHS512} {
		key := must(token.NewSigningKey("k", m.Name, long))
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for _, n := range []int{0, 1, 63, 64, 511, 512, 513, 1024, 5000} {
					text := strings.Repeat("x", n)
					theirs, err := m.Sign(text, long)
					noErr(t, err)
					ours, err := token.SignForTest(key, text)
					noErr(t, err)
					if !bytes.Equal(ours, theirs) {
						t.Errorf("%s of %d bytes is another", m.Name, n)
					}
					noErr(t, token.VerifyForTest(key.VerifyKey(), m.Name, text, theirs))
					wantErr(t, token.VerifyForTest(key.VerifyKey(), m.Name, text+"y", theirs), token.ErrSignature)
				}
			})
		}
		all.Wait()
	}
}
