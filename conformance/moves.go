package conformance

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/jetonkit/jeton/store"
)

// move is one step of a history, as small numbers that choose: a history shrinks by leaving out moves and lowering numbers.
type move struct{ verb, who, id, a, b, c int }

// The verbs of moves.
const (
	playIssue = iota
	playRotate
	playUpdate
	playTouch
	playIDs
	playAll
	playOthers
	playClass
	playForget
	playAdvance
	playSweep
)

// weights say how often each verb comes.
var weights = []int{
	playIssue, playIssue, playIssue, playIssue, playIssue, playIssue, playRotate, playRotate, playRotate, playRotate, playRotate, playRotate,
	playRotate, playRotate, playRotate, playRotate, playUpdate, playUpdate, playUpdate, playTouch, playIDs, playIDs, playAll, playOthers,
	playOthers, playClass, playForget, playAdvance, playAdvance, playSweep,
}

// histories draws lists of moves.
var histories = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) move {
	small := rapid.SampledFrom([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}) // IntRange prefers the ends
	return move{
		verb: rapid.SampledFrom(weights).Draw(t, "verb"),
		who:  rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(t, "who"),
		id:   rapid.SampledFrom([]int{0, 1, 2, 3}).Draw(t, "id"),
		a:    small.Draw(t, "a"), b: small.Draw(t, "b"), c: small.Draw(t, "c"),
	}
}), 20, 60)

// pick chooses by a move's number; the first is what shrinking tends to.
func pick[T any](n int, from ...T) T { return from[n%len(from)] }

// do plays a move on both sides.
func (p *player) do(who int, m move, now time.Time) (want answer, got outcome, err error) {
	n, id := p.subjects[who], p.target(p.subjects[who], m)
	say := func(format string, args ...any) {
		p.log = append(p.log, fmt.Sprintf("subject %d: ", who)+fmt.Sprintf(format, args...))
	}
	switch m.verb {
	case playIssue:
		return p.issue(who, id, m, now, say)
	case playRotate:
		return p.rotate(who, id, m, now, say)
	case playUpdate:
		return p.update(who, id, m, now, say)
	case playTouch:
		r := store.TouchRequest{Subject: n.subject, ID: id, ExpiresAt: p.end(m.a, now, 0, time.Hour, 5*time.Hour, 40*time.Hour)}
		say("touch %s until %s", id, after(r.ExpiresAt, now))
		return n.touch(now, r), got, p.e.s.Touch(p.e.ctx, r)
	case playIDs, playAll, playOthers, playClass:
		r := p.revocation(who, id, m)
		say("revoke ids %q all %v others %+v reason %q op %x", r.IDs, r.All, r.Others, r.Reason, r.Op[:2])
		return n.revoke(now, r), got, p.e.s.Revoke(p.e.ctx, r)
	case playForget:
		say("forget")
		return n.forget(now), got, p.e.s.Forget(p.e.ctx, n.subject)
	case playSweep:
		say("sweep")
		_, err = store.Sweep(p.e.ctx, p.e.s)
		return answer{}, got, supportedOr(err)
	case playAdvance:
		if p.exact {
			d := pick(m.a, time.Millisecond, 999*time.Millisecond, time.Second, 59*time.Second, time.Minute, 7*time.Minute, 50*time.Minute,
				2*time.Hour, 11*time.Hour, 24*time.Hour, p.e.markLife()+p.e.precision(), 60*time.Hour) // a mark's end may be rounded up
			say("%v pass", d)
			p.e.wait(d)
		}
	}
	return answer{}, got, nil
}

// target chooses the id that a move is about: mostly a free one for Issue and a live one otherwise, or little would happen.
func (p *player) target(n *naive, m move) string {
	var likely []string
	for _, id := range names {
		status, _ := n.status(id)
		if m.verb == playIssue && status == store.Unknown || m.verb != playIssue && status == store.Live {
			likely = append(likely, id)
		}
	}
	if m.c == 11 || len(likely) == 0 {
		likely = names
	}
	return likely[m.id%len(likely)]
}

func supportedOr(err error) error {
	if isUnsupported(err) {
		return nil
	}
	return err
}

// end chooses an end of a record; 0 is none.
func (p *player) end(n int, now time.Time, from ...time.Duration) time.Time {
	d := pick(n, from...)
	if d == 0 {
		return time.Time{}
	}
	unit := max(p.e.precision(), time.Millisecond)
	return now.Truncate(unit).Add(d + unit)
}

func after(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return "+" + t.Sub(now).Round(time.Millisecond).String()
}

func (p *player) issue(who int, id string, m move, now time.Time, say func(string, ...any)) (answer, outcome, error) {
	n, seen := p.subjects[who], &p.seen[who]
	r, repeat := seen.issues[id]
	if repeat = repeat && m.a == 11; !repeat {
		r = store.IssueRequest{Record: store.Record{
			ID: id, Subject: n.subject, Link: p.e.link(), Class: pick(m.a, "", "web", "ios"), Binding: pick(m.b, "", "", "device"),
			ExpiresAt: p.end(m.b, now, time.Hour, 10*time.Minute, 30*time.Hour), Deadline: p.end(m.b/3, now, 0, 31*time.Hour, 100*time.Hour),
			Metadata: pick(m.c, nil, map[string]string{"k": id}),
		}}
		r.Limit = pick(m.c, store.Limit{}, store.Limit{}, store.Limit{Max: 2}, store.Limit{MaxPerClass: 1},
			store.Limit{Max: 2, MaxPerClass: 1, Policy: store.EvictLeastRecentlyUsed}, store.Limit{Max: 1}, store.Limit{Max: 2, Policy: store.Reject})
	}
	holds := true
	switch pick(m.a/3, 0, 0, 1, 2) {
	case 1:
		cut := seen.places[n.cut]
		r.IfCut = &cut
	case 2:
		r.IfCut, holds = &seen.oldCut, seen.oldCut == seen.places[n.cut]
	default:
		r.IfCut = nil
	}
	if m.a == 5 {
		seen.oldCut = seen.places[n.cut]
	}
	say("issue %s class %q until %s deadline %s limit %+v guard %v repeat %v",
		id, r.Record.Class, after(r.Record.ExpiresAt, now), after(r.Record.Deadline, now), r.Limit, pick(m.a/3, "-", "-", "now", "old"), repeat)
	seen.issues[id] = r
	want := n.issue(now, r, holds)
	got, err := p.e.s.Issue(p.e.ctx, r)
	if err == nil {
		p.remember(who, got.Record)
	}
	return want, outcome{rec: got.Record, evicted: ids(got.Evicted)}, err
}

