package redisstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jetonkit/jeton/store"
)

func (h *history) issue(i int) {
	see := &h.seen[i]
	r, repeat := again(h, see.issues)
	if !repeat {
		r = store.IssueRequest{
			Record: store.Record{
				ID: h.id(i), Subject: h.who[i], Link: h.link(), Class: draw(h, "class", "", "web", "ios"),
				Binding: draw(h, "binding", "", "device", "other"), ExpiresAt: h.end("expires", false), Metadata: h.metadata(),
			},
			Limit: draw(h, "limit", store.Limit{}, store.Limit{}, store.Limit{Max: 2}, store.Limit{MaxPerClass: 1}, store.Limit{Max: 3, MaxPerClass: 2},
				store.Limit{}, store.Limit{Max: 1}),
		}
		if free := h.free(i); len(free) > 0 && !h.oneIn(4, "an id in use") {
			r.Record.ID = draw(h, "free id", free...)
		}
		r.Limit.Policy = draw(h, "policy", store.EvictOldest, store.EvictLeastRecentlyUsed, store.Reject)
		if h.oneIn(3, "a deadline") {
			r.Record.Deadline = r.Record.ExpiresAt.Add(draw(h, "deadline", 0, time.Millisecond, time.Hour, 100*time.Hour))
		}
		if h.oneIn(20, "bad deadline") {
			r.Record.Deadline = h.end("deadline", true)
		}
		if h.oneIn(4, "guarded") {
			cut := last(h, "cut", 3, see.cuts)
			r.IfCut = &cut
		}
		if h.oneIn(40, "bad") {
			r.Record.Class, r.Limit.Max = strings.Repeat("c", store.MaxClassLen+1), draw(h, "bad limit", -1, store.MaxLimit+1, 0)
		}
		see.issues = append(see.issues, r)
	}
	if see.apart[r.Record.ID] {
		return
	}
	h.remember(i, h.do(fmt.Sprintf("%d issue %+v repeat %v", i, r, repeat), func(s store.TokenStore) twinOutcome {
		got, err := s.Issue(context.Background(), r)
		return outcomeOf(err, got.Now, 0, append([]store.Record{got.Record}, got.Evicted...)...)
	}))
}

func (h *history) rotate(i int) {
	see := &h.seen[i]
	r, repeat := again(h, see.rotates)
	if !repeat {
		rec := store.Record{ID: h.id(i), Link: h.link()}
		switch draw(h, "token", "newest", "newest", "newest", "previous", "previous", "one of the last", "forged") {
		case "previous":
			before := slices.DeleteFunc(slices.Clone(see.records), func(r store.Record) bool {
				return !slices.ContainsFunc(see.sessions, func(s store.Record) bool { return s.ID == r.ID && s.PrevLink == r.Link.Tag() })
			})
			if len(before) > 0 {
				rec = last(h, "of", 3, before)
			}
		case "newest":
			if len(see.sessions) > 0 {
				rec = draw(h, "of", see.sessions...)
			}
		case "one of the last":
			if len(see.records) > 0 {
				rec = last(h, "back", 6, see.records)
			}
		}
		r = store.RotateRequest{
			Subject: h.who[i], ID: rec.ID, Rotation: rec.Rotation, Link: rec.Link, NextLink: h.link(), Binding: draw(h, "binding", "device", "device", "other", ""),
			Grace:        draw(h, "grace", time.Minute, time.Minute, 0, time.Second, 2*time.Microsecond),
			GraceReplays: draw(h, "replays", 0, 1, 2), ExpiresAt: h.end("expires", true),
		}
		switch {
		case h.oneIn(12, "ahead"):
			r.Rotation += 2
		case h.oneIn(12, "behind"):
			r.Rotation = max(r.Rotation, 1) - 1
		case h.oneIn(40, "bad"):
			r.Grace = store.MaxGrace + 1
		}
		see.rotates = append(see.rotates, r)
	}
	if see.apart[r.ID] {
		return
	}
	h.present(i, r)
	for h.oneIn(3, "replayed") { // by another tab, at the same time, or just when it is too late
		if h.oneIn(3, "late") {
			h.pass(r.Grace + draw(h, "by", 0, time.Microsecond, time.Millisecond))
		}
		r.NextLink = h.link()
		h.compare(i)
		h.present(i, r)
	}
}

func (h *history) present(i int, r store.RotateRequest) {
	h.remember(i, h.do(fmt.Sprintf("%d rotate %+v from %x to %x", i, r, r.Link[:8], r.NextLink[:8]), func(s store.TokenStore) twinOutcome {
		got, err := s.Rotate(context.Background(), r)
		return outcomeOf(err, got.Now, got.Outcome, got.Record)
	}))
}

