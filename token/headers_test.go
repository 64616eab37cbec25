package token_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/jetonkit/jeton/token"
)

// changing is a key set that changes.
type changing struct {
	mu   sync.Mutex
	keys token.KeySet
}

func (c *changing) FindKey(ctx context.Context, kid string) (token.VerifyKey, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keys.FindKey(ctx, kid)
}

func (c *changing) set(keys token.KeySet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = keys
}

// A header is known by its text once a token under it was good, and forgotten with its key.
func TestHeadersGoWithTheirKeys(t *testing.T) {
	header, payload, _ := baseline(t)
	old, next := must(token.HS256(keyID, secret)).VerifyKey(), must(token.HS256(keyID, []byte(strings.Repeat("next", 8)))).VerifyKey()
	keys := &changing{keys: old}
	v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: keys, Check: alive}}, &token.VerifierOptions{Now: newClock().Now}))
	judge := func(raw string) (*token.Token, error) { return v.Verify(t.Context(), raw) }
	known := func(want int) {
		t.Helper()
		if n := v.HeadersForTest(); n != want {
			t.Errorf("%d headers are known, want %d", n, want)
		}
	}
	good := forge(header.text(), payload.text())
	refused(t, judge, forgeWith([]byte("x"), header.text(), payload.text()), token.ErrSignature)
	known(0) // nobody but the issuer teaches it
	for range 3 {
		_, err := judge(good)
		noErr(t, err)
		known(1)
	}
	refused(t, judge, forgeWith([]byte("x"), header.text(), payload.text()), token.ErrSignature)
	known(1)

	keys.set(next) // the same kid, another key
	refused(t, judge, good, token.ErrSignature)
	known(0)
	_, err := judge(forgeWith([]byte(strings.Repeat("next", 8)), header.text(), payload.text()))
	noErr(t, err)
	known(1)

	keys.set(must(token.HS256("another", secret)).VerifyKey()) // the kid is gone
	refused(t, judge, good, token.ErrKey)
	known(0)
}

// anyKid is a key set that does not look at the kid.
type anyKid struct{ key token.VerifyKey }

func (a anyKid) FindKey(context.Context, string) (token.VerifyKey, error) { return a.key, nil }

// A token must name its key, whatever a key set makes of one that does not.
func TestKidIsRequired(t *testing.T) {
	header, payload, _ := baseline(t)
	v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: anyKid{must(token.HS256(keyID, secret)).VerifyKey()}, Check: alive}},
		&token.VerifierOptions{Now: newClock().Now}))
	for _, changes := range []m{{"kid": ""}, {"kid": nil}} {
		refused(t, func(raw string) (*token.Token, error) { return v.Verify(t.Context(), raw) }, forge(header.with(changes).text(), payload.text()), token.ErrKey)
	}
}

// Many learn headers while the keys change under them; what is known keeps no token's text.
func TestHeadersChangeWhileTheyAreRead(t *testing.T) {
	header, payload, _ := baseline(t)
	sets := []token.KeySet{must(token.HS256(keyID, secret)).VerifyKey(), must(token.HS256(keyID, secret)).VerifyKey()}
	keys := &changing{keys: sets[0]}
	v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: keys, Check: alive}}, &token.VerifierOptions{Now: newClock().Now}))
	var all [40]string
	for n := range all {
		all[n] = forge(header.with(m{"n": n}).text(), payload.with(m{"sub": fmt.Sprint("sub", n)}).text())
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for n := range 2000 {
				if g == 0 && n%50 == 0 {
					keys.set(sets[n/50%2])
				}
				k := (n*(2*g+1) + g) % len(all)
				if got, err := v.Verify(t.Context(), all[k]); err != nil || got.Subject().Name != fmt.Sprint("sub", k) {
					t.Errorf("%d is %v, %v", k, got, err)
					return
				}
			}
		})
	}
	wg.Wait()
	for n, raw := range all {
		if v.HoldsForTest(raw) {
			t.Errorf("the text of token %d is kept with its header", n)
		}
	}
}

// What a header says is judged each time, known or not.
func TestKnownHeadersAreJudged(t *testing.T) {
	header, payload, judge := baseline(t)
	for range 2 {
		_, err := judge(forge(header.text(), payload.text()))
		noErr(t, err)
		refused(t, judge, forge(header.with(m{"typ": "JWT"}).text(), payload.text()), token.ErrType)
		refused(t, judge, forge(header.text(), payload.with(m{"aud": "x"}).text()), token.ErrAudience)
	}
}

