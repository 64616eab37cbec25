package wire_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/internal/wire"
	"github.com/jetonkit/jeton/store"
)

// form is one kind of value: what was written, and how it is read for its subject and field.
type form struct {
	bytes []byte
	read  func([]byte) error
}

func entryForm(e ledger.Entry) form {
	return form{wire.AppendEntry(nil, ann.Digest(), &e), func(b []byte) error {
		_, err := wire.DecodeEntry(b, ann.Digest(), e.Field)
		return err
	}}
}

func forms() map[string]form {
	h := fullHead()
	return map[string]form{
		"record": entryForm(fullRecord()), "plain record": entryForm(plainRecord()), "mark": entryForm(fullMark()),
		"classed record": entryForm(session(class("web"))), "replayed record": entryForm(session(refreshed(day, 3), replays(3))),
		"head":  {wire.AppendHead(nil, ann.Digest(), &h), func(b []byte) error { _, err := wire.DecodeHead(b, ann.Digest()); return err }},
		"event": {wire.AppendEvent(nil, fullEvent()), func(b []byte) error { _, err := wire.DecodeEvent(b); return err }},
	}
}

// kindOf returns what a form's first byte says that it is, a record's flags aside.
func kindOf(f form) byte {
	if f.bytes[0]&8 != 0 {
		return 8
	}
	return f.bytes[0] & 7
}

func mustBeCorrupt(t *testing.T, err error, what string) {
	t.Helper()
	if !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("%s: %v, want ErrCorrupt", what, err)
	}
}

func TestDamage(t *testing.T) {
	for name, f := range forms() {
		t.Run(name, func(t *testing.T) {
			t.Run("whole, it is read", func(t *testing.T) {
				if err := f.read(f.bytes); err != nil {
					t.Fatal(err)
				}
			})
			t.Run("every truncation is an error", func(t *testing.T) {
				for n := range f.bytes {
					if err := f.read(f.bytes[:n]); !errors.Is(err, store.ErrCorrupt) {
						t.Errorf("%d of %d bytes: %v, want ErrCorrupt", n, len(f.bytes), err)
					}
				}
			})
			t.Run("a byte more is an error", func(t *testing.T) {
				for _, c := range []byte{0, 1, 0x21, 0xff} {
					mustBeCorrupt(t, f.read(append(f.bytes[:len(f.bytes):len(f.bytes)], c)), "one byte too long")
				}
			})
			t.Run("an unknown version is an error", func(t *testing.T) {
				for v := range 16 {
					b := append([]byte(nil), f.bytes...)
					if b[0] = byte(v)<<4 | b[0]&15; v != 1 {
						mustBeCorrupt(t, f.read(b), "another version")
					}
				}
			})
			t.Run("another kind of value is an error", func(t *testing.T) {
				for other, g := range forms() {
					if kindOf(g) != kindOf(f) {
						mustBeCorrupt(t, f.read(g.bytes), "the bytes of a "+other)
					}
				}
			})
		})
	}
}

// TestIdentity: a value that is somebody else's, or another id's, is an error and never a login.
func TestIdentity(t *testing.T) {
	bob := store.Subject{Kind: ann.Kind, Realm: ann.Realm, Name: "bob"}
	e, m, h := fullRecord(), fullMark(), fullHead()
	record, mark := wire.AppendEntry(nil, ann.Digest(), &e), wire.AppendEntry(nil, ann.Digest(), &m)
	unnamed := h
	unnamed.Subject = store.Subject{}
	foreign := h
	foreign.Subject = bob
	for rule, read := range map[string]func() error{
		"another subject's record": func() error { _, err := wire.DecodeEntry(record, bob.Digest(), e.Field); return err },
		"another subject's mark":   func() error { _, err := wire.DecodeEntry(mark, bob.Digest(), m.Field); return err },
		"another id's record":      func() error { _, err := wire.DecodeEntry(record, ann.Digest(), keyspace.FieldOf("x")); return err },
		"two replies swapped":      func() error { _, err := wire.DecodeEntry(mark, ann.Digest(), e.Field); return err },
		"another subject's head": func() error {
			_, err := wire.DecodeHead(wire.AppendHead(nil, ann.Digest(), &unnamed), bob.Digest())
			return err
		},
		"a head that names another": func() error {
			_, err := wire.DecodeHead(wire.AppendHead(nil, ann.Digest(), &foreign), ann.Digest())
			return err
		},
		"the type byte of the id": func() error {
			f := m.Field
			f[0] = 'h'
			_, err := wire.DecodeEntry(mark, ann.Digest(), f)
			return err
		},
		"a field that no id has": func() error { _, err := wire.DecodeEntry(record, ann.Digest(), keyspace.Field{}); return err },
	} {
		t.Run(rule, func(t *testing.T) { mustBeCorrupt(t, read(), rule) })
	}
}

