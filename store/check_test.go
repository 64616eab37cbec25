package store_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
)

var now = time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC)

// poison stands in every text that a test gives; no error may repeat it.
const poison = "s3cret"

// text returns n bytes of any values, with the poison where it fits.
func text(n int) string {
	s := poison + strings.Repeat("\x00\xff\r\n' ", n)
	return s[:n]
}

func pairs(n int) map[string]string {
	m := map[string]string{}
	for i := range n {
		m[fmt.Sprintf("%s %d", poison, i)] = poison
	}
	return m
}

// sized returns metadata of n bytes in all.
func sized(n int) map[string]string { return map[string]string{poison: text(n - len(poison))} }

// ids returns n ids.
func ids(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = poison
	}
	return out
}

var (
	issue  = store.IssueRequest{Record: store.Record{ID: text(9), Subject: store.User(text(9)), Link: store.NewLink(), ExpiresAt: now.Add(time.Hour)}}
	rotate = store.RotateRequest{Subject: store.User(text(9)), ID: text(9), Link: store.NewLink(), NextLink: store.NewLink()}
	update = store.UpdateRequest{Subject: store.User(text(9)), ID: text(9)}
	touch  = store.TouchRequest{Subject: store.User(text(9)), ID: text(9)}
)

func issued(change func(*store.IssueRequest)) error { r := issue; change(&r); return r.Check(now) }

func rotated(change func(*store.RotateRequest)) error { r := rotate; change(&r); return r.Check(now) }

func updated(change func(*store.UpdateRequest)) error { r := update; change(&r); return r.Check(now) }

func touched(change func(*store.TouchRequest)) error { r := touch; change(&r); return r.Check(now) }

func revoked(r store.Revocation) error { r.Subject = store.User(text(9)); return r.Check() }

func others(o store.Others) error { return revoked(store.Revocation{Others: &o}) }

