//go:build unix

package faults_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	"github.com/jetonkit/jeton/token"
)

// asked returns how many ledgers the server was asked for.
func (s *stand) asked() int64 {
	s.Helper()
	text, _ := s.server.Do("INFO", "commandstats").(string)
	_, line, _ := strings.Cut(text, "cmdstat_hmget:calls=")
	number, _, _ := strings.Cut(line, ",")
	n, _ := strconv.ParseInt(number, 10, 64) // none yet is 0
	return n
}

// TestHerd: ten thousand callers who ask about one token at once are one question to the store.
func TestHerd(t *testing.T) {
	const callers = 10_000
	s := newPatientStand(t, storecache.Options{MaxStale: 20 * time.Second}, 40*time.Second) // a flight is joined within MaxStale
	pair := s.login("ann")
	becomes(t, s.verifier, s.login("bob"), accepted) // everything is connected
	before, missed := s.asked(), stat(s.cache, "cache_misses")
	s.proxy.Hole(false, true)
	var right atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if _, err := s.verifier.Verify(ctx, pair.Access.Reveal()); err == nil {
				right.Add(1)
			}
		})
	}
	for since := clock(); stat(s.cache, "cache_misses") < missed+callers; time.Sleep(time.Millisecond) {
		if clock()-since > 15*time.Second {
			t.Fatal("the callers do not come together")
		}
	}
	waiting := stat(s.cache, "cache_misses") - missed
	heal(s)
	all.Wait()
	reads := s.asked() - before
	t.Logf("callers %d, of which %d waited at once, right answers %d, backend reads %d", callers, waiting, right.Load(), reads)
	if right.Load() != callers {
		t.Errorf("%d of %d callers were answered", right.Load(), callers)
	}
	if reads > 5 { // one, and some for who comes while the answer is being put away
		t.Errorf("%d backend reads for one token", reads)
	}
}

// TestSlowStore: behind a store that does not answer, every caller is back at its deadline, with an outage and no verdict.
func TestSlowStore(t *testing.T) {
	const callers, limit = 500, 200 * time.Millisecond
	s := newStand(t, storecache.Options{MaxReads: 64}) // most callers wait for a place
	var pairs []token.Pair
	for i := range 100 {
		pairs = append(pairs, s.login(fmt.Sprint("user", i)))
	}
	becomes(t, s.verifier, pairs[0], accepted)
	s.proxy.Hole(false, true)
	time.Sleep(2 * stale) // what it knew is old
	over := make([]time.Duration, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			began := clock()
			_, err := s.verifier.Verify(ctx, pairs[i%len(pairs)].Access.Reveal())
			over[i] = clock() - began - limit
			if verdictOf(err) != unanswered || !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("a caller got %v", err)
			}
		})
	}
	all.Wait()
	slices.Sort(over)
	t.Logf("callers %d, deadline %v: overrun p50 %v p99 %v max %v", callers, limit, percentile(over, 50), percentile(over, 99), percentile(over, 100))
	if over[callers-1] > 5*time.Second {
		t.Error("a caller waited for the store, and not for its deadline")
	}
	heal(s)
	becomes(t, s.verifier, pairs[0], accepted)
}

// TestOutage: while the store is down, for longer than MaxStale, nobody is let in by cache or view, and nobody is told that a
// token is bad; when it is back both answer again.
func TestOutage(t *testing.T) {
	s := newStand(t, storecache.Options{})
	_, local := s.view()
	live, dead := s.login("ann"), s.login("bob")
	for _, v := range []*token.Verifier{s.verifier, local} {
		becomes(t, v, live, accepted)
		becomes(t, v, dead, accepted)
	}
	if err := s.revoker.Subject(t.Context(), dead.Session.Subject, ""); err != nil {
		t.Fatal(err)
	}
	s.server.Kill()
	down := clock()
	wrong, answers, silent := 0, 0, 0
	for clock()-down < 3*stale {
		for _, v := range []*token.Verifier{s.verifier, local} {
			said, began := check1(t, v, live)
			switch {
			case said == refused, said == accepted && began-down > stale:
				wrong++
			case said == accepted:
				answers++
			default:
				silent++
			}
			if said, began := check1(t, v, dead); said == accepted && began-down > stale {
				wrong++
			}
		}
	}
	t.Logf("in the outage: %d answers within MaxStale, %d outages told, wrong answers %d", answers, silent, wrong)
	if wrong > 0 || silent == 0 {
		t.Errorf("%d wrong answers, %d outages told", wrong, silent)
	}
	s.server.Restart()
	for _, v := range []*token.Verifier{s.verifier, local} {
		becomes(t, v, live, accepted)
		becomes(t, v, dead, refused)
	}
}

