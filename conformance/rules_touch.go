package conformance

import (
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

var touchRules = []rule{
	{"touch/last-seen", "Touch sets LastSeen to the store's time, and changes nothing else.", waits, touchLastSeen},
	{"touch/slides-up", "A later ExpiresAt slides the record, an earlier one does not shorten it, and zero leaves it.", 0, touchSlides},
	{"touch/deadline", "Touch slides a record at most to its Deadline.", 0, touchDeadline},
	{"touch/never-revives", "Touch of a dead or unknown id is nil and changes nothing.", waits, touchNeverRevives},
	{"touch/between-refreshes", "However often a session is touched, its refresh token stays good.", waits, touchBetween},
}

func touchLastSeen(e *env) {
	rec := e.login(metadata(map[string]string{"k": "v"}))
	e.wait(120 * time.Millisecond)
	before := e.now()
	e.touch(rec, time.Time{})
	got := e.record(rec)
	e.during(before, e.now(), got.LastSeen, "LastSeen")
	want := plain(rec)
	want.LastSeen = plain(got).LastSeen
	e.Expect(plain(got)).To(Equal(want), "nothing else may change")
}

func touchSlides(e *env) {
	rec := e.login(ttl(time.Hour))
	later := rec.ExpiresAt.Add(time.Hour)
	for _, until := range []time.Time{later, rec.ExpiresAt, {}} {
		e.touch(rec, until)
		e.Expect(e.record(rec).ExpiresAt).To(BeTemporally("==", later), "Touch until %v", until)
	}
}

func touchDeadline(e *env) {
	rec := e.login(ttl(time.Hour), deadline(2*time.Hour))
	e.touch(rec, rec.Deadline.Add(time.Hour))
	e.Expect(e.record(rec).ExpiresAt).To(BeTemporally("==", rec.Deadline))
}

func touchNeverRevives(e *env) {
	cut := e.login()
	e.revokeAll()
	marked, gone := e.login(), e.login(ttl(e.short()))
	e.revokeIDs(marked.ID)
	e.outlive(gone.ExpiresAt)
	same := e.unchanged(ann, cut.ID, marked.ID, gone.ID, "nothing")
	for _, rec := range []store.Record{cut, marked, gone, {Subject: ann, ID: "nothing"}} {
		e.touch(rec, e.now().Add(time.Hour))
	}
	same("Touch must revive nothing")
}

func touchBetween(e *env) {
	rec := e.login()
	for range 20 {
		e.wait(time.Millisecond)
		e.touch(rec, rec.ExpiresAt.Add(time.Minute))
	}
	e.refresh(rec)
}
