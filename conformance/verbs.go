package conformance

import (
	"maps"
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

// ann is whose sessions most rules are about.
var ann = store.User("ann")

// change adjusts an IssueRequest; now is the store's time.
type change func(r *store.IssueRequest, now time.Time)

func withID(id string) change { return func(r *store.IssueRequest, _ time.Time) { r.Record.ID = id } }

func of(s store.Subject) change {
	return func(r *store.IssueRequest, _ time.Time) { r.Record.Subject = s }
}

func class(c string) change { return func(r *store.IssueRequest, _ time.Time) { r.Record.Class = c } }

func bound(b string) change { return func(r *store.IssueRequest, _ time.Time) { r.Record.Binding = b } }

func ttl(d time.Duration) change {
	return func(r *store.IssueRequest, now time.Time) { r.Record.ExpiresAt = now.Add(d) }
}

func deadline(d time.Duration) change {
	return func(r *store.IssueRequest, now time.Time) { r.Record.Deadline = now.Add(d) }
}

func metadata(m map[string]string) change {
	return func(r *store.IssueRequest, _ time.Time) { r.Record.Metadata = m }
}

func limited(l store.Limit) change {
	return func(r *store.IssueRequest, _ time.Time) { r.Limit = l }
}

func ifCut(cut uint64) change {
	return func(r *store.IssueRequest, _ time.Time) { r.IfCut = &cut }
}

// request is a login of ann for an hour, adjusted.
func (e *env) request(changes ...change) store.IssueRequest {
	now := e.now()
	r := store.IssueRequest{Record: store.Record{
		ID: store.NewID(), Subject: ann, Link: e.link(), ExpiresAt: now.Add(time.Hour),
	}}
	for _, c := range changes {
		c(&r, now)
	}
	return r
}

// link is a fresh one that differs from the rule's others in every two bytes, so that no store's shortened tag of it
// can take two for one.
func (e *env) link() (l store.Link) {
	e.serial++
	for i := 0; i < len(l); i += 2 {
		l[i], l[i+1] = byte(e.serial>>8)|0x80, byte(e.serial)
	}
	return l
}

// issue issues and must succeed.
func (e *env) issue(r store.IssueRequest) store.Issued {
	out, err := e.s.Issue(e.ctx, r)
	e.Expect(err).NotTo(HaveOccurred(), "Issue")
	return out
}

// login is a session of ann for an hour, adjusted.
func (e *env) login(changes ...change) store.Record { return e.issue(e.request(changes...)).Record }

// lookup asks for ids of ann.
func (e *env) lookup(ids ...string) store.State { return e.lookupOf(ann, ids...) }

func (e *env) lookupOf(s store.Subject, ids ...string) store.State {
	st, err := e.s.Lookup(e.ctx, s, ids...)
	e.Expect(err).NotTo(HaveOccurred(), "Lookup")
	e.Expect(st.Entries).To(HaveLen(len(ids)), "Lookup must answer once for each id asked")
	return st
}

// record is a live record as Lookup tells it now.
func (e *env) record(r store.Record) store.Record {
	en := e.lookupOf(r.Subject, r.ID).Entries[0]
	e.Expect(en.Status).To(Equal(store.Live), "the record must be live")
	if !e.h.Traits.CachedRecords {
		return en.Record
	}
	for _, listed := range e.list(r.Subject, store.MaxPage) {
		if listed.ID == r.ID {
			return listed
		}
	}
	e.Expect(r.ID).To(BeEmpty(), "a live record must be listed")
	return store.Record{}
}

// live, dead and revoked judge sessions by Lookup.
func (e *env) live(why string, recs ...store.Record) {
	for _, r := range recs {
		e.Expect(e.lookupOf(r.Subject, r.ID).Entries[0].Status).To(Equal(store.Live), why)
	}
}

func (e *env) dead(why string, recs ...store.Record) {
	for _, r := range recs {
		e.Expect(e.lookupOf(r.Subject, r.ID).Entries[0].Status).NotTo(Equal(store.Live), why)
	}
}

func (e *env) revoked(reason, why string, recs ...store.Record) {
	for _, r := range recs {
		en := e.lookupOf(r.Subject, r.ID).Entries[0]
		e.Expect(en.Status).To(Equal(store.Revoked), why)
		e.Expect(en.Reason).To(Equal(reason), "the reason of a revoked id")
	}
}

// list is all the pages of a subject.
func (e *env) list(s store.Subject, size int) []store.Record {
	var all []store.Record
	page := store.Page{Limit: size}
	for range 10_000 {
		got, err := e.s.List(e.ctx, s, page)
		e.Expect(err).NotTo(HaveOccurred(), "List")
		e.Expect(len(got.Items)).To(BeNumerically("<=", page.Size()), "a page must not exceed its Limit")
		all = append(all, got.Items...)
		if got.Next == "" {
			return all
		}
		page.Cursor = got.Next
	}
	e.Expect(page.Cursor).To(BeEmpty(), "10,000 pages did not reach an empty Next")
	return nil
}

// ids are the ids of records, in their order.
func ids(recs []store.Record) []string {
	out := make([]string, 0, len(recs))
	for _, r := range recs {
		out = append(out, r.ID)
	}
	return out
}

// turn adjusts a RotateRequest.
type turn func(*store.RotateRequest)

func grace(d time.Duration) turn { return func(r *store.RotateRequest) { r.Grace = d } }

// presenting is a refresh with the token that a record's current link makes; its grace window is a minute.
func (e *env) presenting(rec store.Record, turns ...turn) store.RotateRequest {
	r := store.RotateRequest{
		Subject: rec.Subject, ID: rec.ID, Rotation: rec.Rotation, Link: rec.Link, NextLink: e.link(),
		Grace: time.Minute, Binding: rec.Binding,
	}
	for _, t := range turns {
		t(&r)
	}
	return r
}

// rotate rotates and must have the outcome.
func (e *env) rotate(want store.Outcome, r store.RotateRequest) store.Record {
	got, err := e.s.Rotate(e.ctx, r)
	e.Expect(err).NotTo(HaveOccurred(), "Rotate")
	e.Expect(got.Outcome).To(Equal(want), "the outcome of Rotate")
	return got.Record
}

// refresh rotates a record with its current link.
func (e *env) refresh(rec store.Record) store.Record {
	return e.rotate(store.RotateOK, e.presenting(rec))
}

// update updates and must succeed.
func (e *env) update(r store.UpdateRequest) store.Record {
	rec, err := e.s.Update(e.ctx, r)
	e.Expect(err).NotTo(HaveOccurred(), "Update")
	return rec
}

// touch touches and must succeed.
func (e *env) touch(rec store.Record, until time.Time) {
	e.Expect(e.s.Touch(e.ctx, store.TouchRequest{Subject: rec.Subject, ID: rec.ID, ExpiresAt: until})).To(Succeed(), "Touch")
}

// revoke revokes and must succeed; without a subject, ann's.
func (e *env) revoke(r store.Revocation) {
	if r.Subject == (store.Subject{}) {
		r.Subject = ann
	}
	e.Expect(e.s.Revoke(e.ctx, r)).To(Succeed(), "Revoke")
}

func (e *env) revokeIDs(ids ...string) { e.revoke(store.Revocation{IDs: ids}) }
func (e *env) revokeAll()              { e.revoke(store.Revocation{All: true}) }
func (e *env) revokeOthers(keep string) {
	e.revoke(store.Revocation{Others: &store.Others{Keep: keep}})
}

// own is the access token that a session's record minted, judged without its record, as a denylist does.
func own(rec store.Record) store.Presented {
	return store.Presented{TokenID: "token of " + rec.ID, SessionID: rec.ID, Seq: rec.Seq, WithoutRecord: true}
}

// verdict judges an access token by the store's answer.
func (e *env) verdict(s store.Subject, p store.Presented) store.Verdict {
	return e.lookupOf(s, p.IDs()...).Verdict(p)
}

// plain is a record in a form that compares by value: equal instants are equal, and no metadata is empty metadata.
func plain(r store.Record) store.Record {
	for _, t := range []*time.Time{&r.IssuedAt, &r.ExpiresAt, &r.Deadline, &r.RotatedAt, &r.LastSeen} {
		*t = t.Round(0).UTC()
	}
	if r.Metadata = maps.Clone(r.Metadata); len(r.Metadata) == 0 {
		r.Metadata = nil
	}
	return r
}

// unchanged is a snapshot of a subject's ledger; calling it compares.
func (e *env) unchanged(s store.Subject, ids ...string) func(why string) {
	picture := func() any {
		st := e.lookupOf(s, ids...)
		for i := range st.Entries {
			st.Entries[i].Record = plain(st.Entries[i].Record)
			if e.h.Traits.CachedRecords {
				st.Entries[i].Record = store.Record{}
			}
		}
		st.Now, st.Stamp = time.Time{}, store.Stamp{}
		st.CutTime, st.FloorTime = st.CutTime.Round(0).UTC(), st.FloorTime.Round(0).UTC()
		var listed []store.Record
		for _, r := range e.list(s, 0) {
			listed = append(listed, plain(r))
		}
		return []any{st, listed}
	}
	before := picture()
	return func(why string) { e.Expect(picture()).To(Equal(before), why) }
}
