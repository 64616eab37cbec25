package bench_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/jetonkit/jeton/bench"
	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// warmSide is a verifier over a cached memory store, and n good tokens of as many users.
type warmSide struct {
	b        *testing.B
	cache    *storecache.Cache
	verifier *token.Verifier
	key      token.SigningKey
	raw      []string
	parser   *jwt.Parser
}

func newWarmSide(b *testing.B, n int, check func(store.TokenStore) token.Checker, o *token.VerifierOptions) *warmSide {
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	key, err := token.NewSigningKey("2026-01", "HS256", warmSecret)
	must(err)
	s, err := memstore.New(nil)
	must(err)
	c, err := storecache.New(b.Context(), s, &storecache.Options{MaxStale: time.Hour, MaxAge: time.Hour})
	must(err)
	b.Cleanup(func() { must(c.Close()) })
	issuer, err := token.NewIssuer(c, benchIssuer, key, nil)
	must(err)
	v, err := token.NewVerifier([]token.TrustedIssuer{{Issuer: benchIssuer, Keys: key.VerifyKey(), Check: check(c)}}, o)
	must(err)
	b.Cleanup(func() { must(v.Close()) })
	w := &warmSide{b: b, cache: c, verifier: v, key: key, parser: jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}),
		jwt.WithIssuer(benchIssuer), jwt.WithAudience(benchIssuer), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding())}
	for i := range n {
		pair, err := issuer.Login(b.Context(), store.User(fmt.Sprint("user ", i)), token.LoginOptions{})
		must(err)
		w.raw = append(w.raw, pair.Access.Reveal())
	}
	for lag, ok := c.Lag(); !ok || lag > time.Hour; lag, ok = c.Lag() { // until the feed was polled
		time.Sleep(time.Millisecond)
	}
	w.verify(n)
	return w
}

var warmSecret = []byte("0123456789abcdef0123456789abcdef")

func (w *warmSide) verify(n int) {
	ctx := context.Background()
	for i := range n {
		if _, err := w.verifier.Verify(ctx, w.raw[i%len(w.raw)]); err != nil {
			w.b.Fatal(err)
		}
	}
}

func (w *warmSide) theirs(n int) {
	for i := range n {
		_, err := w.parser.ParseWithClaims(w.raw[i%len(w.raw)], &jwt.RegisteredClaims{}, func(*jwt.Token) (any, error) { return warmSecret, nil })
		if err != nil {
			w.b.Fatal(err)
		}
	}
}

func (w *warmSide) clock(n int) {
	for range n {
		_ = time.Now()
	}
}

// kept is what a token takes that is kept by a verifier with the usual bound. beside is what it takes besides its text and the
// Token, with claims and record, that a caller has of a verifier which keeps nothing: the heap with callers that hold both, less
// the same without a cache, less the text. total is all that goes when the verifier goes, where nobody holds anything. What the
// store's cache has is in neither.
func kept(b *testing.B) (beside, total, text float64) {
	const n = 15_000
	w := newWarmSide(b, n, token.Sessions, &token.VerifierOptions{CacheBytes: -1, TouchInterval: -1})
	for _, raw := range w.raw {
		text += float64(len(raw)) / n
	}
	with, all := w.held(0)
	without, _ := w.held(-1)
	return (with-without)/n - text, all / n, text
}

// held is what the heap grows by when callers have their tokens verified and hold them, and of it what is left when they let go.
func (w *warmSide) held(cacheBytes int) (held, left float64) {
	before := heap()
	v, err := token.NewVerifier([]token.TrustedIssuer{{Issuer: benchIssuer, Keys: w.key.VerifyKey(), Check: token.Sessions(w.cache)}},
		&token.VerifierOptions{CacheBytes: cacheBytes, TouchInterval: -1})
	if err != nil {
		w.b.Fatal(err)
	}
	tokens := make([]*token.Token, len(w.raw))
	for i, raw := range w.raw {
		if tokens[i], err = v.Verify(w.b.Context(), raw); err != nil {
			w.b.Fatal(err)
		}
	}
	held = float64(heap() - before)
	runtime.KeepAlive(tokens)
	left = float64(heap() - before)
	for _, s := range v.Stats() {
		if s.Name == "token_cache_drops" && s.Value > 0 {
			w.b.Errorf("%d tokens were not kept, so that their memory is not counted", s.Value)
		}
	}
	if err := v.Close(); err != nil {
		w.b.Fatal(err)
	}
	return held, left
}

func BenchmarkWarm(b *testing.B) {
	const tokens = 1000
	w := newWarmSide(b, tokens, token.Sessions, nil)
	var view *revocation.View
	local := newWarmSide(b, tokens, func(s store.TokenStore) token.Checker {
		feed, err := store.FeedOf(s)
		if err != nil {
			b.Fatal(err)
		}
		if view, err = revocation.Open(b.Context(), feed, &revocation.Options{MaxStale: time.Minute, MaxTokenLife: s.Capabilities().MaxTokenLife}); err != nil {
			b.Fatal(err)
		}
		return token.Local(view, nil)
	}, nil)
	b.Cleanup(func() { _ = view.Close() })
	beside, total, text := kept(b)
	bench.Tell(b,
		bench.Figure{Name: "warm Verify, Sessions on a cache, least of 2000 rounds", Value: least(2000, 1000, w.verify), Unit: "ns", Most: 150},
		bench.Figure{Name: "warm Verify, Local, least of 2000 rounds", Value: least(2000, 1000, local.verify), Unit: "ns", Most: -1},
		bench.Figure{Name: "of it time.Now, least of 2000 rounds", Value: least(2000, 1000, w.clock), Unit: "ns", Most: -1},
		bench.Figure{Name: "warm Verify: allocations", Value: testing.AllocsPerRun(1000, func() { w.verify(1) }), Most: 0},
		bench.Figure{Name: "warm Verify, Local: allocations", Value: testing.AllocsPerRun(1000, func() { local.verify(1) }), Most: 0},
		bench.Figure{
			Name:  fmt.Sprintf("memory of a kept token, besides its text of %.0f B and the Token that a caller has anyway", text),
			Value: beside, Unit: "B", Most: 400,
		},
		bench.Figure{Name: "memory of a kept token, all of it", Value: total, Unit: "B", Most: -1},
	)
	bench.Gate(b,
		bench.Row{Name: "warm Verify to golang-jwt's parse", Of: w.verify, By: w.theirs, Ops: 20_000, Most: 0.02},
		bench.Row{Name: "warm Verify, Local, to golang-jwt's parse", Of: local.verify, By: w.theirs, Ops: 20_000},
	)
}
