package statuslist_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/revocation/statuslist"
	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// TestRevocations: whatever ends a token ends it for a verifier that has nothing but the list, and nothing else does.
func TestRevocations(t *testing.T) {
	for _, c := range []struct {
		rule string
		// act does something to the first of two logins of ann.
		act          func(w *world, first, second token.Pair)
		first, other bool // whether ann's first and second token live
	}{
		{"nothing", func(*world, token.Pair, token.Pair) {}, true, true},
		{"a session is kicked out", func(w *world, p, _ token.Pair) {
			check(w, w.revoker.Session(w.Context(), p.Session.Subject, p.Session.ID, "kicked out"))
		}, false, true},
		{"one token is barred by its id", func(w *world, p, _ token.Pair) {
			check(w, w.store.Revoke(w.Context(), store.Revocation{Subject: p.Session.Subject, IDs: []string{token.AccessID(p.Session)}}))
		}, false, true},
		{"log out everywhere", func(w *world, p, _ token.Pair) {
			check(w, w.revoker.Subject(w.Context(), p.Session.Subject, "logout"))
		}, false, false},
		{"log out everywhere else", func(w *world, p, _ token.Pair) {
			check(w, w.revoker.Others(w.Context(), p.Session.Subject, p.Session.ID, "logout"))
		}, true, false},
		{"the subject is forgotten", func(w *world, p, _ token.Pair) {
			check(w, w.store.Forget(w.Context(), p.Session.Subject))
		}, false, false},
		{"a stolen refresh token is used", func(w *world, p, _ token.Pair) {
			must(w.issuer.Refresh(w.Context(), p.Refresh.Reveal(), token.RefreshOptions{}))(w)
			time.Sleep(time.Minute)
			if _, err := w.issuer.Refresh(w.Context(), p.Refresh.Reveal(), token.RefreshOptions{}); !errors.Is(err, token.ErrReused) {
				w.Error(err)
			}
		}, false, true},
		{"so many are barred that all access tokens must be refreshed", func(w *world, p, _ token.Pair) {
			for n := range store.DefaultMaxMarks + 1 {
				check(w, w.store.Revoke(w.Context(), store.Revocation{Subject: p.Session.Subject, IDs: []string{fmt.Sprint("x", n)}}))
			}
		}, false, false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1024)
				first, second, bob := w.login("ann"), w.login("ann"), w.login("bob")
				for _, p := range []token.Pair{first, second, bob} {
					must(w.verify(p))(t)
				}
				c.act(w, first, second)
				w.settle()
				for _, j := range []struct {
					whose string
					pair  token.Pair
					lives bool
				}{{"ann's first", first, c.first}, {"ann's second", second, c.other}, {"bob's", bob, true}} {
					_, err := w.verify(j.pair)
					if j.lives && err != nil || !j.lives && !errors.Is(err, token.ErrRevoked) {
						t.Errorf("%s token: %v", j.whose, err)
					}
				}
				later := w.login("ann")
				w.settle()
				if _, err := w.verify(later); err != nil {
					t.Errorf("a login afterwards: %v", err)
				}
			})
		})
	}
}

// A refreshed session's new token has a place of its own, and a replayed one the same.
func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1024)
		first := w.login("ann")
		next := must(w.issuer.Refresh(t.Context(), first.Refresh.Reveal(), token.RefreshOptions{}))(t)
		replay := must(w.issuer.Refresh(t.Context(), first.Refresh.Reveal(), token.RefreshOptions{}))(t)
		a, b, c := w.place(first), w.place(next), w.place(replay)
		if a == b || b != c || a.URI != listURI {
			t.Errorf("the places %v, %v, and of the replay %v", a, b, c)
		}
		check(t, w.revoker.Session(t.Context(), first.Session.Subject, first.Session.ID, ""))
		w.settle()
		for _, p := range []token.Pair{first, next, replay} {
			if _, err := w.verify(p); !errors.Is(err, token.ErrRevoked) {
				t.Errorf("%v", err)
			}
		}
	})
}

func (w *world) place(p token.Pair) statuslist.Reference {
	w.Helper()
	tok := must(w.verify(p))(w.T)
	if tok.ID() != token.AccessID(p.Session) {
		w.Errorf("the token's id is %s, and AccessID says %s", tok.ID(), token.AccessID(p.Session))
	}
	claims, _ := token.Extra[statuslist.Claims](tok)
	ref, ok := claims.StatusReference()
	if !ok {
		w.Fatal("the token has no place")
	}
	return ref
}

