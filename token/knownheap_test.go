//go:build !race

package token_test

import (
	"math"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

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

// leastHeap is what is in use.
func leastHeap() int64 {
	least := int64(math.MaxInt64)
	for range 5 { // what other tests have left goes by and by
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		least = min(least, int64(m.HeapAlloc)) //nolint:gosec // it is not that much
	}
	return least
}

// TestKnownBytes: what the tokens are said to take is what they take.
func TestKnownBytes(t *testing.T) {
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
			before := leastHeap()
			for _, text := range raw {
				m.check.answer.Record = c.record.Clone()
				must(m.verifier.Verify(t.Context(), text))
			}
			took := leastHeap() - before
			told, _ := m.verifier.KnownBytesForTest()
			if known := m.verifier.KnownForTest(); known < n*99/100 { // once in forty, nine meet in a set of eight places
				t.Errorf("%d are known", known)
			}
			t.Logf("%d bytes each, and %d are told", took/n, told/n)
			if r := float64(told) / float64(took); r < 0.8 || r > 1.4 {
				t.Errorf("%d bytes each, and %d are told: %.2f", took/n, told/n, r)
			}
			runtime.KeepAlive(raw)
		})
	}
}

// TestKnownTokensUnderAViewAllocateNothing: a view is asked without making the question again.
func TestKnownTokensUnderAViewAllocateNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, setup{now: time.Now, check: func(s store.TokenStore) token.Checker {
			return token.Local(newView(t, must(store.FeedOf(s))), nil)
		}})
		v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: k.key.VerifyKey(), Check: token.Local(newView(t, must(store.FeedOf(k.store))), nil)}}, nil))
		time.Sleep(time.Second)
		raw := k.login().Access.Reveal()
		if n := testing.AllocsPerRun(100, func() { must(v.Verify(t.Context(), raw)) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}
