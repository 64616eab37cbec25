package storecache_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/storetest"
)

// TestEveryRevocationIsTold: what another process does to end a session is over everywhere within MaxStale, by each verb that
// can, over a feed without a bell.
func TestEveryRevocationIsTold(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context, s store.TokenStore, r store.Record) error{
		"ids": func(ctx context.Context, s store.TokenStore, r store.Record) error {
			return s.Revoke(ctx, store.Revocation{Subject: ann, IDs: []string{r.ID}})
		},
		"all": func(ctx context.Context, s store.TokenStore, _ store.Record) error {
			return s.Revoke(ctx, store.Revocation{Subject: ann, All: true})
		},
		"others": func(ctx context.Context, s store.TokenStore, _ store.Record) error {
			return s.Revoke(ctx, store.Revocation{Subject: ann, Others: &store.Others{Keep: "kept"}})
		},
		"others of a class": func(ctx context.Context, s store.TokenStore, _ store.Record) error {
			return s.Revoke(ctx, store.Revocation{Subject: ann, Others: &store.Others{Keep: "kept", Class: "web"}})
		},
		"forget": func(ctx context.Context, s store.TokenStore, _ store.Record) error { return s.Forget(ctx, ann) },
		"a limited login": func(ctx context.Context, s store.TokenStore, _ store.Record) error {
			_, err := s.Issue(ctx, store.IssueRequest{
				Record: store.Record{ID: "new", Subject: ann, Class: "web", Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour)},
				Limit:  store.Limit{MaxPerClass: 1, Policy: store.EvictOldest},
			})
			return err
		},
		"reuse": func(ctx context.Context, s store.TokenStore, r store.Record) error {
			out, err := s.Rotate(ctx, store.RotateRequest{Subject: ann, ID: r.ID, Link: store.NewLink(), NextLink: store.NewLink()})
			if err == nil && out.Outcome != store.Reused {
				err = fmt.Errorf("outcome %v", out.Outcome)
			}
			return err
		},
		"an earlier end": func(ctx context.Context, s store.TokenStore, r store.Record) error {
			_, err := s.Update(ctx, store.UpdateRequest{Subject: ann, ID: r.ID, Version: r.Version, ExpiresAt: time.Now().Add(time.Millisecond)})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, storecache.Options{MaxAge: time.Hour}, func(g *gate) { g.deaf = true }, func(s stand) {
				s.login("kept")
				out, err := s.g.Issue(t.Context(), store.IssueRequest{Record: store.Record{ID: "a", Subject: ann, Class: "web", Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour)}})
				if err != nil {
					t.Fatal(err)
				}
				s.status("a")
				asked := s.g.asked
				if s.status("a") != store.Live || s.g.asked != asked {
					t.Fatal("it must be kept")
				}
				if err := end(t.Context(), s.g, out.Record); err != nil {
					t.Fatal(err)
				}
				time.Sleep(maxStale + time.Millisecond)
				if s.status("a") == store.Live {
					t.Error("it lives")
				}
			})
		})
	}
}

// TestSecondID: a login with an id that was asked for beside a live one is seen at once. Kills an answer that counts no
// Issues since something in it lives.
func TestSecondID(t *testing.T) {
	inBubble(t, storecache.Options{}, nil, func(s stand) {
		s.login("a")
		for _, want := range []store.Status{store.Unknown, store.Unknown, store.Live} {
			st, err := s.c.Lookup(s.t.Context(), ann, "a", "b")
			if err != nil || st.Entries[1].Status != want {
				s.t.Errorf("%v, want %v: %v", st.Entries[1].Status, want, err)
			}
			synctest.Wait()
			if stat(s.c, "cache_hits") == 0 {
				continue
			}
			_, err = s.c.Issue(s.t.Context(), store.IssueRequest{Record: store.Record{ID: "b", Subject: ann, Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour)}})
			if err != nil && !errors.Is(err, store.ErrExists) {
				s.t.Fatal(err)
			}
		}
	})
}

// short is a store that answers to fewer ids than it is asked.
type short struct{ *memstore.Store }

func (s short) Lookup(ctx context.Context, subject store.Subject, ids ...string) (store.State, error) {
	return s.Store.Lookup(ctx, subject, ids[:len(ids)-1]...)
}

