package conformance

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

var codecRules = []rule{
	{"codec/copies-in", "What the caller does to a request after the call changes nothing stored.", marks, codecCopiesIn},
	{"codec/copies-out", "What the caller does to an answer changes nothing stored.", 0, codecCopiesOut},
	{"codec/answers-stay", "An answer stays as it was, whatever is written later.", 0, codecAnswersStay},
	{"codec/largest-record", "The largest record of the contract comes back whole, or is ErrTooLarge and not stored; it can always be revoked.", 0, codecLargest},
	{"codec/large-ledger", "A megabyte of one subject's sessions comes back whole, or Issue is ErrTooLarge before and stores nothing; " +
		"it can always be revoked.", 0, codecLargeLedger},
	{"codec/errors-tell-no-names", "No error holds a subject's name, an id or a link.", 0, codecErrors},
}

func codecCopiesIn(e *env) {
	r := e.request(metadata(map[string]string{"k": "v"}))
	rec := e.issue(r).Record
	r.Record.Metadata["k"], r.Record.Metadata["new"] = "changed", "x"
	e.Expect(e.record(rec).Metadata).To(Equal(map[string]string{"k": "v"}), "after Issue")
	u := edit(rec, map[string]string{"k": "w"})
	e.update(u)
	u.Metadata["k"] = "changed"
	e.Expect(e.record(rec).Metadata).To(Equal(map[string]string{"k": "w"}), "after Update")
	asked := []string{"one", "two"}
	e.revokeIDs(asked...)
	asked[0] = "three"
	for i, want := range []store.Status{store.Revoked, store.Revoked, store.Unknown} {
		e.Expect(e.lookup([]string{"one", "two", "three"}[i]).Entries[0].Status).To(Equal(want), "after Revoke")
	}
}

func codecCopiesOut(e *env) {
	want := map[string]string{"k": "v"}
	rec := e.login(metadata(want))
	spoil := func(what string, got store.Record) {
		e.Expect(got.Metadata).To(Equal(want), what)
		got.Metadata["k"] = "changed"
		e.Expect(e.record(rec).Metadata).To(Equal(want), "after a change to the answer of "+what)
	}
	spoil("Issue", rec)
	spoil("Lookup", e.record(rec))
	spoil("List", e.list(ann, 0)[0])
	young := e.refresh(rec)
	spoil("Rotate", young)
	spoil("a replay", e.rotate(store.Replayed, e.presenting(rec)))
	spoil("Update", e.update(edit(rec, nil)))
}

func codecAnswersStay(e *env) {
	rec := e.login(metadata(map[string]string{"k": "v"}), withID("stays"))
	st := e.lookup(rec.ID)
	page, err := e.s.List(e.ctx, ann, store.Page{})
	e.Expect(err).NotTo(HaveOccurred())
	first, second := plain(st.Entries[0].Record), plain(page.Items[0])
	e.update(edit(rec, map[string]string{"k": strings.Repeat("w", 500)}))
	e.refresh(rec)
	e.crowd(50)
	e.revokeAll()
	e.Expect(plain(st.Entries[0].Record)).To(Equal(first), "the answer of Lookup")
	e.Expect(plain(page.Items[0])).To(Equal(second), "the answer of List")
}

func codecLargest(e *env) {
	m := map[string]string{}
	const each = store.MaxMetadataBytes / store.MaxMetadata
	for i := range store.MaxMetadata {
		key := fmt.Sprintf("key %02d", i)
		m[key] = long(each - len(key))
	}
	big := store.Subject{Realm: long(256), Issuer: long(256), Name: long(256)}
	r := e.request(of(big), withID(long(256)), class(long(store.MaxClassLen)), bound(long(store.MaxBindingLen)), metadata(m))
	got, err := e.s.Issue(e.ctx, r)
	if err != nil {
		e.Expect(err).To(MatchError(store.ErrTooLarge))
		e.Expect(e.lookupOf(big, r.Record.ID).Entries[0].Status).To(Equal(store.Unknown), "a refused record must not be stored")
	} else {
		e.Expect(got.Record.Metadata).To(Equal(m))
		e.Expect(plain(e.record(got.Record))).To(Equal(plain(got.Record)))
		e.refresh(got.Record)
	}
	e.revoke(store.Revocation{Subject: big, IDs: []string{r.Record.ID}, Reason: long(store.MaxReasonLen)})
	e.revoked(long(store.MaxReasonLen), "it must be revocable", r.Record)
}

