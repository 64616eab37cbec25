package redisstore_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/jetonkit/jeton/store"
)

// sights are what a caller may have kept.
type sights struct {
	records  []store.Record // as they were after each step that returned one
	issues   []store.IssueRequest
	rotates  []store.RotateRequest
	updates  []store.UpdateRequest
	revokes  []store.Revocation
	cuts     []uint64
	floor    uint64
	apart    map[string]bool // dead by the cut in one store, and pruned in the other: both are right
	taken    map[string]bool // dead or alive
	sessions []store.Record  // live
}

// twinIDs are sessions', of every form that is kept differently; twinTokens are barred alone. Together with MaxMarks they are
// so few that no step bars more than there is room for: which of them are then marked is the store's to choose.
var (
	twinIDs    = []string{"AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAQ", "short", "\x00\xff{}\r\n", strings.Repeat("long", 64), "AAAAAAAAAAAAAAAAAAAAAB"}
	twinTokens = []string{"token 1", "token 2", "token 3", "token 4", "token 5", "token 6", "BBBBBBBBBBBBBBBBBBBBBA", strings.Repeat("t", 256)}
)

// draw chooses one of a few, each as often as the others.
func draw[T any](h *history, label string, from ...T) T {
	return rapid.SampledFrom(from).Draw(h.t, label)
}

// oneIn is true once in n times.
func (h *history) oneIn(n int, label string) bool {
	return rapid.SampledFrom(hundred[:n]).Draw(h.t, label) == n-1 // a shrunken history has none
}

var hundred = func() (n []int) {
	for i := range 100 {
		n = append(n, i)
	}
	return n
}()

// last draws one of the last few.
func last[T any](h *history, label string, few int, all []T) T {
	return all[len(all)-1-rapid.SampledFrom(hundred[:min(few, len(all))]).Draw(h.t, label)]
}

// end draws an expiry or a deadline, good ones more often. The zero time is good where it may be left out.
func (h *history) end(label string, zero bool) time.Time {
	now := h.clock.Now()
	if zero && h.oneIn(3, "no "+label) {
		return time.Time{}
	}
	if h.oneIn(15, "bad "+label) {
		return now.Add(draw(h, label, 0, -time.Microsecond, -time.Hour, store.MaxLife+time.Millisecond, 20*store.MaxLife))
	}
	return now.Add(draw(h, label, time.Hour, time.Minute, 10*time.Hour, time.Hour+1500*time.Microsecond, 2*time.Second, 5*time.Hour,
		time.Millisecond, 30*time.Hour, time.Microsecond, store.MaxLife))
}

// id draws a session's id, but none that the stores have in different states.
func (h *history) id(i int) string {
	ids := slices.DeleteFunc(slices.Clone(twinIDs), func(id string) bool { return h.seen[i].apart[id] })
	if live := h.seen[i].sessions; len(live) > 0 && !h.oneIn(4, "whatever id") {
		return draw(h, "session", live...).ID
	}
	if len(ids) == 0 {
		return "nobody's"
	}
	return draw(h, "id", ids...)
}

// link returns a new one; the same in every run of a history.
func (h *history) link() (l store.Link) {
	h.links++
	binary.BigEndian.PutUint16(l[:], h.links) // replays are told apart by these two bytes
	return l
}

func (h *history) metadata() map[string]string {
	if h.oneIn(30, "bad metadata") {
		return map[string]string{"": "nameless"}
	}
	return draw(h, "metadata", nil, map[string]string{}, map[string]string{"k": "v"}, map[string]string{"a": "\x00", "b": ""})
}

// again draws a request made before, now and then.
func again[T any](h *history, before []T) (r T, ok bool) {
	if len(before) == 0 || !h.oneIn(6, "again") {
		return r, false
	}
	return last(h, "back", 6, before), true
}

func (h *history) remember(i int, o twinOutcome) {
	if o.Err == "" && len(o.Records) > 0 {
		h.seen[i].records = append(h.seen[i].records, o.Records[0])
	}
}

// free returns the ids that may be issued.
func (h *history) free(i int) []string {
	return slices.DeleteFunc(slices.Clone(twinIDs), func(id string) bool { return h.seen[i].apart[id] || h.seen[i].taken[id] })
}
