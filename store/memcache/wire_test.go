package memcachestore_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	memcachestore "github.com/jetonkit/jeton/store/memcache"
)

// count counts the commands of a kind in what was heard.
func count(said []string, command string) (n int) {
	for _, text := range said {
		n += strings.Count(text, command)
	}
	return n
}

// TestOneGet counts on the wire: a question is one command and one packet, with one server and with three; a write is one
// more.
func TestOneGet(t *testing.T) {
	var addrs []string
	for i := range 3 {
		addrs = append(addrs, testenv.SharedMemcached(t, "-m", strconv.Itoa(64+i)).Addr())
	}
	for _, servers := range [][]string{addrs[:1], addrs} {
		t.Run(fmt.Sprint(len(servers), " servers"), func(t *testing.T) {
			c := &cable{}
			s := opened(t, &memcachestore.Options{Prefix: testenv.Prefix(t), Dial: c.dial}, servers...)
			ctx, ann := t.Context(), store.User("ann")
			rec := login(t, s, ann)
			for _, op := range []struct {
				name         string
				do           func() error
				gets, writes int
			}{
				{"Lookup, as Verify asks", func() error { _, err := s.Lookup(ctx, ann, rec.ID, "jti"); return err }, 1, 0},
				{"Lookup of nobody", func() error { _, err := s.Lookup(ctx, store.User("nobody"), "jti"); return err }, 1, 0},
				{"List", func() error { _, err := s.List(ctx, ann, store.Page{}); return err }, 1, 0},
				{"Issue", func() error { _, err := s.Issue(ctx, session(ann)); return err }, 1, 1},
				{"Issue of a new subject", func() error { _, err := s.Issue(ctx, session(store.User(store.NewID()))); return err }, 1, 1},
				{"Rotate", func() error {
					_, err := s.Rotate(ctx, store.RotateRequest{Subject: ann, ID: rec.ID, Link: rec.Link, NextLink: store.NewLink()})
					return err
				}, 1, 1},
				{"Revoke", func() error { return s.Revoke(ctx, store.Revocation{Subject: ann, All: true}) }, 1, 1},
			} {
				if op.name != "Rotate" { // which cannot be done twice
					if err := op.do(); err != nil { // the first may dial
						t.Fatalf("%s: %v", op.name, err)
					}
				}
				var err error
				said := c.listen(func() { err = op.do() })
				writes := count(said, "cas ") + count(said, "add ")
				if gets := count(said, "gets "); err != nil || gets != op.gets || writes != op.writes || (op.writes == 0 && len(said) != 1) {
					t.Errorf("%s: %d gets and %d writes in %d packets, want %d and %d: %v", op.name, gets, writes, len(said), op.gets, op.writes, err)
				}
			}
		})
	}
}

