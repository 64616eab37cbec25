package conformance

import (
	"strings"
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

var updateRules = []rule{
	{"update/metadata", "Update replaces the metadata; nil leaves it and an empty map clears it.", 0, updateMetadata},
	{"update/version", "Update counts Version up by one, and no other verb moves it.", waits, updateVersion},
	{"update/nothing-else", "Update changes metadata, expiry and Version, and nothing else of the record.", waits, updateNothingElse},
	{"update/conflict", "An Update of another Version is ErrConflict and changes nothing.", 0, updateConflict},
	{"update/own-repeat", "A repeat of an Update (Version one lower, contents equal) answers the record and changes nothing; " +
		"with other contents it is ErrConflict.", 0, updateOwnRepeat},
	{"update/expiry", "ExpiresAt replaces the record's, up or down, lowered to the Deadline.", 0, updateExpiry},
	{"update/deadline", "A Deadline may only fall, and ExpiresAt falls with it; raising it is ErrInvalid.", 0, updateDeadline},
	{"update/dead", "Update of a dead record is ErrRevoked or ErrNotFound and makes nothing.", waits, updateDead},
	{"update/bad-input", "Update refuses metadata outside the limits and changes nothing.", 0, updateBadInput},
}

// edit is an Update of a record at its version.
func edit(rec store.Record, m map[string]string) store.UpdateRequest {
	return store.UpdateRequest{Subject: rec.Subject, ID: rec.ID, Version: rec.Version, Metadata: m}
}

func updateMetadata(e *env) {
	rec := e.login(metadata(map[string]string{"a": "1", "b": "2"}))
	for _, c := range []struct{ ask, want map[string]string }{
		{map[string]string{"b": "3"}, map[string]string{"b": "3"}},
		{nil, map[string]string{"b": "3"}},
		{map[string]string{}, nil},
		{map[string]string{"c": ""}, map[string]string{"c": ""}},
	} {
		rec = e.update(edit(rec, c.ask))
		e.Expect(plain(rec).Metadata).To(Equal(c.want), "Update with %v", c.ask)
		e.Expect(plain(e.record(rec))).To(Equal(plain(rec)), "Lookup must tell it")
	}
}

func updateVersion(e *env) {
	rec := e.login()
	for want := range uint64(3) {
		e.Expect(rec.Version).To(Equal(want))
		e.refresh(e.record(rec))
		e.wait(3 * time.Millisecond)
		e.touch(rec, rec.ExpiresAt.Add(time.Minute))
		e.revokeOthers(rec.ID)
		e.Expect(e.record(rec).Version).To(Equal(want), "only Update may move Version")
		rec = e.update(edit(rec, map[string]string{"n": strings.Repeat("i", int(want))}))
	}
}

func updateNothingElse(e *env) {
	rec := e.refresh(e.login(class("web"), bound("b")))
	e.wait(5 * time.Millisecond)
	want := plain(rec)
	want.Version, want.Metadata = 1, map[string]string{"k": "v"}
	e.Expect(plain(e.update(edit(rec, want.Metadata)))).To(Equal(want))
	e.Expect(plain(e.record(rec))).To(Equal(want), "Lookup must tell it")
}

func updateConflict(e *env) {
	old := e.login()
	e.update(edit(e.update(edit(old, map[string]string{"n": "1"})), map[string]string{"n": "2"}))
	same := e.unchanged(ann, old.ID)
	for _, version := range []uint64{0, 1, 3, 1 << 40} {
		_, err := e.s.Update(e.ctx, store.UpdateRequest{Subject: ann, ID: old.ID, Version: version, Metadata: map[string]string{"n": "x"}})
		e.Expect(err).To(MatchError(store.ErrConflict), "Version %d, the record has 2", version)
	}
	same("a refused Update must change nothing")
}

func updateOwnRepeat(e *env) {
	rec := e.login()
	req := edit(rec, map[string]string{"n": "1"})
	req.ExpiresAt = rec.ExpiresAt.Add(-time.Minute)
	req.Deadline = rec.Deadline.Add(-time.Hour)
	done := e.update(req)
	same := e.unchanged(ann, rec.ID)
	e.Expect(plain(e.update(req))).To(Equal(plain(done)), "a repeat must answer the record")
	same("a repeat must change nothing")
	for what, change := range map[string]func(*store.UpdateRequest){
		"metadata":  func(r *store.UpdateRequest) { r.Metadata = map[string]string{"n": "2"} },
		"an expiry": func(r *store.UpdateRequest) { r.ExpiresAt = r.ExpiresAt.Add(-time.Second) },
		"a lower deadline": func(r *store.UpdateRequest) {
			r.Deadline = r.Deadline.Add(-time.Second)
		},
	} {
		other := req
		change(&other)
		_, err := e.s.Update(e.ctx, other)
		e.Expect(err).To(MatchError(store.ErrConflict), "a repeat with other contents: "+what)
	}
	e.update(edit(done, nil))
	_, err := e.s.Update(e.ctx, req)
	e.Expect(err).To(MatchError(store.ErrConflict), "a repeat that comes after another Update")
}

func updateExpiry(e *env) {
	now := e.now()
	rec := e.login(ttl(time.Hour), deadline(3*time.Hour))
	for _, c := range []struct{ ask, want time.Time }{
		{now.Add(2 * time.Hour), now.Add(2 * time.Hour)},
		{now.Add(10 * time.Minute), now.Add(10 * time.Minute)},
		{time.Time{}, now.Add(10 * time.Minute)},
		{now.Add(4 * time.Hour), rec.Deadline},
	} {
		req := edit(rec, nil)
		req.ExpiresAt = c.ask
		rec = e.update(req)
		e.Expect(rec.ExpiresAt).To(BeTemporally("~", c.want, e.precision()))
		e.Expect(rec.ExpiresAt).NotTo(BeTemporally(">", rec.Deadline), "no record may live past its deadline")
		e.Expect(plain(e.record(rec))).To(Equal(plain(rec)), "Lookup must tell it")
	}
}

func updateDeadline(e *env) {
	now := e.now()
	rec := e.login(ttl(2*time.Hour), deadline(3*time.Hour))
	same := e.unchanged(ann, rec.ID)
	req := edit(rec, nil)
	req.Deadline = now.Add(4 * time.Hour)
	_, err := e.s.Update(e.ctx, req)
	e.refused(err, "raising the deadline")
	same("a refused Update must change nothing")
	req.Deadline = now.Add(time.Hour)
	rec = e.update(req)
	e.Expect(rec.Deadline).To(BeTemporally("~", now.Add(time.Hour), e.precision()))
	e.Expect(rec.ExpiresAt).To(BeTemporally("==", rec.Deadline), "ExpiresAt must fall with the deadline")
	e.Expect(plain(e.record(rec))).To(Equal(plain(rec)), "Lookup must tell it")
}

func updateDead(e *env) {
	marked, cut, gone := e.login(), e.login(), e.login(ttl(e.short()))
	repeat := edit(marked, map[string]string{"k": "v"})
	e.update(repeat)
	e.outlive(gone.ExpiresAt)
	e.revokeIDs(marked.ID)
	for _, req := range []store.UpdateRequest{edit(marked, nil), repeat, {Subject: ann, ID: marked.ID, Version: 1}} {
		_, err := e.s.Update(e.ctx, req)
		e.Expect(err).To(MatchError(store.ErrRevoked), "a revoked record, whatever the version")
	}
	for _, rec := range []store.Record{gone, {Subject: ann, ID: "nothing"}} {
		req := edit(rec, map[string]string{"k": "v"})
		req.ExpiresAt = e.now().Add(time.Hour)
		_, err := e.s.Update(e.ctx, req)
		e.Expect(err).To(MatchError(store.ErrNotFound), "an expired or unknown record")
		e.Expect(e.lookup(rec.ID).Entries[0].Status).To(Equal(store.Unknown), "an Update must revive nothing")
	}
	e.revokeAll()
	_, err := e.s.Update(e.ctx, edit(cut, nil))
	e.Expect(err).To(Or(MatchError(store.ErrRevoked), MatchError(store.ErrNotFound)), "a record that the cut killed")
}

func updateBadInput(e *env) {
	rec := e.login()
	same := e.unchanged(ann, rec.ID)
	for what, m := range map[string]map[string]string{
		"65 pairs":       manyPairs(store.MaxMetadata + 1),
		"too many bytes": {"k": strings.Repeat("v", store.MaxMetadataBytes)},
		"an empty key":   {"": "v"},
	} {
		_, err := e.s.Update(e.ctx, edit(rec, m))
		e.refused(err, what)
	}
	same("a refused Update must change nothing")
}
