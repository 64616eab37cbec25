package store_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jetonkit/jeton/store"
)

// TestDigestGolden: digests are in keys and feeds for ever. The values were computed with another program.
func TestDigestGolden(t *testing.T) {
	for want, got := range map[string]store.Digest{
		"6b2a781ef6641fbd14b778c7e9d5fc65": store.User("ann").Digest(),
		"f92a02e1aaf2cc3271233cf412f8a0c4": store.Subject{Kind: store.KindKey, Realm: "acme", Issuer: "https://issuer.example", Name: "key 1"}.Digest(),
		"68e88b0d96d606f94d61e9c91e8d6dbe": store.DigestID("session-1"),
		"3801403f58d92f8da685ff1ad3ded093": store.DigestID("once"),
	} {
		if got.String() != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestDigestsTellSubjectsApart(t *testing.T) {
	seen := map[store.Digest]string{}
	for what, s := range map[string]store.Subject{
		"ab, c":                    {Realm: "ab", Issuer: "c", Name: "n"},
		"a, bc":                    {Realm: "a", Issuer: "bc", Name: "n"},
		"abc, nothing":             {Realm: "abc", Name: "n"},
		"nothing, abc":             {Issuer: "abc", Name: "n"},
		"all in the name":          {Name: "abcn"},
		"a length in a text":       {Realm: "ab\x00\x00\x00\x01c", Name: "n"},
		"another kind":             {Kind: store.KindKey, Realm: "ab", Issuer: "c", Name: "n"},
		"realm and issuer swapped": {Realm: "c", Issuer: "ab", Name: "n"},
		"another case":             {Realm: "AB", Issuer: "c", Name: "n"},
	} {
		if other, taken := seen[s.Digest()]; taken {
			t.Errorf("%q and %q are one", what, other)
		}
		seen[s.Digest()] = what
	}
	t.Run("whatever their texts", func(t *testing.T) {
		short := rapid.StringOfN(rapid.SampledFrom([]rune("ab\x00\x01")), 0, 3, -1)
		gen := rapid.Custom(func(t *rapid.T) store.Subject {
			return store.Subject{Realm: short.Draw(t, "realm"), Issuer: short.Draw(t, "issuer"), Name: short.Draw(t, "name")}
		})
		rapid.Check(t, func(t *rapid.T) {
			a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
			if (a == b) != (a.Digest() == b.Digest()) {
				t.Fatalf("%+v and %+v", a, b)
			}
		})
	})
	if store.DigestID("ann") == store.User("ann").Digest() {
		t.Error("an id's digest is a subject's")
	}
}

func TestDigest(t *testing.T) {
	d := store.Digest{0: 0xab, 15: 0x01}
	if d.String() != "ab000000000000000000000000000001" || d.IsZero() || !(store.Digest{}).IsZero() {
		t.Errorf("%s, zero=%v", d, d.IsZero())
	}
	for n, want := range map[int]int{1: 0, 16: 0xab % 16, 256: 0xab} {
		if got := d.Partition(n); got != want {
			t.Errorf("partition %d of %d, want %d", got, n, want)
		}
	}
}

func TestDigestAllocatesNothing(t *testing.T) {
	s := store.Subject{Realm: "acme", Name: strings.Repeat("n", 64)}
	if n := testing.AllocsPerRun(100, func() { _ = s.Digest() }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestLinksNeverPrint: a link is half of a refresh token's secret, whatever prints or encodes it. (%p is left out: package
// fmt answers it without asking anybody, and go vet refuses it.)
func TestLinksNeverPrint(t *testing.T) {
	l := store.Link{0xde, 0xad, 0xbe, 0xef, 0x5e, 0xc2, 0xe7, 0x99, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 0x17, 0x28}
	rec := store.Record{ID: "s", Link: l, PrevLink: l.Tag()}
	values := map[string]any{
		"link": l, "pointer": &l, "tag": l.Tag(), "record": rec, "slice": []store.Link{l}, "map": map[string]store.Link{"k": l},
		"request": store.RotateRequest{Link: l, NextLink: l}, "issue": store.IssueRequest{Record: rec}, "answer": store.Rotated{Record: rec},
	}
	for what, v := range values {
		for _, verb := range strings.Split("%v %+v %#v %s %x %X % x %#x %q %d %b %o %c %U %e %t %20v %-5d", " ") {
			mustHide(t, what+" with "+verb, l, fmt.Sprintf(strings.TrimSpace(verb), v))
		}
		mustHide(t, what+" with Sprint", l, fmt.Sprint(v), fmt.Sprintln(v))
		var b bytes.Buffer
		slog.New(slog.NewTextHandler(&b, nil)).Info("test", "value", v)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("test", "value", v)
		mustHide(t, what+" in slog", l, b.String())
		j, _ := json.Marshal(v)
		x, _ := xml.Marshal(v)
		mustHide(t, what+" encoded", l, string(j), string(x))
	}
	if got := fmt.Sprint(l, l.Tag(), l.String(), l.GoString(), l.Tag().String(), l.Tag().GoString()); strings.Count(got, "link(redacted)") != 6 {
		t.Errorf("it prints %q", got)
	}
}

// mustHide fails when a text holds three bytes of a link in a row, in any usual form.
func mustHide(t *testing.T, what string, l store.Link, texts ...string) {
	t.Helper()
	part := l[1:4]
	forms := []string{
		string(part), hex.EncodeToString(part), strings.ToUpper(hex.EncodeToString(part)), "ad be ef", "0xad, 0xbe, 0xef",
		"173 190 239", "173,190,239", "10101101 10111110", "255 276 357", "U+00AD",
	}
	for _, text := range texts {
		for _, f := range forms {
			if strings.Contains(text, f) {
				t.Errorf("%s shows the link: %q", what, text)
				return
			}
		}
	}
}

func TestLinks(t *testing.T) {
	l := store.NewLink()
	if l.IsZero() || l == store.NewLink() || !(store.Link{}).IsZero() {
		t.Error("links are random and not zero")
	}
	if tag := l.Tag(); string(tag[:]) != string(l[:8]) {
		t.Error("the tag is not the first half")
	}
	if op := store.NewOp(); op == store.NewOp() {
		t.Error("ops are random")
	}
}

func TestNewID(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := store.NewID()
		if len(id) != 22 || strings.ContainsAny(id, "+/=") || seen[id] {
			t.Fatalf("%q", id)
		}
		seen[id] = true
	}
}

func TestNames(t *testing.T) {
	for want, got := range map[string]fmt.Stringer{
		"user": store.KindUser, "key": store.KindKey, "sid": store.KindSID, "once": store.KindOnce,
		"unknown": store.Unknown, "live": store.Live, "revoked": store.Revoked,
		"rotated": store.RotateOK, "replayed": store.Replayed, "rolled-forward": store.RolledForward, "reused": store.Reused,
	} {
		if got.String() != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for _, bad := range []fmt.Stringer{store.Kind(99), store.Status(99), store.Outcome(0), store.Outcome(99)} {
		if bad.String() != "invalid" {
			t.Errorf("%q, want invalid", bad)
		}
	}
}
