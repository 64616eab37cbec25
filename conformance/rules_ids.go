package conformance

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

var idsRules = []rule{
	{"ids/any-bytes", "Subjects and ids may hold any bytes, and come back as they were.", 0, idsAnyBytes},
	{"ids/256-bytes", "Realm, issuer, name and id take 256 bytes and refuse 257; name and id refuse none.", 0, idsLengths},
	{"ids/prefixes", "A name that is another's prefix, or looks like a pattern, is another subject: revoking \"a\" or \"*\" leaves \"a:b\" alone.", 0, idsPrefixes},
	{"ids/parts", "Kind, realm, issuer and name each keep subjects apart, wherever one part ends and the next begins.", 0, idsParts},
	{"ids/alike", "Ids that differ at all are different, however they look: case, a byte more, another form of the same bits.", 0, idsAlike},
}

func long(n int) string { return strings.Repeat("\xff", n) }

// hostile are texts that have broken stores.
func hostile() []string {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return []string{
		"\x00", "a\x00", "*", "?", "[a-z]", "{tag}", "a:b", "a|b", "..", "/", "\r\n", "%s%n", "'; DROP TABLE--", " ", "\xff\xfe", "é", "e\u0301",
		strings.Repeat("x", store.MaxNameLen), string(all),
	}
}

func idsAnyBytes(e *env) {
	for _, name := range hostile() {
		for _, s := range []store.Subject{{Name: name}, {Realm: name, Name: "n"}, {Issuer: name, Name: "n"}} {
			rec := e.login(of(s), withID(name))
			e.Expect(rec.ID).To(Equal(name), "Issue's id")
			e.Expect(rec.Subject).To(Equal(s), "Issue's subject")
			e.Expect(plain(e.record(rec))).To(Equal(plain(rec)), "Lookup of the id %q", name)
			listed := e.list(s, 0)
			e.Expect(listed).To(HaveLen(1), "List of the subject %q", name)
			e.Expect(plain(listed[0])).To(Equal(plain(rec)), "List of the subject %q", name)
		}
	}
	rec := e.login(class("\x00\xff"), bound("\x00\xff"), metadata(map[string]string{"\x00": "\xff\x00", "*": ""}))
	e.Expect(plain(e.record(rec))).To(Equal(plain(rec)))
	e.revoke(store.Revocation{IDs: []string{rec.ID}, Reason: "\x00\xff"})
	e.revoked("\x00\xff", "a reason of any bytes", rec)
}

func idsLengths(e *env) {
	const most = store.MaxNameLen
	big := store.Subject{Realm: long(most), Issuer: long(most), Name: long(most)}
	rec := e.login(of(big), withID(long(most)))
	e.Expect(plain(e.record(rec))).To(Equal(plain(rec)))
	e.refresh(rec)
	e.revoke(store.Revocation{Subject: big, IDs: []string{rec.ID}})
	e.dead("it must be revocable", rec)
	for what, c := range map[string]change{
		"a realm of 257 bytes":   of(store.Subject{Realm: long(most + 1), Name: "ann"}),
		"an issuer of 257 bytes": of(store.Subject{Issuer: long(most + 1), Name: "ann"}),
		"a name of 257 bytes":    of(store.User(long(most + 1))),
		"an empty name":          of(store.Subject{Realm: "acme"}),
		"an id of 257 bytes":     withID(long(most + 1)),
		"an empty id":            withID(""),
	} {
		r := e.request(c)
		_, err := e.s.Issue(e.ctx, r)
		e.refused(err, "Issue with "+what)
		_, err = e.s.Rotate(e.ctx, e.presenting(r.Record))
		e.refused(err, "Rotate with "+what)
		_, err = e.s.Update(e.ctx, edit(r.Record, nil))
		e.refused(err, "Update with "+what)
		e.refused(e.s.Touch(e.ctx, store.TouchRequest{Subject: r.Record.Subject, ID: r.Record.ID}), "Touch with "+what)
		e.refused(e.s.Revoke(e.ctx, store.Revocation{Subject: r.Record.Subject, IDs: []string{r.Record.ID}}), "Revoke with "+what)
		if r.Record.Subject != ann {
			e.refused(e.s.Forget(e.ctx, r.Record.Subject), "Forget with "+what)
			_, err = e.s.List(e.ctx, r.Record.Subject, store.Page{})
			e.refused(err, "List with "+what)
		}
	}
}

