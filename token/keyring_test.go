package token_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// The keys of these tests, by their age.
func ringKeyOf(n int) token.SigningKey {
	kid := fmt.Sprintf("key-%d", n)
	if n%2 == 0 {
		return must(token.HS256(kid, []byte(strings.Repeat(kid, 8))))
	}
	return must(token.Ed25519(kid, edKey(byte(n))))
}

func pub(ns ...int) (out []token.VerifyKey) {
	for _, n := range ns {
		out = append(out, ringKeyOf(n).VerifyKey())
	}
	return out
}

func gone(ns ...int) (out []token.RetiredKey) {
	for _, k := range pub(ns...) {
		out = append(out, token.RetiredKey{Key: k})
	}
	return out
}

// mintBy makes an access token that is good but for the key, as whoever has stolen the key can.
func mintBy(key token.SigningKey, like token.Pair, now time.Time) string {
	_, payload := parts(like.Access.Reveal())
	header := m{"alg": key.Algorithm(), "kid": key.KeyID(), "typ": "at+jwt"}
	payload = payload.with(m{"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "seq": int64(payload["seq"].(float64))}) //nolint:errcheck // a number
	signed := b64(header.text()) + "." + b64(payload.text())
	return signed + "." + base64.RawURLEncoding.EncodeToString(must(token.SignForTest(key, signed)))
}

// ringKit is a kit whose issuer and verifier use a ring.
type ringKit struct {
	*kit
	ring *token.Keyring
}

func newRingKit(t *testing.T, keys token.RingKeys, o token.KeyringOptions) *ringKit {
	t.Helper()
	k := &ringKit{kit: newKit(t, setup{})}
	o.Now = k.clock.Now
	k.ring = must(token.NewKeyring(keys, &o))
	k.issuer = must(token.NewIssuer(k.store, issuerName, k.ring, &token.IssuerOptions{Now: k.clock.Now, Grace: time.Minute}))
	k.verifier = must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: k.ring, Check: token.Sessions(k.store)}},
		&token.VerifierOptions{Now: k.clock.Now, TouchInterval: -1}))
	return k
}

func kidOf(b token.Bearer) any {
	h, _ := parts(b.Reveal())
	return h["kid"]
}

// A key goes from published over signing to retired, under a running issuer and verifier. Killed mutants: a hand that is
// never made anew; FindKey without the retirement; FindKey with the span of refresh tokens; the issuer with that of access
// tokens.
func TestKeyringLife(t *testing.T) {
	k := newRingKit(t, token.RingKeys{Signing: ringKeyOf(1), Published: pub(3)}, token.KeyringOptions{})
	first := k.login()
	early := mintBy(ringKeyOf(3), first, k.clock.Now())
	noErr(t, second(k.verifier.Verify(t.Context(), early))) // another process may sign with it already
	if kidOf(first.Access) != "key-1" || kidOf(first.Refresh) != "key-1" {
		t.Errorf("signed by %v and %v", kidOf(first.Access), kidOf(first.Refresh))
	}
	k.clock.Advance(time.Hour)
	noErr(t, k.ring.Update(token.RingKeys{Signing: ringKeyOf(3), Published: pub(5), Retired: gone(1)}))
	retired := k.clock.Now()
	if p := k.login(); kidOf(p.Access) != "key-3" || kidOf(p.Refresh) != "key-3" || k.verify(p) != nil {
		t.Errorf("signed by %v and %v, %v", kidOf(p.Access), kidOf(p.Refresh), k.verify(p))
	}
	judge := func(raw string) (*token.Token, error) { return k.verifier.Verify(t.Context(), raw) }
	k.clock.Set(retired.Add(15*time.Minute + 30*time.Second - 1))
	noErr(t, second(judge(mintBy(ringKeyOf(1), first, k.clock.Now()))))
	k.clock.Advance(1)
	refused(t, judge, mintBy(ringKeyOf(1), first, k.clock.Now()), token.ErrKey)
	// Its refresh tokens live as long as sessions may.
	k.clock.Set(retired.Add(20 * 24 * time.Hour))
	next, err := k.refresh(first)
	noErr(t, err)
	if kidOf(next.Refresh) != "key-3" {
		t.Errorf("the successor is signed by %v", kidOf(next.Refresh))
	}
	k.clock.Set(retired.Add(90*24*time.Hour + 30*time.Second))
	_, err = k.refresh(first)
	wantErr(t, err, token.ErrKey) // and not ErrExpired: the key comes first
	// Then it may be left out, and a new ring key under its kid is another key.
	noErr(t, k.ring.Update(token.RingKeys{Signing: ringKeyOf(3), Published: pub(5)}))
	if keys := k.ring.Keys(); len(keys.Retired) != 0 || len(keys.Published) != 1 || keys.Signing.KeyID() != "key-3" {
		t.Errorf("the keys are %v", keys)
	}
}