// No two tokens have one place while both could live, whoever gives them; afterwards a place is free again.
func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1024)
		elsewhere := must(statuslist.NewAllocator(w.store, listURI, &statuslist.AllocatorOptions{Size: 1024}))(t)
		take := func(n int) statuslist.Reference {
			t.Helper()
			// Links that do not change between runs: with random ones a place is not found in one run of fifty.
			rec := store.Record{
				ID: fmt.Sprint("sid", n), Subject: store.User("ann"), Seq: uint64(n),
				Link: store.Link{byte(n), byte(n >> 8), 1}, RotatedAt: time.Now(),
			}
			by := []*statuslist.Allocator{w.places, elsewhere}[n%2]
			ref := must(by.Reference(t.Context(), rec))(t)
			if again := must(by.Reference(t.Context(), rec))(t); again != ref {
				t.Fatalf("asked again it is %v, not %v", again, ref)
			}
			return ref
		}
		seen := map[uint64]bool{}
		var order []uint64
		for n := range 600 {
			ref := take(n)
			if seen[ref.Index] || ref.Index >= 1024 {
				t.Fatalf("the place %d was given twice, or is none", ref.Index)
			}
			seen[ref.Index] = true
			order = append(order, ref.Index)
		}
		if slices.IsSorted(order) || slices.Max(order) < 900 || slices.Min(order) > 100 {
			t.Errorf("the places tell the order of logins: %v", order[:20])
		}
		// Just before tokens that live for the longest are over with every leeway, nothing is free.
		time.Sleep(time.Hour + store.MarkMargin - time.Second)
		for n := 600; n < 800; n++ {
			if ref := take(n); seen[ref.Index] {
				t.Fatalf("the place %d is given to another while its token could live", ref.Index)
			}
		}
		time.Sleep(2 * time.Second)
		for n := 800; n < 1300; n++ {
			take(n) // more than 1,024 in all: the first 600 are free
		}
	})
}

func TestAFullList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1024)
		var err error
		for n := 0; err == nil && n < 2000; n++ {
			_, err = w.places.Reference(t.Context(), store.Record{ID: fmt.Sprint(n), Subject: store.User("ann"), Link: store.NewLink(), RotatedAt: time.Now()})
		}
		if !errors.Is(err, store.ErrLimit) {
			t.Errorf("%v", err)
		}
		w.store.can = &store.Capabilities{}
		check(t, w.store.Close())
		if _, err := w.places.Reference(t.Context(), store.Record{RotatedAt: time.Now()}); !errors.Is(err, store.ErrClosed) {
			t.Errorf("%v", err)
		}
	})
}

// Every place of a list is published, of more than a page of one ledger too.
func TestMoreThanAPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1024)
		places := map[uint64]bool{}
		for n := 0; len(places) <= store.MaxPage; n++ {
			ref, err := w.places.Reference(t.Context(), store.Record{
				ID: fmt.Sprint(n), Subject: store.User("ann"), Seq: 1, Link: store.NewLink(), RotatedAt: time.Now(),
			})
			if err == nil {
				places[ref.Index] = true
			}
		}
		check(t, w.store.Revoke(t.Context(), store.Revocation{Subject: store.User("ann"), All: true}))
		time.Sleep(2 * time.Second)
		for index := range uint64(1024) {
			s := must(w.lists.Status(t.Context(), statuslist.Reference{URI: listURI, Index: index}))(t)
			if (s == statuslist.Invalid) != places[index] {
				t.Fatalf("place %d is %v, and taken: %v", index, s, places[index])
			}
		}
	})
}

// What is stored of a place holds no name.
func TestPlacesHoldNoNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1024)
		p := w.login("somebody-special")
		found := 0
		for subject, err := range store.Subjects(t.Context(), w.store.TokenStore) {
			check(t, err)
			if subject == p.Session.Subject {
				continue
			}
			for _, rec := range must(w.store.List(t.Context(), subject, store.Page{}))(t).Items {
				found++
				if text := fmt.Sprintf("%v", rec); strings.Contains(text, "special") || strings.Contains(text, p.Session.ID) {
					t.Error(text)
				}
			}
		}
		if found != 1 {
			t.Errorf("%d places", found)
		}
	})
}

// With another checker behind it, both must accept.
func TestNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1024)
		both := must(token.NewVerifier([]token.TrustedIssuer{{
			Issuer: issuerName, Keys: w.key.VerifyKey(), Extra: token.ExtraOf[statuslist.Claims](),
			Check: statuslist.Check[statuslist.Claims](w.lists, token.Sessions(w.store)),
		}}, nil))(t)
		defer func() { _ = both.Close() }()
		if life, err := statuslist.Check[statuslist.Claims](w.lists, token.Sessions(w.store)).MaxTokenLife(); life != time.Hour || err != nil {
			t.Errorf("both judge tokens of %v, %v, and the store's live for an hour", life, err)
		}
		p := w.login("ann")
		tok := must(both.Verify(t.Context(), p.Access.Reveal()))(t)
		if rec, ok := tok.Session(); !ok || rec.ID != p.Session.ID {
			t.Errorf("the session is %v", rec)
		}
		check(t, w.revoker.Session(t.Context(), p.Session.Subject, p.Session.ID, "kicked out"))
		if _, err := both.Verify(t.Context(), p.Access.Reveal()); !errors.Is(err, token.ErrRevoked) {
			t.Errorf("before the list tells it: %v", err)
		}
		must(w.verify(p))(t)
		w.settle()
		if _, err := w.verify(p); !errors.Is(err, token.ErrRevoked) {
			t.Errorf("%v", err)
		}
	})
}

