package token_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// barring is a checker that passes another's answer on and judges by more, as whoever writes one does.
type barring struct {
	token.Checker
	barred *atomic.Bool
}

func (c barring) Check(ctx context.Context, t *token.Token) (token.Answer, error) {
	a, err := c.Checker.Check(ctx, t)
	if err == nil && c.barred.Load() {
		return token.Answer{Verdict: store.Verdict{Reason: "barred"}}, nil
	}
	return a, err
}

// frank is one whose stamps stand for all that it judges by, or not.
type frank struct {
	token.Checker
	stamps bool
}

func (c frank) Stamps() bool { return c.stamps }

// TestKnownTokensOfWrappingCheckers: the stamp of an answer that was passed on says nothing about what else a checker judges by.
func TestKnownTokensOfWrappingCheckers(t *testing.T) {
	for name, check := range checkers {
		t.Run(name, func(t *testing.T) {
			var barred atomic.Bool
			warm(t, setup{check: func(s store.TokenStore) token.Checker { return barring{check(s), &barred} }}, func(t *testing.T, w *warmKit) {
				p := w.login()
				for range 3 {
					noErr(t, w.verify(p))
				}
				barred.Store(true)
				wantErr(t, w.verify(p), token.ErrRevoked)
				barred.Store(false)
			})
		})
	}
	for _, stamps := range []bool{true, false} {
		warm(t, setup{check: func(s store.TokenStore) token.Checker { return frank{token.Sessions(s), stamps} }}, func(t *testing.T, w *warmKit) {
			p := w.login()
			for range 3 {
				noErr(t, w.verify(p))
			}
			if got := stat(w.kit, "token_cache_hits") > 0; got != stamps {
				t.Errorf("its stamps count: %v, and it says %v", got, stamps)
			}
		})
	}
}

// unreplied is a store whose revocations are done and not told of before somebody lets them.
type unreplied struct {
	*backend
	reply chan struct{}
}

func (u unreplied) Revoke(ctx context.Context, r store.Revocation) error {
	defer func() { <-u.reply }()
	return u.Store.Revoke(ctx, r)
}

// TestRevokedAndNotReplied: a revocation that is on its way may be known to others already, and then a token that is known here
// does not live on until the reply.
func TestRevokedAndNotReplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{Store: newMemory(t, time.Now)}
		reply := make(chan struct{})
		w := newWarmKitOver(t, b, unreplied{b, reply}, setup{})
		p, _ := w.known()
		b.set(func() { b.deaf = true })
		done := make(chan error)
		go func() { done <- w.revoker.Session(t.Context(), ann, p.Session.ID, "") }()
		synctest.Wait()
		if st := must(b.Store.Lookup(t.Context(), ann, p.Session.ID)); st.Entries[0].Status != store.Revoked {
			t.Fatal("the store does not know of it")
		}
		wantErr(t, w.verify(p), token.ErrRevoked)
		close(reply)
		noErr(t, <-done)
		wantErr(t, w.verify(p), token.ErrRevoked)
	})
}

// TestServeStaleNeedsACaller: who has gone is served nothing, whatever a store makes of that.
func TestServeStaleNeedsACaller(t *testing.T) {
	warm(t, setup{verify: token.VerifierOptions{ServeStale: time.Hour}}, func(t *testing.T, w *warmKit) {
		p, _ := w.known()
		w.b.set(func() { w.b.down = store.ErrUnavailable })
		time.Sleep(maxStale + time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		w.b.set(func() { w.b.ask = cancel })
		if _, err := w.verifier.Verify(ctx, p.Access.Reveal()); err == nil || errors.Is(err, token.ErrInvalidToken) {
			t.Errorf("%v", err)
		}
		noErr(t, w.verify(p))
	})
}