func second[T any](_ T, err error) error { return err }

// A grace replay gets the same successor, signed with the current key.
func TestKeyringReplay(t *testing.T) {
	k := newRingKit(t, token.RingKeys{Signing: ringKeyOf(1)}, token.KeyringOptions{})
	p := k.login()
	one := must(k.refresh(p))
	noErr(t, k.ring.Update(token.RingKeys{Signing: ringKeyOf(2), Retired: gone(1)}))
	k.clock.Advance(30 * time.Second)
	two := must(k.refresh(p))
	for _, b := range [][2]token.Bearer{{one.Access, two.Access}, {one.Refresh, two.Refresh}} {
		_, c1 := parts(b[0].Reveal())
		_, c2 := parts(b[1].Reveal())
		if c1.text() != c2.text() || kidOf(b[0]) != "key-1" || kidOf(b[1]) != "key-2" {
			t.Errorf("the claims are\n%s and\n%s, the keys %v and %v", c1.text(), c2.text(), kidOf(b[0]), kidOf(b[1]))
		}
	}
	noErr(t, second(k.refresh(two)))
}

// A leaked key is gone with the call: access and refresh tokens, and it does not come back, also not by IssuerOptions.Keys.
// Killed mutants: a removed key that is found; holds without removed keys; a tombstone that is lost with the next Update.
func TestKeyringRemoves(t *testing.T) {
	k := newRingKit(t, token.RingKeys{Signing: ringKeyOf(1), Published: pub(3)}, token.KeyringOptions{})
	p := k.login()
	noErr(t, k.ring.Update(token.RingKeys{Signing: ringKeyOf(3), Removed: []string{"key-1"}})) // the one that signed, at once
	wantErr(t, k.verify(p), token.ErrKey)
	i := must(token.NewIssuer(k.store, issuerName, k.ring, &token.IssuerOptions{Now: k.clock.Now, Keys: ringKeyOf(1).VerifyKey()}))
	_, err := i.Refresh(t.Context(), p.Refresh.Reveal(), token.RefreshOptions{})
	wantErr(t, err, token.ErrKey)
	noErr(t, k.ring.Update(token.RingKeys{Signing: ringKeyOf(3)}))
	wantField(t, k.ring.Update(token.RingKeys{Signing: ringKeyOf(3), Retired: gone(1)}), "Retired[0].Key")
	if keys := k.ring.Keys(); len(keys.Removed) != 1 || keys.Removed[0] != "key-1" {
		t.Errorf("the ring remembers %v", keys.Removed)
	}
	noErr(t, k.ring.Update(k.ring.Keys()))
	k.clock.Advance(90*24*time.Hour + 30*time.Second)
	noErr(t, k.ring.Update(token.RingKeys{Signing: ringKeyOf(3), Published: pub(1)}))
}

