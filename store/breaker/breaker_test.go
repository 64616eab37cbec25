package storebreaker_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	storebreaker "github.com/jetonkit/jeton/store/breaker"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/storetest"
)

var ann = store.User("ann@example.com")

// scripted is a store whose every call does what the test says, and counts it.
type scripted struct {
	*storetest.Faults
	lookup func(context.Context) error
}

func (s *scripted) Lookup(ctx context.Context, who store.Subject, ids ...string) (store.State, error) {
	st, err := s.Faults.Lookup(ctx, who, ids...)
	if s.lookup != nil {
		return store.State{}, s.lookup(ctx)
	}
	return st, err
}

func (s *scripted) Unwrap() store.TokenStore { return s.Faults }

// around returns a breaker, and the scripted store over memory that it wraps.
func around(t *testing.T, o *storebreaker.Options) (*storebreaker.Breaker, *scripted) {
	t.Helper()
	m, err := memstore.New(&memstore.Options{SweepInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{Faults: storetest.NewFaults(m)}
	b, err := storebreaker.New(s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b, s
}

// lookup asks the breaker for anything.
func lookup(ctx context.Context, b store.TokenStore) error {
	_, err := b.Lookup(ctx, ann, "id")
	return err
}

// fail makes the store answer Lookups with err.
func (s *scripted) fail(err error) { s.lookup = func(context.Context) error { return err } }

// hang makes Lookups wait for d, or the context's end, and then answer err.
func (s *scripted) hang(d time.Duration, err error) {
	s.lookup = func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// open opens a breaker by n outages.
func open(t *testing.T, b *storebreaker.Breaker, s *scripted, n int) {
	t.Helper()
	s.fail(store.ErrUnavailable)
	for range n {
		if err := lookup(t.Context(), b); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, storebreaker.ErrOpen) {
			t.Fatalf("an outage is %v", err)
		}
	}
	if b.State() != storebreaker.Open {
		t.Fatalf("after %d outages the breaker is %v", n, b.State())
	}
}

func TestNewRefuses(t *testing.T) {
	ok := func(s store.TokenStore) store.TokenStore { return s }
	for _, tt := range []struct {
		name, field string
		o           storebreaker.Options
		next        func(store.TokenStore) store.TokenStore
	}{
		{"no store", "next", storebreaker.Options{}, func(store.TokenStore) store.TokenStore { return nil }},
		{"a breaker around a breaker", "next", storebreaker.Options{}, func(s store.TokenStore) store.TokenStore {
			b, err := storebreaker.New(s, nil)
			if err != nil {
				t.Fatal(err)
			}
			return storetest.NewFaults(b)
		}},
		{"negative failures", "Options.Failures", storebreaker.Options{Failures: -1}, ok},
		{"too many failures", "Options.Failures", storebreaker.Options{Failures: 1_000_001}, ok},
		{"a negative percentage", "Options.Percent", storebreaker.Options{Percent: -1}, ok},
		{"101 percent", "Options.Percent", storebreaker.Options{Percent: 101}, ok},
		{"too short a window", "Options.Window", storebreaker.Options{Window: time.Millisecond}, ok},
		{"a window of a day", "Options.Window", storebreaker.Options{Window: 24 * time.Hour}, ok},
		{"a negative time to be open", "Options.OpenFor", storebreaker.Options{OpenFor: -1}, ok},
		{"open for an hour", "Options.OpenFor", storebreaker.Options{OpenFor: time.Hour}, ok},
		{"negative probes", "Options.Probes", storebreaker.Options{Probes: -1}, ok},
		{"too many probes", "Options.Probes", storebreaker.Options{Probes: 1001}, ok},
		{"a negative time for probes", "Options.ProbeTimeout", storebreaker.Options{ProbeTimeout: -1}, ok},
		{"probes of an hour", "Options.ProbeTimeout", storebreaker.Options{ProbeTimeout: time.Hour}, ok},
		{"negatively slow", "Options.Slow", storebreaker.Options{Slow: -1}, ok},
		{"slower than the window", "Options.Slow", storebreaker.Options{Slow: time.Second, Window: time.Second / 2}, ok},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := storetest.New(t)
			_, err := storebreaker.New(tt.next(s), &tt.o)
			var field *store.FieldError
			if !errors.As(err, &field) || field.Field != tt.field || !errors.Is(err, store.ErrInvalid) || field.Remedy == "" {
				t.Errorf("%v, want a FieldError of %s", err, tt.field)
			}
			if err := store.Ping(t.Context(), s); err != nil {
				t.Errorf("the store must stay open: %v", err)
			}
		})
	}
}

// what a call may say about the store.
const (
	isOutage  = "an outage"
	isAnswer  = "an answer"
	isNothing = "nothing"
)

// endings are ways for a call to end, and what each says about the store.
var endings = []struct {
	name string
	says string
	do   func(t *testing.T, b *storebreaker.Breaker, s *scripted)
}{
	{"an answer", isAnswer, failing(nil)},
	{"not found", isAnswer, failing(store.ErrNotFound)},
	{"revoked", isAnswer, failing(store.ErrRevoked)},
	{"exists", isAnswer, failing(store.ErrExists)},
	{"a conflict", isAnswer, failing(store.ErrConflict)},
	{"a limit", isAnswer, failing(store.ErrLimit)},
	{"a replay limit", isAnswer, failing(store.ErrReplayLimit)},
	{"unavailable", isOutage, failing(store.ErrUnavailable)},
	{"unavailable, and a write in doubt", isOutage, failing(fmt.Errorf("%w: %w", store.ErrIndeterminate, store.ErrUnavailable))},
	{"the store's own deadline", isOutage, failing(context.DeadlineExceeded)},
	{"a write in doubt", isNothing, failing(store.ErrIndeterminate)},
	{"bad input", isNothing, failing(&store.FieldError{Field: "ID"})},
	{"too large", isNothing, failing(store.ErrTooLarge)},
	{"a damaged value", isNothing, failing(store.ErrCorrupt)},
	{"a closed store", isNothing, failing(store.ErrClosed)},
	{"something else", isNothing, failing(errors.New("something else"))},
	{"the store cancels", isNothing, failing(context.Canceled)},
	{"the caller cancels", isNothing, ended(context.Canceled, time.Second, context.Canceled)},
	{"the caller cancels, and the store says unavailable", isNothing, ended(context.Canceled, time.Second, store.ErrUnavailable)},
	{"the caller's deadline, after long", isOutage, ended(context.DeadlineExceeded, 100*time.Millisecond, context.DeadlineExceeded)},
	{"the caller's deadline, at once", isNothing, ended(context.DeadlineExceeded, 99*time.Millisecond, context.DeadlineExceeded)},
	{"the caller's deadline, at once, and the store says unavailable", isNothing, ended(context.DeadlineExceeded, time.Millisecond, store.ErrUnavailable)},
	{"a caller behind a cache, by its deadline", isOutage, func(t *testing.T, b *storebreaker.Breaker, s *scripted) {
		s.hang(time.Hour, nil)
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(200*time.Millisecond, func() { cancel(context.DeadlineExceeded) })
		_ = lookup(ctx, b)
	}},
	{"a panic", isOutage, func(t *testing.T, b *storebreaker.Breaker, s *scripted) {
		s.lookup = func(context.Context) error { panic("broken") }
		defer func() {
			if got := recover(); got != "broken" {
				t.Errorf("the caller sees %v", got)
			}
		}()
		_ = lookup(t.Context(), b)
	}},
	{"the end of the goroutine", isOutage, func(t *testing.T, b *storebreaker.Breaker, s *scripted) {
		s.lookup = func(context.Context) error { runtime.Goexit(); return nil }
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = lookup(t.Context(), b)
		}()
		<-done
	}},
}