// An issuer that writes another header into each token fills the memory to its bound, and its tokens stay good.
func TestHeadersAreBounded(t *testing.T) {
	header, payload, _ := baseline(t)
	v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: must(token.HS256(keyID, secret)).VerifyKey(), Check: alive}},
		&token.VerifierOptions{Now: newClock().Now}))
	for n := range 300 {
		_, err := v.Verify(t.Context(), forge(header.with(m{"n": fmt.Sprint(n)}).text(), payload.text()))
		noErr(t, err)
	}
	if n := v.HeadersForTest(); n != 128 {
		t.Errorf("%d headers are known", n)
	}
	w := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: must(token.HS256(keyID, secret)).VerifyKey(), Check: alive}},
		&token.VerifierOptions{Now: newClock().Now}))
	_, err := w.Verify(t.Context(), forge(header.with(m{"pad": strings.Repeat("x", 500)}).text(), payload.text()))
	noErr(t, err)
	if n := w.HeadersForTest(); n != 0 {
		t.Errorf("a long header is known")
	}
}

// Two issuers that write the same header keep each other's tokens as good as they are, and a forger who names the one does
// not make the other's be forgotten.
func TestHeadersOfTwoIssuers(t *testing.T) {
	header, payload, _ := baseline(t)
	other, otherSecret := "https://other.example", []byte(strings.Repeat("other", 8))
	v := must(token.NewVerifier([]token.TrustedIssuer{
		{Issuer: issuerName, Keys: must(token.HS256(keyID, secret)).VerifyKey(), Check: alive},
		{Issuer: other, Keys: must(token.HS256(keyID, otherSecret)).VerifyKey(), Audience: []string{issuerName}, Check: alive},
	}, &token.VerifierOptions{Now: newClock().Now}))
	judge := func(raw string) (*token.Token, error) { return v.Verify(t.Context(), raw) }
	theirs := payload.with(m{"iss": other})
	for range 3 {
		_, err := judge(forge(header.text(), payload.text()))
		noErr(t, err)
		_, err = judge(forgeWith(otherSecret, header.text(), theirs.text()))
		noErr(t, err)
		refused(t, judge, forge(header.text(), theirs.text()), token.ErrSignature)
		refused(t, judge, forgeWith(otherSecret, header.text(), payload.text()), token.ErrSignature)
		if n := v.HeadersForTest(); n != 1 {
			t.Errorf("%d headers are known", n)
		}
	}
}

// A header that is known is not decoded again: the token and its claims' text are all that a verification allocates.
func TestColdVerifyAllocates(t *testing.T) {
	header, payload, _ := baseline(t)
	v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: must(token.HS256(keyID, secret)).VerifyKey(), Check: alive}},
		&token.VerifierOptions{Now: newClock().Now, TouchInterval: -1}))
	raw := forge(header.text(), payload.text())
	n := testing.AllocsPerRun(200, func() {
		if _, err := v.Verify(t.Context(), raw); err != nil {
			t.Error(err)
		}
	})
	if n > 6 { // two, and what a collection of the pools costs now and then
		t.Errorf("%v allocations", n)
	}
}

// Custom claims outlive the buffers that the token was read in.
func TestExtraIsTheTokensOwn(t *testing.T) {
	header, payload, _ := baseline(t)
	v := must(token.NewVerifier([]token.TrustedIssuer{{
		Issuer: issuerName, Keys: must(token.HS256(keyID, secret)).VerifyKey(), Check: alive, Extra: token.ExtraOf[map[string]jsontext.Value](),
	}}, &token.VerifierOptions{Now: newClock().Now, TouchInterval: -1}))
	var got []*token.Token
	for n := range 50 {
		roles := []string{fmt.Sprintf("role-%02d", n)}
		got = append(got, must(v.Verify(t.Context(), forge(header.text(), payload.with(m{"roles": roles, "sub": fmt.Sprintf("ann-%02d", n)}).text()))))
	}
	for n, tok := range got {
		extra, _ := token.Extra[map[string]jsontext.Value](tok)
		if want := fmt.Sprintf(`["role-%02d"]`, n); string(extra["roles"]) != want || tok.Subject().Name != fmt.Sprintf("ann-%02d", n) {
			t.Errorf("%s is %s, want %s", tok.Subject().Name, extra["roles"], want)
		}
	}
}