// When a key retired: never before this ring stopped signing with it.
func TestKeyringRetirement(t *testing.T) {
	at := func(d time.Duration) token.RetiredKey {
		return token.RetiredKey{Key: ringKeyOf(1).VerifyKey(), At: start.Add(d)}
	}
	cases := []struct {
		name  string
		from  token.RingKeys
		given token.RetiredKey
		want  time.Duration
	}{
		{"signing, no time", token.RingKeys{Signing: ringKeyOf(1)}, gone(1)[0], 0},
		{"signing, an earlier time", token.RingKeys{Signing: ringKeyOf(1)}, at(-time.Hour), 0},
		{"signing, a later time", token.RingKeys{Signing: ringKeyOf(1)}, at(time.Hour), time.Hour},
		{"published, no time", token.RingKeys{Signing: ringKeyOf(3), Published: pub(1)}, gone(1)[0], 0},
		{"published, an earlier time", token.RingKeys{Signing: ringKeyOf(3), Published: pub(1)}, at(-time.Hour), -time.Hour},
		{"new, no time", token.RingKeys{Signing: ringKeyOf(3)}, gone(1)[0], 0},
		{"new, an earlier time", token.RingKeys{Signing: ringKeyOf(3)}, at(-time.Hour), -time.Hour},
		{"retired, no time", token.RingKeys{Signing: ringKeyOf(3), Retired: []token.RetiredKey{at(-time.Hour)}}, gone(1)[0], -time.Hour},
		{"retired, an earlier time", token.RingKeys{Signing: ringKeyOf(3), Retired: []token.RetiredKey{at(-time.Hour)}}, at(-2 * time.Hour), -time.Hour},
		{"retired, a later time", token.RingKeys{Signing: ringKeyOf(3), Retired: []token.RetiredKey{at(-time.Hour)}}, at(-time.Minute), -time.Minute},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := must(token.NewKeyring(c.from, &token.KeyringOptions{Now: newClock().Now}))
			noErr(t, r.Update(token.RingKeys{Signing: ringKeyOf(3), Retired: []token.RetiredKey{c.given}}))
			if got := r.Keys().Retired[0].At; !got.Equal(start.Add(c.want)) {
				t.Errorf("it retired at %v, want %v", got.Sub(start), c.want)
			}
		})
	}
}

// What is refused changes nothing.
func TestKeyringRefuses(t *testing.T) {
	base := token.RingKeys{
		Signing: ringKeyOf(1), Published: pub(3), Retired: gone(2), Removed: []string{"lost"},
	}
	many := make([]token.VerifyKey, token.MaxJWKSKeys)
	for n := range many {
		many[n] = must(token.HS256(fmt.Sprint(n), secret)).VerifyKey()
	}
	other := must(token.Ed25519("key-3", edKey(9))).VerifyKey()
	alias := must(token.NewVerifyKey("key-3", token.AlgEd25519, edKey(3).Public())) // the same key, another alg
	otherSecret := must(token.HS256("key-2", secret)).VerifyKey()
	cases := []struct {
		name, field string
		keys        token.RingKeys
	}{
		{"nothing", "Signing", token.RingKeys{}},
		{"no signing key", "Signing", token.RingKeys{Published: pub(1, 3), Retired: gone(2)}},
		{"a zero key among the published", "Published[1]", token.RingKeys{Signing: ringKeyOf(1), Published: []token.VerifyKey{pub(3)[0], {}}, Retired: gone(2)}},
		{"a zero key among the retired", "Retired[1].Key", token.RingKeys{Signing: ringKeyOf(1), Published: pub(3), Retired: append(gone(2), token.RetiredKey{})}},
		{"a kid twice", "Published[1]", token.RingKeys{Signing: ringKeyOf(1), Published: pub(3, 3), Retired: gone(2)}},
		{"signing and retired at once", "Retired[1].Key", token.RingKeys{Signing: ringKeyOf(1), Published: pub(3), Retired: gone(2, 1)}},
		{"another key under a kid", "Published[0]", token.RingKeys{Signing: ringKeyOf(1), Published: []token.VerifyKey{other}, Retired: gone(2)}},
		{"another algorithm under a kid", "Published[0]", token.RingKeys{Signing: ringKeyOf(1), Published: []token.VerifyKey{alias}, Retired: gone(2)}},
		{"another secret under a kid", "Retired[0].Key", token.RingKeys{Signing: ringKeyOf(1), Published: pub(3), Retired: []token.RetiredKey{{Key: otherSecret}}}},
		{"a retired key that signs", "Signing", token.RingKeys{Signing: ringKeyOf(2), Published: pub(3), Retired: gone(1)}},
		{"a retired key that is published", "Published[1]", token.RingKeys{Signing: ringKeyOf(1), Published: pub(3, 2)}},
		{"a signing key that is published", "Published[0]", token.RingKeys{Signing: ringKeyOf(3), Published: pub(1), Retired: gone(2)}},
		{"the signing key is missing", "Retired", token.RingKeys{Signing: ringKeyOf(3), Retired: gone(2)}},
		{"a published key is missing", "Published", token.RingKeys{Signing: ringKeyOf(1), Retired: gone(2)}},
		{"a retired key is missing", "Retired", token.RingKeys{Signing: ringKeyOf(1), Published: pub(3)}},
		{"a retirement in two days", "Retired[0].At", token.RingKeys{Signing: ringKeyOf(1), Published: pub(3), Retired: []token.RetiredKey{{Key: pub(2)[0], At: start.Add(48 * time.Hour)}}}},
		{"removed and given", "Removed[0]", token.RingKeys{Signing: ringKeyOf(1), Published: pub(3), Retired: gone(2), Removed: []string{"key-3"}}},
		{"removed twice", "Removed[1]", token.RingKeys{Signing: ringKeyOf(1), Published: pub(3), Retired: gone(2), Removed: []string{"x", "x"}}},
		{"no kid", "Removed[0]", token.RingKeys{Signing: ringKeyOf(1), Published: pub(3), Retired: gone(2), Removed: []string{""}}},
		{"too many", "Published", token.RingKeys{Signing: ringKeyOf(1), Published: append(pub(3), many...), Retired: gone(2)}},
		{"a key in a KMS that does not work", "Signing", token.RingKeys{Signing: must(token.NewSigningKey("kms", token.AlgPS256, broken{rsaKey(), nil, errors.New("down")})), Published: pub(3), Retired: gone(1, 2)}},
		{"a kid that leaves tokens no room", "Signing", token.RingKeys{Signing: must(token.Ed25519(strings.Repeat("\x01", 256), edKey(7))), Published: pub(3), Retired: gone(1, 2)}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			k := newRingKit(t, base, token.KeyringOptions{})
			wide := must(token.NewIssuer(k.store, issuerName, k.ring, &token.IssuerOptions{Now: k.clock.Now, Audience: manyAudiences()}))
			err := k.ring.Update(c.keys)
			wantField(t, err, c.field)
			wantErr(t, err, store.ErrInvalid)
			keys := k.ring.Keys()
			if keys.Signing.KeyID() != "key-1" || len(keys.Published) != 1 || len(keys.Retired) != 1 || len(keys.Removed) != 1 {
				t.Errorf("something changed: %v", keys)
			}
			noErr(t, k.verify(k.login()))
			noErr(t, second(wide.Login(t.Context(), ann, token.LoginOptions{})))
			if c.field == "Signing" && c.name == "nothing" {
				_, err := token.NewKeyring(c.keys, nil)
				wantField(t, err, c.field)
			}
		})
	}
}

