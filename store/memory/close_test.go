package memstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
)

// everything calls each method that may fail.
func everything(ctx context.Context, s *memstore.Store) map[string]error {
	errs := map[string]error{}
	_, errs["issue"] = s.Issue(ctx, store.IssueRequest{Record: store.Record{ID: "s", Subject: ann, Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour)}})
	_, errs["lookup"] = s.Lookup(ctx, ann, "s")
	_, errs["list"] = s.List(ctx, ann, store.Page{})
	_, errs["rotate"] = s.Rotate(ctx, store.RotateRequest{Subject: ann, ID: "s", NextLink: store.NewLink()})
	_, errs["update"] = s.Update(ctx, store.UpdateRequest{Subject: ann, ID: "s"})
	errs["touch"] = s.Touch(ctx, store.TouchRequest{Subject: ann, ID: "s"})
	errs["revoke"] = s.Revoke(ctx, store.Revocation{Subject: ann, All: true})
	errs["forget"] = s.Forget(ctx, ann)
	errs["ping"] = s.Ping(ctx)
	_, errs["sweep"] = s.Sweep(ctx)
	_, errs["partitions"] = s.Partitions(ctx)
	_, errs["poll"] = s.Poll(ctx, 0, store.Position{})
	errs["listen"] = s.Listen(ctx, func(store.Bell) {})
	for _, err := range s.Subjects(ctx) {
		errs["subjects"] = err
	}
	return errs
}

func TestClosed(t *testing.T) {
	s, err := memstore.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("an ended context is told, by every method", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		wantEach(t, everything(ctx, s), context.Canceled)
	})
	t.Run("closing twice, and at once, is nil", func(t *testing.T) {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
	t.Run("then every method is ErrClosed", func(t *testing.T) {
		wantEach(t, everything(t.Context(), s), store.ErrClosed)
	})
	t.Run("but for those that cannot fail", func(t *testing.T) {
		if s.Capabilities().MaxTokenLife != 24*time.Hour || len(s.Stats()) == 0 {
			t.Error("they answer nothing")
		}
	})
}

func wantEach(t *testing.T, errs map[string]error, want error) {
	t.Helper()
	if len(errs) != 14 {
		t.Errorf("%d methods were called", len(errs))
	}
	for op, err := range errs {
		var e *store.Error
		if !errors.Is(err, want) || !errors.As(err, &e) || e.Op != op || e.Store != "memory" {
			t.Errorf("%s: %v, want %v", op, err, want)
		}
	}
}

func TestCapabilities(t *testing.T) {
	r := newRig(t)
	want := store.Capabilities{NeverEvicts: true, Precision: time.Millisecond, MaxTokenLife: 24 * time.Hour}
	if got := r.Capabilities(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestSubjects(t *testing.T) {
	r := newRig(t)
	want := map[store.Subject]bool{}
	for _, name := range []string{"ann", "bob", "carl"} {
		for _, kind := range []store.Kind{store.KindUser, store.KindKey} {
			s := store.Subject{Kind: kind, Realm: "acme", Name: name}
			r.issue(s, "s", time.Hour)
			want[s] = true
		}
	}
	r.issue(store.Subject{Kind: store.KindOnce, Name: "nonce"}, "once", time.Hour)
	r.revoke(store.User("only marks"), "x")
	forgotten := store.User("forgotten")
	r.issue(forgotten, "s", time.Hour)
	r.ok(r.Forget(t.Context(), forgotten))
	list := func() map[store.Subject]bool {
		got := map[store.Subject]bool{}
		for s, err := range r.Subjects(t.Context()) {
			r.ok(err)
			got[s] = true
			r.issue(store.User("written meanwhile"), store.NewID(), time.Minute) // no lock is held
		}
		delete(got, store.User("written meanwhile"))
		return got
	}
	got := list()
	if len(got) != len(want) {
		t.Errorf("listed %v", got)
	}
	for s := range want {
		if !got[s] {
			t.Errorf("%+v is missing", s)
		}
	}
	for _, err := range r.Subjects(t.Context()) {
		r.ok(err)
		break // it may be left at any time
	}
	r.Advance(year)
	for s, err := range r.Subjects(t.Context()) {
		t.Errorf("%+v, %v is listed after its end", s, err)
	}
}