// failing is a call that the store answers with err.
func failing(err error) func(*testing.T, *storebreaker.Breaker, *scripted) {
	return func(t *testing.T, b *storebreaker.Breaker, s *scripted) {
		s.fail(err)
		if got := lookup(t.Context(), b); !errors.Is(got, err) {
			t.Errorf("the caller sees %v, want %v", got, err)
		}
	}
}

// ended is a call whose caller ends it after d; the store answers says then.
func ended(how error, d time.Duration, says error) func(*testing.T, *storebreaker.Breaker, *scripted) {
	return func(t *testing.T, b *storebreaker.Breaker, s *scripted) {
		s.lookup = func(ctx context.Context) error {
			<-ctx.Done()
			return says
		}
		ctx, cancel := context.WithCancel(t.Context())
		if how == context.DeadlineExceeded { //nolint:errorlint // the test's own
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), d)
		} else {
			time.AfterFunc(d, cancel)
		}
		defer cancel()
		if got := lookup(ctx, b); !errors.Is(got, says) {
			t.Errorf("the caller sees %v, want %v", got, says)
		}
	}
}

// TestWhatCounts: only outages open a closed breaker, only answers close a half-open one, and only those two are in the
// percentage. Killed mutants: ErrInvalid, a cancelled caller or any error as an outage; ErrInvalid as an answer, so that
// nonsense closes a breaker or hides outages; deadlines that never count; a panic that keeps a probe's place.
func TestWhatCounts(t *testing.T) {
	for _, e := range endings {
		t.Run(e.name, func(t *testing.T) {
			t.Run("closed", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b, s := around(t, &storebreaker.Options{Failures: 1})
					e.do(t, b, s)
					if opened := b.State() == storebreaker.Open; opened != (e.says == isOutage) {
						t.Errorf("the breaker is %v, and it is %s", b.State(), e.says)
					}
				})
			})
			t.Run("half-open", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b, s := around(t, &storebreaker.Options{Probes: 1, ProbeTimeout: 10 * time.Second})
					open(t, b, s, 5)
					time.Sleep(1001 * time.Millisecond)
					e.do(t, b, s)
					want := map[string]storebreaker.State{isOutage: storebreaker.Open, isAnswer: storebreaker.Closed, isNothing: storebreaker.HalfOpen}[e.says]
					if b.State() != want {
						t.Errorf("the breaker is %v, want %v by %s", b.State(), want, e.says)
					}
					s.fail(nil)
					if err := lookup(t.Context(), b); (err == nil) != (want != storebreaker.Open) {
						t.Errorf("the next call is %v", err)
					}
				})
			})
			t.Run("among outages", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b, s := around(t, &storebreaker.Options{Failures: 6})
					if e.says == isOutage {
						return
					}
					for range map[string]int{isAnswer: 6, isNothing: 60}[e.says] {
						e.do(t, b, s)
					}
					for range 5 {
						failing(store.ErrUnavailable)(t, b, s)
					}
					if b.State() != storebreaker.Closed {
						t.Fatal("5 outages opened it")
					}
					failing(store.ErrUnavailable)(t, b, s)
					if b.State() != storebreaker.Open {
						t.Error("6 of 12 are half, and 6 of 6 are all")
					}
				})
			})
		})
	}
}

