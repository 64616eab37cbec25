package wire_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/internal/wire"
	"github.com/jetonkit/jeton/store"
)

// What the Redis scripts wrote, once: store/redis's TestGolden holds them to it.
var (
	redisNoon = time.Date(2100, time.March, 4, 12, 0, 0, 123_456_000, time.UTC)
	keptID    = "an id that needs a hash"
)

func redisGolden(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "v1", "redis-"+name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// seqAt is a place in the order: the microsecond of its making, and how many came before within it.
func seqAt(after time.Duration, more uint64) uint64 {
	return uint64(redisNoon.Add(after).UnixMicro()) + more
}

func TestGoldenRedisHead(t *testing.T) {
	got, err := wire.DecodeOrder(redisGolden(t, "order"), redisGolden(t, "spared"), ann.Digest())
	want := ledger.Head{
		Seq: seqAt(3*time.Hour, 1), Cut: seqAt(3*time.Hour, 0), CutTime: redisNoon.Add(3 * time.Hour), Time: redisNoon.Add(3 * time.Hour),
		Floor: seqAt(2*time.Hour, 0), FloorTime: redisNoon.Add(2 * time.Hour), KeptCut: seqAt(0, 0), Keep: keptID, Marks: 1,
		Until: time.Date(2100, time.March, 6, 15, 5, 37, 624_000_000, time.UTC),
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("decoded\n%+v, %v\nwant\n%+v", got, err, want)
	}
	got, err = wire.DecodeOrder(redisGolden(t, "order"), "", ann.Digest())
	want.Floor, want.FloorTime, want.KeptCut, want.Keep = 0, time.Time{}, 0, ""
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("without a floor, decoded\n%+v, %v\nwant\n%+v", got, err, want)
	}
}

func TestGoldenRedisEntries(t *testing.T) {
	rec, err := wire.DecodeEntry([]byte(redisGolden(t, "record")), ann.Digest(), keyspace.FieldOf(keptID))
	want := ledger.Entry{Field: keyspace.FieldOf(keptID), Record: store.Record{
		ID: keptID, Class: "web", Seq: seqAt(3*time.Hour, 1), Link: sixteen(0xA0), Binding: "thumbprint", IssuedAt: redisNoon,
		RotatedAt: milli(redisNoon), LastSeen: milli(redisNoon), ExpiresAt: redisNoon.Add(24*time.Hour + time.Millisecond).Truncate(time.Millisecond),
		Deadline: milli(redisNoon.Add(store.MaxLife + time.Millisecond)), Metadata: map[string]string{"agent": "curl/8"},
	}}
	if err != nil || !reflect.DeepEqual(rec, want) {
		t.Errorf("decoded\n%+v, %v\nwant\n%+v", rec, err, want)
	}
	barred := keyspace.FieldOf("sixteen bytes id")
	mark, err := wire.DecodeEntry([]byte(redisGolden(t, "mark")), ann.Digest(), barred)
	until := redisNoon.Add(26*time.Hour + store.MarkMargin + time.Millisecond).Truncate(time.Millisecond)
	if want := (ledger.Entry{Field: barred, Mark: &ledger.Mark{Until: until, Reason: "stolen"}}); err != nil || !reflect.DeepEqual(mark, want) {
		t.Errorf("decoded\n%+v, %v\nwant\n%+v", mark, err, want)
	}
}