// TestImpossible: bytes that are well formed and say what no ledger says are errors.
func TestImpossible(t *testing.T) {
	head := func(change func(*ledger.Head)) func() error {
		h := fullHead()
		change(&h)
		return func() error {
			_, err := wire.DecodeHead(wire.AppendHead(nil, ann.Digest(), &h), ann.Digest())
			return err
		}
	}
	record := func(change func(*ledger.Entry)) func() error {
		e := fullRecord()
		change(&e)
		return entryOf(e)
	}
	for rule, read := range map[string]func() error{
		"a cut above seq":           head(func(h *ledger.Head) { h.Cut = h.Seq + 1 }),
		"a floor above seq":         head(func(h *ledger.Head) { h.Floor = h.Seq + 1 }),
		"a kept cut above the cut":  head(func(h *ledger.Head) { h.KeptCut = h.Cut + 1 }),
		"more marks than entries":   head(func(h *ledger.Head) { h.Marks = h.Entries + 1 }),
		"a seq that JSON rounds":    head(func(h *ledger.Head) { h.Seq = 1 << 53 }),
		"a subject of unknown kind": head(func(h *ledger.Head) { h.Subject.Kind = 200 }),
		"an id under a hash of another": record(func(e *ledger.Entry) {
			e.Record.ID = "not the id of the field"
		}),
		"a record without its id": record(func(e *ledger.Entry) { e.Record.ID = "" }),
		"a mark that ends in the year 20000": entryOf(func() ledger.Entry {
			m := fullMark()
			m.Mark.Until = time.Date(20_000, 1, 1, 0, 0, 0, 0, time.UTC)
			return m
		}()),
		"a record that does":           record(func(e *ledger.Entry) { e.Record.ExpiresAt = time.Date(20_000, 1, 1, 0, 0, 0, 0, time.UTC) }),
		"an empty key":                 record(func(e *ledger.Entry) { e.Record.Metadata = map[string]string{"": "x"} }),
		"a mark with a boundless text": entryOf(mark(string(make([]byte, store.MaxReasonLen+1)))),
	} {
		t.Run(rule, func(t *testing.T) { mustBeCorrupt(t, read(), rule) })
	}
}

func entryOf(e ledger.Entry) func() error {
	f := entryForm(e)
	return func() error { return f.read(f.bytes) }
}

// TestMalformed: bytes that AppendEntry never writes are errors, so that a value has one form only.
func TestMalformed(t *testing.T) {
	const seqAt = 9 // behind the tag and the check; its high three bits count the sections
	classed := entryForm(session(class("x")))
	replayed := entryForm(session(refreshed(day, 3), replays(2)))
	headless := fullHead()
	head := form{wire.AppendHead(nil, ann.Digest(), &headless), func(b []byte) error { _, err := wire.DecodeHead(b, ann.Digest()); return err }}
	for rule, c := range map[string]struct {
		f      form
		change func([]byte) []byte
	}{
		"an empty section": {classed, func(b []byte) []byte { b[len(b)-2] &^= 31; return b[:len(b)-1] }},
		"a section twice":  {classed, func(b []byte) []byte { b[seqAt] += 1 << 5; return append(b, b[len(b)-2:]...) }},
		"sections in falling order": {classed, func(b []byte) []byte {
			b[seqAt] += 1 << 5
			return append(b[:len(b)-2], 2<<5|1, 'b', 1<<5|1, 'x')
		}},
		"an unknown section":        {classed, func(b []byte) []byte { b[len(b)-2] |= 7 << 5; return b }},
		"fewer sections than told":  {classed, func(b []byte) []byte { b[seqAt] += 1 << 5; return b }},
		"half a replay":             {replayed, func(b []byte) []byte { b[len(b)-5]--; return b[:len(b)-1] }},
		"an op of zeros":            {head, func(b []byte) []byte { return swap(b, sixteen(0x10), [16]byte{}) }},
		"a length beyond its value": {classed, func(b []byte) []byte { b[len(b)-2] |= 31; return append(b, 0xff, 0xff, 0xff, 0xff, 0x7f) }},
	} {
		t.Run(rule, func(t *testing.T) { mustBeCorrupt(t, c.f.read(c.change(append([]byte(nil), c.f.bytes...))), rule) })
	}
}

func swap(b []byte, old, to [16]byte) []byte { return bytes.Replace(b, old[:], to[:], 1) }

// TestErrorsHoldNoBytes: what is stored is nobody's business in a log.
func TestErrorsHoldNoBytes(t *testing.T) {
	for name, f := range forms() {
		for n := range f.bytes {
			if err := f.read(f.bytes[:n]); err != nil && len(err.Error()) > 100 {
				t.Errorf("%s: a suspiciously long error: %v", name, err)
			}
		}
	}
}
