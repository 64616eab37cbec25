package conformance_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/storetest"
)

// bent is a store without faces of which a method may be replaced.
type bent struct {
	store.TokenStore
	lookup func(context.Context, store.Subject, ...string) (store.State, error)
	list   func(context.Context, store.Subject, store.Page) (store.Records, error)
	revoke func(context.Context, store.Revocation) error
	close  func() error
}

func (b bent) Lookup(ctx context.Context, s store.Subject, ids ...string) (store.State, error) {
	if b.lookup != nil {
		return b.lookup(ctx, s, ids...)
	}
	return b.TokenStore.Lookup(ctx, s, ids...)
}

func (b bent) List(ctx context.Context, s store.Subject, p store.Page) (store.Records, error) {
	if b.list != nil {
		return b.list(ctx, s, p)
	}
	return b.TokenStore.List(ctx, s, p)
}

func (b bent) Revoke(ctx context.Context, r store.Revocation) error {
	if b.revoke != nil {
		return b.revoke(ctx, r)
	}
	return b.TokenStore.Revoke(ctx, r)
}

func (b bent) Close() error {
	if b.close != nil {
		return b.close()
	}
	return b.TokenStore.Close()
}

// over is a harness over memory stores, each bent.
func over(bend func(*bent)) conformance.Harness {
	h := memory(memstore.Options{})
	open := h.Open
	h.Open = func(ctx context.Context) (store.TokenStore, error) {
		s, err := open(ctx)
		b := bent{TokenStore: s}
		bend(&b)
		return b, err
	}
	return h
}

// seeded is a harness over stores that do not list their subjects and come with data.
func seeded(seed func(context.Context, store.TokenStore) error) conformance.Harness {
	return conformance.Harness{Open: func(ctx context.Context) (store.TokenStore, error) {
		s, err := memstore.New(nil)
		if err != nil {
			return nil, err
		}
		return bent{TokenStore: s}, seed(ctx, s)
	}}
}

func opens(open func(context.Context) (store.TokenStore, error)) conformance.Harness {
	return conformance.Harness{Open: open, Traits: conformance.Traits{Patience: 100 * time.Millisecond}}
}

func login(subject store.Subject) func(context.Context, store.TokenStore) error {
	return func(ctx context.Context, s store.TokenStore) error {
		_, err := s.Issue(ctx, store.IssueRequest{Record: store.Record{
			ID: "seed", Subject: subject, Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour),
		}})
		return err
	}
}

// stuck is a clock that cannot be moved.
type stuck struct{ *storetest.Clock }

func (stuck) Advance(time.Duration) {}

// misfit is a harness that the preflight must refuse, with what its sentence must hold.
type misfit struct {
	what string
	h    conformance.Harness
	want []string
}

// never blocks until the test process ends.
func never() { select {} }

