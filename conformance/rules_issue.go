package conformance

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

var issueRules = []rule{
	{"issue/stamps", "Issue gives the record its place and its times (Seq above the cut and no less than the store's time in microseconds, " +
		"IssuedAt = RotatedAt = LastSeen = now, Version and Rotation 0), whatever the request says.", 0, issueStamps},
	{"issue/round-trip", "What Issue is given comes back from Issue, Lookup and List as it was.", 0, issueRoundTrip},
	{"issue/order", "Every Issue gets a Seq above all before it in its ledger, within one instant too.", 0, issueOrder},
	{"issue/default-deadline", "A zero Deadline is IssuedAt + 10 years, never for ever and never none.", 0, issueDefaultDeadline},
	{"issue/held-id", "Issue of an id that a live record holds is ErrExists, and the record stays as it was.", 0, issueHeldID},
	{"issue/own-repeat", "A repeat of Issue (same id and Link, not yet rotated) answers the record again: " +
		"a lost reply costs neither a second session nor somebody else's.", 0, issueOwnRepeat},
	{"issue/repeat-after-refresh", "Once a session was refreshed, its Issue cannot be repeated: ErrExists.", 0, issueRepeatAfterRefresh},
	{"issue/marked-id", "Issue of a revoked id is ErrRevoked, also of one that was never issued.", marks, issueMarkedID},
	{"issue/cut-id", "Issue of an id whose record the cut killed is ErrRevoked: a late repeat brings no session back.", 0, issueCutID},
	{"issue/expired-id", "Issue of the id of an expired record makes a new record.", waits, issueExpiredID},
	{"issue/bad-input", "Issue refuses what is outside the limits of the contract, as a FieldError, and stores nothing.", 0, issueBadInput},
}

func issueStamps(e *env) {
	r := e.request()
	junk := time.Unix(12345, 0)
	r.Record.Seq, r.Record.Version, r.Record.Rotation = math.MaxUint64, 7, 9
	r.Record.IssuedAt, r.Record.RotatedAt, r.Record.LastSeen = junk, junk, junk
	r.Record.PrevLink = store.LinkTag{1}
	before := e.lookup()
	got := e.issue(r)
	after := e.lookup()
	rec := got.Record
	e.Expect(rec.Seq).To(BeNumerically(">", before.Cut), "Seq must be above the cut")
	e.Expect(rec.Seq).To(BeNumerically(">=", uint64(before.Now.Add(-e.slack()).UnixMicro())), "Seq must be at least the store's time in microseconds")
	e.Expect(rec.Seq).To(BeNumerically("<", uint64(math.MaxUint64)), "Seq must not be the request's")
	for name, at := range map[string]time.Time{"IssuedAt": rec.IssuedAt, "RotatedAt": rec.RotatedAt, "LastSeen": rec.LastSeen, "Issued.Now": got.Now} {
		e.during(before.Now, after.Now, at, name)
	}
	e.Expect(rec.Version).To(BeZero(), "Version")
	e.Expect(rec.Rotation).To(BeZero(), "Rotation")
	e.Expect(rec.PrevLink).To(BeZero(), "PrevLink")
	e.Expect(plain(e.record(rec))).To(Equal(plain(rec)), "Lookup must tell the record as Issue did")
}

func issueRoundTrip(e *env) {
	subject := store.Subject{Kind: store.KindKey, Realm: "acme", Issuer: "https://issuer.example", Name: "key 1"}
	r := e.request(of(subject), withID("session one"), class("web"), bound("thumbprint"), ttl(90*time.Minute), deadline(30*24*time.Hour),
		metadata(map[string]string{"agent": "curl/8", "empty": ""}))
	rec := e.issue(r).Record
	e.Expect(rec.ID).To(Equal("session one"))
	e.Expect(rec.Subject).To(Equal(subject))
	e.Expect(rec.Class).To(Equal("web"))
	e.Expect(rec.Binding).To(Equal("thumbprint"))
	e.Expect(rec.Link).To(Equal(r.Record.Link))
	e.Expect(rec.Metadata).To(Equal(r.Record.Metadata))
	e.Expect(rec.ExpiresAt).To(BeTemporally("~", r.Record.ExpiresAt, e.precision()))
	e.Expect(rec.Deadline).To(BeTemporally("~", r.Record.Deadline, e.precision()))
	e.Expect(plain(e.record(rec))).To(Equal(plain(rec)), "Lookup must tell the record as Issue did")
	listed := e.list(subject, 0)
	e.Expect(listed).To(HaveLen(1))
	e.Expect(plain(listed[0])).To(Equal(plain(rec)), "List must tell the record as Issue did")
}

func issueOrder(e *env) {
	last := e.lookup().Cut
	for range 20 {
		rec := e.login()
		e.Expect(rec.Seq).To(BeNumerically(">", last), "Seq must grow")
		last = rec.Seq
	}
}

