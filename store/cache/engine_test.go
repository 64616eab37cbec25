package storecache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	memstore "github.com/jetonkit/jeton/store/memory"
)

// liar is an engine that answers what it was given first, second or last, whatever the key.
type liar struct {
	mu     sync.Mutex
	given  []*storecache.Answer
	gets   int
	refuse bool
	closed int
}

func (l *liar) Get(uint64) (*storecache.Answer, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.given) == 0 {
		return nil, false
	}
	l.gets++
	return l.given[l.gets*7%len(l.given)], true
}

func (l *liar) Set(_ uint64, a *storecache.Answer, bytes int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes <= 0 || l.refuse {
		return false
	}
	l.given = append(l.given, a)
	return true
}

func (l *liar) Close() { l.closed++ }

// TestLyingEngine: an engine that mixes up all that it is given makes no wrong answer, one that refuses is counted, and one
// that does not begin is an error.
func TestLyingEngine(t *testing.T) {
	l := &liar{}
	o := storecache.Options{Engine: func(maxBytes int64) (storecache.Engine, error) {
		if maxBytes != storecache.MinBytes {
			t.Errorf("the engine is given %d bytes", maxBytes)
		}
		return l, nil
	}, MaxBytes: storecache.MinBytes}
	inBubble(t, o, nil, func(s stand) {
		for i := range 5 {
			s.login(fmt.Sprint(i))
			s.status(fmt.Sprint(i))
		}
		if err := s.c.Revoke(s.t.Context(), store.Revocation{Subject: ann, IDs: []string{"0", "1"}}); err != nil {
			s.t.Fatal(err)
		}
		for n := range 500 {
			i := n % 6
			st, err := s.c.Lookup(s.t.Context(), ann, fmt.Sprint(i))
			if err != nil {
				s.t.Fatal(err)
			}
			want := store.Live
			switch {
			case i < 2:
				want = store.Revoked
			case i == 5:
				want = store.Unknown
			}
			if en := st.Entries[0]; en.Status != want || (want == store.Live && en.Record.ID != fmt.Sprint(i)) {
				s.t.Fatalf("%d is %v, record %q", i, en.Status, en.Record.ID)
			}
		}
		for range 20 {
			for _, stranger := range []store.Subject{{Realm: "elsewhere", Name: "ann"}, {Issuer: "https://sso.example", Name: "ann"}, {Kind: store.KindKey, Name: "ann"}} {
				if st, err := s.c.Lookup(s.t.Context(), stranger, "2"); err != nil || st.Entries[0].Status != store.Unknown {
					s.t.Fatal(err, st.Entries)
				}
			}
		}
		if stat(s.c, "cache_hits") == 0 || stat(s.c, "cache_drops") != 0 {
			s.t.Errorf("%v", s.c.Stats())
		}
		l.refuse = true
		misses := stat(s.c, "cache_misses")
		s.login("new")
		s.status("new")
		if stat(s.c, "cache_drops") != 1 || stat(s.c, "cache_misses") != misses+1 {
			s.t.Errorf("a drop, and %v", s.c.Stats())
		}
	})
	if l.closed != 1 {
		t.Errorf("closed %d times", l.closed)
	}
	odd := errors.New("odd")
	inBubble(t, storecache.Options{}, nil, func(s stand) {
		_, err := storecache.New(s.t.Context(), s.g, &storecache.Options{Engine: func(int64) (storecache.Engine, error) { return nil, odd }})
		if !errors.Is(err, odd) {
			s.t.Error(err)
		}
		if err := store.Ping(s.t.Context(), s.g); err != nil {
			s.t.Errorf("the store must stay open: %v", err)
		}
	})
}

// TestMinBytes: a cache of the smallest size keeps the largest answer about a session and its token.
func TestMinBytes(t *testing.T) {
	inBubble(t, storecache.Options{MaxBytes: storecache.MinBytes}, nil, func(s stand) {
		long := strings.Repeat("x", store.MaxNameLen)
		subject := store.Subject{Realm: long, Name: long}
		metadata := map[string]string{}
		for i := range store.MaxMetadata {
			key := fmt.Sprintf("%032d", i)
			metadata[key] = strings.Repeat("v", store.MaxMetadataBytes/store.MaxMetadata-len(key))
		}
		_, err := s.g.Issue(s.t.Context(), store.IssueRequest{Record: store.Record{
			ID: long, Subject: subject, Class: long[:store.MaxClassLen], Binding: long[:store.MaxBindingLen], Link: store.NewLink(),
			ExpiresAt: time.Now().Add(time.Hour), Metadata: metadata,
		}})
		if err != nil {
			s.t.Fatal(err)
		}
		for range 2 {
			if _, err := s.c.Lookup(s.t.Context(), subject, long, "token"); err != nil {
				s.t.Fatal(err)
			}
			synctest.Wait()
		}
		if s.g.asked != 1 {
			s.t.Errorf("%d questions", s.g.asked)
		}
	})
}

// stubborn is a store that does not look at its context.
type stubborn struct{ *memstore.Store }

func (s stubborn) Lookup(_ context.Context, subject store.Subject, ids ...string) (store.State, error) {
	time.Sleep(time.Second) // of a synctest bubble
	return s.Store.Lookup(context.Background(), subject, ids...)
}