// Every status but Valid is dead, and says which it is.
func TestStatuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1024)
		w.net.serve(answer(signed(t, m{"status_list": m{"bits": 4, "lst": b64(pack(t, []byte{0x10, 0x32, 0xfe}))}})))
		for index, want := range []string{"", "invalid", "suspended", "status 3", "status 14", "status 15"} {
			ref := statuslist.Reference{URI: listURI, Index: uint64(index)}
			pair := must(w.issuer.Login(t.Context(), store.User("ann"), token.LoginOptions{Claims: ref.Claims()}))(t)
			_, err := w.verify(pair)
			var refused *token.RefusedError
			switch {
			case want == "" && err != nil:
				t.Errorf("valid: %v", err)
			case want != "" && (!errors.As(err, &refused) || refused.Reason != want || !errors.Is(err, token.ErrRevoked)):
				t.Errorf("%s: %v", want, err)
			}
		}
	})
}

// toucher is a checker that notes who was last seen.
type toucher struct {
	token.Checker
	seen []string
}

func (c *toucher) Touch(_ context.Context, r store.TouchRequest) error {
	c.seen = append(c.seen, r.ID)
	return store.ErrRevoked
}

// What notes last-seen times goes on doing so behind a list.
func TestTouch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1024)
		next := &toucher{}
		for n, c := range []token.Checker{nil, next} {
			by, ok := statuslist.Check[statuslist.Claims](w.lists, c).(token.Toucher)
			if !ok {
				t.Fatal("no Toucher")
			}
			err := by.Touch(t.Context(), store.TouchRequest{ID: "id"})
			if want := []error{nil, store.ErrRevoked}[n]; !errors.Is(err, want) || len(next.seen) != n {
				t.Errorf("%v, want %v, of %v", err, want, next.seen)
			}
		}
	})
}

// The list is asked each time, whatever stamp comes with the answer of the checker behind it.
func TestNextOnACache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1024)
		quiet := must(memstore.New(&memstore.Options{MaxTokenLife: time.Hour, SweepInterval: -1}))(t) // hears of no revocation
		behind := must(storecache.New(t.Context(), quiet, &storecache.Options{MaxAge: time.Hour}))(t)
		both := must(token.NewVerifier([]token.TrustedIssuer{{
			Issuer: issuerName, Keys: w.key.VerifyKey(), Extra: token.ExtraOf[statuslist.Claims](),
			Check: statuslist.Check[statuslist.Claims](w.lists, token.Denylist(behind)),
		}}, nil))(t)
		synctest.Wait()
		p := w.login("ann")
		must(quiet.Issue(t.Context(), store.IssueRequest{Record: p.Session}))(t)
		for range 3 {
			must(both.Verify(t.Context(), p.Access.Reveal()))(t)
		}
		check(t, w.revoker.Session(t.Context(), p.Session.Subject, p.Session.ID, "kicked out"))
		w.settle()
		if _, err := both.Verify(t.Context(), p.Access.Reveal()); !errors.Is(err, token.ErrRevoked) {
			t.Errorf("revoked in the list: %v", err)
		}
		check(t, both.Close())
		check(t, behind.Close())
	})
}

// Tokens that no list can judge are refused, and the list that cannot be had is an outage.
func TestNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1024)
		mint := func(claims any) string {
			t.Helper()
			pair := must(w.issuer.Login(t.Context(), store.User("ann"), token.LoginOptions{Claims: claims}))(t)
			return pair.Access.Reveal()
		}
		index := uint64(1024)
		for rule, claims := range map[string]any{
			statuslist.ReasonNoReference:       map[string]any{"role": "x"},
			statuslist.ReasonNoReference + " ": map[string]any{"status": map[string]any{"status_list": map[string]any{"uri": listURI}}},
			statuslist.ReasonUntrusted:         statuslist.Reference{URI: "https://elsewhere.example/status/1"}.Claims(),
			statuslist.ReasonNoIndex:           statuslist.Reference{URI: listURI, Index: index}.Claims(),
		} {
			_, err := w.verifier.Verify(t.Context(), mint(claims))
			var refused *token.RefusedError
			if !errors.As(err, &refused) || refused.Reason != strings.TrimSpace(rule) || !errors.Is(err, token.ErrRevoked) {
				t.Errorf("%s: %v", rule, err)
			}
		}
		for _, claims := range []any{
			map[string]any{"status": map[string]any{"status_list": map[string]any{"uri": listURI, "idx": -1}}},
			map[string]any{"status": map[string]any{"status_list": map[string]any{"uri": listURI, "idx": "1"}}},
			map[string]any{"status": "x"},
		} {
			if _, err := w.verifier.Verify(t.Context(), mint(claims)); !errors.Is(err, token.ErrMalformed) {
				t.Errorf("%v: %v", claims, err)
			}
		}
		w.net.fail(errors.New("no route"))
		w.settle()
		time.Sleep(10 * time.Minute) // the list has expired
		_, err := w.verifier.Verify(t.Context(), w.login("ann").Access.Reveal())
		if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, token.ErrInvalidToken) {
			t.Errorf("%v", err)
		}
	})
}