// remember notes the refresh token that a record now makes.
func (p *player) remember(who int, rec store.Record) {
	seen := &p.seen[who]
	seen.tokens[rec.ID] = append(seen.tokens[rec.ID], rec)
}

func (p *player) rotate(who int, id string, m move, now time.Time, say func(string, ...any)) (answer, outcome, error) {
	n, seen := p.subjects[who], &p.seen[who]
	tokens := seen.tokens[id]
	held := func(back int) store.Record {
		if len(tokens) > 0 {
			return tokens[max(0, len(tokens)-1-back)]
		}
		return store.Record{Subject: n.subject, ID: id, Link: p.e.link()}
	}
	kind := pick(m.a, "newest", "newest", "newest", "newest", "previous", "previous", "previous", "older", "forged", "forged previous", "newer", "repeat")
	var rec store.Record
	switch kind {
	case "previous":
		rec = held(1)
	case "older":
		rec = held(2)
	case "forged":
		rec = held(0)
		rec.Link = p.e.link()
	case "forged previous":
		rec = held(1)
		rec.Link = p.e.link()
	case "newer":
		rec = held(0)
		rec.Rotation, rec.Link = rec.Rotation+2, p.e.link()
	default:
		rec = held(0)
	}
	r := p.e.presenting(rec, grace(pick(m.b, time.Minute, time.Minute, time.Minute, time.Minute, 0)), func(r *store.RotateRequest) {
		r.GraceReplays = pick(m.b/3, 0, 1, 2)
		r.Binding = pick(m.c, "device", "device", "device", "other")
		r.ExpiresAt = p.end(m.c/3, now, 0, 2*time.Hour, time.Minute, 40*time.Hour)
	})
	if last, ok := seen.turns[id]; ok && kind == "repeat" {
		r = last
	}
	seen.turns[id] = r
	say("rotate %s with the %s token (rotation %d, link %x, next %x) grace %v replays %d binding %q until %s",
		id, kind, r.Rotation, r.Link[:2], r.NextLink[:2], r.Grace, r.GraceReplays, r.Binding, after(r.ExpiresAt, now))
	want := n.rotate(now, r)
	got, err := p.e.s.Rotate(p.e.ctx, r)
	if err == nil && (got.Outcome == store.RolledForward || got.Outcome == store.RotateOK && kind != "repeat") {
		p.remember(who, got.Record)
	}
	return want, outcome{rec: got.Record, outcome: got.Outcome}, err
}

func (p *player) update(who int, id string, m move, now time.Time, say func(string, ...any)) (answer, outcome, error) {
	n, seen := p.subjects[who], &p.seen[who]
	var version uint64
	if rec, ok := n.records[id]; ok {
		version = rec.Version
	}
	r := store.UpdateRequest{
		Subject: n.subject, ID: id, Version: pick(m.a, version, version, version, version+1, max(version, 1)-1),
		Metadata:  pick(m.b, nil, map[string]string{"k": "v"}, map[string]string{}),
		ExpiresAt: p.end(m.b/3, now, 0, 3*time.Hour, 5*time.Minute), Deadline: p.end(m.c, now, 0, 0, 0, 4*time.Hour, 200*time.Hour),
	}
	last, repeat := seen.edits[id]
	if repeat = repeat && m.a > 8; repeat {
		r = last
	}
	seen.edits[id] = r
	say("update %s version %d metadata %v until %s deadline %s repeat %v", id, r.Version, r.Metadata, after(r.ExpiresAt, now), after(r.Deadline, now), repeat)
	want := n.update(now, r)
	got, err := p.e.s.Update(p.e.ctx, r)
	return want, outcome{rec: got}, err
}

func (p *player) revocation(who int, id string, m move) store.Revocation {
	n, seen := p.subjects[who], &p.seen[who]
	r := store.Revocation{Subject: n.subject, Op: store.NewOp(), Reason: pick(m.b, "", "stolen")}
	switch m.verb {
	case playIDs:
		r.IDs = pick(m.a, []string{id}, []string{id}, []string{id, pick(m.c, names...), id}, []string{pick(m.b, names...), "token " + id})
		return r
	case playClass:
		r.Others = &store.Others{Class: pick(m.a, "web", "ios"), Keep: pick(m.b, "", id)}
		return r
	case playOthers:
		r.Others = &store.Others{Keep: id}
	default:
		r.All = true
	}
	if k := len(seen.cuts); k > 0 && m.c >= 8 { // a repeat, of one of the last six
		return seen.cuts[max(0, k-1-m.a%6)]
	}
	seen.cuts = append(seen.cuts, r)
	return r
}