// TestChecks: what is within the limits passes, whatever its bytes; what is not names its field and the limit.
func TestChecks(t *testing.T) {
	type subject = store.Subject
	const n = store.MaxNameLen
	end := now.Add(store.MaxLife)
	for _, c := range []struct {
		name  string
		err   error
		field string // empty: it passes
		limit string // what the problem must say
	}{
		{"a subject of the longest texts", subject{store.KindOnce, text(n), text(n), text(n)}.Check(), "", ""},
		{"a subject of a name alone", store.User("x").Check(), "", ""},
		{"an empty name", store.User("").Check(), "Subject.Name", "empty"},
		{"a long name", store.User(text(n + 1)).Check(), "Subject.Name", "257 bytes, the limit is 256"},
		{"a long realm", subject{Realm: text(n + 1), Name: "x"}.Check(), "Subject.Realm", "257 bytes, the limit is 256"},
		{"a long issuer", subject{Issuer: text(n + 1), Name: "x"}.Check(), "Subject.Issuer", "257 bytes, the limit is 256"},
		{"an unknown kind", subject{Kind: store.KindOnce + 1, Name: "x"}.Check(), "Subject.Kind", "known"},

		{"a login", issued(func(*store.IssueRequest) {}), "", ""},
		{"a login of the longest", issued(func(r *store.IssueRequest) {
			r.Record.ID, r.Record.Class, r.Record.Binding = text(n), text(store.MaxClassLen), text(store.MaxBindingLen)
			r.Record.ExpiresAt, r.Record.Deadline = end, end
			r.Record.Metadata = sized(store.MaxMetadataBytes)
			r.Limit = store.Limit{Max: store.MaxLimit, MaxPerClass: store.MaxLimit, Policy: store.Reject}
		}), "", ""},
		{"a login without a subject", issued(func(r *store.IssueRequest) { r.Record.Subject = subject{} }), "Subject.Name", "empty"},
		{"an empty id", issued(func(r *store.IssueRequest) { r.Record.ID = "" }), "Record.ID", "empty"},
		{"a long id", issued(func(r *store.IssueRequest) { r.Record.ID = text(n + 1) }), "Record.ID", "257 bytes, the limit is 256"},
		{"a long class", issued(func(r *store.IssueRequest) { r.Record.Class = text(65) }), "Record.Class", "65 bytes, the limit is 64"},
		{"a long binding", issued(func(r *store.IssueRequest) { r.Record.Binding = text(65) }), "Record.Binding", "65 bytes, the limit is 64"},
		{"no link", issued(func(r *store.IssueRequest) { r.Record.Link = store.Link{} }), "Record.Link", "zero"},
		{"no expiry", issued(func(r *store.IssueRequest) { r.Record.ExpiresAt = time.Time{} }), "Record.ExpiresAt", "zero"},
		{"an expiry now", issued(func(r *store.IssueRequest) { r.Record.ExpiresAt = now }), "Record.ExpiresAt", "future"},
		{"an expiry in a nanosecond", issued(func(r *store.IssueRequest) { r.Record.ExpiresAt = now.Add(1) }), "", ""},
		{"an expiry over ten years away", issued(func(r *store.IssueRequest) { r.Record.ExpiresAt = end.Add(1) }), "Record.ExpiresAt", "ten years"},
		{"a deadline now", issued(func(r *store.IssueRequest) { r.Record.Deadline = now }), "Record.Deadline", "future"},
		{"a deadline over ten years away", issued(func(r *store.IssueRequest) { r.Record.Deadline = end.Add(1) }), "Record.Deadline", "ten years"},
		{"an expiry past the deadline", issued(func(r *store.IssueRequest) { r.Record.Deadline = now.Add(time.Minute) }), "Record.ExpiresAt", "Deadline"},
		{"64 pairs of metadata", issued(func(r *store.IssueRequest) { r.Record.Metadata = pairs(64) }), "", ""},
		{"65 pairs", issued(func(r *store.IssueRequest) { r.Record.Metadata = pairs(65) }), "Metadata", "65 pairs, the limit is 64"},
		{"16 KiB and a byte of it", issued(func(r *store.IssueRequest) { r.Record.Metadata = sized(16<<10 + 1) }), "Metadata", "16385 bytes, the limit is 16384"},
		{"an empty key", issued(func(r *store.IssueRequest) { r.Record.Metadata = map[string]string{"": poison} }), "Metadata", "empty key"},
		{"a negative limit", issued(func(r *store.IssueRequest) { r.Limit.Max = -1 }), "Limit.Max", "-1, the range is 0 to 256"},
		{"a limit of 257", issued(func(r *store.IssueRequest) { r.Limit.Max = 257 }), "Limit.Max", "257, the range is 0 to 256"},
		{"a limit of 257 a class", issued(func(r *store.IssueRequest) { r.Limit.MaxPerClass = 257 }), "Limit.MaxPerClass", "257, the range is 0 to 256"},
		{"an unknown policy", issued(func(r *store.IssueRequest) { r.Limit.Policy = 3 }), "Limit.Policy", "known"},

		{"a refresh", rotated(func(*store.RotateRequest) {}), "", ""},
		{"a refresh of the longest", rotated(func(r *store.RotateRequest) {
			r.Rotation, r.Grace, r.GraceReplays, r.Binding, r.ExpiresAt = 1<<53-1, store.MaxGrace, store.MaxReplays, text(64), end
		}), "", ""},
		{"of no id", rotated(func(r *store.RotateRequest) { r.ID = "" }), "ID", "empty"},
		{"of a rotation that JSON rounds", rotated(func(r *store.RotateRequest) { r.Rotation = 1 << 53 }), "Rotation", "2^53"},
		{"without a next link", rotated(func(r *store.RotateRequest) { r.NextLink = store.Link{} }), "NextLink", "zero"},
		{"with the link as the next", rotated(func(r *store.RotateRequest) { r.NextLink = r.Link }), "NextLink", "equals Link"},
		{"a negative grace", rotated(func(r *store.RotateRequest) { r.Grace = -1 }), "Grace", "0 to 5m0s"},
		{"a grace over five minutes", rotated(func(r *store.RotateRequest) { r.Grace = store.MaxGrace + 1 }), "Grace", "0 to 5m0s"},
		{"negative replays", rotated(func(r *store.RotateRequest) { r.GraceReplays = -1 }), "GraceReplays", "0 to 16"},
		{"17 replays", rotated(func(r *store.RotateRequest) { r.GraceReplays = 17 }), "GraceReplays", "17, the range is 0 to 16"},
		{"a refresh's long binding", rotated(func(r *store.RotateRequest) { r.Binding = text(65) }), "Binding", "65 bytes, the limit is 64"},
		{"a refresh to an expiry now", rotated(func(r *store.RotateRequest) { r.ExpiresAt = now }), "ExpiresAt", "future"},

		{"an update of nothing", updated(func(*store.UpdateRequest) {}), "", ""},
		{"an update of no id", updated(func(r *store.UpdateRequest) { r.ID = "" }), "ID", "empty"},
		{"to an expiry now", updated(func(r *store.UpdateRequest) { r.ExpiresAt = now }), "ExpiresAt", "future"},
		{"to a deadline now", updated(func(r *store.UpdateRequest) { r.Deadline = now }), "Deadline", "future"},
		{"to a deadline over ten years away", updated(func(r *store.UpdateRequest) { r.Deadline = end.Add(1) }), "Deadline", "ten years"},
		{"to 65 pairs", updated(func(r *store.UpdateRequest) { r.Metadata = pairs(65) }), "Metadata", "65 pairs, the limit is 64"},

		{"a touch", touched(func(*store.TouchRequest) {}), "", ""},
		{"a touch of no id", touched(func(r *store.TouchRequest) { r.ID = "" }), "ID", "empty"},
		{"to an expiry over ten years away", touched(func(r *store.TouchRequest) { r.ExpiresAt = end.Add(1) }), "ExpiresAt", "ten years"},

		{"a revocation of 256 ids", revoked(store.Revocation{IDs: ids(256), Reason: text(64)}), "", ""},
		{"of 257", revoked(store.Revocation{IDs: ids(257)}), "IDs", "257 ids, the limit is 256"},
		{"of an empty id", revoked(store.Revocation{IDs: []string{"x", ""}}), "IDs", "empty"},
		{"of a long id", revoked(store.Revocation{IDs: []string{text(n + 1)}}), "IDs", "257 bytes, the limit is 256"},
		{"of all", revoked(store.Revocation{All: true}), "", ""},
		{"of nothing", revoked(store.Revocation{}), "Revocation", "0 of IDs, All and Others"},
		{"of no ids", revoked(store.Revocation{IDs: []string{}}), "Revocation", "0 of IDs, All and Others"},
		{"of ids and all", revoked(store.Revocation{IDs: ids(1), All: true}), "Revocation", "2 of IDs, All and Others"},
		{"of all three", revoked(store.Revocation{IDs: ids(1), All: true, Others: &store.Others{Keep: "x"}}), "Revocation", "3 of IDs, All and Others"},
		{"for a long reason", revoked(store.Revocation{All: true, Reason: text(65)}), "Reason", "65 bytes, the limit is 64"},
		{"of nobody's", store.Revocation{All: true}.Check(), "Subject.Name", "empty"},
		{"of the others", others(store.Others{Keep: text(n)}), "", ""},
		{"of a class", others(store.Others{Class: text(64)}), "", ""},
		{"of others than nobody", others(store.Others{}), "Others.Keep", "empty"},
		{"of others than a long id", others(store.Others{Keep: text(n + 1)}), "Others.Keep", "257 bytes, the limit is 256"},
		{"of a long class", others(store.Others{Class: text(65)}), "Others.Class", "65 bytes, the limit is 64"},

		{"a lookup of 256 ids", store.CheckLookup(store.User("x"), ids(256)), "", ""},
		{"of none", store.CheckLookup(store.User("x"), nil), "", ""},
		{"of 257 ids", store.CheckLookup(store.User("x"), ids(257)), "ids", "257 ids, the limit is 256"},
		{"a lookup of an empty id", store.CheckLookup(store.User("x"), []string{""}), "ids", "empty"},
		{"a lookup for nobody", store.CheckLookup(subject{}, ids(1)), "Subject.Name", "empty"},

		{"the default page", store.Page{}.Check(), "", ""},
		{"the largest page", store.Page{Limit: store.MaxPage, Cursor: poison}.Check(), "", ""},
		{"a negative page", store.Page{Limit: -1}.Check(), "Page.Limit", "-1, the range is 0 to 1000"},
		{"a page of 1001", store.Page{Limit: 1001}.Check(), "Page.Limit", "1001, the range is 0 to 1000"},
		{"a bad cursor", store.BadCursor(), "Page.Cursor", "cursor"},
		{"a raised deadline", store.RaisedDeadline(), "Deadline", "later"},
	} {
		t.Run(c.name, func(t *testing.T) { wantField(t, c.err, c.field, c.limit) })
	}
}