// manyAudiences fill a token of the longest subject nearly up.
func manyAudiences() []string {
	out := make([]string, 8)
	for n := range out {
		out[n] = strings.Repeat(fmt.Sprint(n), 225)
	}
	return out
}

// Options outside their limits, and issuers and verifiers that the ring would let down.
func TestKeyringOptions(t *testing.T) {
	keys := token.RingKeys{Signing: ringKeyOf(1)}
	for field, o := range map[string]token.KeyringOptions{
		"KeyringOptions.AccessTTL":  {AccessTTL: -1},
		"KeyringOptions.RefreshTTL": {AccessTTL: time.Hour, RefreshTTL: time.Minute},
		"KeyringOptions.Leeway":     {Leeway: 3 * time.Minute},
	} {
		r, err := token.NewKeyring(keys, &o)
		wantField(t, err, field)
		if r != nil {
			t.Error("there is a ring with the error")
		}
	}
	s := newMemory(t, time.Now)
	r := must(token.NewKeyring(keys, nil))
	for field, o := range map[string]token.IssuerOptions{
		"IssuerOptions.AccessTTL": {AccessTTL: 16 * time.Minute},
		"IssuerOptions.MaxTTL":    {MaxTTL: 91 * 24 * time.Hour},
		"IssuerOptions.Audience":  {Audience: append(manyAudiences(), manyAudiences()...)},
	} {
		i, err := token.NewIssuer(s, issuerName, r, &o)
		wantField(t, err, field)
		if i != nil {
			t.Error("there is an issuer with the error")
		}
	}
	for name, key := range map[string]token.Signer{
		"nil": nil, "a nil ring": (*token.Keyring)(nil), "a ring that does not sign": must(token.NewKeyring(token.RingKeys{Published: pub(1)}, nil)),
	} {
		if _, err := token.NewIssuer(s, issuerName, key, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, ring := range []*token.Keyring{nil, r} {
		_, err := token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: ring, Check: alive}}, &token.VerifierOptions{Leeway: time.Minute})
		wantField(t, err, "issuers[0].Keys")
	}
}

