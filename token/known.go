package token

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jetonkit/jeton/store"
)

// entry is a token that was accepted: what its text says, and by what answer it lived. All but its marks is immutable; a newer
// answer makes another entry.
type entry struct {
	candidate
	raw  string // all of it: what is compared
	hash uint64
	// token is what the answer made of it.
	token *Token
	// stamp says how long the answer holds; of one that holds for no longer than a check it is zero.
	stamp store.Stamp
	// ends is the end of the record by the process's clock; zero where there is no record.
	ends time.Time
	// since and until are seconds of the program's clock between which the token's own dates are known to be good.
	since, until int64
	// view is the token as a local view looks it up; nil under another checker.
	view  *queries
	bytes int32

	used atomic.Bool  // since the table last looked for room
	due  atomic.Int64 // when the session may be worth a touch, in Unix nanoseconds
}

// verify judges a token by what is known of it, or from the start. The token that comes with an error is only for being told of.
func (v *Verifier) verify(ctx context.Context, raw string, m moment) (*Token, error) {
	e, hash := v.known.find(raw)
	if e != nil {
		fits, err := v.fits(ctx, e, m)
		if err != nil {
			return nil, err
		}
		if fits {
			e.use()
			return v.again(ctx, e, m)
		}
		v.known.drop(e)
	}
	v.known.missed()
	c, err := v.parse(ctx, raw, m.now)
	if err != nil {
		return nil, err
	}
	return v.judge(ctx, &entry{candidate: c, raw: raw, hash: hash}, m)
}

// fits reports whether all that was found of a known token's text still holds: the key is the issuer's, the very one, and its
// time has not passed. An error is the key set's, and says nothing about the token.
func (v *Verifier) fits(ctx context.Context, e *entry, m moment) (bool, error) {
	key, err := e.from.find(ctx, e.kid)
	switch {
	case err == nil:
		return key.k == e.key && v.timely(e, m.now), nil
	case errors.Is(err, ErrInvalidToken): // reading it will say why
		return false, nil
	}
	return false, err
}

// timely judges a known token's dates. The times at which they are good have no gap: what was good when it was read, and is at
// the last moment before exp, is good in between.
func (v *Verifier) timely(e *entry, now time.Time) bool {
	if at := now.Unix(); e.since < at && at < e.until {
		return true
	}
	return e.from.timely(&e.claims, v.leeway, now) == nil
}

// again judges a known token: by the answer that is known, while that holds, and else by a new one.
func (v *Verifier) again(ctx context.Context, e *entry, m moment) (*Token, error) {
	if e.view != nil {
		verdict, err := e.from.view.judge(m.began, e.view)
		if err == nil && verdict.Alive {
			v.known.hits.Add(e.hash)
			return e.token, nil
		}
	} else if e.stamp.Valid(m.began) && !e.over(m.began) {
		v.known.hits.Add(e.hash)
		v.touch(e, m)
		return e.token, nil
	}
	v.known.stale.Add(1)
	return v.judge(ctx, e, m)
}

// over reports whether the record has ended, by the clock that went further: Go's own stands still while a machine sleeps.
func (e *entry) over(now time.Time) bool {
	return !e.ends.IsZero() && (!now.Before(e.ends) || now.UnixNano() >= e.ends.UnixNano())
}

// judge asks whether a good token is alive, and keeps it with the answer. e is what is known of it until now.
func (v *Verifier) judge(ctx context.Context, e *entry, m moment) (*Token, error) {
	t := &Token{parsed: e.parsed}
	a, err := e.from.check.Check(ctx, t)
	switch {
	case err != nil:
		if stale := v.stale(ctx, e, err); stale != nil {
			return stale, nil
		}
		return t, fmt.Errorf("jeton: no answer about a token: %w", err)
	case !a.Alive:
		v.known.drop(e)
		return t, dead(a.Reason)
	case !e.from.stamps:
		a.Stamp = store.Stamp{}
	}
	if a.Record.ID != "" {
		t.session = new(store.Record) // nobody else has t yet
		*t.session = a.Record
	}
	var due time.Time
	if v.seen != nil && e.from.touch != nil {
		if t.isKey && !used(a.Record) {
			a.Record.LastSeen = time.Time{} // the first use counts at once: a list tells used keys from unused ones
		}
		due = v.seen.note(e.from.touch, t.subject, a, m.now)
	}
	v.keep(e, t, &a, m, due)
	return t, nil
}

// stale is a token that may pass although nobody can say whether it is alive: one that this verifier has accepted, by an answer
// that is young enough and that nothing is known to have changed. The time is another one than the check's beginning, since the
// question may have taken long to fail. Who has gone is served nothing: an error then may be of that.
func (v *Verifier) stale(ctx context.Context, e *entry, err error) *Token {
	if v.outage == 0 || e.token == nil || ctx.Err() != nil || !errors.Is(err, store.ErrUnavailable) {
		return nil
	}
	now := time.Now()
	if e.stamp.Age(now) > v.outage || !e.stamp.Unchanged() || e.over(now) {
		return nil
	}
	v.known.outage.Add(1)
	t := *e.token
	t.stale = true
	return &t
}

// keep remembers an accepted token with its answer. A token that is known already is worth it only for a new answer: under a
// store without stamps, and under a view, nothing changes.
func (v *Verifier) keep(e *entry, t *Token, a *Answer, m moment, due time.Time) {
	switch {
	case v.known == nil || e.key == nil:
		return
	case e.token == nil:
		e.raw = own(e.raw)
	case e.view != nil || (a.Stamp == store.Stamp{} && e.stamp == store.Stamp{}):
		return
	}
	next := &entry{candidate: e.candidate, raw: e.raw, hash: e.hash, token: t, stamp: a.Stamp}
	if e.from.view != nil { // it is asked each time, and what its fallback said is over
		q := newQueries(t)
		next.view, next.token, next.stamp = &q, &Token{parsed: t.parsed}, store.Stamp{}
	} else if t.session != nil {
		// The store was asked after the check began, so that this is early by the time it took, if at all. Without the store's
		// time it is long ago.
		next.ends = m.began.Add(a.Record.ExpiresAt.Sub(a.Now))
		if a.Now.IsZero() {
			next.ends = time.Unix(0, 0)
		}
	}
	if end := time.Unix(e.claims.exp, 0); e.from.timely(&e.claims, v.leeway, end.Add(-1)) == nil {
		next.since, next.until = m.now.Unix(), e.claims.exp
	}
	if !due.IsZero() {
		next.due.Store(due.UnixNano())
	}
	next.bytes = next.size()
	v.known.put(next)
}

// touch notes that the session of a known token was seen, when that may be due. A clock that was set back makes it due.
func (v *Verifier) touch(e *entry, m moment) {
	if v.seen == nil || e.from.touch == nil || e.token.session == nil {
		return
	}
	if wait := e.due.Load() - m.now.UnixNano(); 0 < wait && wait <= int64(v.seen.interval) {
		return
	}
	rec := e.token.session
	a := Answer{Verdict: store.Verdict{Alive: true, Record: *rec}, Now: rec.ExpiresAt.Add(-e.ends.Sub(m.began))}
	if due := v.seen.note(e.from.touch, e.token.subject, a, m.now); !due.IsZero() {
		e.due.Store(due.UnixNano())
	}
}