func idsPrefixes(e *env) {
	names := []string{"a", "a:b", "a:", "a:b:c", "*", "a*", "?", "ab", "A", "a\x00b", "a/b", "[a]", "{a}"}
	recs := map[string]store.Record{}
	for _, n := range names {
		recs[n] = e.login(of(store.User(n)), withID("session"))
	}
	for _, n := range names {
		e.Expect(e.list(store.User(n), 0)).To(HaveLen(1), "the list of %q holds its own session alone", n)
	}
	for i, n := range []string{"a", "*", "?", "a*"} {
		if i%2 == 0 {
			e.revoke(store.Revocation{Subject: store.User(n), All: true})
		} else {
			e.Expect(e.s.Forget(e.ctx, store.User(n))).To(Succeed())
		}
		e.dead("the subject named", recs[n])
		delete(recs, n)
		for other, rec := range recs {
			e.live("revoking \""+n+"\" must leave \""+other+"\" alone", rec)
		}
	}
}

func idsParts(e *env) {
	var recs []store.Record
	for _, s := range []store.Subject{
		{Name: "ann"},
		{Kind: store.KindKey, Name: "ann"},
		{Kind: store.KindSID, Name: "ann"},
		{Realm: "acme", Name: "ann"},
		{Issuer: "acme", Name: "ann"},
		{Realm: "acm", Name: "eann"},
		{Realm: "ac", Issuer: "me", Name: "ann"},
		{Name: "acmeann"},
		{Realm: "a", Issuer: "a", Name: "a"},
		{Realm: "aa", Name: "a"},
		{Issuer: "aa", Name: "a"},
		{Issuer: "a", Name: "aa"},
	} {
		rec := e.login(of(s), withID("session"))
		e.Expect(e.list(s, 0)).To(HaveLen(1), "a subject of its own")
		e.Expect(e.record(rec).Subject).To(Equal(s))
		recs = append(recs, rec)
	}
	for i, rec := range recs {
		e.revoke(store.Revocation{Subject: rec.Subject, All: true})
		e.dead("the subject named", rec)
		e.live("every other subject", recs[i+1:]...)
	}
}

func idsAlike(e *env) {
	raw := "0123456789abcdef"
	text := base64.RawURLEncoding.EncodeToString([]byte(raw))
	sum, digest := sha256.Sum256([]byte("a")), store.DigestID("a")
	names := []string{
		"a", "A", "a\x00", "a ", " a", "aa", "\x00a", raw, text, text + "=", text[:21] + "h", text[:21] + "\n", strings.ToUpper(text),
		hex.EncodeToString([]byte(raw)), string(sum[:]), hex.EncodeToString(sum[:]), string(digest[:]), digest.String(),
		base64.RawURLEncoding.EncodeToString(digest[:]), "r" + raw, "t" + raw, "h" + string(digest[:]),
	}
	for _, id := range names {
		e.login(withID(id))
	}
	e.Expect(e.list(ann, 0)).To(HaveLen(len(names)))
	for i, id := range names {
		en := e.lookup(id).Entries[0]
		e.Expect(en.Status).To(Equal(store.Live), "%q", id)
		e.Expect(en.Record.ID).To(Equal(id))
		e.revokeIDs(id)
		e.Expect(e.list(ann, 0)).To(HaveLen(len(names)-1-i), "revoking %q must kill it alone", id)
	}
}
