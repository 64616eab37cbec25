package keyspace_test

import (
	"bytes"
	"cmp"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/store"
)

func genDigest() *rapid.Generator[store.Digest] {
	return rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'e', 'h', 0xfe, 0xff}), 16, 16), func(b []byte) store.Digest {
		return store.Digest(b)
	})
}

func genField() *rapid.Generator[keyspace.Field] {
	return rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'r', 0xfe, 0xff}), 17, 17), func(b []byte) keyspace.Field {
		return keyspace.Field(b)
	})
}

// TestKeysSayWhatTheyAre: every key gives back its subject and field, and no key is taken for one of another part.
func TestKeysSayWhatTheyAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, f := genDigest().Draw(t, "digest"), genField().Draw(t, "field")
		at := time.UnixMicro(rapid.Int64().Draw(t, "at"))
		head, entry := keyspace.HeadKey(d), keyspace.EntryKey(d, f)
		mark, newest := keyspace.MarkKey(d, rapid.Uint64().Draw(t, "no")), keyspace.NewestKey(d, at, f)
		for part, key := range map[string][]byte{"head": head, "entry": entry, "mark": mark, "newest": newest} {
			if got, ok := keyspace.SubjectOf(key); !ok || got != d {
				t.Fatalf("the subject of a key of part %s is %v, %v", part, got, ok)
			}
			if got, ok := keyspace.EntryField(key); ok != (part == "entry") || ok && got != f {
				t.Fatalf("EntryField of a key of part %s is %v, %v", part, got, ok)
			}
			if got, ok := keyspace.NewestField(key); ok != (part == "newest") || ok && got != f {
				t.Fatalf("NewestField of a key of part %s is %v, %v", part, got, ok)
			}
		}
		if !bytes.HasPrefix(entry, keyspace.EntryPrefix(d)) || !bytes.HasPrefix(mark, keyspace.MarkPrefix(d)) || !bytes.HasPrefix(newest, keyspace.NewestPrefix(d)) {
			t.Fatal("a key lacks its part's prefix")
		}
	})
	if _, ok := keyspace.SubjectOf(make([]byte, 16)); ok {
		t.Error("a digest alone is no key")
	}
}

// TestOrder: the B+tree's order of bytes is the ledger's order of entries, marks and records.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := genDigest().Draw(t, "digest")
		f, g := genField().Draw(t, "f"), genField().Draw(t, "g")
		if got, want := bytes.Compare(keyspace.EntryKey(d, f), keyspace.EntryKey(d, g)), f.Compare(g); got != want {
			t.Fatalf("entries: %d, fields: %d", got, want)
		}
		n, m := rapid.Uint64().Draw(t, "n"), rapid.Uint64().Draw(t, "m")
		if got, want := bytes.Compare(keyspace.MarkKey(d, n), keyspace.MarkKey(d, m)), cmp.Compare(n, m); got != want {
			t.Fatalf("marks: %d, numbers: %d", got, want)
		}
		times := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-2, 2))
		a, b := time.UnixMicro(times.Draw(t, "a")), time.UnixMicro(times.Draw(t, "b"))
		want := cmp.Or(b.Compare(a), g.Compare(f))
		if got := bytes.Compare(keyspace.NewestKey(d, a, f), keyspace.NewestKey(d, b, g)); got != want {
			t.Fatalf("records: %d, want %d: newest first, then the highest field", got, want)
		}
	})
	if bytes.Compare(keyspace.FeedKey(255), keyspace.FeedKey(256)) >= 0 {
		t.Error("events are not in the order of their numbers")
	}
}

// TestAfterSubject: the key behind a subject is behind all of its keys and not behind the next subject's first.
func TestAfterSubject(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := genDigest().Draw(t, "digest")
		after := keyspace.AfterSubject(d)
		last := store.Digest(bytes.Repeat([]byte{0xff}, 16))
		if d == last {
			if after != nil {
				t.Fatal("there is nothing behind the last digest")
			}
			return
		}
		if bytes.Compare(after, keyspace.NewestKey(d, time.UnixMicro(-1<<62), keyspace.Field{})) <= 0 {
			t.Fatal("the subject has keys behind it")
		}
		other := genDigest().Draw(t, "other")
		if bytes.Compare(other[:], d[:]) > 0 && bytes.Compare(after, keyspace.EntryPrefix(other)) > 0 {
			t.Fatal("it skips another subject")
		}
	})
}
