package wire_test

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/internal/wire"
	"github.com/jetonkit/jeton/store"
)

// TestRoundTrip: what is encoded decodes to the same, behind any bytes that the buffer held before.
func TestRoundTrip(t *testing.T) {
	prefix := []byte("before")
	for name, property := range map[string]func(*rapid.T){
		"record": func(t *rapid.T) { entryRoundTrip(t, genRecord().Draw(t, "entry"), prefix) },
		"mark":   func(t *rapid.T) { entryRoundTrip(t, genMark().Draw(t, "entry"), prefix) },
		"head": func(t *rapid.T) {
			s := genSubject().Draw(t, "subject")
			want := genHead(s).Draw(t, "head")
			b := wire.AppendHead(prefix, s.Digest(), &want)
			got, err := wire.DecodeHead(b[len(prefix):], s.Digest())
			same(t, got, want, err)
		},
		"event": func(t *rapid.T) {
			want := genEvent().Draw(t, "event")
			got, err := wire.DecodeEvent(wire.AppendEvent(prefix, &want)[len(prefix):])
			same(t, got, want, err)
		},
	} {
		t.Run(name, func(t *testing.T) { rapid.Check(t, property) })
	}
}

func entryRoundTrip(t *rapid.T, want ledger.Entry, prefix []byte) {
	d := gen16[store.Digest]().Draw(t, "digest")
	b := wire.AppendEntry(prefix, d, &want)
	if string(b[:len(prefix)]) != string(prefix) {
		t.Fatal("what was in the buffer before has changed")
	}
	got, err := wire.DecodeEntry(b[len(prefix):], d, want.Field)
	same(t, got, want, err)
}

func same[T any](t *rapid.T, got, want T, err error) {
	if err != nil {
		t.Fatalf("what was encoded does not decode: %v", err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("decoded\n%+v\nwant\n%+v", got, want)
	}
}

// TestOneFormPerValue: equal values have equal bytes, whatever the order of a map.
func TestOneFormPerValue(t *testing.T) {
	e := fullRecord()
	first := wire.AppendEntry(nil, ann.Digest(), &e)
	for range 20 {
		e.Record.Metadata = e.Record.Clone().Metadata
		if again := wire.AppendEntry(nil, ann.Digest(), &e); string(again) != string(first) {
			t.Fatal("one record has two forms")
		}
	}
}

// TestDecodedValuesOwnTheirBytes: bolt's bytes are gone after the transaction, so nothing decoded may point into them.
func TestDecodedValuesOwnTheirBytes(t *testing.T) {
	e, h := fullRecord(), fullHead()
	mark := fullMark()
	for name, c := range map[string]struct {
		form   []byte
		decode func([]byte) (any, error)
	}{
		"record": {wire.AppendEntry(nil, ann.Digest(), &e), func(b []byte) (any, error) { return wire.DecodeEntry(b, ann.Digest(), e.Field) }},
		"mark":   {wire.AppendEntry(nil, ann.Digest(), &mark), func(b []byte) (any, error) { return wire.DecodeEntry(b, ann.Digest(), mark.Field) }},
		"head":   {wire.AppendHead(nil, ann.Digest(), &h), func(b []byte) (any, error) { return wire.DecodeHead(b, ann.Digest()) }},
		"event":  {wire.AppendEvent(nil, fullEvent()), func(b []byte) (any, error) { return wire.DecodeEvent(b) }},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := c.decode(append([]byte(nil), c.form...))
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.decode(c.form)
			if err != nil {
				t.Fatal(err)
			}
			clear(c.form)
			if !reflect.DeepEqual(got, want) {
				t.Error("the decoded value changed with the bytes that it was read from")
			}
		})
	}
}

// TestHeldIDsAreNotStored: an id that its field holds takes no room, and comes back all the same.
func TestHeldIDsAreNotStored(t *testing.T) {
	for name, c := range map[string]struct {
		id     string
		stored bool
	}{
		"NewID's form":      {store.NewID(), false},
		"16 bytes":          {"sixteen bytes id", false},
		"any other text":    {"session-1", true},
		"22 of no base64":   {"!!!!!!!!!!!!!!!!!!!!!!", true},
		"22 non-canonical":  {"AAAAAAAAAAAAAAAAAAAAAB", true},
		"the longest there": {string(make([]byte, store.MaxNameLen)), true},
	} {
		t.Run(name, func(t *testing.T) {
			e := fullRecord()
			e.Record.ID, e.Field = c.id, keyspace.FieldOf(c.id)
			b := wire.AppendEntry(nil, ann.Digest(), &e)
			e.Record.ID = ""
			without := wire.AppendEntry(nil, ann.Digest(), &e)
			if stored := len(b) > len(without); stored != c.stored {
				t.Errorf("stored = %v, want %v", stored, c.stored)
			}
			got, err := wire.DecodeEntry(b, ann.Digest(), e.Field)
			if err != nil || got.Record.ID != c.id {
				t.Errorf("the id came back as %q, %v", got.Record.ID, err)
			}
		})
	}
}