// misfits are harnesses and stores that once brought the preflight down, or got past it. The clocks come first: where they
// agree with real time, they do so only now.
func misfits(block func()) []misfit {
	revoked := func(ctx context.Context, s store.TokenStore) error {
		return s.Revoke(ctx, store.Revocation{Subject: store.User("ann"), IDs: []string{"token"}})
	}
	realTime := func(c conformance.Clock) conformance.Harness {
		return conformance.Harness{Clock: c, Open: func(context.Context) (store.TokenStore, error) { return memstore.New(nil) }}
	}
	return []misfit{
		{"a clock of its own", realTime(storetest.NewClock(time.Time{})), []string{"a Lookup on Harness.Clock: its Now is", "Harness.Clock stands at", "or leave Harness.Clock nil"}},
		{"a clock that happens to agree", realTime(storetest.NewClock(time.Now())), []string{"a Lookup on Harness.Clock: its Now is", "give its Now to the store's options"}},
		{"a clock that does not move", realTime(stuck{storetest.NewClock(time.Now())}), []string{"an Advance by an hour moved Harness.Clock by 0s", "must follow its Advance"}},
		{"an empty State", over(func(b *bent) {
			b.lookup = func(context.Context, store.Subject, ...string) (store.State, error) { return store.State{}, nil }
		}), []string{"a Lookup in the store", "0 entries for 2 ids", "answer once for each id"}},
		{"a State without Now", over(func(b *bent) {
			b.lookup = func(_ context.Context, _ store.Subject, ids ...string) (store.State, error) {
				return store.State{Entries: make([]store.Entry, len(ids))}, nil
			}
		}), []string{"Now is zero", "set State.Now"}},
		{"a Lookup that panics", over(func(b *bent) {
			b.lookup = func(context.Context, store.Subject, ...string) (store.State, error) { panic("unimplemented") }
		}), []string{"store that Harness.Open returned panicked: unimplemented", "mend what the stack shows", "preflight_test.go"}},
		{"a typed nil", opens(func(context.Context) (store.TokenStore, error) { return (*memstore.Store)(nil), nil }), []string{"Harness.Open", "nil *memstore.Store without an error", "return the store, or the error"}},
		{"a layer over nothing", opens(func(context.Context) (store.TokenStore, error) { return bent{}, nil }), []string{"panicked", "nil pointer"}},
		{"neither store nor error", opens(func(context.Context) (store.TokenStore, error) { return nil, nil }), []string{"neither a store nor an error: return one"}},
		{"an Open that panics", opens(func(context.Context) (store.TokenStore, error) { panic("no DSN") }), []string{"Harness.Open panicked: no DSN"}},
		{"an Open that ends its goroutine", opens(func(context.Context) (store.TokenStore, error) { runtime.Goexit(); return nil, nil }), []string{"Harness.Open ended its goroutine", "instead of t.Fatal"}},
		{"an Open that blocks for ever", opens(func(context.Context) (store.TokenStore, error) { block(); return nil, nil }), []string{"Harness.Open has not returned 5s after its context ended", "make it return"}},
		{"an Open that waits for its context", opens(func(ctx context.Context) (store.TokenStore, error) {
			<-ctx.Done()
			return nil, fmt.Errorf("dial: %w", ctx.Err())
		}), []string{"Harness.Open: dial: context deadline exceeded", "Traits.Patience, 100ms, is over", "see whether the backend answers"}},
		{"a Close that panics", over(func(b *bent) { b.close = func() error { _ = b.TokenStore.Close(); panic("closed twice") } }), []string{"Close of a store", "panicked: closed twice"}},
		{"a session of ann", seeded(login(store.User("ann"))), []string{"with data in it", "a session of the user \"ann\"", "must return an empty store"}},
		{"a session of a key", seeded(login(store.Subject{Kind: store.KindKey, Name: "ann"})), []string{"with data in it", "key \"ann\""}},
		{"a mark of ann", seeded(revoked), []string{"with data in it", "the id \"token\" of the user \"ann\""}},
	}
}

// TestMisfits runs in a bubble, so that what blocks for ever is waited for in no time.
func TestMisfits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		for _, m := range misfits(func() { <-release }) {
			rep := conformance.Check(m.h)
			if rep.OK() || len(rep.Results) > 0 {
				t.Errorf("%s: the report is OK or has results", m.what)
			}
			for _, want := range m.want {
				if !strings.Contains(rep.Mistake, want) {
					t.Errorf("%s: the report says %q, it must contain %q", m.what, rep.Mistake, want)
				}
			}
		}
	})
}

// TestStarted shows that a store of which List is still to be written is judged by its rules.
func TestStarted(t *testing.T) {
	h := over(func(b *bent) {
		b.list = func(context.Context, store.Subject, store.Page) (store.Records, error) { panic("unimplemented") }
	})
	h.Traits.Histories = 1
	rep := conformance.Check(h)
	if rep.OK() || rep.Mistake != "" || rep.Count(conformance.Passed) == 0 {
		t.Error(rep)
	}
}

