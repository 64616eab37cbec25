package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
)

// TestVerdictOfOwnTokens compares Verdict with the rule, said again in other words, over every order of a token's seq,
// floor, cut and kept cut, and every answer about its ids.
func TestVerdictOfOwnTokens(t *testing.T) {
	statuses := []store.Status{store.Unknown, store.Live, store.Revoked}
	n := 0
	for _, sid := range []string{"", "s"} {
		for _, session := range statuses {
			for _, tok := range statuses {
				for _, keep := range []string{"", "s", "t", "other"} {
					for order := range 3 * 3 * 3 * 3 {
						for _, without := range []bool{false, true} {
							st := store.State{
								Floor: uint64(order % 3), Cut: uint64(order / 3 % 3), KeptCut: uint64(order / 9 % 3), Keep: keep,
								Entries: []store.Entry{{Status: tok, Reason: "why"}},
							}
							if sid != "" {
								st.Entries = []store.Entry{{Status: session, Reason: "why"}, {Status: tok, Reason: "why"}}
							}
							p := store.Presented{TokenID: "t", SessionID: sid, Seq: uint64(order / 27 % 3), WithoutRecord: without}
							if got, want := st.Verdict(p).Alive, rule(st, p); got != want {
								t.Fatalf("alive=%v, want %v: %+v in %+v", got, want, p, st)
							}
							n++
						}
					}
				}
			}
		}
	}
	t.Logf("%d cases", n)
}

// rule is the rule of own tokens as docs/semantics.md has it.
func rule(st store.State, p store.Presented) bool {
	barred, own := false, "t"
	if p.SessionID != "" {
		own = p.SessionID
	}
	for _, e := range st.Entries {
		barred = barred || e.Status == store.Revoked
	}
	recorded := st.Entries[0].Status == store.Live || p.WithoutRecord
	aboveCut := p.Seq > st.Cut || st.Keep == own && p.Seq > st.KeptCut
	return !barred && recorded && p.Seq > st.Floor && aboveCut
}

func TestVerdictReasons(t *testing.T) {
	live, unknown, marked := store.Entry{Status: store.Live, Record: store.Record{ID: "s"}}, store.Entry{}, store.Entry{Status: store.Revoked, Reason: "why"}
	own := store.Presented{TokenID: "t", SessionID: "s", Seq: 10}
	without := store.Presented{TokenID: "t", SessionID: "s", Seq: 10, WithoutRecord: true}
	for _, c := range []struct {
		name   string
		st     store.State
		p      store.Presented
		reason string
		err    error
	}{
		{"a live session", store.State{Entries: []store.Entry{live, unknown}}, own, "", nil},
		{"an unknown session", store.State{Entries: []store.Entry{unknown, unknown}}, own, store.ReasonUnknown, store.ErrNotFound},
		{"an unknown session, without a record", store.State{Entries: []store.Entry{unknown, unknown}}, without, "", nil},
		{"a marked session", store.State{Entries: []store.Entry{marked, unknown}}, own, "why", store.ErrRevoked},
		{"a marked token of a live session", store.State{Entries: []store.Entry{live, marked}}, own, "why", store.ErrRevoked},
		{"behind the floor", store.State{Floor: 10, Entries: []store.Entry{live, unknown}}, own, store.ReasonFloor, store.ErrRevoked},
		{"behind the cut", store.State{Cut: 10, Entries: []store.Entry{unknown, unknown}}, without, store.ReasonCut, store.ErrRevoked},
		{"behind the cut, though the session's id is live again", store.State{Cut: 10, Entries: []store.Entry{live, unknown}}, own, store.ReasonCut, store.ErrRevoked},
		{"without a seq", store.State{Entries: []store.Entry{live, unknown}}, store.Presented{TokenID: "t", SessionID: "s"}, store.ReasonFloor, store.ErrRevoked},
		{"without ids", store.State{}, store.Presented{Seq: 10, WithoutRecord: true}, store.ReasonUnknown, store.ErrNotFound},
		{"a zero state", store.State{}, without, store.ReasonUnknown, store.ErrNotFound},
		{"too few entries", store.State{Entries: []store.Entry{live}}, own, store.ReasonUnknown, store.ErrNotFound},
		{"too many entries", store.State{Entries: []store.Entry{live, unknown, unknown}}, own, store.ReasonUnknown, store.ErrNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := c.st.Verdict(c.p)
			if v.Reason != c.reason || v.Alive != (c.err == nil) || !errors.Is(v.Err(), c.err) {
				t.Errorf("%+v, %v; want reason %q, %v", v, v.Err(), c.reason, c.err)
			}
			if v.Alive && !c.p.WithoutRecord && v.Record.ID != "s" || !v.Alive && v.Record.ID != "" {
				t.Errorf("record %+v", v.Record)
			}
		})
	}
	if (store.Verdict{}).Err() == nil {
		t.Error("the zero verdict is alive")
	}
}