// TestShortAnswer: an answer without all that was asked for is none, and no panic of who reads it.
func TestShortAnswer(t *testing.T) {
	s, err := memstore.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := storecache.New(t.Context(), short{s}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Lookup(t.Context(), ann, "a", "b"); !errors.Is(err, store.ErrCorrupt) {
		t.Error(err)
	}
}

// TestTwoProcesses: two caches on one store, whose writes come in any order, with ids that are used again when their marks
// have ended. Each answer is held to the promise.
func TestTwoProcesses(t *testing.T) {
	seeds := uint64(10)
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		prepare := func(g *gate) {
			_ = g.Close()
			g.deaf = seed%2 == 0
			g.Store, _ = memstore.New(&memstore.Options{MaxTokenLife: time.Second})
		}
		inBubble(t, storecache.Options{MaxAge: time.Hour}, prepare, func(s stand) {
			other, err := storecache.New(s.t.Context(), storetest.NewFaults(s.g), &storecache.Options{MaxAge: time.Hour})
			if err != nil {
				s.t.Fatal(err)
			}
			synctest.Wait()
			h := &history{
				T: s.t, rand: rand.New(rand.NewPCG(seed, 7)), caches: []*storecache.Cache{s.c, other},
				ended: map[string]deed{}, begun: map[string]deed{}, known: map[string]bool{},
			}
			for range 1500 {
				h.step()
			}
			if h.live < 100 || h.dead < 100 || h.again == 0 {
				s.t.Errorf("%d live and %d dead answers, %d ids again: that proves nothing", h.live, h.dead, h.again)
			}
			if err := other.Close(); err != nil {
				s.t.Error(err)
			}
		})
	}
}

// deed is when something was done to an id, and by which process.
type deed struct {
	at time.Time
	by int
}

// history is what two processes do to the sessions of one user.
type history struct {
	*testing.T
	rand              *rand.Rand
	caches            []*storecache.Cache
	ids               [4]string // those in use
	ended, begun      map[string]deed
	known             map[string]bool // what was ever issued
	live, dead, again int
}

func (h *history) step() {
	by, n := h.rand.IntN(2), h.rand.IntN(len(h.ids))
	c, ctx, id := h.caches[by], h.Context(), &h.ids[n]
	switch n := h.rand.IntN(60); {
	case n < 2:
		h.no(c.Revoke(ctx, store.Revocation{Subject: ann, IDs: []string{cmp.Or(*id, "none")}}))
		h.end(by, *id)
	case n == 2:
		h.no(c.Revoke(ctx, store.Revocation{Subject: ann, All: true}))
		h.end(by, h.ids[:]...)
	case n == 3:
		h.no(c.Forget(ctx, ann))
		h.end(by, h.ids[:]...)
	case n == 4:
		time.Sleep(6 * time.Minute) // marks end
	case n < 12:
		h.login(by, id)
	case n < 16:
		time.Sleep(time.Duration(h.rand.Int64N(int64(maxStale))))
	default:
		h.ask(by, cmp.Or(*id, "none"))
	}
	if h.rand.IntN(3) == 0 {
		synctest.Wait() // the engines keep what they were given
	}
}

func (h *history) end(by int, ids ...string) {
	for _, id := range ids {
		h.ended[id] = deed{time.Now(), by}
		delete(h.begun, id)
	}
}

// login begins a session with the id of one before, or with a new one.
func (h *history) login(by int, id *string) {
	if *id == "" || (h.rand.IntN(3) == 0 && h.begun[*id] == (deed{})) {
		*id = store.NewID()
	}
	_, err := h.caches[by].Issue(h.Context(), store.IssueRequest{Record: store.Record{ID: *id, Subject: ann, Link: store.NewLink(), ExpiresAt: time.Now().Add(1000 * time.Hour)}})
	if errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrRevoked) {
		return
	}
	h.no(err)
	if h.known[*id] {
		h.again++
	}
	h.known[*id] = true
	delete(h.ended, *id)
	h.begun[*id] = deed{time.Now(), by}
}