// TestPercent: outages open the breaker from the number and the percentage on, both, and within the window. Killed mutants:
// either alone; a window that does not move.
func TestPercent(t *testing.T) {
	for _, tt := range []struct {
		name             string
		answers, outages int
		wait             time.Duration // between them
		want             storebreaker.State
	}{
		{"few, and all", 0, 4, 0, storebreaker.Closed},
		{"enough, and all", 0, 5, 0, storebreaker.Open},
		{"enough, and less than half", 6, 5, 0, storebreaker.Closed},
		{"enough, and half", 5, 5, 0, storebreaker.Open},
		{"many answers, but long ago", 1000, 5, 11 * time.Second, storebreaker.Open},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, s := around(t, nil)
				s.fail(nil)
				for range tt.answers {
					_ = lookup(t.Context(), b)
				}
				time.Sleep(tt.wait)
				s.fail(store.ErrUnavailable)
				for range tt.outages {
					_ = lookup(t.Context(), b)
				}
				if b.State() != tt.want {
					t.Errorf("it is %v, want %v", b.State(), tt.want)
				}
			})
		})
	}
	t.Run("outages of long ago", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b, s := around(t, nil)
			s.fail(store.ErrUnavailable)
			for range 20 {
				_ = lookup(t.Context(), b)
				time.Sleep(3 * time.Second)
			}
			if b.State() != storebreaker.Closed {
				t.Error("an outage every 3 s is four in 10 s")
			}
		})
	})
}

// TestOpen: an open breaker refuses at once, asks nobody, and says so without a name. Killed mutants: an answer that is not
// ErrUnavailable; the caller's own end not told first.
func TestOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := around(t, nil)
		open(t, b, s, 5)
		asked, began := s.Calls(storetest.EveryVerb), time.Now()
		for name, err := range refused(t.Context(), b) {
			if !errors.Is(err, storebreaker.ErrOpen) || !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s is %v", name, err)
			}
			var e *store.Error
			if !errors.As(err, &e) || e.Op != name || e.Store != "breaker" || strings.Contains(err.Error(), ann.Name) {
				t.Errorf("%s tells %v", name, err)
			}
			whose := ann.Digest()
			if name == "ping" || name == "sweep" || name == "subjects" {
				whose = store.Digest{}
			}
			if e.Subject != whose {
				t.Errorf("%s is of the subject %v", name, e.Subject)
			}
		}
		if s.Calls(storetest.EveryVerb) != asked || time.Since(began) != 0 {
			t.Error("the store was asked, or the caller waited")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := lookup(ctx, b); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that is gone gets %v", err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		for name, err := range refused(t.Context(), b) {
			if !errors.Is(err, store.ErrClosed) {
				t.Errorf("closed, %s is %v", name, err)
			}
		}
	})
}