func TestGoldenRedisNotices(t *testing.T) {
	nonce := store.Position{Nonce: [8]byte(bytes.Repeat([]byte{7}, 8))}
	birth := seqAt(0, 0) // a ledger starts at it
	base := func(after time.Duration) store.Event {
		return store.Event{
			Position: nonce, Birth: redisNoon, Time: redisNoon.Add(after), Subject: ann.Digest(), Cut: birth, CutTime: redisNoon,
		}
	}
	ids, floor, keep := base(time.Hour), base(2*time.Hour), base(3*time.Hour)
	ids.IDs = []store.Digest{store.DigestID("barred")}
	floor.IDs, floor.Floor, floor.FloorTime = []store.Digest{store.DigestID("sixteen bytes id")}, seqAt(2*time.Hour, 0), redisNoon.Add(2*time.Hour)
	keep.Cut, keep.CutTime, keep.KeptCut, keep.Keep = seqAt(3*time.Hour, 0), redisNoon.Add(3*time.Hour), birth, store.DigestID(keptID)
	keep.Floor, keep.FloorTime = floor.Floor, floor.FloorTime
	for name, want := range map[string]store.Event{
		"genesis": {Position: nonce, Birth: redisNoon, Time: redisNoon}, "notice-ids": ids, "notice-floor": floor, "notice-keep": keep,
	} {
		if got, err := wire.DecodeNotice(redisGolden(t, name)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: decoded\n%+v, %v\nwant\n%+v", name, got, err, want)
		}
	}
}

func TestGoldenRedisName(t *testing.T) {
	text := redisGolden(t, "name")
	if got := wire.Name(ann); got != text {
		t.Errorf("the name's form is %x, want %x", got, text)
	}
	if got, err := wire.DecodeName(text, ann.Digest()); err != nil || got != ann {
		t.Errorf("decoded %+v, %v", got, err)
	}
}

// redisForms are the forms that only the scripts write, and how each is read.
func redisForms(t testing.TB) map[string]struct {
	text string
	read func(string) error
} {
	head := func(order, spared string) error {
		_, err := wire.DecodeOrder(order, spared, ann.Digest())
		return err
	}
	order, spared := redisGolden(t, "order"), redisGolden(t, "spared")
	notice := func(text string) error {
		_, err := wire.DecodeNotice(text)
		return err
	}
	return map[string]struct {
		text string
		read func(string) error
	}{
		"order":  {order, func(text string) error { return head(text, spared) }},
		"spared": {spared, func(text string) error { return head(order, text) }},
		"name":   {redisGolden(t, "name"), func(text string) error { _, err := wire.DecodeName(text, ann.Digest()); return err }},
		"notice": {redisGolden(t, "notice-keep"), notice},
		"ids":    {redisGolden(t, "notice-ids"), notice},
	}
}

// TestRedisDamage: cut short anywhere, too long, or of another version or form, a value is ErrCorrupt.
func TestRedisDamage(t *testing.T) {
	all := redisForms(t)
	for name, f := range all {
		t.Run(name, func(t *testing.T) {
			if err := f.read(f.text); err != nil {
				t.Fatal(err)
			}
			for n := range len(f.text) {
				if whole := map[string][]int{"spared": {0, 30}, "ids": {75}}; slices.Contains(whole[name], n) {
					continue // no floor, no kept session, no ids
				}
				mustBeCorrupt(t, f.read(f.text[:n]), "cut short")
			}
			mustBeCorrupt(t, f.read(f.text+"\x00"), "a byte too long")
			mustBeCorrupt(t, f.read("\x20"+f.text[1:]), "a later version")
			for other, o := range all {
				if o.text[0] != f.text[0] {
					mustBeCorrupt(t, f.read(o.text), "the form of "+other)
				}
			}
		})
	}
	bob := store.User("bob").Digest()
	_, order := wire.DecodeOrder(redisGolden(t, "order"), "", bob)
	_, name := wire.DecodeName(redisGolden(t, "name"), bob)
	mustBeCorrupt(t, order, "another subject's head")
	mustBeCorrupt(t, name, "another subject's name")
}

// TestRedisHeadsThatCannotBe: an order that contradicts itself is ErrCorrupt, whatever its check says.
func TestRedisHeadsThatCannotBe(t *testing.T) {
	order, spared := redisGolden(t, "order"), redisGolden(t, "spared")
	big := strings.Repeat("\xff", 7)
	for rule, err := range map[string]error{
		"a cut past the seq":       second(wire.DecodeOrder(order[:16]+big+order[23:], spared, ann.Digest())),
		"a floor past the seq":     second(wire.DecodeOrder(order, spared[:9]+big+spared[16:], ann.Digest())),
		"a kept cut past the cut":  second(wire.DecodeOrder(order, spared[:23]+big+spared[30:], ann.Digest())),
		"a kept id of another":     second(wire.DecodeOrder(order, spared+"x", ann.Digest())),
		"a kept field cut short":   second(wire.DecodeOrder(order, spared[:40], ann.Digest())),
		"an event of 257 ids":      second(wire.DecodeNotice(redisGolden(t, "genesis") + strings.Repeat("r"+strings.Repeat("x", 16), 257))),
		"a kept id of 5 bytes":     second(wire.DecodeNotice(redisGolden(t, "genesis")[:74] + "\x05hello")),
		"half an id behind others": second(wire.DecodeNotice(redisGolden(t, "notice-ids") + "rx")),
	} {
		mustBeCorrupt(t, err, rule)
	}
}