func (h *history) no(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// ask holds an answer to the promise. Of a login elsewhere an answer of unknown ids hears nothing for a second; one of a dead
// id is as old as MaxAge lets it.
func (h *history) ask(by int, id string) {
	st, err := h.caches[by].Lookup(h.Context(), ann, id)
	h.no(err)
	ended, dead := h.ended[id]
	begun, live := h.begun[id]
	if got := st.Entries[0].Status; got == store.Live {
		h.live++
		if dead && (ended.by == by || time.Since(ended.at) > maxStale) {
			h.Errorf("an id lives %v after its end, by process %d, for process %d", time.Since(ended.at), ended.by, by)
		}
	} else {
		h.dead++
		if live && (begun.by == by || (time.Since(begun.at) > time.Second && got == store.Unknown)) {
			h.Errorf("an id is %v %v after its login, by process %d, for process %d", got, time.Since(begun.at), begun.by, by)
		}
	}
}

// TestLateWrite: a login's first attempt comes so late that its caller has long been told that it failed; the repeat finds it
// done and does not say whom it ended. Kills a repeat that moves no counter.
func TestLateWrite(t *testing.T) {
	inBubble(t, storecache.Options{}, func(g *gate) { g.deaf = true }, func(s stand) {
		s.login("a")
		r := store.IssueRequest{
			Record: store.Record{ID: "b", Subject: ann, Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour)},
			Limit:  store.Limit{Max: 1, Policy: store.EvictOldest},
		}
		if s.status("a") != store.Live {
			s.t.Fatal("it lives")
		}
		if out, err := s.g.Issue(s.t.Context(), r); err != nil || len(out.Evicted) != 1 { // the late one
			s.t.Fatal(err, out.Evicted)
		}
		if out, err := s.c.Issue(s.t.Context(), r); err != nil || len(out.Evicted) != 0 {
			s.t.Fatal(err, out.Evicted)
		}
		if s.status("a") == store.Live {
			s.t.Error("this process ended it")
		}
	})
}

// TestLostLogin: a login whose reply was lost is seen by who asks with what it was to issue. Kills a count of Issues that
// only acknowledged ones move.
func TestLostLogin(t *testing.T) {
	s, err := memstore.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	f := storetest.NewFaults(s)
	c, err := storecache.New(t.Context(), f, &storecache.Options{MaxStale: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	for stat(c, "cache_hits") == 0 {
		if st, err := c.Lookup(t.Context(), ann, "a"); err != nil || st.Entries[0].Status != store.Unknown {
			t.Fatal(err, st.Entries)
		}
	}
	f.Inject(storetest.Fault{Verb: storetest.VerbIssue, After: true, Err: store.ErrUnavailable})
	_, err = c.Issue(t.Context(), store.IssueRequest{Record: store.Record{ID: "a", Subject: ann, Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour)}})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Fatal(err)
	}
	if st, err := c.Lookup(t.Context(), ann, "a"); err != nil || st.Entries[0].Status != store.Live {
		t.Error(err, st.Entries)
	}
}

// TestEndedContext: who has no time left gets no answer, from memory either. Kills a hit that does not look.
func TestEndedContext(t *testing.T) {
	inBubble(t, storecache.Options{}, nil, func(s stand) {
		s.login("a")
		s.status("a")
		ctx, cancel := context.WithCancel(s.t.Context())
		cancel()
		for _, id := range []string{"a", "b"} {
			if _, err := s.c.Lookup(ctx, ann, id); !errors.Is(err, context.Canceled) {
				s.t.Errorf("%s: %v", id, err)
			}
		}
	})
}

// TestBadQuestions: what a store refuses is refused before it is asked, and no error names a subject that is none.
func TestBadQuestions(t *testing.T) {
	inBubble(t, storecache.Options{}, nil, func(s stand) {
		for what, q := range map[string]struct {
			s   store.Subject
			ids []string
		}{
			"no name":      {store.Subject{Kind: store.KindUser}, []string{"a"}},
			"an empty id":  {ann, []string{""}},
			"a long id":    {ann, []string{strings.Repeat("x", 257)}},
			"too many ids": {ann, make([]string, store.MaxIDs+1)},
		} {
			var e *store.Error
			if _, err := s.c.Lookup(s.t.Context(), q.s, q.ids...); !errors.Is(err, store.ErrInvalid) || !errors.As(err, &e) || !e.Subject.IsZero() {
				s.t.Errorf("%s: %v", what, err)
			}
		}
		if s.g.asked != 0 {
			s.t.Errorf("%d questions", s.g.asked)
		}
	})
}
