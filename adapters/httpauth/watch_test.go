package httpauth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// watched is a request that is watched, within a bubble.
type watched struct {
	store.TokenStore
	down    atomic.Bool
	revoker *token.Revoker
	auth    *httpauth.Middleware
	request *http.Request
	pair    token.Pair
}

// Lookup has an outage at will.
func (w *watched) Lookup(ctx context.Context, s store.Subject, ids ...string) (store.State, error) {
	if w.down.Load() {
		return store.State{}, store.ErrUnavailable
	}
	return w.TokenStore.Lookup(ctx, s, ids...)
}

func newWatched(t *testing.T, outage time.Duration) *watched {
	t.Helper()
	inner := must(memstore.New(nil))(t)
	t.Cleanup(func() { _ = inner.Close() })
	w := &watched{TokenStore: inner}
	key := must(token.HS256("k1", []byte("0123456789abcdef0123456789abcdef")))(t)
	issuer := must(token.NewIssuer(w, issuerName, key, &token.IssuerOptions{AccessTTL: time.Minute}))(t)
	v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: key.VerifyKey(), Check: token.Sessions(w)}},
		&token.VerifierOptions{TouchInterval: -1, Leeway: -1}))(t)
	w.revoker = must(token.NewRevoker(inner, nil))(t)
	w.auth = must(httpauth.New(v, &httpauth.Options{WatchEvery: 2 * time.Second, WatchOutage: outage}))(t)
	w.pair = must(issuer.Login(t.Context(), store.User("ann"), token.LoginOptions{}))(t)
	w.request = must(http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))(t)
	w.request.Header.Set("Authorization", "Bearer "+w.pair.Access.Reveal())
	return w
}

// admitted is the context that the handler gets.
func (w *watched) admitted(t *testing.T) context.Context {
	r, ok := must(w.auth.Gate(httpauth.Access{Mode: httpauth.Optional}))(t).Admit(httptest.NewRecorder(), w.request)
	if !ok {
		t.Fatal("refused")
	}
	return r.Context()
}

// ends waits for a context's end, and tells after how long it came.
func ends(ctx context.Context) (after time.Duration, cause error) {
	begin := time.Now()
	<-ctx.Done()
	return time.Since(begin), context.Cause(ctx)
}

// Each case names the rule that it is there for.
func TestWatch(t *testing.T) {
	for _, c := range []struct {
		rule   string
		outage time.Duration
		act    func(t *testing.T, w *watched)
		after  time.Duration
		cause  error
	}{
		{"a session that ends takes its connections with it", 0, func(t *testing.T, w *watched) {
			time.Sleep(3 * time.Second)
			check(t, w.revoker.Session(t.Context(), w.pair.Session.Subject, w.pair.Session.ID, "kicked out"))
		}, time.Second, token.ErrRevoked},
		{"a token that ends does", 0, func(*testing.T, *watched) {}, time.Minute, token.ErrExpired},
		{
			"an outage does, by default", 0, func(_ *testing.T, w *watched) { w.down.Store(true) },
			2 * time.Second, store.ErrUnavailable,
		},
		{
			"an outage may last", 5 * time.Second, func(_ *testing.T, w *watched) { w.down.Store(true) },
			8 * time.Second, store.ErrUnavailable,
		},
		{"an outage that ends is forgotten", 5 * time.Second, func(_ *testing.T, w *watched) {
			for range 3 {
				w.down.Store(true)
				time.Sleep(5 * time.Second)
				w.down.Store(false)
				time.Sleep(3 * time.Second)
			}
		}, 36 * time.Second, token.ErrExpired},
	} {
		t.Run(c.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWatched(t, c.outage)
				ctx, stop := httpauth.Watch(w.admitted(t))
				defer stop()
				c.act(t, w)
				if err := context.Cause(ctx); err != nil {
					t.Fatalf("it ended at once: %v", err)
				}
				if after, cause := ends(ctx); after != c.after || !errors.Is(cause, c.cause) {
					t.Errorf("it ended after %v for %v, want %v for %v", after, cause, c.after, c.cause)
				}
			})
		})
	}
}

func TestWatchOfNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 0)
		for _, header := range []string{"", "Bearer x"} { // no token, and one that is no good where it is optional
			w.request.Header.Set("Authorization", header)
			ctx, stop := httpauth.Watch(w.admitted(t))
			if !errors.Is(context.Cause(ctx), httpauth.ErrNoToken) {
				t.Errorf("with %q it goes on: %v", header, context.Cause(ctx))
			}
			stop()
		}
		ctx, stop := httpauth.Watch(t.Context())
		if !errors.Is(context.Cause(ctx), httpauth.ErrNoToken) {
			t.Errorf("a context of no request goes on: %v", context.Cause(ctx))
		}
		stop()
	})
}

// The bubble fails a test whose goroutines do not end.
func TestWatchStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 0)
		ctx, stop := httpauth.Watch(w.admitted(t))
		stop()
		if _, cause := ends(ctx); !errors.Is(cause, context.Canceled) {
			t.Errorf("stopped for %v", cause)
		}
		gone, leave := context.WithCancel(t.Context())
		w.request = w.request.WithContext(gone)
		admitted := w.admitted(t)
		ctx, stop = httpauth.Watch(admitted)
		defer stop()
		leave()
		if _, cause := ends(ctx); !errors.Is(cause, context.Canceled) {
			t.Errorf("a client that left: %v", cause)
		}
	})
}