// TestCloseWaits: Close waits for a store that does not let itself be called off, and gives the engine nothing once it is
// closed. Kills a Close that leaves questions behind.
func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := memstore.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		l := &liar{}
		c, err := storecache.New(t.Context(), stubborn{m}, &storecache.Options{Engine: func(int64) (storecache.Engine, error) { return l, nil }})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Revoke(t.Context(), store.Revocation{Subject: ann, IDs: []string{"a"}}); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = c.Lookup(t.Context(), ann, "a") }()
		synctest.Wait()
		begin := time.Now()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took != time.Second || l.closed != 1 {
			t.Errorf("it took %v, and the engine is closed %d times", took, l.closed)
		}
		given := len(l.given)
		synctest.Wait()
		if len(l.given) != given {
			t.Error("a closed engine was given an answer")
		}
	})
}

// TestLeavesTheLiving: a login, a refresh and a touch are no reasons to ask again for what lives, alone of all ids of its
// answer. Kills each of them as a change, and an answer of the living that counts logins.
func TestLeavesTheLiving(t *testing.T) {
	inBubble(t, storecache.Options{}, nil, func(s stand) {
		rec := s.login("a")
		s.status("a")
		soon := time.Now().Add(2 * time.Hour)
		for what, do := range map[string]func(context.Context) error{
			"login": func(ctx context.Context) error {
				_, err := s.c.Issue(ctx, store.IssueRequest{Record: store.Record{ID: store.NewID(), Subject: ann, Link: store.NewLink(), ExpiresAt: soon}})
				return err
			},
			"refresh": func(ctx context.Context) error {
				out, err := s.c.Rotate(ctx, store.RotateRequest{Subject: ann, ID: "a", Link: rec.Link, NextLink: store.NewLink(), ExpiresAt: soon})
				if err == nil && out.Outcome != store.RotateOK {
					err = fmt.Errorf("outcome %v", out.Outcome)
				}
				return err
			},
			"touch": func(ctx context.Context) error {
				return s.c.Touch(ctx, store.TouchRequest{Subject: ann, ID: "a", ExpiresAt: soon})
			},
		} {
			if err := do(s.t.Context()); err != nil {
				s.t.Fatal(what, err)
			}
			if s.status("a") != store.Live || s.g.asked != 1 {
				s.t.Errorf("%s: %d questions", what, s.g.asked)
			}
		}
	})
}

// TestNeighbours: revocations of others leave what is known of a subject where it is: of 200 users two or three share a
// counter with one of 800 others, not all. Kills one counter for all.
func TestNeighbours(t *testing.T) {
	inBubble(t, storecache.Options{MaxStale: time.Minute, MaxAge: time.Hour, MaxAbsent: 1 << 20}, nil, func(s stand) {
		ask := func() (missed int64) {
			before := stat(s.c, "cache_misses")
			for i := range 200 {
				if _, err := s.c.Lookup(s.t.Context(), store.User(fmt.Sprint("user ", i)), "a"); err != nil {
					s.t.Fatal(err)
				}
				synctest.Wait()
			}
			return stat(s.c, "cache_misses") - before
		}
		ask()
		if n := ask(); n > 4 { // two may share one of the places of unknown ids
			s.t.Fatalf("%d of 200 were not kept", n)
		}
		for i := range 800 {
			if err := s.c.Revoke(s.t.Context(), store.Revocation{Subject: store.User(fmt.Sprint("other ", i)), All: true}); err != nil {
				s.t.Fatal(err)
			}
		}
		if n := ask(); n > 20 {
			s.t.Errorf("%d of 200 were asked for again", n)
		}
	})
}

// TestLongUnknown: answers of unknown ids are kept by their number, so none is kept that is long: who sends long names fills
// no memory. What a verifier asks, a session and its token, is kept. Kills places of any size, and those too small for use.
func TestLongUnknown(t *testing.T) {
	long := func(letters string) (ids []string) {
		for _, x := range letters {
			ids = append(ids, strings.Repeat(string(x), 256))
		}
		return ids
	}
	inBubble(t, storecache.Options{MaxStale: time.Minute}, nil, func(s stand) {
		for _, tt := range []struct {
			what string
			user string
			ids  []string
			keep bool
		}{
			{"an id", "ann", []string{store.NewID()}, true},
			{"a session and its token", "6f9619ff-8b86-d011-b42d-00c04fc964ff", []string{store.NewID(), store.NewID()}, true},
			{"another issuer's", "auth0|" + strings.Repeat("a", 64), []string{strings.Repeat("x", 43), strings.Repeat("y", 64)}, true},
			{"the longest session and token", "ann", long("xy"), true},
			{"the same of a long name", strings.Repeat("a", 256), append(long("xy"), "z"), false},
			{"many ids", "ann", long("uvwxyz"), false},
		} {
			s.g.set(func() { s.g.asked = 0 })
			for range 2 {
				if _, err := s.c.Lookup(s.t.Context(), store.User(tt.user), tt.ids...); err != nil {
					s.t.Fatal(err)
				}
			}
			if kept := s.g.asked == 1; kept != tt.keep {
				s.t.Errorf("%s: kept %v", tt.what, kept)
			}
		}
	})
}
