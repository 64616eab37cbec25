package conformance

import (
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

var expiryRules = []rule{
	{"expiry/edge", "A record lives until its ExpiresAt and is Unknown from then on, under every verb.", travels, expiryEdge},
	{"expiry/sub-second", "A life of 300 ms is neither none nor for ever.", waits, expirySubSecond},
	{"expiry/31-days", "A life of 31 days, which some servers take for a date in 1970, begins and ends when it should.", travels, expiryMonth},
	{"expiry/31-days-now", "A life of 31 days or nearly ten years has begun when Issue returns.", 0, expiryFar},
	{"expiry/refused", "An end that is now, past or over ten years away is ErrInvalid under every verb, and so is none in Issue; " +
		"nothing is stored, nothing lives for ever.", 0, expiryRefused},
	{"expiry/rounds-up", "Ends are rounded up to the store's Precision, never down.", 0, expiryRounds},
	{"expiry/slid", "A slid record lives to its new end, and a shortened one to its own.", travels, expirySlid},
	{"expiry/deadline", "However often it is refreshed, touched and updated, a record ends at its Deadline.", travels, expiryDeadline},
}

func expiryEdge(e *env) {
	rec := e.login(ttl(time.Hour))
	e.travel(rec.ExpiresAt.Sub(e.h.Clock.Now()) - e.precision())
	e.live("a moment before its end", rec)
	e.Expect(e.list(ann, 0)).To(HaveLen(1))
	e.travel(e.precision())
	e.Expect(e.lookup(rec.ID).Entries[0]).To(Equal(store.Entry{}), "at its end a record is Unknown")
	e.Expect(e.list(ann, 0)).To(BeEmpty())
	_, err := e.s.Rotate(e.ctx, e.presenting(rec))
	e.Expect(err).To(MatchError(store.ErrNotFound), "Rotate")
	_, err = e.s.Update(e.ctx, edit(rec, nil))
	e.Expect(err).To(MatchError(store.ErrNotFound), "Update")
	e.touch(rec, e.now().Add(time.Hour))
	e.dead("Touch must not revive", rec)
}

func expirySubSecond(e *env) {
	life := 300 * time.Millisecond
	if e.h.Clock == nil {
		life = 900 * time.Millisecond // a busy machine may be late
	}
	r := e.request(ttl(life))
	rec := e.issue(r).Record
	if st := e.lookup(rec.ID); st.Now.Before(r.Record.ExpiresAt) {
		e.Expect(st.Entries[0].Status).To(Equal(store.Live), "it must begin")
	}
	e.outlive(r.Record.ExpiresAt)
	e.dead("it must end", rec)
}

func expiryMonth(e *env) {
	const month = 31 * 24 * time.Hour
	rec := e.login(ttl(month))
	e.travel(month - time.Minute)
	e.live("a minute before its end", rec)
	e.travel(2 * time.Minute)
	e.dead("a minute after its end", rec)
}

func expiryFar(e *env) {
	for _, d := range []time.Duration{31 * 24 * time.Hour, store.MaxLife - time.Minute} {
		rec := e.login(ttl(d))
		e.live("it must have begun", rec)
		e.Expect(e.record(rec).ExpiresAt).To(BeTemporally("~", e.now().Add(d), time.Minute))
		e.touch(rec, e.now().Add(store.MaxLife-time.Minute))
		e.refresh(rec)
	}
}

func expiryRefused(e *env) {
	rec := e.login()
	same := e.unchanged(ann, rec.ID)
	ends := map[string]func(now time.Time) time.Time{
		"a second ago":         func(now time.Time) time.Time { return now.Add(-time.Second) },
		"now":                  func(now time.Time) time.Time { return now.Add(2*time.Millisecond - e.slack()) },
		"the year 1":           func(time.Time) time.Time { return time.Time{}.Add(1) },
		"1970":                 func(time.Time) time.Time { return time.Unix(0, 0) },
		"over ten years away":  func(now time.Time) time.Time { return now.Add(store.MaxLife + time.Minute) },
		"the year 9999":        func(time.Time) time.Time { return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) },
		"the end of all years": func(time.Time) time.Time { return time.Unix(1<<55, 0) },
	}
	for what, end := range ends {
		e.refuseEnd(rec, what, end(e.now()))
	}
	_, err := e.s.Issue(e.ctx, e.request(func(r *store.IssueRequest, _ time.Time) { r.Record.ExpiresAt = time.Time{} }))
	e.refused(err, "Issue without ExpiresAt")
	same("a refused end must change nothing")
}

