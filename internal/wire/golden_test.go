package wire_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/internal/wire"
	"github.com/jetonkit/jeton/store"
)

var ann = store.Subject{Kind: store.KindUser, Realm: "acme", Name: "ann"}

// noon is when the golden values were made.
var noon = time.Date(2026, time.March, 4, 12, 0, 0, 123_456_000, time.UTC)

func milli(t time.Time) time.Time { return t.Truncate(time.Millisecond) }

// sixteen returns 16 distinct bytes from first on.
func sixteen(first byte) (b [16]byte) {
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

func fullRecord() ledger.Entry {
	const id = "an id that needs a hash"
	return ledger.Entry{
		Field: keyspace.FieldOf(id),
		Record: store.Record{
			ID: id, Class: "web", Seq: uint64(noon.UnixMicro()) + 77, Version: 3, Rotation: 300,
			Link: sixteen(0xA0), PrevLink: store.LinkTag{1, 2, 3, 4, 5, 6, 7, 8}, Binding: "thumbprint",
			IssuedAt: noon, RotatedAt: milli(noon.Add(time.Hour)), LastSeen: milli(noon.Add(2 * time.Hour)),
			ExpiresAt: noon.Add(24 * time.Hour).Truncate(time.Second), Deadline: milli(noon.Add(90 * 24 * time.Hour)),
			Metadata: map[string]string{"agent": "curl/8", "ip": "192.0.2.1", "note": "a note of more than thirty-one bytes"},
		},
		Replays: []ledger.Replay{{9, 8}, {7, 6}},
	}
}

func plainRecord() ledger.Entry {
	id := keyspace.Field{'t', 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	text, _ := id.ID()
	return ledger.Entry{
		Field: id,
		Record: store.Record{
			ID: text, Seq: uint64(noon.UnixMicro()), Link: sixteen(0xA0),
			IssuedAt: noon, RotatedAt: milli(noon), LastSeen: milli(noon),
			ExpiresAt: noon.Add(30 * 24 * time.Hour).Truncate(time.Second),
			Deadline:  milli(noon.Add(store.MaxLife)).Add(time.Millisecond),
		},
	}
}

func fullMark() ledger.Entry {
	return ledger.Entry{
		Field: keyspace.FieldOf("sixteen bytes id"),
		Mark:  &ledger.Mark{No: 300, Until: milli(noon.Add(24*time.Hour + store.MarkMargin)), Reason: store.ReasonEvicted},
	}
}

func fullHead() ledger.Head {
	seq := uint64(noon.UnixMicro())
	return ledger.Head{
		Subject: ann, Seq: seq + 3, Cut: seq + 2, KeptCut: seq, Floor: seq + 1, CutTime: noon, FloorTime: noon.Add(-time.Hour),
		Keep: "an id that needs a hash", Ops: [4]store.Op{sixteen(0x10), sixteen(0x20)}, Time: noon, Until: noon.Add(48 * time.Hour),
		Entries: 300, Marks: 7, MarkNo: 500, Cursor: keyspace.FieldOf("sixteen bytes id"),
	}
}

func fullEvent() *store.Event {
	return &store.Event{
		Position: store.Position{Nonce: [8]byte{8, 7, 6, 5, 4, 3, 2, 1}}, Birth: noon.Add(-time.Hour), Time: noon,
		Subject: ann.Digest(), Keep: store.DigestID("kept"), Cut: 1 << 50, KeptCut: 3, Floor: 1 << 49,
		CutTime: noon, FloorTime: noon, IDs: []store.Digest{store.DigestID("a"), store.DigestID("b")},
	}
}

// TestGolden holds bytes that were written once: a release that cannot read them loses people's sessions, or worse their
// revocations. If a new version writes another form, these files stay and are still decoded; only the encoding half of
// the test moves to the new version's files.
func TestGolden(t *testing.T) {
	d := ann.Digest()
	entry := func(e ledger.Entry) golden {
		return golden{e, wire.AppendEntry(nil, d, &e), func(b []byte) (any, error) { return wire.DecodeEntry(b, d, e.Field) }}
	}
	h, forgotten := fullHead(), ledger.Head{Seq: 5, Cut: 5, CutTime: noon, Time: noon, Until: noon}
	head := func(h ledger.Head) golden {
		return golden{h, wire.AppendHead(nil, d, &h), func(b []byte) (any, error) { return wire.DecodeHead(b, d) }}
	}
	event := func(e *store.Event) golden {
		return golden{*e, wire.AppendEvent(nil, e), func(b []byte) (any, error) { return wire.DecodeEvent(b) }}
	}
	for name, g := range map[string]golden{
		"record-plain": entry(plainRecord()), "record-full": entry(fullRecord()), "mark": entry(fullMark()),
		"head": head(h), "head-forgotten": head(forgotten),
		"event": event(fullEvent()), "event-genesis": event(&store.Event{Birth: noon, Time: noon}),
	} {
		t.Run("v1/"+name, func(t *testing.T) { g.check(t, filepath.Join("testdata", "v1", name+".hex")) })
	}
}

type golden struct {
	value   any
	encoded []byte
	decode  func([]byte) (any, error)
}

func (g golden) check(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v\nthis release writes:\n%x", err, g.encoded)
	}
	want, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(g.encoded, want) {
		t.Errorf("the form has changed without a new version:\n got %x\nwant %x", g.encoded, want)
	}
	got, err := g.decode(want)
	if err != nil || !reflect.DeepEqual(got, g.value) {
		t.Errorf("decoded\n%+v, %v\nwant\n%+v", got, err, g.value)
	}
}