// TestKeys: keys are the prefix and digests, whatever the names are.
func TestKeys(t *testing.T) {
	m := testenv.SharedMemcached(t)
	c := &cable{}
	prefix := strings.Repeat("p", 64)
	s := opened(t, &memcachestore.Options{Prefix: prefix, Dial: c.dial}, m.Addr())
	evil := "\r\nflush_all\r\n\x00 " + strings.Repeat("ü", 100)
	sub := store.Subject{Kind: store.KindUser, Realm: evil, Issuer: evil, Name: evil}
	said := c.listen(func() {
		r := session(sub)
		r.Record.ID = evil
		if _, err := s.Issue(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	})
	key := prefix + sub.Digest().String()
	if want := fmt.Sprintf("gets %s %sjeton\r\n", key, prefix); said[0] != want {
		t.Errorf("%q was said, want %q", said[0], want)
	}
	if !strings.HasPrefix(said[1], "add "+key+" ") || len(key) > 250 {
		t.Errorf("%.120q was said", said[1])
	}
}

// exptimeOf returns the time that a write says.
func exptimeOf(t *testing.T, said []string) int64 {
	t.Helper()
	for _, text := range said {
		if fields := strings.Fields(text); len(fields) > 4 && (fields[0] == "add" || fields[0] == "cas") {
			n, err := strconv.ParseInt(fields[3], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("nothing was written")
	return 0
}

// TestTTL: exptimes are absolute, never before what the ledger needs, and the server keeps the value for as long.
// Mutants: a relative exptime, which memcached takes for one of 1970 beyond 30 days; rounding down.
func TestTTL(t *testing.T) {
	m := testenv.SharedMemcached(t)
	start := time.Now().Truncate(time.Second)
	for _, c := range []struct {
		rule        string
		life        time.Duration
		offset      time.Duration // of the store's clock
		never, gone bool
	}{
		{rule: "a minute", life: time.Minute},
		{rule: "below a second", life: 300 * time.Millisecond},
		{rule: "30 days", life: 30 * 24 * time.Hour},
		{rule: "31 days, which would be 1970 as a number of seconds", life: 31 * 24 * time.Hour},
		{rule: "10 years, as long as there are 31 bits", life: store.MaxLife - time.Minute},
		{rule: "beyond 2038 it never expires", life: time.Hour, offset: 12 * 365 * 24 * time.Hour, never: true},
		{rule: "a clock in 1970 makes no relative time", life: time.Hour, offset: -time.Since(time.Unix(60, 0)), gone: true},
	} {
		t.Run(c.rule, func(t *testing.T) {
			cable := &cable{}
			now := start.Add(c.offset).Add(time.Millisecond) // no whole second: it has to round
			s := opened(t, &memcachestore.Options{Prefix: testenv.Prefix(t), Dial: cable.dial, Now: func() time.Time { return now }}, m.Addr())
			r := session(store.User("ann"))
			r.Record.ExpiresAt = now.Add(c.life)
			said := cable.listen(func() {
				if _, err := s.Issue(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			})
			exp := exptimeOf(t, said)
			end := r.Record.ExpiresAt.Add(24*time.Hour + store.MarkMargin) // the ledger outlives its last member
			if want := end.Unix() + 1; !c.never && !c.gone && end.Unix() < 1<<31-1 && exp != want {
				t.Errorf("the exptime is %d, the ledger's end %d and a part", exp, want-1)
			}
			if end.Unix() > 1<<31-1 {
				c.never = true
			}
			if c.never != (exp == 0) {
				t.Errorf("the exptime is %d", exp)
			}
			if c.gone && exp <= 30*24*3600 {
				t.Errorf("the exptime %d counts from now", exp)
			}
			st, err := s.Lookup(t.Context(), store.User("ann"), r.Record.ID)
			if err != nil || (st.Entries[0].Status == store.Live) == c.gone {
				t.Errorf("%+v, %v", st.Entries, err)
			}
		})
	}
}

// TestTooLarge: a ledger that the server has no room for is refused with the numbers, before the server says so, and can be
// revoked to the last.
func TestTooLarge(t *testing.T) {
	for size, args := range map[string][]string{"32k": {"-o", "slab_chunk_max=16384"}, "1m": nil} {
		t.Run(size, func(t *testing.T) {
			m := testenv.SharedMemcached(t, append([]string{"-m", "128", "-I", size}, args...)...)
			s := opened(t, &memcachestore.Options{Prefix: testenv.Prefix(t)}, m.Addr())
			most := map[string]int{"32k": 32 << 10, "1m": 1 << 20}[size] - 512
			var recs []store.Record
			var err error
			for err == nil && len(recs) < 1000 {
				r := session(store.User("ann"))
				r.Record.Metadata = map[string]string{"agent": strings.Repeat("x", 4000)}
				var got store.Issued
				if got, err = s.Issue(t.Context(), r); err == nil {
					recs = append(recs, got.Record)
				}
			}
			told(t, err, store.ErrTooLarge, fmt.Sprintf("of %d, the rest is kept for revocations", most), "limit the sessions per subject")
			for batch := range 4 {
				ids := make([]string, store.MaxIDs)
				for i := range ids {
					ids[i] = fmt.Sprint("a token ", batch, " ", i)
				}
				if err := s.Revoke(t.Context(), store.Revocation{Subject: store.User("ann"), IDs: ids, Reason: strings.Repeat("r", store.MaxReasonLen)}); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Revoke(t.Context(), store.Revocation{Subject: store.User("ann"), All: true}); err != nil {
				t.Fatal(err)
			}
			for _, rec := range recs {
				if alive(t, s, rec, false) {
					t.Fatal("a revoked session lives")
				}
			}
			t.Logf("%d sessions of 4 KB", len(recs))
		})
	}
}

// TestLargestValue: the server takes the largest value that it may be given, so that no revocation fails for size.
func TestLargestValue(t *testing.T) {
	m := testenv.Memcached(t)
	const most = 1<<20 - 512
	key := strings.Repeat("k", 64+32)
	if got := m.Do(fmt.Sprintf("set %s 0 %d %d\r\n%s", key, time.Now().Add(time.Hour).Unix(), most, strings.Repeat("x", most))); got[0] != "STORED" {
		t.Errorf("%q", got)
	}
}

// TestEviction fills 2 MB: whatever the server throws away, no revoked session is alive, and a denylist is refused.
func TestEviction(t *testing.T) {
	m := testenv.Memcached(t, "-m", "2")
	s := opened(t, nil, m.Addr())
	if s.Capabilities().NeverEvicts {
		t.Error("a server that evicts is said not to")
	}
	refused(t, s)
	type one struct {
		rec     store.Record
		revoked bool
	}
	var all []one
	padding := map[string]string{"padding": strings.Repeat("x", 1500)}
	for i := 0; i < 40_000 && evictions(t, m) < 2000; i++ {
		for range 100 {
			r := session(store.User(fmt.Sprint("user ", len(all))))
			r.Record.Metadata = padding
			got, err := s.Issue(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			o := one{got.Record, len(all)%3 == 0}
			if o.revoked {
				if err := s.Revoke(t.Context(), store.Revocation{Subject: o.rec.Subject, All: len(all)%2 == 0, IDs: []string{o.rec.ID}[:len(all)%2]}); err != nil {
					t.Fatal(err)
				}
			}
			all = append(all, o)
		}
	}
	living, wrong := 0, 0
	for _, o := range all {
		if alive(t, s, o.rec, false) {
			living++
			if o.revoked {
				wrong++
			}
		}
	}
	t.Logf("%d logins, %d evictions, %d alive, revoked ones among them: %d", len(all), evictions(t, m), living, wrong)
	if wrong > 0 || living == 0 || evictions(t, m) == 0 {
		t.Error("a revoked session lives, or nothing does, or nothing was evicted")
	}
}

func evictions(t *testing.T, m *testenv.MemcachedServer) int {
	t.Helper()
	for _, line := range m.Do("stats") {
		if text, ok := strings.CutPrefix(line, "STAT evictions "); ok {
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("the server tells no evictions")
	return 0
}

// TestFull: a server that never evicts says so when it is full: what was to be written has certainly not been, nothing that
// is there goes, and no revoked session lives.
func TestFull(t *testing.T) {
	m := testenv.Memcached(t, "-m", "2", "-M")
	s := opened(t, nil, m.Addr())
	var recs []store.Record
	padding := map[string]string{"padding": strings.Repeat("x", 1500)}
	var err error
	for err == nil && len(recs) < 20_000 {
		r := session(store.User(fmt.Sprint("user ", len(recs))))
		r.Record.Metadata = padding
		var got store.Issued
		if got, err = s.Issue(t.Context(), r); err == nil {
			recs = append(recs, got.Record)
		}
	}
	told(t, err, store.ErrUnavailable, "the server is full", "-m", "nothing was written")
	if errors.Is(err, store.ErrIndeterminate) {
		t.Errorf("%v: it is known", err)
	}
	passed := 0
	for _, rec := range recs {
		err := s.Revoke(t.Context(), store.Revocation{Subject: rec.Subject, IDs: []string{rec.ID}})
		if err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Fatal(err)
		}
		if err == nil {
			passed++
		}
		if alive(t, s, rec, false) != (err != nil) {
			t.Fatalf("after %v the session's life is wrong", err)
		}
	}
	t.Logf("%d sessions fit, %d revocations of them passed", len(recs), passed)
}
