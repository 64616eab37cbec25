package conformance

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

// env is what a rule works with: a store of its own, the harness's means, and Gomega's assertions, which end the rule.
// Assertions belong to the rule's own goroutine; see race.
type env struct {
	Gomega
	ctx   context.Context
	h     *Harness
	s     store.TokenStore
	needs need
	label string

	handles []store.TokenStore // open ones; the first is the one that Drop gets
	serial  int
	restore func() // ends a fault that a failed rule left behind
	// judged and closed say that the rule, and then its close, came to their ends.
	judged, closed bool

	mu                      sync.Mutex
	failure, skipped, notes string
}

func newEnv(ctx context.Context, s *suite, r *rule, label string) *env {
	e := &env{ctx: ctx, h: &s.h, needs: r.needs, label: label}
	e.Gomega = NewGomega(e.abort)
	return e
}

// open opens the rule's store and skips the rule if the store lacks a face.
func (e *env) open(r *rule) {
	s, err := e.h.open(e.ctx)
	e.Expect(err).NotTo(HaveOccurred(), "Harness.Open")
	e.s = s
	e.handles = append(e.handles, s)
	e.Expect(fresh(e.ctx, s)).To(Succeed(), "the store that Harness.Open returned")
	if reason := lacking(r.needs, s); reason != "" {
		e.skip(reason)
	}
	if r.needs&feeds != 0 {
		_, err := e.feed().Partitions(e.ctx)
		e.supported(err, "feed")
	}
	if r.needs&subjects != 0 {
		for _, err := range store.Subjects(e.ctx, s) {
			e.supported(err, "subjects")
			break
		}
	}
	if r.needs&sweeps != 0 {
		_, err := store.Sweep(e.ctx, s)
		e.supported(err, "sweep")
	}
}

// supported skips the rule where a layer tells that what it wraps has no such face.
func (e *env) supported(err error, face string) {
	if errors.Is(err, errors.ErrUnsupported) {
		e.skip("what the store wraps has no " + face)
	}
	e.Expect(err).NotTo(HaveOccurred())
}

// close ends what the rule has opened.
func (e *env) close() {
	defer e.rescue()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), 10*time.Second) // the rule's own may be over
	defer cancel()
	if e.restore != nil {
		e.restore()
	}
	for i := len(e.handles) - 1; i >= 0; i-- {
		if err := e.handles[i].Close(); err != nil {
			e.fail(fmt.Sprintf("Close: %v", err))
		}
	}
	if len(e.handles) > 0 && e.h.Drop != nil {
		if err := e.h.Drop(ctx, e.handles[0]); err != nil {
			e.fail(fmt.Sprintf("Harness.Drop: %v", err))
		}
	}
	e.closed = true
}

// reopen closes the rule's store and opens its data again.
func (e *env) reopen() {
	s, err := e.h.Reopen(e.ctx, e.s)
	e.Expect(err).NotTo(HaveOccurred(), "Harness.Reopen")
	e.Expect(s).NotTo(BeNil(), "Harness.Reopen returned neither a store nor an error")
	e.s, e.handles[0] = s, s
}

// second opens another handle on the rule's data.
func (e *env) second() store.TokenStore {
	s, err := e.h.Second(e.ctx, e.s)
	e.Expect(err).NotTo(HaveOccurred(), "Harness.Second")
	e.Expect(s).NotTo(BeNil(), "Harness.Second returned neither a store nor an error")
	e.handles = append(e.handles, s)
	return s
}

// cut makes the backend unreachable until the function returned is called, or the rule ends.
func (e *env) cut() (restore func()) {
	restore, err := e.h.Fault(e.ctx, e.s)
	e.Expect(err).NotTo(HaveOccurred(), "Harness.Fault")
	e.Expect(restore).NotTo(BeNil(), "Harness.Fault returned neither a restore nor an error")
	e.restore = sync.OnceFunc(restore)
	return e.restore
}

// travel moves the store's clock.
func (e *env) travel(d time.Duration) {
	if e.needs&travels == 0 {
		panic("conformance: a rule that travels must say so in its needs")
	}
	e.h.Clock.Advance(d)
}

// wait lets a few milliseconds pass on the store's clock.
func (e *env) wait(d time.Duration) {
	switch {
	case e.needs&(waits|travels) == 0:
		panic("conformance: a rule that waits must say so in its needs")
	case e.h.Clock != nil:
		e.h.Clock.Advance(d)
	default:
		time.Sleep(d)
	}
}

// short is a life that a rule waits out: in real time long enough for a slow store to answer in between.
func (e *env) short() time.Duration {
	if e.h.Clock != nil {
		return 50 * time.Millisecond
	}
	start := time.Now()
	e.now()
	return 300*time.Millisecond + 10*time.Since(start)
}

// outlive lets an end pass on the store's clock, however the store has rounded it.
func (e *env) outlive(end time.Time) {
	e.wait(max(end.Sub(e.now())+e.precision()+e.slack(), 0))
}

// now is the store's time.
func (e *env) now() time.Time { return e.lookup().Now }

// slack is how far apart two readings of one moment may be: the unit that times are kept in, and in real time what a
// client's estimate of its server's clock may be off.
func (e *env) slack() time.Duration {
	if e.h.Clock != nil {
		return 2 * time.Millisecond
	}
	return 50 * time.Millisecond
}

// during expects a time of the store's clock between two others.
func (e *env) during(from, to, got time.Time, what string) {
	e.Expect(got).To(BeTemporally(">", from.Add(-e.slack())), what+" must be the store's time of the step")
	e.Expect(got).To(BeTemporally("<", to.Add(e.slack())), what+" must be the store's time of the step")
}

// maxTokenLife is the longest life of an access token, as the store tells it.
func (e *env) maxTokenLife() time.Duration {
	if life := e.s.Capabilities().MaxTokenLife; life > 0 {
		return life
	}
	return store.DefaultMaxTokenLife
}

// precision is what ends are rounded up to, as the store tells it.
func (e *env) precision() time.Duration { return max(e.s.Capabilities().Precision, 1) }

// note adds a line to the report, of a rule that passes too.
func (e *env) note(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.notes += fmt.Sprintf(format, args...)
}

// race calls do(0) … do(n-1) at the same moment and waits for all. do must not assert: it notes what it got.
func (e *env) race(n int, do func(i int)) {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	panics := make([]any, n)
	for i := range n {
		ready.Add(1)
		done.Add(1)
		go func() {
			defer done.Done()
			defer func() { panics[i] = recover() }()
			ready.Done()
			<-start
			do(i)
		}()
	}
	ready.Wait()
	close(start)
	done.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p)
		}
	}
}

// where tells the line of the rule that an assertion stands in.
func where() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if file := filepath.Base(f.File); strings.HasPrefix(file, "rules_") {
			return fmt.Sprintf("%s:%d\n", file, f.Line)
		}
		if !more {
			return ""
		}
	}
}
