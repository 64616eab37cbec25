//go:build !race

package token_test

import (
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// TestKnownTokensAllocateNothing: a known token costs no memory. (The race detector's own allocations count too.)
func TestKnownTokensAllocateNothing(t *testing.T) {
	for name, check := range checkers {
		t.Run(name, func(t *testing.T) {
			warm(t, setup{check: check}, func(t *testing.T, w *warmKit) {
				v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: w.key.VerifyKey(), Check: check(w.cache)}}, nil))
				raw := w.login().Access.Reveal()
				must(v.Verify(t.Context(), raw))
				synctest.Wait()
				if n := testing.AllocsPerRun(100, func() { must(v.Verify(t.Context(), raw)) }); n != 0 {
					t.Errorf("%v allocations", n)
				}
				noErr(t, v.Close())
			})
		})
	}
}

// TestKnownBytes: what the tokens are said to take is what they take.
func TestKnownBytes(t *testing.T) {
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	record := store.Record{ID: "0123456789abcdefghijkl", Subject: ann, Class: "web", ExpiresAt: start.AddDate(5, 0, 0)}
	large := record
	large.Metadata = map[string]string{"device": "phone"}
	for name, c := range map[string]struct {
		custom string
		record store.Record
	}{
		"no record":     {"", store.Record{}},
		"a record":      {"", record},
		"metadata":      {"", large},
		"custom claims": {`,"scope":"a b c","roles":["admin","editor"],"tenant":"shop"`, record},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMill(16<<20, c.custom)
			m.check.answer.Now = start
			const n = 5000
			raw := make([]string, n)
			for i := range raw {
				raw[i] = m.mint(strconv.Itoa(i))
			}
			before := heap()
			for _, text := range raw {
				m.check.answer.Record = c.record.Clone()
				must(m.verifier.Verify(t.Context(), text))
			}
			took := heap() - before
			told, _ := m.verifier.KnownBytesForTest()
			if known := m.verifier.KnownForTest(); known != n {
				t.Errorf("%d are known", known)
			}
			t.Logf("%d bytes each, and %d are told", took/n, told/n)
			if r := float64(told) / float64(took); r < 0.9 || r > 1.25 {
				t.Errorf("%d bytes each, and %d are told: %.2f", took/n, told/n, r)
			}
			runtime.KeepAlive(raw)
		})
	}
}
