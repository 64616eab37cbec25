package storetest

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/jetonkit/jeton/store"
)

var (
	_ store.TokenStore    = (*Faults)(nil)
	_ store.Feed          = (*Faults)(nil)
	_ store.SubjectLister = (*Faults)(nil)
	_ store.Sweeper       = (*Faults)(nil)
	_ store.Pinger        = (*Faults)(nil)
	_ store.StatsReporter = (*Faults)(nil)
	_ store.Unwrapper     = (*Faults)(nil)
)

// Verb names a method of a store, as [store.Error] does in its Op.
type Verb string

// The verbs that faults can hit. EveryVerb is all of them but Close.
const (
	EveryVerb      Verb = ""
	VerbIssue      Verb = "issue"
	VerbLookup     Verb = "lookup"
	VerbList       Verb = "list"
	VerbRotate     Verb = "rotate"
	VerbUpdate     Verb = "update"
	VerbTouch      Verb = "touch"
	VerbRevoke     Verb = "revoke"
	VerbForget     Verb = "forget"
	VerbClose      Verb = "close"
	VerbSubjects   Verb = "subjects"
	VerbSweep      Verb = "sweep"
	VerbPing       Verb = "ping"
	VerbPartitions Verb = "partitions"
	VerbPoll       Verb = "poll"
	VerbListen     Verb = "listen"
)

// Fault says which calls go wrong, and how.
type Fault struct {
	// Verb is the one that is hit. Defaults to EveryVerb.
	Verb Verb
	// Nth is the one call that is hit, counted from 1 and from the fault's injection on. Defaults to every call.
	Nth int
	// After lets the store do its work first and then loses the reply. Defaults to failing before the store is reached.
	After bool
	// Delay is waited for, or until the call's context ends. Defaults to none.
	Delay time.Duration
	// Err is the call's error, for instance [store.ErrUnavailable]. Nil: the call is only slow.
	Err error
}

// Faults is a layer over a store that makes calls fail or wait, as its faults say. Without any it forwards everything.
// It is safe for concurrent use.
type Faults struct {
	s store.TokenStore

	mu     sync.Mutex
	faults []*injected
	calls  map[Verb]int
}

// injected is a fault and how many calls of its verb it has seen.
type injected struct {
	Fault
	seen int
}

// NewFaults returns a layer over s that has no faults yet.
func NewFaults(s store.TokenStore) *Faults { return &Faults{s: s, calls: map[Verb]int{}} }

// Inject adds faults; restore takes them away again. Where several hit one call, their delays add up and the first
// error wins.
func (f *Faults) Inject(faults ...Fault) (restore func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var added []*injected
	for _, fault := range faults {
		added = append(added, &injected{Fault: fault})
	}
	f.faults = append(f.faults, added...)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.faults = slices.DeleteFunc(f.faults, func(i *injected) bool { return slices.Contains(added, i) })
	}
}

// Calls returns how many calls of a verb were made since the layer was made; of EveryVerb, all calls.
func (f *Faults) Calls(v Verb) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v != EveryVerb {
		return f.calls[v]
	}
	n := 0
	for _, calls := range f.calls {
		n += calls
	}
	return n
}

// hits counts a call and returns the faults that hit it.
func (f *Faults) hits(v Verb) (before, after []Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[v]++
	for _, i := range f.faults {
		if i.Verb != v && (i.Verb != EveryVerb || v == VerbClose) {
			continue
		}
		i.seen++
		switch {
		case i.Nth != 0 && i.Nth != i.seen:
		case i.After:
			after = append(after, i.Fault)
		default:
			before = append(before, i.Fault)
		}
	}
	return before, after
}