func second[T any](_ T, err error) error { return err }

// TestOptional: the sections of a new record are those that AppendEntry writes, and how many.
func TestOptional(t *testing.T) {
	for name, e := range map[string]ledger.Entry{"full": fullRecord(), "plain": plainRecord()} {
		e.Replays = nil // a new record has none
		sections, n := wire.Optional(&e.Record)
		whole := wire.AppendEntry(nil, ann.Digest(), &e)
		if !bytes.HasSuffix(whole, sections) || (n == 0) != (len(sections) == 0) || n > 5 {
			t.Errorf("%s: %d sections %x of %x", name, n, sections, whole)
		}
		if n != int(whole[9]>>5) { // the top bits of Seq count them
			t.Errorf("%s: %d sections, the record says %d", name, n, whole[9]>>5)
		}
	}
	if text := wire.Metadata(map[string]string{"b": "2", "a": "1"}); text != "\x01a\x011\x01b\x012" {
		t.Errorf("metadata is %q", text)
	}
	if wire.KeepText(keptID) != keptID || wire.KeepText("sixteen bytes id") != "" {
		t.Error("an id's text is kept where its field holds it, or is not where it does not")
	}
}

func decodesOrCorrupt(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, store.ErrCorrupt) {
		t.Fatalf("%v, want ErrCorrupt", err)
	}
}

func FuzzRedisOrder(f *testing.F) {
	f.Add(redisGolden(f, "order"), redisGolden(f, "spared"))
	f.Add(redisGolden(f, "order"), "")
	f.Fuzz(func(t *testing.T, order, spared string) {
		_, err := wire.DecodeOrder(order, spared, ann.Digest())
		decodesOrCorrupt(t, err)
		right := func(text string) string { return string(authentic([]byte(text), keyspace.Field{})) }
		h, err := wire.DecodeOrder(right(order), right(spared), ann.Digest())
		decodesOrCorrupt(t, err)
		if err == nil && (h.Cut > h.Seq || h.Floor > h.Seq || h.KeptCut > h.Cut || len(h.Keep) > store.MaxNameLen) {
			t.Fatalf("a head that cannot be: %+v", h)
		}
	})
}

func FuzzRedisNotice(f *testing.F) {
	for _, name := range []string{"genesis", "notice-ids", "notice-floor", "notice-keep"} {
		f.Add(redisGolden(f, name))
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := wire.DecodeNotice(text)
		decodesOrCorrupt(t, err)
		if err != nil && !reflect.DeepEqual(e, store.Event{}) || len(e.IDs) > store.MaxIDs {
			t.Fatalf("%+v, %v", e, err)
		}
	})
}

func FuzzRedisName(f *testing.F) {
	f.Add(redisGolden(f, "name"), "acme", "", "ann")
	f.Fuzz(func(t *testing.T, text, realm, issuer, name string) {
		s, err := wire.DecodeName(text, ann.Digest())
		decodesOrCorrupt(t, err)
		if err == nil && s != ann {
			t.Fatalf("%x is taken for %+v", text, s)
		}
		mine := store.Subject{Kind: store.KindUser, Realm: realm, Issuer: issuer, Name: name}
		if mine.Check() != nil {
			return
		}
		if got, err := wire.DecodeName(wire.Name(mine), mine.Digest()); err != nil || got != mine {
			t.Fatalf("%+v came back as %+v, %v", mine, got, err)
		}
	})
}
