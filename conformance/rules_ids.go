package conformance

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
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
	{"ids/alike-subjects", "Names, realms and issuers that differ at all make different subjects, however they look: case, a space or a slash " +
		"at the end, another form of the same letter.", 0, idsAlikeSubjects},
	{"ids/alike-classes", "Classes that differ at all are different, however they look: a limit and Others tell them apart.", 0, idsAlikeClasses},
	{"ids/alike-metadata", "Metadata whose keys or values differ at all is different, however it looks: it comes back to the byte, " +
		"and an Update with the other is no repeat.", 0, idsAlikeMetadata},
	{"ids/alike-bindings", "A replay with a binding that only looks like the record's is Reused.", 0, idsAlikeBindings},
}

// lookalikes are families of texts of at most so many bytes, whose members some store has taken for one another.
func lookalikes(most int) [][]string {
	full := strings.Repeat("y", most-1)
	return [][]string{
		{"x", "x ", " x", "x\t", "x\n", "x\x00", "x\x00y", "x\u200b"},                                                 // trimmed columns, C strings, ignorable characters
		{"id", "ID", "Id", "\u0131d", "\u0130D"},                                                                      // case, with the Turkish dotless and dotted i
		{"e", "é", "e\u0301", "É", "Å", "\u212b", "A\u030a", "a", "\uff41", "\u0430"},                                 // accents, NFC and NFD, widths, Cyrillic
		{"straße", "strasse", "stra\u1e9ee", "fi", "\ufb01"},                                                          // letters that expand
		{"🍺", "🍣", "\xff", "\xfe", "\ufffd"},                                                                          // outside the BMP, and no UTF-8 at all
		{"1", "01", "+1", "1.0", "1e0", "0x1"},                                                                        // numbers
		{"a b", "a+b", "a%20b", "a%2Bb", "a%2520b", "a_b", "a%b"},                                                     // URL escapes and LIKE's wildcards
		{"it's", "it''s", `it\'s`, `it\\'s`, `it"s`},                                                                  // quoting
		{"https://a.example", "https://a.example/", "https://A.example", "http://a.example", "https://a.example:443"}, // issuers
		{full, full + "a", full + "b", full + "A"},                                                                    // columns and index keys that end early
	}
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
	e.apart(ann, names)
	e.each(store.MaxNameLen, e.apart)
}

// apart expects that each id is one of its own.
func (e *env) apart(s store.Subject, family []string) {
	for _, id := range family {
		e.login(of(s), withID(id))
	}
	e.Expect(e.list(s, 0)).To(HaveLen(len(family)), "sessions with the ids %q", family)
	for i, id := range family {
		en := e.lookupOf(s, id).Entries[0]
		e.Expect(en.Status).To(Equal(store.Live), "%q", id)
		e.Expect(en.Record.ID).To(Equal(id))
		e.revoke(store.Revocation{Subject: s, IDs: []string{id}})
		e.Expect(e.list(s, 0)).To(HaveLen(len(family)-1-i), "revoking %q must kill it alone", id)
	}
}

func idsAlikeSubjects(e *env) {
	for part, subject := range map[string]func(string) store.Subject{
		"name":   store.User,
		"realm":  func(text string) store.Subject { return store.Subject{Realm: text, Name: "ann"} },
		"issuer": func(text string) store.Subject { return store.Subject{Issuer: text, Name: "ann"} },
	} {
		for _, family := range lookalikes(store.MaxNameLen) {
			e.strangers(part, family, subject)
		}
	}
}

// strangers expects that each text makes a subject of its own.
func (e *env) strangers(part string, family []string, subject func(string) store.Subject) {
	for _, text := range family {
		_, err := e.s.Issue(e.ctx, e.request(of(subject(text)), withID("session")))
		e.Expect(err).NotTo(HaveOccurred(), "one Issue for each %s of %q", part, family)
	}
	for i, text := range family {
		e.Expect(e.list(subject(text), 0)).To(HaveLen(1), "the %s %q has a session of its own", part, text)
		if i%2 == 0 {
			e.revoke(store.Revocation{Subject: subject(text), All: true})
		}
	}
	for i, text := range family {
		live := e.lookupOf(subject(text), "session").Entries[0].Status == store.Live
		e.Expect(live).To(Equal(i%2 == 1), "every other %s of %q was revoked: %q", part, family, text)
	}
}

// each runs do for every family of look-alikes of at most so many bytes, with a subject of its own.
func (e *env) each(most int, do func(s store.Subject, family []string)) {
	for i, family := range lookalikes(most) {
		do(store.User(fmt.Sprint("family ", i)), family)
	}
}

func idsAlikeClasses(e *env) {
	e.each(store.MaxClassLen, func(s store.Subject, family []string) {
		var recs []store.Record
		for _, c := range family {
			got := e.issue(e.request(of(s), class(c), limited(store.Limit{MaxPerClass: 1})))
			e.Expect(got.Evicted).To(BeEmpty(), "%q is the first of its class among %q", c, family)
			recs = append(recs, got.Record)
		}
		for i, c := range family {
			e.revoke(store.Revocation{Subject: s, Others: &store.Others{Class: c}})
			e.dead("the session of the class", recs[i])
			e.live(fmt.Sprintf("Others of the class %q must leave the rest of %q alone", c, family), recs[i+1:]...)
		}
	})
}

func idsAlikeMetadata(e *env) {
	e.each(store.MaxNameLen, func(s store.Subject, family []string) {
		want := map[string]string{}
		for i, text := range family {
			want[text] = family[(i+1)%len(family)]
		}
		rec := e.login(of(s), metadata(want))
		e.Expect(rec.Metadata).To(Equal(want), "Issue")
		e.Expect(e.record(rec).Metadata).To(Equal(want), "Lookup")
		for i, text := range family {
			other := family[(i+1)%len(family)]
			req := edit(rec, map[string]string{text: text})
			rec = e.update(req)
			for _, m := range []map[string]string{{text: other}, {other: text}} {
				req.Metadata = m
				_, err := e.s.Update(e.ctx, req)
				e.Expect(err).To(MatchError(store.ErrConflict), "an Update with %q is no repeat of one with %q twice", m, text)
			}
		}
	})
}

func idsAlikeBindings(e *env) {
	e.each(store.MaxBindingLen, func(s store.Subject, family []string) {
		for i, binding := range family {
			first := e.login(of(s), bound(binding))
			e.refresh(first)
			e.rotate(store.Replayed, e.presenting(first))
			other := e.presenting(first)
			other.Binding = family[(i+1)%len(family)]
			got, err := e.s.Rotate(e.ctx, other)
			e.Expect(err).NotTo(HaveOccurred())
			e.Expect(got.Outcome).To(Equal(store.Reused), "the binding %q, where the record has %q", other.Binding, binding)
		}
	})
}
