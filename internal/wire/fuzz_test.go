package wire_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/internal/wire"
	"github.com/jetonkit/jeton/store"
)

// The targets hold one promise: any bytes decode to a value or to ErrCorrupt, never panic, and what was decoded encodes
// to bytes that decode to the same. The check of subject and id is put right first, or no input would get past it.

// authentic puts the check of a subject and field into b, where values carry it.
func authentic(b []byte, f keyspace.Field) []byte {
	if len(b) < 9 {
		return b
	}
	b = append([]byte(nil), b...)
	sum := keyspace.Check(ann.Digest(), f)
	copy(b[1:], sum[:])
	return b
}

// settled holds the promise for one value.
func settled[T any](t *testing.T, got T, err error, encode func(T) []byte, decode func([]byte) (T, error)) {
	t.Helper()
	if err != nil {
		if !errors.Is(err, store.ErrCorrupt) {
			t.Fatalf("%v, want ErrCorrupt", err)
		}
		return
	}
	again, err := decode(encode(got))
	if err != nil {
		t.Fatalf("a decoded value does not decode again: %v\n%+v", err, got)
	}
	if !reflect.DeepEqual(again, got) {
		t.Fatalf("decoded\n%+v\nand, encoded and decoded again,\n%+v", got, again)
	}
}

func FuzzEntry(f *testing.F) {
	ids := []string{"an id that needs a hash", "sixteen bytes id", "AAAAAAAAAAAAAAAAAAAAAA"}
	for _, name := range []string{"record", "plain record", "classed record", "replayed record", "mark"} {
		for i := range ids {
			f.Add(forms()[name].bytes, byte(i))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, which byte) {
		field := keyspace.FieldOf(ids[int(which)%len(ids)])
		decode := func(b []byte) (ledger.Entry, error) { return wire.DecodeEntry(b, ann.Digest(), field) }
		_, _ = decode(b) // unauthentic: whatever it says, it must not panic
		got, err := decode(authentic(b, field))
		settled(t, got, err, func(e ledger.Entry) []byte { return wire.AppendEntry(nil, ann.Digest(), &e) }, decode)
	})
}

func FuzzHead(f *testing.F) {
	f.Add(forms()["head"].bytes)
	f.Fuzz(func(t *testing.T, b []byte) {
		decode := func(b []byte) (ledger.Head, error) { return wire.DecodeHead(b, ann.Digest()) }
		_, _ = decode(b)
		got, err := decode(authentic(b, keyspace.Field{}))
		settled(t, got, err, func(h ledger.Head) []byte { return wire.AppendHead(nil, ann.Digest(), &h) }, decode)
	})
}

func FuzzEvent(f *testing.F) {
	f.Add(forms()["event"].bytes)
	f.Add(wire.AppendEvent(nil, &store.Event{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := wire.DecodeEvent(b)
		settled(t, got, err, func(e store.Event) []byte { return wire.AppendEvent(nil, &e) }, wire.DecodeEvent)
	})
}
