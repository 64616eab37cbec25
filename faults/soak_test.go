//go:build unix

package faults_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	redisstore "github.com/jetonkit/jeton/store/redis"
	"github.com/jetonkit/jeton/token"
)

const (
	processes  = 4
	issuerName = "https://login.example"
	healthy    = 12 * time.Second
)

// maxStales are what the verifiers are held to.
var maxStales = []time.Duration{300 * time.Millisecond, time.Second}

// kinds are what a process verifies with. The first two have views too, and one has what is broken on purpose.
func kinds(process int) []eyeKind {
	all := []eyeKind{
		{"cache 300ms", withCache, 300 * time.Millisecond},
		{"cache 1s", withCache, time.Second},
	}
	if process < 2 {
		all = append(all, eyeKind{"view 300ms", withView, 300 * time.Millisecond}, eyeKind{"view 1s", withView, time.Second})
	}
	if process == 3 {
		all = append(all, eyeKind{"deaf 300ms", deafCache, 300 * time.Millisecond}, eyeKind{"slow 300ms", slowCache, 300 * time.Millisecond})
	}
	return all
}

// fault is one that was made, and when.
type fault struct {
	name     string
	from, to time.Duration
}

// soak is the whole: servers, processes, offices, and what was done to them.
type soak struct {
	*testing.T
	env     *testenv.Sentinel
	dir     string
	procs   []*process
	offices []*office
	book    *book
	faults  []fault
	reports []report
}

func soakTime(t testing.TB) time.Duration {
	text := os.Getenv("JETON_SOAK")
	if text == "" {
		return time.Minute
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		t.Fatalf("JETON_SOAK is %q, want a duration", text)
	}
	return d
}

// TestSoak has four processes verify while two others revoke, through resets, black holes, stops and failovers, and counts
// the accepts in checks that began later than MaxStale after an acknowledged revocation; a failover excuses none, since lookups
// are fenced. Checks, acknowledgements and faults are dated by the machine's monotonic clock, which no process's stop holds up.
//
// Two caches that are broken on purpose run along, and must be found: one whose feed is silent, and one whose MaxStale is
// ten times too long, which only the black holes show.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes more than a minute")
	}
	s := newSoak(t)
	ctx, stop := context.WithCancel(t.Context())
	stay := s.offices[0].user(20, false)
	if len(stay) != 20 {
		t.Fatal("no logins in peace")
	}
	for range int(healthy / (600 * time.Millisecond)) {
		s.offices[0].probe(ctx)
	}
	var all sync.WaitGroup
	for _, o := range s.offices {
		all.Go(func() { o.work(ctx) })
	}
	time.Sleep(2 * time.Second)
	began, length := clock(), soakTime(t)
	for round := 0; round == 0 || clock()-began < length; round++ {
		s.round(round)
	}
	s.pause()
	stop()
	all.Wait()
	for _, p := range s.procs {
		s.reports = append(s.reports, p.end())
	}
	s.judge()
}

func newSoak(t *testing.T) *soak {
	s := &soak{T: t, dir: t.TempDir(), book: newBook()}
	s.env = testenv.RedisSentinel(t, kept...)
	addrs := s.env.Addrs()
	for _, node := range s.env.Nodes() {
		addrs = append(addrs, node.Addr())
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it has no errors
	prefix := testenv.Prefix(t) + ":"
	s.open(prefix, secret, false) // it makes the keyspace
	s.open(prefix, secret, true)
	for n := range processes {
		s.procs = append(s.procs, start(t, newNetwork(t, addrs), setup{
			Sentinels: s.env.Addrs(), Master: s.env.Name, Prefix: prefix, Issuer: issuerName, Secret: secret,
			Log: logName(s.dir, n), Eyes: kinds(n),
		}))
	}
	return s
}

// open opens an office. One has a cache, as an authorization server that verifies too.
func (s *soak) open(prefix string, secret []byte, cached bool) {
	s.Helper()
	addrs := s.env.Addrs()
	url := fmt.Sprintf("redis+sentinel://%s?dial_timeout=2s&master=%s&addrs=%s,%s", addrs[0], s.env.Name, addrs[1], addrs[2])
	var backend store.TokenStore
	backend, err := redisstore.Open(s.Context(), url, &redisstore.Options{
		Prefix: prefix, Partitions: 16, Durability: redisstore.Replicated(1), FencedLookups: true, Logger: quiet,
	})
	o := &office{t: s, tell: s.tell, book: s.book}
	key, wrong := token.HS256("soak", secret)
	err = errors.Join(err, wrong)
	if err == nil && cached {
		backend, err = storecache.New(s.Context(), backend, &storecache.Options{MaxStale: 300 * time.Millisecond})
	}
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = backend.Close() })
	o.store = backend
	o.issuer, err = token.NewIssuer(backend, issuerName, key, &token.IssuerOptions{AccessTTL: 12 * time.Hour, Grace: -1})
	if err != nil {
		s.Fatal(err)
	}
	if o.revoker, err = token.NewRevoker(backend, nil); err != nil {
		s.Fatal(err)
	}
	if cached {
		o.own, err = token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: key.VerifyKey(), Check: token.Sessions(backend)}}, nil)
		if err != nil {
			s.Fatal(err)
		}
		s.Cleanup(func() { _ = o.own.Close() })
	}
	s.offices = append(s.offices, o)
}

func (s *soak) tell(o order) {
	for _, p := range s.procs {
		p.orders <- o
	}
}

// each does something to every process's network.
func (s *soak) each(do func(*testenv.Proxy)) {
	for _, p := range s.procs {
		p.net.each(do)
	}
}

// pause is peace between faults, in which every verifier must accept again.
func (s *soak) pause() { time.Sleep(2500 * time.Millisecond) }

// fault makes one, and writes down when.
func (s *soak) fault(name string, do func()) {
	s.pause()
	f := fault{name: name, from: clock()}
	do()
	f.to = clock()
	s.faults = append(s.faults, f)
}

// round makes every fault once.
func (s *soak) round(n int) {
	s.fault("resets", func() {
		for range 8 {
			s.each((*testenv.Proxy).Reset)
			time.Sleep(150 * time.Millisecond)
		}
	})
	for _, hole := range []struct {
		name              string
		requests, replies bool
	}{{"requests vanish", true, false}, {"replies vanish", false, true}, {"nothing comes through", true, true}} {
		s.fault(hole.name, func() {
			s.each(func(p *testenv.Proxy) { p.Hole(hole.requests, hole.replies) })
			time.Sleep(2500 * time.Millisecond)
			s.each(func(p *testenv.Proxy) { p.Hole(false, false) })
		})
	}
	for _, d := range []time.Duration{600 * time.Millisecond, 2 * time.Second} { // twice each MaxStale
		s.fault(fmt.Sprintf("a process is stopped for %v", d), func() {
			var all sync.WaitGroup
			for i := range 2 { // the other two see the same revocations at once
				all.Go(func() { s.procs[(n+2*i)%processes].stop(d) })
			}
			all.Wait()
		})
	}
	s.fault("the master is killed", func() {
		victim := s.env.Master()
		victim.Kill()
		for since := clock(); s.env.Master() == victim; time.Sleep(20 * time.Millisecond) {
			if clock()-since > 20*time.Second {
				s.Fatal("no failover")
			}
		}
		victim.Restart()
		s.env.AwaitOK()
	})
}

// percentile returns the p-th of sorted durations, rounded for people.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, len(sorted)*p/100)].Round(10 * time.Microsecond)
}