// largeLedger is more than a BLOB of MySQL, an item of DynamoDB and a value of memcached hold.
const largeLedger = 1_100_000

func codecLargeLedger(e *env) {
	const each = 4 << 10
	var recs []store.Record
	r := e.request()
	for n := range largeLedger / each {
		r.Record.ID, r.Record.Link = store.NewID(), e.link()
		r.Record.Metadata = map[string]string{"k": strings.Repeat(fmt.Sprintf("%04d", n), each/4)}
		got, err := e.s.Issue(e.ctx, r)
		if err != nil {
			e.Expect(err).To(MatchError(store.ErrTooLarge))
			e.Expect(e.lookup(r.Record.ID).Entries[0].Status).To(Equal(store.Unknown), "a refused record must not be stored")
			break
		}
		got.Record.Metadata = r.Record.Metadata // an answer that was cut off too proves nothing
		recs = append(recs, got.Record)
	}
	e.note("one subject holds at least %d sessions of 4 KiB", len(recs))
	e.whole(recs)
	e.revokeIDs(r.Record.ID)
	e.revokeAll()
	e.Expect(e.list(ann, 0)).To(BeEmpty(), "after All")
	for _, en := range e.entries(recs) {
		e.Expect(en.Status).NotTo(Equal(store.Live), "after All")
	}
}

// entries are Lookup's answers for records of ann.
func (e *env) entries(recs []store.Record) (all []store.Entry) {
	for some := range slices.Chunk(recs, store.MaxIDs) {
		all = append(all, e.lookup(ids(some)...).Entries...)
	}
	return all
}

// whole expects that these are ann's live records, by Lookup and List, without printing a megabyte if they are not.
func (e *env) whole(recs []store.Record) {
	listed := map[string]store.Record{}
	for _, rec := range e.list(ann, 0) {
		listed[rec.ID] = rec
	}
	e.Expect(len(listed)).To(Equal(len(recs)), "how many sessions List tells")
	for i, en := range e.entries(recs) {
		want := plain(recs[i])
		e.Expect(en.Status).To(Equal(store.Live), "session %d", i)
		e.Expect(reflect.DeepEqual(plain(en.Record), want)).To(BeTrue(), "session %d must be as it was issued, by Lookup", i)
		e.Expect(reflect.DeepEqual(plain(listed[want.ID]), want)).To(BeTrue(), "session %d must be as it was issued, by List", i)
	}
}

func codecErrors(e *env) {
	subject := store.Subject{Realm: "xyzzyrealm", Issuer: "xyzzyissuer", Name: "xyzzyname"}
	r := e.request(of(subject), withID("xyzzyid"), class("xyzzyclass"), bound("xyzzybinding"))
	rec := e.issue(r).Record
	again := r
	again.Record.Link = store.Link([]byte("xyzzylink1234567"))
	_, exists := e.s.Issue(e.ctx, again)
	again.Record.Class = strings.Repeat("xyzzyclass", 10)
	_, invalid := e.s.Issue(e.ctx, again)
	_, conflict := e.s.Update(e.ctx, store.UpdateRequest{Subject: subject, ID: "xyzzyid", Version: 9})
	_, cursor := e.s.List(e.ctx, subject, store.Page{Cursor: "xyzzycursor"})
	e.revoke(store.Revocation{Subject: subject, IDs: []string{"xyzzyid"}, Reason: "xyzzyreason"})
	rec.Link = store.Link([]byte("xyzzylink1234567"))
	_, revoked := e.s.Rotate(e.ctx, e.presenting(rec))
	rec.ID = "xyzzyother"
	_, missing := e.s.Rotate(e.ctx, e.presenting(rec))
	for what, err := range map[string]error{
		"exists": exists, "invalid": invalid, "conflict": conflict, "cursor": cursor, "revoked": revoked, "missing": missing,
	} {
		e.Expect(err).To(HaveOccurred(), what)
		for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", err)} {
			e.Expect(text).NotTo(ContainSubstring("xyzzy"), what)
		}
	}
}
