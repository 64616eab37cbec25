package storebreaker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	storebreaker "github.com/jetonkit/jeton/store/breaker"
	storecache "github.com/jetonkit/jeton/store/cache"
	redisstore "github.com/jetonkit/jeton/store/redis"
	"github.com/jetonkit/jeton/storetest"
)

// TestProbes: a half-open breaker lets through as many as it says, whoever comes at once, and closes when all have
// succeeded. Killed mutants: one more; one less to close.
func TestProbes(t *testing.T) {
	for _, probes := range []int{1, 3, 7} {
		t.Run(fmt.Sprint(probes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, s := around(t, &storebreaker.Options{Probes: probes})
				open(t, b, s, 5)
				time.Sleep(999 * time.Millisecond)
				if err := lookup(t.Context(), b); !errors.Is(err, storebreaker.ErrOpen) {
					t.Fatalf("before its time: %v", err)
				}
				time.Sleep(2 * time.Millisecond)
				s.hang(500*time.Millisecond, nil)
				before := s.Calls(storetest.VerbLookup)
				var refused atomic.Int64
				var all sync.WaitGroup
				for range 20 {
					all.Go(func() {
						if err := lookup(t.Context(), b); errors.Is(err, storebreaker.ErrOpen) {
							refused.Add(1)
						} else if err != nil {
							t.Error(err)
						}
					})
				}
				synctest.Wait()
				if got := s.Calls(storetest.VerbLookup) - before; got != probes || b.State() != storebreaker.HalfOpen {
					t.Errorf("%d probes at once, and %v", got, b.State())
				}
				all.Wait()
				if got := int(refused.Load()); got != 20-probes || b.State() != storebreaker.Closed {
					t.Errorf("%d were refused, and it is %v", got, b.State())
				}
			})
		})
	}
}

// TestFailedProbe: one that fails opens the breaker for as long again, whatever the others got.
func TestFailedProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := around(t, nil)
		open(t, b, s, 5)
		time.Sleep(1001 * time.Millisecond)
		for _, err := range []error{nil, nil, store.ErrUnavailable} {
			s.fail(err)
			_ = lookup(t.Context(), b)
		}
		s.fail(nil)
		if err := lookup(t.Context(), b); !errors.Is(err, storebreaker.ErrOpen) {
			t.Errorf("after a failed probe: %v", err)
		}
		time.Sleep(1001 * time.Millisecond)
		if err := lookup(t.Context(), b); err != nil {
			t.Errorf("a second later: %v", err)
		}
	})
}