// A process that only verifies has a ring as well: its issuer's key is a published one.
func TestKeyringThatDoesNotSign(t *testing.T) {
	k := newKit(t, setup{})
	r := must(token.NewKeyring(token.RingKeys{Published: pub(1)}, &token.KeyringOptions{Now: k.clock.Now}))
	v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: r, Check: token.Sessions(k.store)}}, &token.VerifierOptions{Now: k.clock.Now}))
	p := k.login()
	noErr(t, second(v.Verify(t.Context(), mintBy(ringKeyOf(1), p, k.clock.Now()))))
	noErr(t, r.Update(token.RingKeys{Published: pub(3), Retired: gone(1)}))
	for _, n := range []int{1, 3} {
		noErr(t, second(v.Verify(t.Context(), mintBy(ringKeyOf(n), p, k.clock.Now()))))
	}
	k.clock.Advance(time.Hour)
	wantErr(t, second(v.Verify(t.Context(), mintBy(ringKeyOf(1), p, k.clock.Now()))), token.ErrKey)
	noErr(t, v.Close())
}

// The JWKS has what verifies access tokens, and no secret.
func TestKeyringJWKS(t *testing.T) {
	clock := newClock()
	r := must(token.NewKeyring(token.RingKeys{
		Published: pub(3, 4), Signing: ringKeyOf(1), Retired: gone(5, 6), Removed: []string{"gone"},
	}, &token.KeyringOptions{Now: clock.Now}))
	kids := func() string {
		set := must(token.ParseJWKS(must(r.JWKS())))
		var out []string
		for _, k := range set.Keys() {
			out = append(out, k.KeyID())
		}
		return strings.Join(out, " ")
	}
	if got := kids(); got != "key-1 key-3 key-5" {
		t.Errorf("the set has %s", got)
	}
	clock.Advance(16 * time.Minute)
	if got := kids(); got != "key-1 key-3" {
		t.Errorf("the set has %s", got)
	}
	var doc map[string][]m
	noErr(t, json.Unmarshal(must(r.JWKS()), &doc))
	for _, k := range doc["keys"] {
		if k["d"] != nil || k["k"] != nil || k["use"] != "sig" || k["alg"] != "EdDSA" {
			t.Errorf("published: %v", k)
		}
	}
	_, err := must(token.NewKeyring(token.RingKeys{Signing: ringKeyOf(2)}, nil)).JWKS()
	wantField(t, err, "Keyring")
}

// The length of signatures that room is judged by is what each algorithm makes.
func TestSignatureSizes(t *testing.T) {
	for alg, key := range algorithms() {
		k := must(token.NewSigningKey("k", alg, key[0]))
		if got, want := token.SignatureSizeForTest(k), len(must(token.SignForTest(k, "x"))); got != want {
			t.Errorf("%s: %d, want %d", alg, got, want)
		}
	}
}

// However a ring, its keys and remote keys are printed, no secret is.
func TestKeyringPrintsNoSecret(t *testing.T) {
	keys := token.RingKeys{Signing: must(token.HS256(keyID, secret)), Retired: gone(2)}
	ring := must(token.NewKeyring(keys, nil))
	remote := must(token.NewRemoteKeys("https://login.example/?key="+string(secret), nil))
	type wrapper struct {
		ring   *token.Keyring
		keys   token.RingKeys
		remote *token.RemoteKeys
	}
	for _, v := range []any{ring, keys, remote, wrapper{ring, keys, remote}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			text := fmt.Sprintf(verb, v)
			if strings.Contains(text, string(secret)) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
				t.Errorf("%s of %T prints a secret", verb, v)
			}
		}
		if text, err := json.Marshal(v); strings.Contains(string(text), string(secret)) || (err == nil && len(text) > 40) {
			t.Errorf("%T marshals to %s", v, text)
		}
	}
}
