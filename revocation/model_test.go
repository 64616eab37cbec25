package revocation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
)

// presented is a token that was minted, and who has it.
type presented struct {
	subject store.Subject
	store.Presented
	minted time.Time
}

// history is a store that much happens to, and a view of it.
type history struct {
	store  *memstore.Store
	view   *revocation.View
	live   []store.Record
	tokens []presented
}

const shortLife = 10 * time.Minute

// TestViewIsTheStore: after every step of a random history, with logins, refreshes, every way to revoke, sweeps and hours
// that pass, a view that follows by bell and one that was opened just now judge every token that has not expired as the
// store's own Lookup and Verdict do.
func TestViewIsTheStore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			h := &history{}
			var err error
			h.store, err = memstore.New(&memstore.Options{MaxTokenLife: shortLife, MaxMarks: 3})
			h.must(t, err)
			defer func() { h.must(t, h.store.Close()) }()
			time.Sleep(time.Second) // of the bubble: nobody issues in the microsecond of the birth
			h.reopen(t)
			defer func() { h.must(t, h.view.Close()) }()
			t.Repeat(map[string]func(*rapid.T){
				"login":   h.login,
				"refresh": h.refresh,
				"reuse":   h.reuse,
				"foreign": h.foreign,
				"revoke":  h.revoke,
				"others":  h.others,
				"all":     h.all,
				"forget":  func(t *rapid.T) { h.must(t, h.store.Forget(t.Context(), h.who(t))) },
				"sweep":   func(t *rapid.T) { _, err := h.store.Sweep(t.Context()); h.must(t, err) },
				"time":    h.pass,
				"reopen":  h.reopen,
				"":        h.check,
			})
		})
	})
}

func (h *history) must(t *rapid.T, err error) {
	if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrRevoked) {
		t.Fatal(err)
	}
}

// who draws a subject; few, so that much happens to each.
func (h *history) who(t *rapid.T) store.Subject {
	return rapid.SampledFrom([]store.Subject{
		store.User("ann"), store.User("bob"),
		{Issuer: "https://sso.example", Name: "ann"},
		{Kind: store.KindSID, Issuer: "https://sso.example", Name: "s1"},
	}).Draw(t, "subject")
}

// mint adds a token of a session, and one that stands by itself.
func (h *history) mint(r store.Record) {
	now := time.Now()
	h.tokens = append(h.tokens,
		presented{r.Subject, store.Presented{SessionID: r.ID, TokenID: store.NewID(), Seq: r.Seq}, now},
		presented{r.Subject, store.Presented{TokenID: r.ID, Seq: r.Seq}, now})
}

func (h *history) login(t *rapid.T) {
	limit := store.Limit{Max: rapid.IntRange(0, 3).Draw(t, "limit")}
	got, err := h.store.Issue(t.Context(), store.IssueRequest{Limit: limit, Record: store.Record{
		ID: store.NewID(), Subject: h.who(t), Class: rapid.SampledFrom([]string{"web", "ios"}).Draw(t, "class"),
		Link: store.NewLink(), ExpiresAt: time.Now().Add(24 * time.Hour),
	}})
	if err == nil {
		h.live = append(h.live, got.Record)
		h.mint(got.Record)
		return
	}
	h.must(t, err)
}

// session draws one of the sessions, dead or alive.
func (h *history) session(t *rapid.T) *store.Record {
	if len(h.live) == 0 {
		t.Skip("nobody is logged in")
	}
	return &h.live[rapid.IntRange(0, len(h.live)-1).Draw(t, "session")]
}

func (h *history) refresh(t *rapid.T) {
	r := h.session(t)
	got, err := h.store.Rotate(t.Context(), store.RotateRequest{Subject: r.Subject, ID: r.ID, Rotation: r.Rotation, Link: r.Link, NextLink: store.NewLink()})
	if h.must(t, err); err == nil {
		*r = got.Record
		h.mint(got.Record)
	}
}

func (h *history) reuse(t *rapid.T) {
	r := h.session(t)
	_, err := h.store.Rotate(t.Context(), store.RotateRequest{Subject: r.Subject, ID: r.ID, Rotation: r.Rotation, Link: store.NewLink(), NextLink: store.NewLink()})
	h.must(t, err)
}

