package conformance

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"
)

// suite runs rules against one harness.
type suite struct {
	h Harness
	// moving is held by the one rule that moves the clock, and shared by those that only read it.
	moving sync.RWMutex
	// looked is the preflight's answer.
	looked func() (kind string, err error)
}

func newSuite(h Harness) (*suite, error) {
	if err := h.mistakes(); err != nil {
		return nil, err
	}
	h.Traits = h.Traits.withDefaults()
	s := &suite{h: h}
	s.looked = sync.OnceValues(s.look)
	return s, nil
}

// runs numbers the runs of rules in this process, so that a goroutine's label tells whose it is.
var runs atomic.Uint64

// goroutineLabel is the profiler label that every goroutine of a rule has, and those that its store starts inherit.
const goroutineLabel = "conformance"

// run runs one rule to its end.
func (s *suite) run(r *rule) Result {
	res := Result{Rule: r.name, Sentence: r.sentence, Status: Skipped}
	if reason, ok := s.h.Skip[r.name]; ok {
		res.Reason = reason
		return res
	}
	if res.Reason = s.h.unmet(r.needs); res.Reason != "" {
		return res
	}
	if s.h.Clock != nil && r.needs&(travels|waits) != 0 {
		s.moving.Lock()
		defer s.moving.Unlock()
	} else if s.h.Clock != nil {
		s.moving.RLock()
		defer s.moving.RUnlock()
	}
	start := time.Now()
	e := s.execute(r)
	res.Elapsed = time.Since(start)
	res.Status, res.Reason, res.Notes = e.result()
	return res
}

// execute runs a rule in a goroutine of its own, which a failed assertion ends, and waits for it as long as the harness
// has patience.
func (s *suite) execute(r *rule) *env {
	ctx, cancel := context.WithTimeout(context.Background(), s.h.Traits.Patience)
	defer cancel()
	e := newEnv(ctx, s, r, fmt.Sprintf("%s#%d", r.name, runs.Add(1)))
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer e.close()
		defer e.rescue()
		pprof.SetGoroutineLabels(pprof.WithLabels(ctx, pprof.Labels(goroutineLabel, e.label)))
		e.open(r)
		r.run(e)
		e.judged = true
	}()
	switch {
	case !await(ctx, done):
		e.fail(fmt.Sprintf("still running %v after its context ended (the patience of %v is over): a method does not honour its context", lastCall, s.h.Traits.Patience))
	case e.cutShort():
		e.fail("a method or the harness ended the rule's goroutine: " + exited)
	case ctx.Err() != nil:
		e.explain(fmt.Sprintf("the patience of %v was over: raise Traits.Patience if the store is only slow", s.h.Traits.Patience))
	}
	return e
}

// explain adds to a failure, if there is one.
func (e *env) explain(more string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failure != "" {
		e.failure += "\n" + more
	}
}

// cutShort reports whether the rule's goroutine was ended from outside: a rule that did not come to its end must not pass.
func (e *env) cutShort() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failure == "" && (!e.closed || !e.judged && e.skipped == "")
}

// lastCall is how long after its context's end something may take to return; what honours its context has long done so.
const lastCall = 5 * time.Second

// await waits for done, and a last call longer than ctx; it reports whether it came.
func await(ctx context.Context, done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	case <-ctx.Done():
	}
	select {
	case <-done:
		return true
	case <-time.After(lastCall):
		return false
	}
}

// rescue turns a panic of a rule or of the store into a failure.
func (e *env) rescue() {
	if p := recover(); p != nil {
		e.fail(fmt.Sprintf("panic: %v\n%s", p, debug.Stack()))
	}
}

// fail notes the first failure.
func (e *env) fail(message string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failure == "" {
		e.failure = message
	}
}

// abort notes a failure and ends the rule's goroutine. Gomega calls it.
func (e *env) abort(message string, _ ...int) {
	e.fail(where() + message)
	runtime.Goexit()
}

// skip ends the rule as one that cannot be judged here.
func (e *env) skip(reason string) {
	e.mu.Lock()
	e.skipped = reason
	e.mu.Unlock()
	runtime.Goexit()
}

// result is how the rule ended.
func (e *env) result() (Status, string, string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.failure != "":
		return Failed, e.failure, e.notes
	case e.skipped != "":
		return Skipped, e.skipped, e.notes
	}
	return Passed, "", e.notes
}
