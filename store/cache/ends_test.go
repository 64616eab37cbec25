package storecache_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/internal/harness"
	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	memstore "github.com/jetonkit/jeton/store/memory"
)

// TestEnds: an answer counts until the first of its records has ended, and not at that moment any more, whatever their order;
// its Now goes on.
func TestEnds(t *testing.T) {
	for _, ids := range [][]string{{"short", "long"}, {"long", "short"}} {
		inBubble(t, storecache.Options{}, nil, func(s stand) {
			s.ends("short", 10*time.Second)
			s.ends("long", 20*time.Second)
			for _, tt := range []struct {
				after time.Duration
				short store.Status
			}{{0, store.Live}, {5 * time.Second, store.Live}, {5*time.Second - 1, store.Live}, {1, store.Unknown}, {5 * time.Second, store.Unknown}} {
				time.Sleep(tt.after)
				st, err := s.c.Lookup(s.t.Context(), ann, ids...)
				if err != nil {
					s.t.Fatal(err)
				}
				synctest.Wait()
				for i, id := range ids {
					if got := st.Entries[i].Status; (id == "short" && got != tt.short) || (id == "long" && got != store.Live) {
						s.t.Errorf("%v: %s is %v", ids, id, got)
					}
				}
				if !st.Now.Truncate(time.Millisecond).Equal(time.Now().Truncate(time.Millisecond)) {
					s.t.Errorf("Now is %v off", time.Until(st.Now))
				}
			}
			if hits := stat(s.c, "cache_hits"); hits != 3 {
				s.t.Errorf("%d hits", hits)
			}
		})
	}
}

// TestNoFeed: over a store that tells nobody, an answer is kept for MaxStale and no longer, however high MaxAge is; what this
// process revokes is over at once.
func TestNoFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := memstore.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		c, err := storecache.New(t.Context(), harness.Mute(m), &storecache.Options{MaxStale: maxStale, MaxAge: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		s := stand{t, &gate{Store: m}, c}
		if lag, ok := c.Lag(); !ok || lag != 0 {
			t.Errorf("Lag %v, %v", lag, ok)
		}
		late := 0
		for i := range 50 {
			id := fmt.Sprint(i)
			s.login(id)
			if s.status(id) != store.Live {
				t.Fatal("a login must live")
			}
			time.Sleep(time.Duration(i) * 10 * time.Millisecond)
			lives := s.lives(id)
			if lives > maxStale {
				t.Errorf("accepted %v after the revocation", lives)
			}
			if lives > maxStale/2 {
				late++
			}
		}
		if late == 0 {
			t.Error("nothing was kept")
		}
		s.login("own")
		s.status("own")
		if err := c.Revoke(t.Context(), store.Revocation{Subject: ann, All: true}); err != nil {
			t.Fatal(err)
		}
		if s.status("own") == store.Live {
			t.Error("this process revoked it")
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestNoFeedAges: over a store that tells nobody, the shortest of the bounds holds, of what lives and of what is unknown.
func TestNoFeedAges(t *testing.T) {
	for _, tt := range []struct {
		id                     string
		maxStale, maxAge, most time.Duration
	}{
		{"a", maxStale, time.Second, time.Second},
		{"a", time.Second, time.Minute, time.Second},
		{"unknown", 300 * time.Millisecond, time.Minute, 300 * time.Millisecond},
		{"unknown", time.Minute, 300 * time.Millisecond, 300 * time.Millisecond},
		{"unknown", time.Minute, time.Minute, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			m, err := memstore.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			g := &gate{Store: m}
			c, err := storecache.New(t.Context(), mute{g}, &storecache.Options{MaxStale: tt.maxStale, MaxAge: tt.maxAge})
			if err != nil {
				t.Fatal(err)
			}
			s := stand{t, g, c}
			s.login("a")
			for _, step := range []struct {
				after time.Duration
				asked int
			}{{0, 1}, {tt.most*9/10 - 1, 1}, {tt.most/10 + 1, 2}} {
				time.Sleep(step.after)
				s.status(tt.id)
				if g.asked != step.asked {
					t.Errorf("%+v: %d questions after %v, want %d", tt, g.asked, step.after, step.asked)
				}
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestFlood: who asks for random ids takes a bounded piece of memory, beside MaxBytes what MaxAbsent answers take, and who
// asks for the same again and again asks the store no more than once a second for each.
func TestFlood(t *testing.T) {
	if testing.Short() {
		t.Skip("it fills memory")
	}
	s, err := memstore.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := storecache.New(t.Context(), s, &storecache.Options{MaxBytes: 1 << 20, MaxStale: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	before := heap()
	for i := range 300_000 {
		if _, err := c.Lookup(t.Context(), ann, fmt.Sprintf("session %016d", i), fmt.Sprintf("token %016d", i)); err != nil {
			t.Fatal(err)
		}
	}
	took := heap() - before
	t.Logf("%d KiB of heap", took>>10)
	if took < 2<<20 || took > 4096*2<<10+1<<20 {
		t.Errorf("%d bytes of heap", took)
	}
	asked, begin := stat(c, "cache_misses"), time.Now()
	for range 200 {
		for i := range 50 {
			if _, err := c.Lookup(t.Context(), ann, fmt.Sprint("session ", i), "token"); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Two of them may share a place.
	if asked = stat(c, "cache_misses") - asked; asked > 50*(2+int64(time.Since(begin)/time.Second))+10*200 {
		t.Errorf("%d questions in %v", asked, time.Since(begin))
	}
}

// TestDenylist: a token that is judged without a record dies within MaxStale of what another process revoked, and at once of
// what this one did, though nothing but unknown ids was kept of it.
func TestDenylist(t *testing.T) {
	revoke := map[string]store.Revocation{
		"the token":   {Subject: ann, IDs: []string{"jti"}},
		"the session": {Subject: ann, IDs: []string{"sid"}},
		"everything":  {Subject: ann, All: true},
	}
	for what, r := range revoke {
		for _, live := range []bool{true, false} {
			for _, own := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s, live %t, own %t", what, live, own), func(t *testing.T) {
					const stale = 300 * time.Millisecond // less than unknown ids are kept
					inBubble(t, storecache.Options{MaxStale: stale, MaxAge: time.Hour}, func(g *gate) { g.deaf = true }, func(s stand) {
						p := store.Presented{SessionID: "sid", TokenID: "jti", WithoutRecord: true, Seq: 1 << 60}
						if what == "everything" {
							p.Seq = uint64(time.Now().UnixMicro()) + 1 //nolint:gosec // this century
						}
						if live {
							s.login("sid")
						}
						alive := func() bool {
							st, err := s.c.Lookup(s.t.Context(), ann, p.IDs()...)
							if err != nil {
								s.t.Fatal(err)
							}
							synctest.Wait()
							return st.Verdict(p).Alive
						}
						time.Sleep(time.Second)
						for range 2 {
							if !alive() {
								s.t.Fatal("nothing is revoked")
							}
						}
						if stat(s.c, "cache_hits") != 1 {
							s.t.Error("it must be kept")
						}
						by, patience := store.TokenStore(s.c), time.Duration(0)
						if !own {
							by, patience = s.g, stale+time.Millisecond
						}
						if err := by.Revoke(s.t.Context(), r); err != nil {
							s.t.Fatal(err)
						}
						time.Sleep(patience)
						if alive() {
							s.t.Error("it lives")
						}
					})
				})
			}
		}
	}
}