func (h *history) update(i int) {
	see := &h.seen[i]
	r, repeat := again(h, see.updates)
	if !repeat {
		r = store.UpdateRequest{Subject: h.who[i], ID: h.id(i), Metadata: h.metadata(), ExpiresAt: h.end("expires", true)}
		if h.oneIn(2, "a deadline") {
			r.Deadline = h.end("deadline", true)
		}
		if k := slices.IndexFunc(see.sessions, func(rec store.Record) bool { return rec.ID == r.ID }); k >= 0 {
			r.Version = see.sessions[k].Version
		}
		if h.oneIn(6, "stale") {
			r.Version++
		}
		see.updates = append(see.updates, r)
	}
	if see.apart[r.ID] {
		return
	}
	h.do(fmt.Sprintf("%d update %+v repeat %v", i, r, repeat), func(s store.TokenStore) twinOutcome {
		got, err := s.Update(context.Background(), r)
		return outcomeOf(err, time.Time{}, 0, got)
	})
}

func (h *history) touch(i int) {
	r := store.TouchRequest{Subject: h.who[i], ID: h.id(i), ExpiresAt: h.end("expires", true)}
	h.do(fmt.Sprintf("%d touch %+v", i, r), func(s store.TokenStore) twinOutcome {
		return outcomeOf(s.Touch(context.Background(), r), time.Time{}, 0)
	})
}

func (h *history) revoke(i int) {
	see := &h.seen[i]
	r, repeat := again(h, see.revokes)
	if !repeat {
		r = store.Revocation{Subject: h.who[i], Reason: draw(h, "reason", "", "stolen", "\xff"), Op: store.Op{byte(draw(h, "op", hundred[1:8]...))}}
		if h.oneIn(30, "bad") {
			r.Reason = strings.Repeat("r", store.MaxReasonLen+1)
		}
		switch draw(h, "of", "ids", "ids", "ids", "all", "others", "others", "class") {
		case "ids":
			for range draw(h, "n", 1, 2, 3, 4, 5) {
				r.IDs = append(r.IDs, draw(h, "id", slices.Concat(twinIDs, twinTokens)...))
			}
		case "all":
			r.All = true
		case "others":
			r.Others = &store.Others{Keep: h.id(i)}
		case "class":
			r.Others = &store.Others{Class: draw(h, "class", "web", "ios", "nobody's"), Keep: draw(h, "keep", "", h.id(i))}
		}
		see.revokes = append(see.revokes, r)
	}
	if r.Others != nil && see.apart[r.Others.Keep] {
		return
	}
	h.revokes(i, r)
	if r.Others != nil && h.oneIn(2, "kept twice") {
		r.Op[1]++
		h.compare(i)
		h.revokes(i, r)
	}
}

// flood bars more tokens than there is room for, a few at a time.
func (h *history) flood(i int) {
	for ids := range slices.Chunk(twinTokens, 4) {
		h.revokes(i, store.Revocation{Subject: h.who[i], IDs: ids})
		h.compare(i) // a feed keeps one event of a quiet time, for followers who poll between steps
	}
}

func (h *history) revokes(i int, r store.Revocation) {
	h.do(fmt.Sprintf("%d revoke %q all %v others %+v reason %.9q op %x", i, r.IDs, r.All, r.Others, r.Reason, r.Op[:2]), func(s store.TokenStore) twinOutcome {
		return outcomeOf(s.Revoke(context.Background(), r), time.Time{}, 0)
	})
}

func (h *history) forget(i int) {
	h.do(fmt.Sprintf("%d forget", i), func(s store.TokenStore) twinOutcome {
		return outcomeOf(s.Forget(context.Background(), h.who[i]), time.Time{}, 0)
	})
}

func (h *history) once(i int) {
	nonce, until := h.who[i].Name+draw(h, "nonce", "a", "b"), h.end("until", false)
	h.do(fmt.Sprintf("%d once %q until %v", i, nonce, until), func(s store.TokenStore) twinOutcome {
		return outcomeOf(store.Once(context.Background(), s, "twins", nonce, until), time.Time{}, 0)
	})
}

// mostSpent keeps a history within the time that a ledger stays after the last that is in it: afterwards the server, whose
// clock stands still meanwhile, may know what memory has forgotten.
const mostSpent = 20 * time.Hour

func (h *history) advance() {
	h.pass(draw(h, "time", time.Microsecond, time.Millisecond, time.Millisecond, 999*time.Millisecond, time.Second, 10*time.Second, time.Minute,
		h.life+store.MarkMargin, 3*time.Hour))
}

func (h *history) pass(d time.Duration) {
	if h.spent += d; h.spent > mostSpent {
		return
	}
	h.log = append(h.log, fmt.Sprintf("%v pass", d))
	h.clock.Advance(d)
}