// TestVerdictOfForeignTokens: times are told from the cut or the floor, which are at noon.
func TestVerdictOfForeignTokens(t *testing.T) {
	for _, c := range []struct {
		name         string
		issued       time.Duration
		skew, leeway time.Duration
		what         string // cut, floor, or none
		record       bool
		reason       string
	}{
		{"issued a second after the cut", time.Second, 0, 0, "cut", false, ""},
		{"issued with the cut", 0, 0, 0, "cut", false, store.ReasonCut},
		{"iat counts whole seconds, so later in the second of the cut is not after it", 999 * time.Millisecond, 0, 0, "cut", false, store.ReasonCut},
		{"issued within the skew of the cut", 30 * time.Second, 30 * time.Second, 0, "cut", false, store.ReasonCut},
		{"issued a second after the skew", 31 * time.Second, 30 * time.Second, 0, "cut", false, ""},
		{"iat is floored before the skew", 30*time.Second + 999*time.Millisecond, 30 * time.Second, 0, "cut", false, store.ReasonCut},
		{"the skew is at least the leeway", 30 * time.Second, time.Second, 30 * time.Second, "cut", false, store.ReasonCut},
		{"the leeway is the default skew", 31 * time.Second, 0, 30 * time.Second, "cut", false, ""},
		{"a live record carries it over the cut", -time.Hour, 0, 0, "cut", true, ""},
		{"issued before the floor", -time.Second, 0, 0, "floor", false, store.ReasonFloor},
		{"within the skew of the floor", 30 * time.Second, 30 * time.Second, 0, "floor", false, store.ReasonFloor},
		{"no record carries it over the floor", -time.Second, 0, 0, "floor", true, store.ReasonFloor},
		{"issued after the floor", time.Second, 0, 0, "floor", false, ""},
		{"with neither cut nor floor", -9 * time.Hour, time.Hour, time.Hour, "none", false, ""},
		{"issued in the future", time.Hour + time.Second, 0, 0, "none", false, store.ReasonUndated},
		{"issued in the future, within the leeway", time.Hour + time.Second, 0, time.Second, "none", false, ""},
		{"issued in the future, beyond the leeway", time.Hour + 2*time.Second, 0, time.Second, "none", false, store.ReasonUndated},
		{"without an iat", -1 << 62, 0, 0, "none", false, store.ReasonUndated},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := store.State{Now: now.Add(time.Hour), Entries: []store.Entry{{}}}
			switch c.what {
			case "cut":
				st.CutTime = now
			case "floor":
				st.FloorTime = now
			}
			if c.record {
				st.Entries[0].Status = store.Live
			}
			p := store.Presented{
				TokenID: "t", Foreign: true, WithoutRecord: !c.record, IssuedAt: now.Add(c.issued), ForeignSkew: c.skew, Leeway: c.leeway,
			}
			if c.issued == -1<<62 {
				p.IssuedAt = time.Time{}
			}
			if v := st.Verdict(p); v.Reason != c.reason || v.Alive != (c.reason == "") {
				t.Errorf("%+v, want reason %q", v, c.reason)
			}
		})
	}
	t.Run("a mark comes first, and a seq saves nobody", func(t *testing.T) {
		st := store.State{Now: now, CutTime: now, Entries: []store.Entry{{Status: store.Revoked, Reason: "why"}}}
		p := store.Presented{TokenID: "t", Foreign: true, WithoutRecord: true, IssuedAt: now.Add(-time.Hour), Seq: 1 << 60}
		if v := st.Verdict(p); v.Reason != "why" {
			t.Errorf("%+v", v)
		}
		st.Entries[0] = store.Entry{}
		if v := st.Verdict(p); v.Reason != store.ReasonCut {
			t.Errorf("%+v", v)
		}
	})
}

func TestPresentedIDs(t *testing.T) {
	for want, p := range map[string]store.Presented{
		"[s t]": {TokenID: "t", SessionID: "s"},
		"[t]":   {TokenID: "t"},
		"[s]":   {SessionID: "s"},
		"[x]":   {TokenID: "x", SessionID: "x"},
		"[]":    {},
	} {
		if got := fmt.Sprint(p.IDs()); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
