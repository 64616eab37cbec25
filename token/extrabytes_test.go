//go:build !race

package token_test

import (
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// TestKnownBytesOfCustomClaims: few bytes of JSON may be many of memory, and the bound is of memory.
func TestKnownBytesOfCustomClaims(t *testing.T) {
	type roles struct {
		Roles  []string `json:"roles"`
		Tenant string   `json:"tenant"`
	}
	many := func(of string) string { return strings.TrimSuffix(strings.Repeat(of+",", 5000/(len(of)+1)), ",") }
	names := func() string {
		var b strings.Builder
		for n := range 500 {
			b.WriteString(`,"n` + strconv.Itoa(n) + `":1`)
		}
		return b.String()
	}
	for name, c := range map[string]struct {
		custom string
		into   token.ExtraClaims
		most   float64
	}{
		"a struct":      {`,"roles":["admin","editor"],"tenant":"shop"`, token.ExtraOf[roles](), 1.8},
		"a map":         {`,"roles":["admin","editor"],"tenant":"shop"`, token.ExtraOf[map[string]any](), 1.5},
		"empty lists":   {`,"x":[` + many("[]") + `]`, token.ExtraOf[map[string]any](), 3},
		"empty objects": {`,"x":[` + many("{}") + `]`, token.ExtraOf[map[string]any](), 10},
		"objects":       {`,"x":[` + many(`{"a":1}`) + `]`, token.ExtraOf[map[string]any](), 3},
		"numbers":       {`,"x":[` + many("1") + `]`, token.ExtraOf[map[string]any](), 4},
		"names":         {names(), token.ExtraOf[map[string]any](), 3},
		"long texts":    {`,"x":"` + strings.Repeat("y", 5000) + `"`, token.ExtraOf[map[string]any](), 1.5},
	} {
		t.Run(name, func(t *testing.T) {
			m, plain := newMill(token.MinCacheBytes, c.custom), newMill(token.MinCacheBytes, "")
			m.verifier = must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: must(token.HS256(keyID, secret)).VerifyKey(), Check: m.check, Extra: c.into}},
				&token.VerifierOptions{CacheBytes: 256 << 20, TouchInterval: -1}))
			m.check.answer = token.Answer{Verdict: store.Verdict{Alive: true}, Stamp: stampFor(time.Hour)}
			const n = 100
			raw := make([]string, n)
			for i := range raw {
				raw[i] = m.mint(strconv.Itoa(i))
			}
			for n := range 300 { // whatever the table itself takes is there
				must(m.verifier.Verify(t.Context(), plain.mint(strconv.Itoa(n))))
			}
			before := leastHeap()
			already, _ := m.verifier.KnownBytesForTest()
			for _, text := range raw {
				must(m.verifier.Verify(t.Context(), text))
			}
			took := leastHeap() - before
			told, _ := m.verifier.KnownBytesForTest()
			told -= already
			if r := float64(told) / float64(took); r < 0.8 || r > c.most {
				t.Errorf("%d bytes each, and %d are told: %.2f", took/n, told/n, r)
			} else {
				t.Logf("%d bytes each, and %d are told: %.2f", took/n, told/n, r)
			}
			runtime.KeepAlive(raw)
			runtime.KeepAlive(m)
		})
	}
}