// TestProbeEnds: a probe that the store never answers ends by ProbeTimeout or by its caller's deadline, whichever is first,
// and then another may try. Killed mutants: no bound, so that nobody ever tries again; a bound in place of the caller's.
func TestProbeEnds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		caller time.Duration // 0 for no deadline
		want   time.Duration
		err    error
		not    error
	}{
		{"a caller with all the time", 0, 2 * time.Second, store.ErrUnavailable, context.DeadlineExceeded},
		{"a caller with more time", 5 * time.Second, 2 * time.Second, store.ErrUnavailable, context.DeadlineExceeded},
		{"a caller with less time", time.Second, time.Second, context.DeadlineExceeded, store.ErrUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, s := around(t, &storebreaker.Options{Probes: 1, ProbeTimeout: 2 * time.Second})
				open(t, b, s, 5)
				time.Sleep(1001 * time.Millisecond)
				s.hang(time.Hour, nil)
				ctx := t.Context()
				if tt.caller > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.caller)
					defer cancel()
				}
				began := time.Now()
				err := lookup(ctx, b)
				if took := time.Since(began); took != tt.want || !errors.Is(err, tt.err) || errors.Is(err, tt.not) {
					t.Errorf("%v after %v, want %v after %v", err, took, tt.err, tt.want)
				}
				if errors.Is(err, storebreaker.ErrOpen) {
					t.Error("the store was asked: that is not ErrOpen")
				}
				time.Sleep(1001 * time.Millisecond)
				s.fail(nil)
				if err := lookup(t.Context(), b); err != nil || b.State() != storebreaker.Closed {
					t.Errorf("the next probe: %v, %v", err, b.State())
				}
			})
		})
	}
	t.Run("a write that may have happened", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b, s := around(t, &storebreaker.Options{Probes: 1})
			open(t, b, s, 5)
			time.Sleep(1001 * time.Millisecond)
			s.lookup = func(ctx context.Context) error {
				<-ctx.Done()
				return fmt.Errorf("%w: %w", store.ErrIndeterminate, ctx.Err())
			}
			err := lookup(t.Context(), b)
			if !errors.Is(err, store.ErrIndeterminate) || !errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		})
	})
	t.Run("a sweep takes no place", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b, s := around(t, &storebreaker.Options{Probes: 1, ProbeTimeout: time.Millisecond})
			open(t, b, s, 5)
			time.Sleep(1001 * time.Millisecond)
			s.fail(nil)
			s.Inject(storetest.Fault{Verb: storetest.VerbSweep, Delay: time.Minute})
			var all sync.WaitGroup
			all.Go(func() {
				if _, err := b.Sweep(t.Context()); err != nil {
					t.Errorf("a sweep of a minute: %v", err)
				}
			})
			synctest.Wait()
			if b.State() != storebreaker.HalfOpen {
				t.Errorf("a sweep was taken for an answer: %v", b.State())
			}
			if err := lookup(t.Context(), b); err != nil {
				t.Errorf("beside a sweep: %v", err)
			}
			all.Wait()
		})
	})
}

// TestOnChange: the hook is told of every change, in order, and may use the store. Killed mutants: the hook under
// gobreaker's lock, which stands still here; changes that are told as they come.
func TestOnChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b *storebreaker.Breaker
		var told []string
		b, s := around(t, &storebreaker.Options{Probes: 1, OnChange: func(from, to storebreaker.State) {
			told = append(told, from.String()+" → "+to.String())
			_ = lookup(t.Context(), b)
		}})
		open(t, b, s, 5)
		time.Sleep(1001 * time.Millisecond)
		_ = lookup(t.Context(), b)
		s.fail(nil)
		time.Sleep(1001 * time.Millisecond)
		_ = lookup(t.Context(), b)
		want := []string{
			"closed → open", "open → half-open", "half-open → open", "open → half-open", "half-open → closed",
		}
		if !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	})
}

// TestHookPanics: a hook that panics, which a web server survives, takes no probe's place with it.
func TestHookPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := false
		b, s := around(t, &storebreaker.Options{Probes: 1, OnChange: func(_, to storebreaker.State) {
			if broken = to == storebreaker.HalfOpen; broken {
				panic("broken")
			}
		}})
		open(t, b, s, 5)
		time.Sleep(1001 * time.Millisecond)
		s.fail(nil)
		func() {
			defer func() {
				if got := recover(); got != "broken" {
					t.Errorf("the caller sees %v", got)
				}
			}()
			_ = lookup(t.Context(), b)
		}()
		if err := lookup(t.Context(), b); err != nil || b.State() != storebreaker.Closed || broken {
			t.Errorf("afterwards: %v, %v, told: %v", err, b.State(), !broken)
		}
	})
}

// TestStats shows each counter.
func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := around(t, nil)
		open(t, b, s, 5)
		_ = lookup(t.Context(), b)
		_ = lookup(t.Context(), b)
		want := []store.Stat{
			{Name: "breaker_state", Value: 2, Level: true},
			{Name: "breaker_trips", Value: 1},
			{Name: "breaker_rejected", Value: 2},
			{Name: "breaker_outages", Value: 5},
		}
		if got := b.Stats()[:len(want)]; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

