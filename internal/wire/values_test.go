package wire_test

import (
	"encoding/base64"
	"time"

	"pgregory.net/rapid"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/store"
)

// The generators make what the ledger may hold: times between 1970 and what ten years after 2199 end with, in any order,
// since a clock may have gone back between any two of them.

const endOfTime = 7_573_392_000_000 // the year 2210 in milliseconds

func genID() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.Map(bytesOf(16, 16), func(b []byte) string { return string(b) }),
		rapid.Map(bytesOf(16, 16), base64.RawURLEncoding.EncodeToString),
		rapid.Map(bytesOf(1, store.MaxNameLen), func(b []byte) string { return string(b) }),
		rapid.SampledFrom([]string{"\x00", "\r\n", "AAAAAAAAAAAAAAAAAAAAA\n", "AAAAAAAAAAAAAAAAAAAAAB", "ünïcode", "once"}),
	)
}

func bytesOf(least, most int) *rapid.Generator[[]byte] {
	return rapid.SliceOfN(rapid.Byte(), least, most)
}

func genText(most int) *rapid.Generator[string] {
	return rapid.Map(bytesOf(0, most), func(b []byte) string { return string(b) })
}

func gen16[T ~[16]byte]() *rapid.Generator[T] {
	return rapid.Map(bytesOf(16, 16), func(b []byte) T { return T([16]byte(b)) }) // in two steps: go vet's nilness panics on one
}

func genMilli() *rapid.Generator[time.Time] {
	return rapid.Map(rapid.OneOf(
		rapid.Int64Range(0, endOfTime),
		rapid.Map(rapid.Int64Range(0, endOfTime/1000), func(s int64) int64 { return s * 1000 }),
		rapid.SampledFrom([]int64{0, 1, 999, 1000, endOfTime}),
	), func(ms int64) time.Time { return time.UnixMilli(ms).UTC() })
}

func genMicro() *rapid.Generator[time.Time] {
	return rapid.Map(rapid.OneOf(
		rapid.Int64Range(0, endOfTime*1000),
		rapid.SampledFrom([]int64{0, 1, 999_999, endOfTime * 1000}),
	), func(us int64) time.Time { return time.UnixMicro(us).UTC() })
}

// genTime also makes the zero time, for what may be unset.
func genTime() *rapid.Generator[time.Time] { return rapid.OneOf(rapid.Just(time.Time{}), genMicro()) }

func genSeq() *rapid.Generator[uint64] {
	return rapid.OneOf(rapid.Uint64Range(0, 1<<53-1), rapid.SampledFrom([]uint64{0, 1, 1<<53 - 1}))
}

func genSubject() *rapid.Generator[store.Subject] {
	return rapid.Custom(func(t *rapid.T) store.Subject {
		return store.Subject{
			Kind:   rapid.SampledFrom([]store.Kind{store.KindUser, store.KindKey, store.KindSID, store.KindOnce}).Draw(t, "kind"),
			Realm:  genText(store.MaxNameLen).Draw(t, "realm"),
			Issuer: genText(store.MaxNameLen).Draw(t, "issuer"),
			Name:   rapid.Map(bytesOf(1, store.MaxNameLen), func(b []byte) string { return string(b) }).Draw(t, "name"),
		}
	})
}