// refuseEnd expects that every verb refuses an end.
func (e *env) refuseEnd(rec store.Record, what string, t time.Time) {
	_, err := e.s.Issue(e.ctx, e.request(func(r *store.IssueRequest, _ time.Time) { r.Record.ExpiresAt = t }))
	e.refused(err, "Issue with ExpiresAt "+what)
	_, err = e.s.Issue(e.ctx, e.request(func(r *store.IssueRequest, _ time.Time) { r.Record.Deadline = t }))
	e.refused(err, "Issue with Deadline "+what)
	update := edit(rec, nil)
	update.ExpiresAt = t
	_, err = e.s.Update(e.ctx, update)
	e.refused(err, "Update with ExpiresAt "+what)
	update.ExpiresAt, update.Deadline = time.Time{}, t
	_, err = e.s.Update(e.ctx, update)
	e.refused(err, "Update with Deadline "+what)
	e.refused(e.s.Touch(e.ctx, store.TouchRequest{Subject: ann, ID: rec.ID, ExpiresAt: t}), "Touch with ExpiresAt "+what)
	_, err = e.s.Rotate(e.ctx, e.presenting(rec, func(r *store.RotateRequest) { r.ExpiresAt = t }))
	e.refused(err, "Rotate with ExpiresAt "+what)
}

func expiryRounds(e *env) {
	unit := e.precision()
	odd := e.now().Truncate(time.Hour).Add(2*time.Hour + time.Nanosecond)
	rounded := func(what string, got, asked time.Time) {
		e.Expect(got).NotTo(BeTemporally("<", asked), what+" must not be rounded down")
		e.Expect(got).To(BeTemporally("<", asked.Add(unit)), what+" must be rounded by less than the precision")
		e.Expect(got.Truncate(unit)).To(BeTemporally("==", got), what+" must be a multiple of the precision")
	}
	r := e.request()
	r.Record.ExpiresAt, r.Record.Deadline = odd, odd.Add(time.Hour)
	rec := e.issue(r).Record
	rounded("Issue's ExpiresAt", rec.ExpiresAt, odd)
	rounded("Issue's Deadline", rec.Deadline, odd.Add(time.Hour))
	e.Expect(plain(e.record(rec))).To(Equal(plain(rec)))
	u := edit(rec, nil)
	u.ExpiresAt, u.Deadline = odd.Add(time.Minute), odd.Add(50*time.Minute)
	rec = e.update(u)
	rounded("Update's ExpiresAt", rec.ExpiresAt, u.ExpiresAt)
	rounded("Update's Deadline", rec.Deadline, u.Deadline)
	e.Expect(plain(e.update(u))).To(Equal(plain(rec)), "a repeat must be recognised by what it was rounded to")
	e.touch(rec, odd.Add(2*time.Minute))
	rounded("Touch's ExpiresAt", e.record(rec).ExpiresAt, odd.Add(2*time.Minute))
	rec = e.rotate(store.RotateOK, e.presenting(rec, func(r *store.RotateRequest) { r.ExpiresAt = odd.Add(3 * time.Minute) }))
	rounded("Rotate's ExpiresAt", rec.ExpiresAt, odd.Add(3*time.Minute))
}

func expirySlid(e *env) {
	now := e.now()
	slid, short, turned := e.login(ttl(time.Hour)), e.login(ttl(3*time.Hour)), e.login(ttl(time.Hour))
	e.touch(slid, now.Add(2*time.Hour))
	u := edit(short, nil)
	u.ExpiresAt = now.Add(time.Hour)
	e.update(u)
	e.rotate(store.RotateOK, e.presenting(turned, func(r *store.RotateRequest) { r.ExpiresAt = now.Add(2 * time.Hour) }))
	e.travel(time.Hour + time.Minute)
	e.live("slid to two hours", slid, turned)
	e.dead("shortened to one", short)
	e.travel(time.Hour)
	e.dead("after its end", slid, turned)
}

func expiryDeadline(e *env) {
	rec := e.login(ttl(30*time.Minute), deadline(2*time.Hour))
	for range 5 {
		far := e.now().Add(24 * time.Hour)
		rec = e.rotate(store.RotateOK, e.presenting(rec, func(r *store.RotateRequest) { r.ExpiresAt = far }))
		e.touch(rec, far)
		u := edit(rec, nil)
		u.ExpiresAt = far
		rec = e.update(u)
		e.travel(23 * time.Minute)
	}
	e.live("before its deadline", rec)
	e.travel(6 * time.Minute)
	e.dead("after its deadline", rec)
}
