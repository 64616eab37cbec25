package conformance

import (
	"context"
	"errors"
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

var outageRules = []rule{
	{"outage/unavailable", "While the backend is unreachable every method and face is ErrUnavailable (or, of a write, ErrIndeterminate): " +
		"never an answer, and never Unknown.", breaks, outageUnavailable},
	{"outage/deadline", "While the backend is unreachable a call returns when its context's deadline has come.", breaks, outageDeadline},
	{"outage/recovers", "Once the backend is back, what was revoked is dead, what lived lives, and writes succeed.", breaks, outageRecovers},
}

func outageUnavailable(e *env) {
	rec := e.login()
	e.lookup(rec.ID) // a cache may know it
	verbs := e.verbs(rec)
	e.cut()
	for _, v := range verbs {
		if v.name == "lookup" {
			v.call = func(ctx context.Context, s store.TokenStore) error {
				_, err := s.Lookup(ctx, ann, "never asked before")
				return err
			}
		}
		err := v.call(e.ctx, e.s)
		if !errors.Is(err, errors.ErrUnsupported) {
			e.Expect(err).To(Or(MatchError(store.ErrUnavailable), MatchError(store.ErrIndeterminate)), v.name)
			e.Expect(err).NotTo(MatchError(store.ErrNotFound), v.name)
		}
	}
}

func outageDeadline(e *env) {
	rec := e.login()
	verbs := e.verbs(rec)
	e.cut()
	for _, v := range verbs {
		ctx, cancel := context.WithTimeout(e.ctx, 100*time.Millisecond)
		start := time.Now()
		err := v.call(ctx, e.s)
		cancel()
		if !errors.Is(err, errors.ErrUnsupported) {
			e.Expect(err).To(HaveOccurred(), v.name)
			e.Expect(time.Since(start)).To(BeNumerically("<", 2*time.Second), v.name+" with a deadline of 100 ms")
		}
	}
}

func outageRecovers(e *env) {
	rec, dead := e.login(), e.login()
	e.revokeIDs(dead.ID)
	restore := e.cut()
	_, _ = e.s.Lookup(e.ctx, ann, rec.ID) // whatever a layer learns from it
	_ = e.s.Touch(e.ctx, store.TouchRequest{Subject: ann, ID: rec.ID})
	restore()
	e.recovered(func() error { return store.Ping(e.ctx, e.s) })
	e.recovered(func() error { _, err := e.s.Lookup(e.ctx, ann, rec.ID); return err })
	e.recovered(func() error { return e.s.Touch(e.ctx, store.TouchRequest{Subject: ann, ID: rec.ID}) })
	e.live("what lived", rec)
	e.revoked("", "what was revoked", dead)
	e.refresh(e.record(rec))
	e.revokeAll()
	e.dead("what is revoked now", rec)
}

// recovered waits until a call succeeds: a client may take a moment to connect, or a breaker to close.
func (e *env) recovered(call func() error) {
	var err error
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = call(); err == nil {
			return
		}
	}
	e.Expect(err).NotTo(HaveOccurred(), "15 s after the backend is back")
}