// wantField holds an error to the field that it must name; an empty field means that there must be none.
func wantField(t *testing.T, err error, field, limit string) {
	t.Helper()
	if field == "" {
		if err != nil {
			t.Errorf("%v, want nil", err)
		}
		return
	}
	var f *store.FieldError
	if !errors.As(err, &f) || !errors.Is(err, store.ErrInvalid) {
		t.Fatalf("%v, want a FieldError that is ErrInvalid", err)
	}
	if f.Field != field || !strings.Contains(f.Problem, limit) || f.Remedy == "" {
		t.Errorf("field %q, problem %q, remedy %q; want field %q, a problem that says %q, a remedy", f.Field, f.Problem, f.Remedy, field, limit)
	}
	for _, part := range []string{f.Field, f.Problem, f.Remedy} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), poison[:3]) {
		t.Errorf("the error repeats the value: %q", err)
	}
}

func TestDefaults(t *testing.T) {
	for want, got := range map[int]int{
		store.DefaultPage:    store.Page{}.Size(),
		7:                    store.Page{Limit: 7}.Size(),
		store.DefaultReplays: store.RotateRequest{}.Replays(),
		1:                    store.RotateRequest{GraceReplays: 1}.Replays(),
	} {
		if got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
	if !(store.Limit{Policy: store.Reject}).IsZero() || (store.Limit{MaxPerClass: 1}).IsZero() || (store.Limit{Max: 1}).IsZero() {
		t.Error("a limit is zero where neither number bounds")
	}
}

func TestCloneSharesNothing(t *testing.T) {
	r := store.Record{Metadata: maps.Clone(pairs(2))}
	c := r.Clone()
	c.Metadata["x"] = "y"
	if len(r.Metadata) != 2 {
		t.Error("a clone's metadata is its record's")
	}
	if (store.Record{}).Clone().Metadata != nil {
		t.Error("no metadata became some")
	}
}
