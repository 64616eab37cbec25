package token_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

func TestRevokersThatAreRefused(t *testing.T) {
	_, err := token.NewRevoker(nil, nil)
	wantField(t, err, "store")
	_, err = token.NewRevoker(newMemory(t, time.Now), &token.RevokerOptions{WriteTimeout: -1})
	wantField(t, err, "RevokerOptions.WriteTimeout")
	_, err = token.NewRevoker(newMemory(t, time.Now), nil)
	noErr(t, err)
}

func TestRevocationsThatAreRefused(t *testing.T) {
	k := newKit(t, setup{})
	p := k.login()
	ctx := t.Context()
	long := strings.Repeat("x", store.MaxNameLen+1)
	for _, c := range []struct {
		name, field string
		err         error
	}{
		{"no token", "token", k.revoker.Token(ctx, nil, "x")},
		{"no session", "IDs", k.revoker.Session(ctx, ann, "", "x")},
		{"a session of 257 bytes", "IDs", k.revoker.Session(ctx, ann, long, "x")},
		{"no subject", "Subject.Name", k.revoker.Session(ctx, store.User(""), "x", "x")},
		{"others than nobody", "Others.Keep", k.revoker.Others(ctx, ann, "", "x")},
		{"a reason of 65 bytes", "Reason", k.revoker.Subject(ctx, ann, strings.Repeat("r", 65))},
		{"a page of 1,001", "Page.Limit", func() error {
			_, err := k.revoker.List(ctx, ann, store.Page{Limit: 1001})
			return err
		}()},
	} {
		t.Run(c.name, func(t *testing.T) { wantField(t, c.err, c.field) })
	}
	wantErr(t, k.revoker.Others(ctx, ann, store.NewID(), "x"), store.ErrNotFound)
	gone := k.login()
	noErr(t, k.revoker.Session(ctx, ann, gone.Session.ID, "x"))
	before := len(k.events.list())
	wantErr(t, k.revoker.Others(ctx, ann, gone.Session.ID, "x"), store.ErrRevoked)
	wantErr(t, k.revoker.Others(ctx, ann, store.NewID(), "x"), store.ErrNotFound)
	if told := k.events.list()[before:]; len(told) != 0 || k.events.count(token.EventFailed) != 0 {
		t.Errorf("a user can raise the alarm of an outage: %v", told)
	}
	noErr(t, k.verify(p)) // nothing has changed
	if n := k.events.count(token.EventRevoked); n != 1 {
		t.Errorf("%d events of one revocation that happened", n)
	}
}

// TestRevocationOutlivesItsCaller: a client that hangs up does not undo its logout.
func TestRevocationOutlivesItsCaller(t *testing.T) {
	k := newKit(t, setup{})
	p := k.login()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	noErr(t, k.revoker.Session(ctx, ann, p.Session.ID, "logout"))
	wantErr(t, k.verify(p), token.ErrRevoked)
}

type ctxKey struct{}

func TestRevocationHasItsOwnTime(t *testing.T) {
	for _, c := range []struct{ given, want time.Duration }{{0, 5 * time.Second}, {time.Second, time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			k := newKit(t, setup{now: time.Now})
			stuck := &altered{TokenStore: k.store, revoke: func(ctx context.Context, _ store.Revocation) error {
				if ctx.Value(ctxKey{}) != "trace" {
					t.Error("the caller's values are lost")
				}
				<-ctx.Done()
				return ctx.Err()
			}}
			r := must(token.NewRevoker(stuck, &token.RevokerOptions{WriteTimeout: c.given, Events: k.events.add}))
			ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), ctxKey{}, "trace"), time.Millisecond)
			defer cancel()
			begun := time.Now()
			wantErr(t, r.Subject(ctx, ann, "x"), context.DeadlineExceeded)
			if d := time.Since(begun); d != c.want {
				t.Errorf("it took %v, want %v", d, c.want)
			}
			if k.events.count(token.EventFailed) != 1 || k.events.count(token.EventRevoked) != 0 {
				t.Error("a revocation that failed is told as done")
			}
		})
	}
}

func TestEveryWideRevocationHasItsOp(t *testing.T) {
	k := newKit(t, setup{})
	sid := k.login().Session.ID
	ops := map[store.Op]bool{{}: true}
	r := must(token.NewRevoker(&altered{TokenStore: k.store, revoke: func(_ context.Context, what store.Revocation) error {
		if ops[what.Op] {
			t.Errorf("an op of zero, or one given before: %v", what)
		}
		ops[what.Op] = true
		return nil
	}}, nil))
	for range 3 {
		noErr(t, r.Others(t.Context(), ann, sid, "x"))
		noErr(t, r.Subject(t.Context(), store.User("bob"), "x"))
	}
	if len(ops) != 7 {
		t.Errorf("%d ops", len(ops)-1)
	}
}

func TestList(t *testing.T) {
	k := newKit(t, setup{})
	var want []string
	for range 5 {
		want = append([]string{k.login().Session.ID}, want...)
		k.clock.Advance(time.Second)
	}
	var got []string
	for page := (store.Page{Limit: 2}); ; {
		r := must(k.revoker.List(t.Context(), ann, page))
		for _, rec := range r.Items {
			got = append(got, rec.ID)
		}
		if page.Cursor = r.Next; page.Cursor == "" {
			break
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("listed are %v, want %v", got, want)
	}
}

func TestRevokerFailure(t *testing.T) {
	k := newKit(t, setup{})
	down := &store.Error{Op: "revoke", Err: store.ErrUnavailable}
	r := must(token.NewRevoker(&altered{TokenStore: k.store, revoke: func(context.Context, store.Revocation) error { return down }}, nil))
	err := r.Subject(t.Context(), ann, "x")
	if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, token.ErrInvalidToken) {
		t.Errorf("the error is %v", err)
	}
}