func issueDefaultDeadline(e *env) {
	rec := e.login()
	e.Expect(rec.Deadline).To(BeTemporally("~", rec.IssuedAt.Add(store.MaxLife), e.precision()))
	e.Expect(e.record(rec).Deadline).To(BeTemporally("==", rec.Deadline))
}

func issueHeldID(e *env) {
	rec := e.login(withID("held"))
	same := e.unchanged(ann, "held")
	_, err := e.s.Issue(e.ctx, e.request(withID("held"), class("other")))
	e.Expect(err).To(MatchError(store.ErrExists))
	same("a refused Issue must change nothing")
	e.refresh(rec)
}

func issueOwnRepeat(e *env) {
	first := e.login()
	r := e.request(limited(store.Limit{Max: 2}))
	rec := e.issue(r).Record
	e.touch(rec, rec.ExpiresAt.Add(time.Minute)) // the record may have been touched before the repeat arrives
	same := e.unchanged(ann, first.ID, rec.ID)
	r.Limit.Max = 1
	again := e.issue(r)
	e.Expect(plain(again.Record)).To(Equal(plain(e.record(rec))), "a repeat must answer the record as it is")
	e.Expect(again.Evicted).To(BeEmpty(), "a repeat must evict nobody")
	same("a repeat must change nothing")
}

func issueRepeatAfterRefresh(e *env) {
	r := e.request()
	rec := e.refresh(e.issue(r).Record)
	for _, link := range []store.Link{r.Record.Link, rec.Link} {
		r.Record.Link = link
		_, err := e.s.Issue(e.ctx, r)
		e.Expect(err).To(MatchError(store.ErrExists))
	}
	e.live("the session must live on", rec)
}

func issueMarkedID(e *env) {
	r := e.request()
	e.issue(r)
	e.revokeIDs(r.Record.ID, "never issued")
	for _, req := range []store.IssueRequest{r, e.request(withID(r.Record.ID)), e.request(withID("never issued"))} {
		_, err := e.s.Issue(e.ctx, req)
		e.Expect(err).To(MatchError(store.ErrRevoked))
	}
	e.Expect(e.list(ann, 0)).To(BeEmpty())
}

func issueCutID(e *env) {
	r := e.request()
	e.issue(r)
	e.revokeAll()
	for _, req := range []store.IssueRequest{r, e.request(withID(r.Record.ID))} {
		_, err := e.s.Issue(e.ctx, req)
		e.Expect(err).To(MatchError(store.ErrRevoked))
	}
	e.Expect(e.list(ann, 0)).To(BeEmpty())
}

func issueExpiredID(e *env) {
	old := e.login(withID("again"), ttl(e.short()), metadata(map[string]string{"old": "yes"}))
	e.outlive(old.ExpiresAt)
	rec := e.login(withID("again"))
	e.Expect(rec.Seq).To(BeNumerically(">", old.Seq))
	e.Expect(plain(e.record(rec))).To(Equal(plain(rec)), "nothing of the expired record may be left")
}

func issueBadInput(e *env) {
	for what, change := range map[string]change{
		"a zero Link":              func(r *store.IssueRequest, _ time.Time) { r.Record.Link = store.Link{} },
		"a Class of 65 bytes":      class(strings.Repeat("c", store.MaxClassLen+1)),
		"a Binding of 65 bytes":    bound(strings.Repeat("b", store.MaxBindingLen+1)),
		"65 pairs of metadata":     metadata(manyPairs(store.MaxMetadata + 1)),
		"too many metadata bytes":  metadata(map[string]string{"k": strings.Repeat("v", store.MaxMetadataBytes)}),
		"an empty metadata key":    metadata(map[string]string{"": "v"}),
		"a limit of 257":           limited(store.Limit{Max: store.MaxLimit + 1}),
		"a negative limit":         limited(store.Limit{Max: -1}),
		"a class limit of 257":     limited(store.Limit{MaxPerClass: store.MaxLimit + 1}),
		"an unknown policy":        limited(store.Limit{Max: 1, Policy: store.Reject + 1}),
		"an unknown kind":          of(store.Subject{Kind: 99, Name: "ann"}),
		"ExpiresAt after Deadline": func(r *store.IssueRequest, now time.Time) { deadline(time.Minute)(r, now) },
	} {
		_, err := e.s.Issue(e.ctx, e.request(change))
		e.refused(err, what)
	}
	e.Expect(e.list(ann, 0)).To(BeEmpty(), "a refused Issue must store nothing")
}

// refused expects a FieldError that names a field.
func (e *env) refused(err error, what string) {
	e.Expect(err).To(MatchError(store.ErrInvalid), what)
	var field *store.FieldError
	e.Expect(errors.As(err, &field)).To(BeTrue(), what+": the chain must hold a FieldError")
	e.Expect(field.Field).NotTo(BeEmpty(), what)
}

func manyPairs(n int) map[string]string {
	m := make(map[string]string, n)
	for i := range n {
		m[fmt.Sprint("key ", i)] = "value"
	}
	return m
}