func genRecord() *rapid.Generator[ledger.Entry] {
	return rapid.Custom(func(t *rapid.T) ledger.Entry {
		r := store.Record{
			ID: genID().Draw(t, "id"), Class: genText(store.MaxClassLen).Draw(t, "class"),
			Seq: genSeq().Draw(t, "seq"), Version: rapid.Uint64().Draw(t, "version"), Rotation: genSeq().Draw(t, "rotation"),
			Link: gen16[store.Link]().Draw(t, "link"), Binding: genText(store.MaxBindingLen).Draw(t, "binding"),
			IssuedAt: genMicro().Draw(t, "issued"), RotatedAt: genMilli().Draw(t, "rotated"), LastSeen: genMilli().Draw(t, "seen"),
			ExpiresAt: genMilli().Draw(t, "expires"), Deadline: genMilli().Draw(t, "deadline"),
		}
		if rapid.Bool().Draw(t, "seq is issuedAt") {
			r.IssuedAt = time.UnixMicro(int64(r.Seq)).UTC()
		}
		if rapid.Bool().Draw(t, "default deadline") {
			r.Deadline = r.IssuedAt.Add(store.MaxLife + 999*time.Microsecond).Truncate(time.Millisecond)
		}
		if r.Rotation > 0 {
			r.PrevLink = store.LinkTag(bytesOf(8, 8).Draw(t, "prevLink"))
		}
		pairs := rapid.MapOfN(rapid.StringN(1, -1, 40), rapid.String(), 0, 8).Draw(t, "metadata")
		if len(pairs) > 0 {
			r.Metadata = pairs
		}
		e := ledger.Entry{Field: keyspace.FieldOf(r.ID), Record: r}
		for range rapid.IntRange(0, store.MaxReplays).Draw(t, "replays") {
			e.Replays = append(e.Replays, ledger.Replay(bytesOf(2, 2).Draw(t, "replay")))
		}
		return e
	})
}

func genMark() *rapid.Generator[ledger.Entry] {
	return rapid.Custom(func(t *rapid.T) ledger.Entry {
		return ledger.Entry{
			Field: keyspace.FieldOf(genID().Draw(t, "id")),
			Mark: &ledger.Mark{
				No: rapid.Uint64().Draw(t, "no"), Until: genMilli().Draw(t, "until"),
				Reason: genText(store.MaxReasonLen).Draw(t, "reason"),
			},
		}
	})
}

func genHead(subject store.Subject) *rapid.Generator[ledger.Head] {
	return rapid.Custom(func(t *rapid.T) ledger.Head {
		h := ledger.Head{
			Seq:     genSeq().Draw(t, "seq"),
			CutTime: genTime().Draw(t, "cutTime"), FloorTime: genTime().Draw(t, "floorTime"),
			Time: genTime().Draw(t, "time"), Until: genTime().Draw(t, "until"),
			Keep: genText(store.MaxNameLen).Draw(t, "keep"), MarkNo: rapid.Uint64().Draw(t, "markNo"),
			Entries: rapid.IntRange(0, 1<<31-1).Draw(t, "entries"),
			Cursor:  keyspace.Field(bytesOf(17, 17).Draw(t, "cursor")),
		}
		h.Cut = rapid.Uint64Range(0, h.Seq).Draw(t, "cut")
		h.Floor = rapid.Uint64Range(0, h.Seq).Draw(t, "floor")
		h.KeptCut = rapid.Uint64Range(0, h.Cut).Draw(t, "keptCut")
		h.Marks = rapid.IntRange(0, h.Entries).Draw(t, "marks")
		for i := range rapid.IntRange(0, len(h.Ops)).Draw(t, "ops") {
			h.Ops[i] = gen16[store.Op]().Filter(func(o store.Op) bool { return o != store.Op{} }).Draw(t, "op")
		}
		if rapid.Bool().Draw(t, "named") {
			h.Subject = subject
		}
		return h
	})
}

func genEvent() *rapid.Generator[store.Event] {
	return rapid.Custom(func(t *rapid.T) store.Event {
		return store.Event{
			Position: store.Position{Nonce: [8]byte(bytesOf(8, 8).Draw(t, "nonce"))},
			Birth:    genTime().Draw(t, "birth"), Time: genTime().Draw(t, "time"),
			Subject: gen16[store.Digest]().Draw(t, "subject"), Keep: gen16[store.Digest]().Draw(t, "keep"),
			Cut: rapid.Uint64().Draw(t, "cut"), KeptCut: rapid.Uint64().Draw(t, "keptCut"), Floor: rapid.Uint64().Draw(t, "floor"),
			CutTime: genTime().Draw(t, "cutTime"), FloorTime: genTime().Draw(t, "floorTime"),
			IDs: rapid.OneOf(
				rapid.Just([]store.Digest(nil)),
				rapid.SliceOfN(gen16[store.Digest](), 1, store.MaxIDs),
			).Draw(t, "ids"),
		}
	})
}