// strike waits and fails as the faults say.
func strike(ctx context.Context, v Verb, faults []Fault) error {
	var err error
	for _, fault := range faults {
		if fault.Delay > 0 {
			if ended := wait(ctx, fault.Delay); ended != nil {
				return &store.Error{Op: string(v), Store: "faults", Err: ended}
			}
		}
		if err == nil && fault.Err != nil {
			err = &store.Error{Op: string(v), Store: "faults", Err: fault.Err}
		}
	}
	return err
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// call runs do between the faults before and after it.
func call[T any](ctx context.Context, f *Faults, v Verb, do func() (T, error)) (T, error) {
	var zero T
	before, after := f.hits(v)
	if err := strike(ctx, v, before); err != nil {
		return zero, err
	}
	out, err := do()
	if lost := strike(ctx, v, after); lost != nil {
		return zero, lost
	}
	return out, err
}

// run is call for methods that answer with an error alone.
func run(ctx context.Context, f *Faults, v Verb, do func() error) error {
	_, err := call(ctx, f, v, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

// Issue implements [store.TokenStore].
func (f *Faults) Issue(ctx context.Context, r store.IssueRequest) (store.Issued, error) {
	return call(ctx, f, VerbIssue, func() (store.Issued, error) { return f.s.Issue(ctx, r) })
}

// Lookup implements [store.TokenStore].
func (f *Faults) Lookup(ctx context.Context, s store.Subject, ids ...string) (store.State, error) {
	return call(ctx, f, VerbLookup, func() (store.State, error) { return f.s.Lookup(ctx, s, ids...) })
}

// List implements [store.TokenStore].
func (f *Faults) List(ctx context.Context, s store.Subject, p store.Page) (store.Records, error) {
	return call(ctx, f, VerbList, func() (store.Records, error) { return f.s.List(ctx, s, p) })
}

// Rotate implements [store.TokenStore].
func (f *Faults) Rotate(ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
	return call(ctx, f, VerbRotate, func() (store.Rotated, error) { return f.s.Rotate(ctx, r) })
}

// Update implements [store.TokenStore].
func (f *Faults) Update(ctx context.Context, r store.UpdateRequest) (store.Record, error) {
	return call(ctx, f, VerbUpdate, func() (store.Record, error) { return f.s.Update(ctx, r) })
}

// Touch implements [store.TokenStore].
func (f *Faults) Touch(ctx context.Context, r store.TouchRequest) error {
	return run(ctx, f, VerbTouch, func() error { return f.s.Touch(ctx, r) })
}

// Revoke implements [store.TokenStore].
func (f *Faults) Revoke(ctx context.Context, r store.Revocation) error {
	return run(ctx, f, VerbRevoke, func() error { return f.s.Revoke(ctx, r) })
}

// Forget implements [store.TokenStore].
func (f *Faults) Forget(ctx context.Context, s store.Subject) error {
	return run(ctx, f, VerbForget, func() error { return f.s.Forget(ctx, s) })
}

// Capabilities implements [store.TokenStore].
func (f *Faults) Capabilities() store.Capabilities { return f.s.Capabilities() }

// Close closes the wrapped store. Only a fault of VerbClose hits it.
func (f *Faults) Close() error {
	return run(context.Background(), f, VerbClose, f.s.Close)
}

// Unwrap returns the wrapped store.
func (f *Faults) Unwrap() store.TokenStore { return f.s }

// Subjects implements [store.SubjectLister].
func (f *Faults) Subjects(ctx context.Context) iter.Seq2[store.Subject, error] {
	return func(yield func(store.Subject, error) bool) {
		before, after := f.hits(VerbSubjects)
		if err := strike(ctx, VerbSubjects, before); err != nil {
			yield(store.Subject{}, err)
			return
		}
		for s, err := range store.Subjects(ctx, f.s) {
			if !yield(s, err) {
				return
			}
		}
		if err := strike(ctx, VerbSubjects, after); err != nil {
			yield(store.Subject{}, err)
		}
	}
}

// Sweep implements [store.Sweeper].
func (f *Faults) Sweep(ctx context.Context) (store.Swept, error) {
	return call(ctx, f, VerbSweep, func() (store.Swept, error) { return store.Sweep(ctx, f.s) })
}

// Ping implements [store.Pinger].
func (f *Faults) Ping(ctx context.Context) error {
	return run(ctx, f, VerbPing, func() error { return store.Ping(ctx, f.s) })
}

// Stats implements [store.StatsReporter].
func (f *Faults) Stats() []store.Stat {
	return append([]store.Stat{{Name: "faults_calls", Value: int64(f.Calls(EveryVerb))}}, store.Stats(f.s)...)
}

// Partitions implements [store.Feed].
func (f *Faults) Partitions(ctx context.Context) (int, error) {
	return call(ctx, f, VerbPartitions, func() (int, error) {
		feed, err := store.FeedOf(f.s)
		if err != nil {
			return 0, err
		}
		return feed.Partitions(ctx)
	})
}

// Poll implements [store.Feed].
func (f *Faults) Poll(ctx context.Context, partition int, from store.Position) (store.Batch, error) {
	return call(ctx, f, VerbPoll, func() (store.Batch, error) {
		feed, err := store.FeedOf(f.s)
		if err != nil {
			return store.Batch{}, err
		}
		return feed.Poll(ctx, partition, from)
	})
}

// Listen implements [store.Feed].
func (f *Faults) Listen(ctx context.Context, ring func(store.Bell)) error {
	return run(ctx, f, VerbListen, func() error {
		feed, err := store.FeedOf(f.s)
		if err != nil {
			return err
		}
		return feed.Listen(ctx, ring)
	})
}