// TestBehindACache: callers that run out of time at a cache open the breaker behind it, although the cache's own question
// was cancelled, and callers that go away do not. Killed mutant: a flight that is cancelled without a cause.
func TestBehindACache(t *testing.T) {
	for _, tt := range []struct {
		name string
		call func(ctx context.Context) (context.Context, context.CancelFunc)
		want storebreaker.State
	}{
		{"deadlines", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		}, storebreaker.Open},
		{"cancelled", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		}, storebreaker.Closed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, s := around(t, nil)
				c, err := storecache.New(t.Context(), b, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = c.Close() }()
				s.hang(time.Hour, nil)
				for range 5 {
					ctx, cancel := tt.call(t.Context())
					if err := lookup(ctx, c); !errors.Is(err, ctx.Err()) {
						t.Error(err)
					}
					cancel()
					synctest.Wait()
				}
				if b.State() != tt.want {
					t.Errorf("the breaker is %v, want %v", b.State(), tt.want)
				}
			})
		})
	}
}

// TestRedis kills a server and starts it again. While it is away calls are refused without a round trip and revocations are
// tried; once it is back, calls pass by themselves and what was revoked is dead.
func TestRedis(t *testing.T) {
	server := testenv.Redis(t, testenv.AppendOnly("always"))
	s, err := redisstore.Open(t.Context(), server.URL(), &redisstore.Options{Partitions: 16, Durability: redisstore.Fsynced()})
	if err != nil {
		t.Fatal(err)
	}
	f := storetest.NewFaults(s)
	b, err := storebreaker.New(f, &storebreaker.Options{OpenFor: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	live, dead := storetest.Issue(t, b, ann, storetest.Login{}), storetest.Issue(t, b, ann, storetest.Login{})
	if err := b.Revoke(t.Context(), store.Revocation{Subject: ann, IDs: []string{dead.ID}}); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	await(t, "an open breaker", func() bool { return errors.Is(lookup(t.Context(), b), storebreaker.ErrOpen) })
	asked, refused := f.Calls(storetest.VerbLookup), 0
	for range 100 {
		if errors.Is(lookup(t.Context(), b), storebreaker.ErrOpen) {
			refused++
		}
	}
	if let := f.Calls(storetest.VerbLookup) - asked; let+refused != 100 || let > 3 {
		t.Errorf("of 100 calls %d were refused, and %d asked a dead server", refused, let)
	}
	asked = f.Calls(storetest.VerbRevoke)
	if err := b.Revoke(t.Context(), store.Revocation{Subject: ann, All: true}); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, storebreaker.ErrOpen) {
		t.Errorf("a revocation of a dead server is %v", err)
	}
	if f.Calls(storetest.VerbRevoke) != asked+1 {
		t.Error("the revocation was not tried")
	}
	server.Restart()
	await(t, "a revocation", func() bool {
		return b.Revoke(t.Context(), store.Revocation{Subject: ann, IDs: []string{"another"}}) == nil
	})
	await(t, "a closed breaker", func() bool {
		return lookup(t.Context(), b) == nil && b.State() == storebreaker.Closed
	})
	st, err := b.Lookup(t.Context(), ann, live.ID, dead.ID)
	if err != nil || st.Entries[0].Status != store.Live || st.Entries[1].Status != store.Revoked {
		t.Errorf("afterwards %v, %v", st.Entries, err)
	}
}

// await waits until something holds: a server takes its time.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("20 s without %s", what)
		}
	}
}

// BenchmarkOpen is what a refusal costs.
func BenchmarkOpen(b *testing.B) {
	s := storetest.NewFaults(nil)
	s.Inject(storetest.Fault{Err: store.ErrUnavailable})
	br, err := storebreaker.New(s, &storebreaker.Options{Failures: 1, OpenFor: 10 * time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	_ = lookup(b.Context(), br)
	b.ReportAllocs()
	for b.Loop() {
		if err := lookup(b.Context(), br); !errors.Is(err, storebreaker.ErrOpen) {
			b.Fatal(err)
		}
	}
}
