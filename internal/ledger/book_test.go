package ledger_test

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/store"
)

var ann = store.User("ann")

// noon is when tests begin.
var noon = time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC)

// book is one ledger as a map: the plainest Reader there can be. It counts what it is asked and holds every change to the
// rules that backends rely on.
type book struct {
	t       rapid.TB
	subject store.Subject
	env     ledger.Env
	head    *ledger.Head
	entries map[keyspace.Field]ledger.Entry
	// calls are how often the Reader was asked, and given how many entries it returned.
	calls, given int
	// fail, where it is not nil, is what every Scan answers.
	fail error
	// last is the change applied last.
	last ledger.Change
}

func newBook(t rapid.TB) *book {
	return &book{
		t: t, subject: ann, entries: map[keyspace.Field]ledger.Entry{},
		env: ledger.Env{
			Now: noon, MaxTokenLife: store.DefaultMaxTokenLife, MaxMarks: store.DefaultMaxMarks,
			Horizon: uint64(noon.Add(-time.Hour).UnixMicro()), HorizonTime: noon.Add(-time.Hour),
		},
	}
}

var _ ledger.Reader = (*book)(nil)

// Head implements ledger.Reader.
func (b *book) Head() (ledger.Head, bool, error) {
	b.calls++
	if b.head == nil {
		return ledger.Head{}, false, nil
	}
	return *b.head, true, nil
}

// Get implements ledger.Reader.
func (b *book) Get(f keyspace.Field) (ledger.Entry, bool, error) {
	b.calls++
	en, ok := b.entries[f]
	return en, ok, nil
}

// OldestMarks implements ledger.Reader.
func (b *book) OldestMarks(n int) ([]ledger.Entry, error) {
	marks := b.sorted(func(x, y ledger.Entry) int { return cmp.Compare(x.Mark.No, y.Mark.No) },
		func(en ledger.Entry) bool { return en.Mark != nil })
	return b.give(marks, n), nil
}

// Scan implements ledger.Reader.
func (b *book) Scan(after keyspace.Field, n int) ([]ledger.Entry, error) {
	if b.fail != nil {
		return nil, b.fail
	}
	all := b.sorted(func(x, y ledger.Entry) int { return x.Field.Compare(y.Field) },
		func(en ledger.Entry) bool { return en.Field.Compare(after) > 0 })
	return b.give(all, n), nil
}

// Newest implements ledger.Reader.
func (b *book) Newest(before *ledger.Position, n int) ([]ledger.Entry, error) {
	newer := func(x, y ledger.Position) int {
		return cmp.Or(y.IssuedAt.Compare(x.IssuedAt), y.Field.Compare(x.Field))
	}
	at := func(en ledger.Entry) ledger.Position {
		return ledger.Position{IssuedAt: en.Record.IssuedAt, Field: en.Field}
	}
	records := b.sorted(func(x, y ledger.Entry) int { return newer(at(x), at(y)) }, func(en ledger.Entry) bool {
		return en.Mark == nil && (before == nil || newer(*before, at(en)) < 0)
	})
	return b.give(records, n), nil
}

func (b *book) sorted(order func(x, y ledger.Entry) int, want func(ledger.Entry) bool) []ledger.Entry {
	var out []ledger.Entry
	for _, en := range b.entries {
		if want(en) {
			out = append(out, en)
		}
	}
	slices.SortFunc(out, order)
	return out
}

func (b *book) give(entries []ledger.Entry, n int) []ledger.Entry {
	b.calls++
	entries = entries[:min(n, len(entries))]
	b.given += len(entries)
	return entries
}

// apply changes the book and holds the change to what backends rely on.
func (b *book) apply(c ledger.Change) {
	b.t.Helper()
	b.last = c
	if !c.Write {
		if len(c.Edits)+len(c.Events) > 0 || c.EraseRecords {
			b.t.Fatalf("a change that writes nothing has contents: %+v", c)
		}
		return
	}
	seen := map[keyspace.Field]bool{}
	for _, e := range c.Edits {
		old, held := b.entries[e.Field]
		switch {
		case seen[e.Field]:
			b.t.Fatalf("two edits of the field %x", e.Field)
		case held != (e.Old != nil):
			b.t.Fatalf("the edit of %x says held=%v, the book %v", e.Field, e.Old != nil, held)
		case held && (e.Old.Mark != nil) != (old.Mark != nil):
			b.t.Fatalf("the edit of %x says mark=%v, the book %v", e.Field, e.Old.Mark != nil, old.Mark != nil)
		case e.Old == nil && e.New == nil:
			b.t.Fatalf("an edit of %x from nothing to nothing", e.Field)
		case e.New != nil && e.New.Field != e.Field:
			b.t.Fatalf("an edit of %x puts %x", e.Field, e.New.Field)
		}
		seen[e.Field] = true
		if delete(b.entries, e.Field); e.New != nil {
			b.entries[e.Field] = *e.New
		}
	}
	if c.EraseRecords {
		maps.DeleteFunc(b.entries, func(_ keyspace.Field, en ledger.Entry) bool { return en.Mark == nil })
	}
	b.head = &c.Head
	b.counted()
}

