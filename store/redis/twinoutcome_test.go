package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jetonkit/jeton/store"
)

// twinOutcome is what a call did, as far as the contract says.
type twinOutcome struct {
	Err     string
	Records []store.Record
	Outcome store.Outcome
	Now     time.Time
}

// failed names an error as the contract does.
func failed(err error) string {
	var field *store.FieldError
	if errors.As(err, &field) {
		return field.Error()
	}
	for _, is := range []error{
		store.ErrNotFound, store.ErrRevoked, store.ErrExists, store.ErrConflict, store.ErrLimit, store.ErrReplayLimit, store.ErrTooLarge,
		store.ErrClock, store.ErrInvalid,
	} {
		if errors.Is(err, is) {
			return is.Error()
		}
	}
	return fmt.Sprint(err)
}

// plain is a record whose equals are equal to reflect.
func plain(r store.Record) store.Record {
	for _, at := range []*time.Time{&r.IssuedAt, &r.ExpiresAt, &r.Deadline, &r.RotatedAt, &r.LastSeen} {
		*at = at.Round(0).UTC()
	}
	if len(r.Metadata) == 0 {
		r.Metadata = nil
	}
	return r
}

func plains(rs []store.Record) []store.Record {
	out := make([]store.Record, len(rs))
	for i, r := range rs {
		out[i] = plain(r)
	}
	return out
}

func outcomeOf(err error, now time.Time, o store.Outcome, rs ...store.Record) twinOutcome {
	if err != nil {
		return twinOutcome{Err: failed(err)}
	}
	return twinOutcome{Records: plains(rs), Outcome: o, Now: now.UTC()}
}

// do sends a request to both and returns the outcome, which must be the same.
func (h *history) do(what string, call func(s store.TokenStore) twinOutcome) twinOutcome {
	h.log = append(h.log, what)
	memory, redis := call(h.both[0]), call(h.both[1])
	h.same(what, memory, redis)
	verb := strings.Fields(what)[1]
	switch {
	case memory.Err != "":
		name, _, _ := strings.Cut(memory.Err, ":")
		h.met[verb+": "+name]++
	case memory.Outcome != 0:
		h.met[verb+": "+memory.Outcome.String()]++
	case verb == "issue" && len(memory.Records) > 1:
		h.met["issue: evicts"]++
	default:
		h.met[verb]++
	}
	return memory
}

func (h *history) same(what string, memory, redis any) {
	h.t.Helper()
	if !reflect.DeepEqual(memory, redis) {
		h.t.Fatalf("%s\n  in memory %s\n  on Redis  %s\nafter\n  %s", what, shown(memory), shown(redis), strings.Join(h.log, "\n  "))
	}
}

// shown prints links too.
func shown(v any) string {
	if o, ok := v.(twinOutcome); ok {
		text := fmt.Sprintf("%q %v at %v", o.Err, o.Outcome, o.Now)
		for _, r := range o.Records {
			text += "\n    " + shown(r)
		}
		return text
	}
	if r, ok := v.(store.Record); ok {
		return fmt.Sprintf("%+v link %x after %x", r, r.Link[:], r.PrevLink[:])
	}
	return fmt.Sprintf("%+v", v)
}

// compare looks at all that both stores know of a subject.
func (h *history) compare(i int) {
	who, see := h.who[i], &h.seen[i]
	ids := slices.Concat(twinIDs, twinTokens)
	var states [2]store.State
	for k, w := range h.both {
		st, err := w.Lookup(context.Background(), who, ids...)
		if err != nil {
			h.t.Fatalf("%T: %v after\n  %s", w.TokenStore, err, strings.Join(h.log, "\n  "))
		}
		states[k] = st
	}
	memory, redis := &states[0], &states[1]
	see.apart, see.taken, see.sessions = map[string]bool{}, map[string]bool{}, nil
	for k, id := range ids {
		m, r := &memory.Entries[k], &redis.Entries[k]
		if m.Status != r.Status && (m.Reason == store.ReasonCut || r.Reason == store.ReasonCut) && m.Status != store.Live && r.Status != store.Live {
			see.apart[id] = true // a record at or below the cut is Revoked or, once pruned, Unknown
			*m, *r = store.Entry{}, store.Entry{}
		}
		m.Record, r.Record = plain(m.Record), plain(r.Record)
		h.same(fmt.Sprintf("Lookup of %.30q of %d", id, i), m.Record, r.Record)
		if see.taken[id] = m.Status != store.Unknown; m.Status == store.Live {
			see.sessions = append(see.sessions, m.Record)
		}
	}
	for _, st := range states {
		if st.Stamp.Valid(time.Now()) {
			h.t.Fatalf("a store that caches nothing gave a stamp")
		}
	}
	h.same(fmt.Sprintf("Lookup of %d", i), simple(*memory), simple(*redis))
	h.same(fmt.Sprintf("the feed of %d", i), h.both[0].news(h.t, who.Digest()), h.both[1].news(h.t, who.Digest()))
	for what, is := range map[string]bool{"floor": memory.Floor > see.floor, "keep": memory.Keep != "", "apart": len(see.apart) > 0} {
		if is {
			h.met[what]++
		}
	}
	see.floor = memory.Floor
	if n := len(see.cuts); n == 0 || see.cuts[n-1] != memory.Cut {
		see.cuts = append(see.cuts, memory.Cut)
	}
	if !h.oneIn(4, "list") {
		return
	}
	page := draw(h, "page", 0, 1, 2, 3)
	h.do(fmt.Sprintf("%d list by %d", i, page), func(s store.TokenStore) twinOutcome {
		all, err := s.(*twin).list(who, page) //nolint:errcheck // both are
		return outcomeOf(err, time.Time{}, 0, all...)
	})
	h.log = h.log[:len(h.log)-1]
}

// simple is a state whose equals are equal to reflect.
func simple(st store.State) store.State {
	st.Stamp = store.Stamp{}
	for _, at := range []*time.Time{&st.CutTime, &st.FloorTime, &st.Now} {
		*at = at.Round(0).UTC()
	}
	return st
}