// TestEndedGoroutine shows that a rule does not pass when t.Fatal in a harness or a store ends it half-way.
func TestEndedGoroutine(t *testing.T) {
	for what, bend := range map[string]func(*bent){
		"Revoke": func(b *bent) {
			b.revoke = func(context.Context, store.Revocation) error { runtime.Goexit(); return nil }
		},
		"a Close after it": func(b *bent) {
			inner := b.TokenStore
			var revoked atomic.Bool
			b.revoke = func(ctx context.Context, r store.Revocation) error { revoked.Store(true); return inner.Revoke(ctx, r) }
			b.close = func() error {
				if revoked.Load() {
					runtime.Goexit()
				}
				return inner.Close()
			}
		},
	} {
		h := over(bend)
		h.Traits.Histories = 1
		rep := conformance.Check(h)
		i := slices.IndexFunc(rep.Results, func(r conformance.Result) bool { return r.Rule == "revoke/all" })
		if i < 0 || rep.Results[i].Status != conformance.Failed || !strings.Contains(rep.Results[i].Reason, "instead of t.Fatal") {
			t.Errorf("%s ends the goroutine: revoke/all must fail for it:\n%s", what, rep)
		}
	}
}

// TestNothingPassed shows that what was only skipped does not count as proven.
func TestNothingPassed(t *testing.T) {
	passed, skipped := conformance.Result{Status: conformance.Passed}, conformance.Result{Status: conformance.Skipped}
	for what, c := range map[string]struct {
		results []conformance.Result
		ok      bool
	}{
		"no rule":     {nil, false},
		"all skipped": {[]conformance.Result{skipped, skipped}, false},
		"one passed":  {[]conformance.Result{skipped, passed}, true},
	} {
		rep := conformance.Report{Results: c.results}
		told := strings.Contains(rep.String(), "no rule passed, so nothing is proven") && strings.Contains(rep.Markdown(), "nothing is proven")
		if rep.OK() != c.ok || told == c.ok {
			t.Errorf("%s: OK is %v and the report is %s", what, rep.OK(), rep)
		}
	}
}

// misfitOf is set in the environment of a run that is to show how a misfit fails.
const misfitOf = "CONFORMANCE_MISFIT"

// chosen is the misfit that this process is to show; nil in an ordinary run.
func chosen() *conformance.Harness {
	all := misfits(never)
	i := slices.IndexFunc(all, func(m misfit) bool { return m.what == os.Getenv(misfitOf) })
	if i < 0 {
		return nil
	}
	return &all[i].h
}

// TestChosen is what TestMisfitsEverywhere runs.
func TestChosen(t *testing.T) {
	if h := chosen(); h != nil {
		conformance.Run(t, *h)
	}
}

// TestMisfitsEverywhere shows that Run and Specs tell what Check tells. Each is a process, so there is one of each kind.
func TestMisfitsEverywhere(t *testing.T) {
	kinds := []string{"an empty State", "a typed nil", "neither store nor error", "an Open that blocks for ever", "a mark of ann", "a clock of its own"}
	for _, m := range misfits(never) {
		if !slices.Contains(kinds, m.what) {
			continue
		}
		for _, entry := range []string{"TestChosen", "TestSpecs"} {
			t.Run(entry+"/"+m.what, func(t *testing.T) {
				t.Parallel()
				m.shownBy(t, entry)
			})
		}
	}
}

// shownBy runs a test of this binary on the misfit.
func (m misfit) shownBy(t *testing.T, entry string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+entry+"$")
	cmd.Env = append(os.Environ(), misfitOf+"="+m.what)
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Error("it must fail")
	}
	for _, want := range m.want {
		if !strings.Contains(string(out), want) {
			t.Errorf("it must say %q:\n%.3000s", want, out)
		}
	}
	if strings.Contains(string(out), "panic: ") {
		t.Errorf("it must not break down:\n%.3000s", out)
	}
}