// forger makes tokens as an attacker does: well-formed, each another one.
type forger struct{ head, sub, sid, jti, body string }

func newForger(t testing.TB, pair token.Pair) *forger {
	t.Helper()
	parts := strings.Split(pair.Access.Reveal(), ".")
	raw := must(base64.RawURLEncoding.DecodeString(parts[1]))(t)
	var claims struct{ Sub, Sid, Jti string }
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return &forger{head: parts[0], body: string(raw), sub: claims.Sub, sid: claims.Sid, jti: claims.Jti}
}

// token returns the n-th, signed with a secret.
func (f *forger) token(n int, secret []byte) string {
	body := strings.NewReplacer(strconv.Quote(f.sub), strconv.Quote(fmt.Sprint("user", n%1000)), f.sid, store.NewID(), f.jti, store.NewID()).Replace(f.body)
	text := f.head + "." + base64.RawURLEncoding.EncodeToString([]byte(body))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// TestFlood: a million well-formed tokens, each another one. Those with a wrong signature never reach the store; those that
// are rightly signed and of sessions that nobody has (an old database's, say) are one question each, no more than MaxReads
// at once, and take no more memory than the cache is allowed.
func TestFlood(t *testing.T) {
	const maxBytes, maxReads = 8 << 20, 64
	n := 1_000_000
	if racing {
		n = 50_000 // scripts/test.sh floods without the detector too
	}
	s := newStand(t, storecache.Options{MaxBytes: maxBytes, MaxReads: maxReads})
	live := s.login("ann")
	becomes(t, s.verifier, live, accepted)
	f := newForger(t, live)
	signed := n / 10
	for _, tt := range []struct {
		name   string
		n      int
		secret []byte
		reads  int64
		reason error
	}{
		{"wrong signatures", n - signed, []byte("an attacker's guess of 32 bytes!"), 0, token.ErrSignature},
		{"right signatures of unknown sessions", signed, s.secret, int64(signed), token.ErrUnknownSession},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, reads := heap(), s.asked()
			accepts, others, outages := s.flood(f, tt.n, tt.secret, tt.reason)
			grown := heap() - before
			reads = s.asked() - reads
			t.Logf("tokens %d, accepted %d, outages %d, backend queries %d, heap grown by %d KiB of %d KiB allowed, resident at most %d MiB",
				tt.n, accepts, outages, reads, grown>>10, maxBytes>>10, peak()>>20)
			if accepts+others > 0 || outages > int64(tt.n/100) {
				t.Errorf("%d tokens accepted, %d refused otherwise than as %v, %d outages", accepts, others, tt.reason, outages)
			}
			if reads > tt.reads+100 {
				t.Errorf("%d backend queries, want %d", reads, tt.reads)
			}
			if grown > 2*maxBytes {
				t.Errorf("%d bytes of heap for %d allowed", grown, maxBytes)
			}
			if said, _ := check1(t, s.verifier, live); said != accepted {
				t.Error("who is logged in is not let in any more")
			}
		})
	}
}

// flood presents n tokens by 64 callers.
func (s *stand) flood(f *forger, n int, secret []byte, reason error) (accepts, others, outages int64) {
	var next, let, odd, silent atomic.Int64
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				_, err := s.verifier.Verify(s.Context(), f.token(int(i), secret))
				switch {
				case err == nil:
					let.Add(1)
				case verdictOf(err) == unanswered:
					silent.Add(1) // on a machine that is busy otherwise
				case !errors.Is(err, reason):
					odd.Add(1)
				}
			}
		})
	}
	all.Wait()
	return let.Load(), odd.Load(), silent.Load()
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // far below
}

// peak returns the most memory that the process ever had resident; zero where the system does not say.
func peak() int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, line, _ := strings.Cut(string(text), "VmHWM:")
	kb, _ := strconv.ParseInt(strings.TrimSpace(strings.SplitN(line, "kB", 2)[0]), 10, 64)
	return kb << 10
}