// foreign adds a token of another issuer, whose clock is a little off.
func (h *history) foreign(t *rapid.T) {
	off := time.Duration(rapid.IntRange(-90, 30).Draw(t, "off")) * time.Second
	p := store.Presented{
		Foreign: true, TokenID: store.NewID(), IssuedAt: time.Now().Add(off).Truncate(time.Second),
		Leeway: 30 * time.Second, ForeignSkew: time.Duration(rapid.IntRange(0, 2).Draw(t, "skew")) * time.Minute,
	}
	if rapid.Bool().Draw(t, "sid") {
		p.SessionID = "s1"
	}
	h.tokens = append(h.tokens, presented{h.who(t), p, p.IssuedAt})
}

func (h *history) revoke(t *rapid.T) {
	s := h.who(t)
	var ids []string
	for range rapid.IntRange(1, 5).Draw(t, "ids") {
		if len(h.tokens) > 0 && rapid.Bool().Draw(t, "known") {
			p := h.tokens[rapid.IntRange(0, len(h.tokens)-1).Draw(t, "token")]
			s = p.subject
			ids = append(ids, p.TokenID)
			if p.SessionID != "" && !p.Foreign { // whose session is a subject of its own
				ids = append(ids, p.SessionID)
			}
		} else {
			ids = append(ids, store.NewID())
		}
	}
	h.must(t, h.store.Revoke(t.Context(), store.Revocation{Subject: s, IDs: ids}))
}

func (h *history) others(t *rapid.T) {
	r := h.session(t)
	class := rapid.SampledFrom([]string{"", "", "web"}).Draw(t, "class")
	h.must(t, h.store.Revoke(t.Context(), store.Revocation{Subject: r.Subject, Others: &store.Others{Keep: r.ID, Class: class}}))
}

func (h *history) all(t *rapid.T) {
	h.must(t, h.store.Revoke(t.Context(), store.Revocation{Subject: h.who(t), All: true}))
}

// pass lets time pass: nothing that anybody notices, or more than a token lives.
func (h *history) pass(t *rapid.T) {
	time.Sleep(rapid.SampledFrom([]time.Duration{
		time.Microsecond, time.Second, time.Minute, shortLife, shortLife + store.MarkMargin, 2 * time.Hour,
	}).Draw(t, "time"))
}

// reopen reads everything anew.
func (h *history) reopen(t *rapid.T) {
	if h.view != nil {
		h.must(t, h.view.Close())
	}
	var err error
	h.view, err = revocation.Open(t.Context(), h.store, &revocation.Options{MaxStale: time.Minute}) // hours pass, in few polls
	h.must(t, err)
}

func (h *history) check(t *rapid.T) {
	synctest.Wait() // the bell is heard
	young := h.tokens[:0]
	for _, p := range h.tokens {
		if time.Since(p.minted) > shortLife+store.MaxLeeway {
			continue // every verifier refuses it by its exp
		}
		young = append(young, p)
		if err := same(t.Context(), h.store, h.view, p); err != nil {
			t.Fatal(err)
		}
	}
	h.tokens = young
}

// same reports what a view and its store say differently of a token.
func same(ctx context.Context, s store.TokenStore, v *revocation.View, p presented) error {
	p.WithoutRecord = true
	state, err := s.Lookup(ctx, p.subject, p.IDs()...)
	if err != nil {
		return err
	}
	want := state.Verdict(p.Presented)
	q := revocation.NewQuery(p.subject, p.Presented)
	got, err := v.Check(time.Now(), &q)
	if err != nil {
		return err
	}
	if got.Alive != want.Alive {
		return fmt.Errorf("the view says %v %q of %+v, the store %v %q of %+v", got.Alive, got.Reason, p, want.Alive, want.Reason, state)
	}
	revoked := func(e store.Entry) bool { return e.Status == store.Revoked } // by a mark, or as a record behind the cut
	if !slices.ContainsFunc(state.Entries, revoked) && got.Reason != want.Reason && got.Reason != revocation.ReasonRevoked {
		return fmt.Errorf("the view's reason is %q, the store's %q", got.Reason, want.Reason)
	}
	return nil
}