// counted holds the head's counters to what is stored.
func (b *book) counted() {
	b.t.Helper()
	marks := 0
	for _, en := range b.entries {
		if en.Mark != nil {
			marks++
		}
	}
	if b.head.Entries != len(b.entries) || b.head.Marks != marks {
		b.t.Fatalf("the head counts %d entries and %d marks, there are %d and %d", b.head.Entries, b.head.Marks, len(b.entries), marks)
	}
	if b.head.Marks > b.env.MaxMarks {
		b.t.Fatalf("%d marks, at most %d are allowed", b.head.Marks, b.env.MaxMarks)
	}
}

// at moves the clock on; a negative d sets it back.
func (b *book) at(d time.Duration) { b.env.Now = b.env.Now.Add(d) }

func (b *book) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// request is a login for an hour.
func (b *book) request(id string, change ...func(*store.IssueRequest)) store.IssueRequest {
	r := store.IssueRequest{Record: store.Record{
		ID: id, Subject: b.subject, Link: link(id), ExpiresAt: b.env.Now.Add(time.Hour),
	}}
	for _, c := range change {
		c(&r)
	}
	return r
}

// link is the link that tests give an id.
func link(text string) store.Link {
	d := store.DigestID("link of " + text)
	return store.Link(d)
}

func ttl(d time.Duration) func(*store.IssueRequest) {
	return func(r *store.IssueRequest) { r.Record.ExpiresAt = r.Record.ExpiresAt.Add(d - time.Hour) }
}

func class(name string) func(*store.IssueRequest) {
	return func(r *store.IssueRequest) { r.Record.Class = name }
}

func limited(l store.Limit) func(*store.IssueRequest) {
	return func(r *store.IssueRequest) { r.Limit = l }
}

func (b *book) tryIssue(r store.IssueRequest) (store.Issued, error) {
	b.t.Helper()
	out, c, err := ledger.Issue(b.env, b, r)
	b.apply(c)
	return out, err
}

func (b *book) issue(id string, change ...func(*store.IssueRequest)) store.Issued {
	b.t.Helper()
	out, err := b.tryIssue(b.request(id, change...))
	b.ok(err)
	return out
}

func (b *book) tryRotate(r store.RotateRequest) (store.Rotated, error) {
	b.t.Helper()
	r.Subject = b.subject
	out, c, err := ledger.Rotate(b.env, b, r)
	b.apply(c)
	return out, err
}

func (b *book) tryRevoke(r store.Revocation) error {
	b.t.Helper()
	if r.Subject = b.subject; r.Op == (store.Op{}) {
		r.Op = store.NewOp()
	}
	c, err := ledger.Revoke(b.env, b, r)
	b.apply(c)
	return err
}

func (b *book) revoke(ids ...string) {
	b.t.Helper()
	b.ok(b.tryRevoke(store.Revocation{IDs: ids, Reason: "test"}))
}

func (b *book) revokeAll() { b.t.Helper(); b.ok(b.tryRevoke(store.Revocation{All: true})) }

func (b *book) keep(id string) {
	b.t.Helper()
	b.ok(b.tryRevoke(store.Revocation{Others: &store.Others{Keep: id}}))
}

func (b *book) touch(id string) { b.t.Helper(); b.touchUntil(id, 0) }

// touchUntil touches with an expiry behind noon; 0 is none.
func (b *book) touchUntil(id string, expires time.Duration) {
	b.t.Helper()
	r := store.TouchRequest{Subject: b.subject, ID: id}
	if expires != 0 {
		r.ExpiresAt = noon.Add(expires)
	}
	c, err := ledger.Touch(b.env, b, r)
	b.ok(err)
	b.apply(c)
}

func (b *book) update(r store.UpdateRequest) (store.Record, error) {
	b.t.Helper()
	r.Subject = b.subject
	rec, c, err := ledger.Update(b.env, b, r)
	b.apply(c)
	return rec, err
}

func (b *book) forget() {
	b.t.Helper()
	c, err := ledger.Forget(b.env, b, b.subject)
	b.ok(err)
	b.apply(c)
}

func (b *book) lookup(ids ...string) store.State {
	b.t.Helper()
	st, err := ledger.Lookup(b.env, b, b.subject, ids)
	b.ok(err)
	return st
}

// status is what a lookup says of one id.
func (b *book) status(id string) store.Status {
	b.t.Helper()
	return b.lookup(id).Entries[0].Status
}

func (b *book) wantStatus(id string, want store.Status) {
	b.t.Helper()
	if got := b.status(id); got != want {
		b.t.Errorf("%s is %v, want %v", id, got, want)
	}
}

// token is an own access token as it is minted from a record.
type token struct {
	jti, sid string
	seq      uint64
	exp      time.Time
}

func (tk token) presented(withoutRecord bool) store.Presented {
	return store.Presented{TokenID: tk.jti, SessionID: tk.sid, Seq: tk.seq, WithoutRecord: withoutRecord}
}

// alive judges a token as a checker of sessions or as a denylist does.
func (b *book) alive(tk token, denylist bool) bool {
	b.t.Helper()
	p := tk.presented(denylist)
	return b.env.Now.Before(tk.exp) && b.lookup(p.IDs()...).Verdict(p).Alive
}