// refused calls everything that an open breaker refuses.
func refused(ctx context.Context, b *storebreaker.Breaker) map[string]error {
	got := map[string]error{}
	end := time.Now().Add(time.Hour)
	_, got["issue"] = b.Issue(ctx, store.IssueRequest{Record: store.Record{ID: "id", Subject: ann, Link: store.NewLink(), ExpiresAt: end}})
	_, got["lookup"] = b.Lookup(ctx, ann, "id")
	_, got["list"] = b.List(ctx, ann, store.Page{})
	_, got["rotate"] = b.Rotate(ctx, store.RotateRequest{Subject: ann, ID: "id", Link: store.NewLink(), NextLink: store.NewLink()})
	_, got["update"] = b.Update(ctx, store.UpdateRequest{Subject: ann, ID: "id", Metadata: map[string]string{}})
	got["touch"] = b.Touch(ctx, store.TouchRequest{Subject: ann, ID: "id"})
	got["ping"] = b.Ping(ctx)
	_, got["sweep"] = b.Sweep(ctx)
	for _, err := range b.Subjects(ctx) {
		got["subjects"] = err
	}
	return got
}

// passing calls everything that passes an open breaker.
func passing(ctx context.Context, b *storebreaker.Breaker) map[storetest.Verb]error {
	end := time.Now().Add(time.Hour)
	got := map[storetest.Verb]error{
		storetest.VerbRevoke: b.Revoke(ctx, store.Revocation{Subject: ann, All: true}),
		storetest.VerbForget: b.Forget(ctx, ann),
	}
	_, got[storetest.VerbUpdate] = b.Update(ctx, store.UpdateRequest{Subject: ann, ID: "id", ExpiresAt: end})
	if _, err := b.Update(ctx, store.UpdateRequest{Subject: ann, ID: "id", Deadline: end}); err != nil && !errors.Is(err, store.ErrRevoked) {
		got[storetest.VerbUpdate] = err
	}
	_, got[storetest.VerbPartitions] = b.Partitions(ctx)
	_, got[storetest.VerbPoll] = b.Poll(ctx, 0, store.Position{})
	heard, cancel := context.WithCancel(ctx)
	cancel()
	got[storetest.VerbListen] = b.Listen(heard, func(store.Bell) {})
	return got
}

// TestBypass: what ends sessions, and the feed, reach the store past an open breaker. Killed mutants: each of them behind
// the breaker.
func TestBypass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := around(t, nil)
		open(t, b, s, 5)
		for verb, err := range passing(t.Context(), b) {
			if errors.Is(err, store.ErrUnavailable) || s.Calls(verb) == 0 {
				t.Errorf("%s is %v after %d calls", verb, err, s.Calls(verb))
			}
		}
		if s.Calls(storetest.VerbUpdate) != 2 {
			t.Errorf("%d updates, want that of ExpiresAt and that of Deadline", s.Calls(storetest.VerbUpdate))
		}
		if b.State() != storebreaker.Open {
			t.Errorf("the breaker is %v by them", b.State())
		}
	})
}

// TestRevocationsCount: revocations that fail open a closed breaker, and are no probes of another. Killed mutants:
// revocations that never count; that take the place of a probe; feeds that count.
func TestRevocationsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := around(t, &storebreaker.Options{Probes: 2})
		restore := s.Inject(storetest.Fault{Err: store.ErrUnavailable})
		for range 10 {
			_, _ = b.Poll(t.Context(), 0, store.Position{})
		}
		if b.State() != storebreaker.Closed {
			t.Fatal("polls opened it")
		}
		for range 5 {
			_ = b.Revoke(t.Context(), store.Revocation{Subject: ann, All: true})
		}
		if b.State() != storebreaker.Open {
			t.Fatal("revocations did not open it")
		}
		time.Sleep(1001 * time.Millisecond)
		restore()
		s.fail(nil)
		if err := lookup(t.Context(), b); err != nil || b.State() != storebreaker.HalfOpen {
			t.Fatalf("after one of two probes: %v, %v", err, b.State())
		}
		if err := b.Revoke(t.Context(), store.Revocation{Subject: ann, All: true}); err != nil || b.State() != storebreaker.HalfOpen {
			t.Errorf("after a revocation: %v, %v", err, b.State())
		}
		if err := lookup(t.Context(), b); err != nil || b.State() != storebreaker.Closed {
			t.Errorf("after two of two probes: %v, %v", err, b.State())
		}
	})
}
