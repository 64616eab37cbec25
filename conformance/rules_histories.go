package conformance

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

// call is one call of a concurrent history, and its answer.
type call struct {
	verb     string
	id       int
	rotation uint64
	link     store.Link
	next     store.Link
}

type reply struct {
	err      error
	outcome  store.Outcome
	status   store.Status
	rotation uint64
	link     store.Link
	seq      uint64
}

// moment is a subject's ledger between two calls, as far as these histories go.
type moment struct {
	sessions [3]sessionState
	seq      uint64 // the highest told
}

type sessionState struct {
	is         sessionLife
	rotation   uint64
	link, prev store.Link
}

type sessionLife uint8

const (
	never sessionLife = iota
	alive
	barred
	cutOff
)

// linearizable is the contract of these histories, one call at a time.
var linearizable = porcupine.Model{
	Init: func() any { return moment{} },
	Step: func(state, input, output any) (bool, any) {
		m, _ := state.(moment)
		c, _ := input.(call)
		r, _ := output.(reply)
		ok := m.step(c, r)
		return ok, m
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}

// lost reports whether a call's outcome is unknown: it may take effect at any time from its call on, or never.
func (r reply) lost() bool {
	return errors.Is(r.err, store.ErrUnavailable) || errors.Is(r.err, store.ErrIndeterminate)
}

// step applies a call and reports whether it may answer so.
func (m *moment) step(c call, r reply) bool {
	s := &m.sessions[c.id]
	switch c.verb {
	case "issue":
		return m.issue(s, c, r)
	case "rotate":
		return s.rotate(c, r)
	case "revoke":
		s.is = barred
		return r.err == nil || r.lost()
	case "revoke all":
		for i := range m.sessions {
			if m.sessions[i].is == alive {
				m.sessions[i].is = cutOff
			}
		}
		return r.err == nil || r.lost()
	}
	return s.told(r)
}

func (m *moment) issue(s *sessionState, c call, r reply) bool {
	switch {
	case s.is == alive && s.link == c.link: // an own repeat
		return r.err == nil || r.lost()
	case s.is == alive:
		return errors.Is(r.err, store.ErrExists) || r.lost()
	case s.is == barred || s.is == cutOff && r.err != nil:
		return errors.Is(r.err, store.ErrRevoked) || r.lost()
	}
	*s = sessionState{is: alive, link: c.link}
	if r.lost() {
		return true
	}
	grown := r.seq > m.seq
	m.seq = r.seq
	return r.err == nil && grown
}

func (s *sessionState) rotate(c call, r reply) bool {
	dead := errors.Is(r.err, store.ErrRevoked) && s.is >= barred || errors.Is(r.err, store.ErrNotFound) && (s.is == never || s.is == cutOff)
	switch {
	case s.is != alive:
		return dead || r.lost()
	case c.rotation == s.rotation && c.link == s.link, c.rotation > s.rotation:
		want := store.RotateOK
		if c.rotation > s.rotation {
			want = store.RolledForward
		}
		s.rotation, s.prev, s.link = c.rotation+1, c.link, c.next
		return r.lost() || r.err == nil && r.outcome == want && r.link == s.link && r.rotation == s.rotation
	case c.rotation+1 == s.rotation && c.link == s.prev:
		return r.lost() || r.err == nil && r.outcome == store.Replayed && r.link == s.link
	}
	s.is = barred
	return r.lost() || r.err == nil && r.outcome == store.Reused
}

func (s *sessionState) told(r reply) bool {
	if r.lost() {
		return true
	}
	want := map[sessionLife]store.Status{never: store.Unknown, alive: store.Live, barred: store.Revoked, cutOff: store.Revoked}[s.is]
	if r.err != nil || r.status != want && (s.is != cutOff || r.status != store.Unknown) {
		return false
	}
	return s.is != alive || r.link.IsZero() || r.rotation == s.rotation && r.link == s.link
}

// chronicle plays concurrent clients on one subject and writes down what happened.
type chronicle struct {
	e       *env
	subject store.Subject
	start   time.Time
	until   time.Time // the end of every session

	mu    sync.Mutex
	known [3]store.Record // the newest token that anybody has seen
	ops   []porcupine.Operation
}

// client makes calls, one after another.
func (h *chronicle) client(n int, seed uint64, calls []call) {
	rng := rand.New(rand.NewPCG(seed, uint64(n))) //nolint:gosec // repeatable, and no secret
	for _, c := range calls {
		c.id = rng.IntN(3)
		h.mu.Lock()
		c.rotation, c.link = h.known[c.id].Rotation, cmp.Or(h.known[c.id].Link, c.next)
		h.mu.Unlock()
		c.verb = [...]string{"issue", "issue", "issue", "rotate", "rotate", "rotate", "rotate", "lookup", "lookup", "revoke", "revoke all"}[rng.IntN(11)]
		switch {
		case c.verb == "issue":
			c.link, c.rotation = c.next, 0
		case c.link == c.next:
			c.verb = "lookup" // there is no token yet
		}
		began := time.Since(h.start)
		r := h.make(c)
		ended := int64(time.Since(h.start))
		if r.lost() {
			ended = math.MaxInt64
		}
		h.mu.Lock()
		h.ops = append(h.ops, porcupine.Operation{ClientId: n, Input: c, Call: int64(began), Output: r, Return: ended})
		if r.err == nil && (c.verb == "issue" || c.verb == "rotate" && r.outcome != store.Reused) {
			h.known[c.id] = store.Record{Rotation: r.rotation, Link: r.link}
		}
		h.mu.Unlock()
	}
}

func (h *chronicle) make(c call) reply {
	ctx, s, id := h.e.ctx, h.e.s, fmt.Sprint("session ", c.id)
	switch c.verb {
	case "issue":
		got, err := s.Issue(ctx, store.IssueRequest{Record: store.Record{ID: id, Subject: h.subject, Link: c.link, ExpiresAt: h.until}})
		return reply{err: err, seq: got.Record.Seq, rotation: got.Record.Rotation, link: got.Record.Link}
	case "rotate":
		got, err := s.Rotate(ctx, store.RotateRequest{
			Subject: h.subject, ID: id, Rotation: c.rotation, Link: c.link, NextLink: c.next, Grace: time.Minute, GraceReplays: store.MaxReplays,
		})
		return reply{err: err, outcome: got.Outcome, rotation: got.Record.Rotation, link: got.Record.Link}
	case "revoke":
		return reply{err: s.Revoke(ctx, store.Revocation{Subject: h.subject, IDs: []string{id}})}
	case "revoke all":
		return reply{err: s.Revoke(ctx, store.Revocation{Subject: h.subject, All: true})}
	}
	st, err := s.Lookup(ctx, h.subject, id)
	if err != nil {
		return reply{err: err}
	}
	if h.e.h.Traits.CachedRecords {
		return reply{status: st.Entries[0].Status}
	}
	return reply{status: st.Entries[0].Status, rotation: st.Entries[0].Record.Rotation, link: st.Entries[0].Record.Link}
}

func concurrencyHistories(e *env) {
	const clients, calls = 4, 7
	start, checked := time.Now(), 0
	until := e.now().Add(time.Hour)
	for round := range e.h.Traits.Histories {
		if round >= 5 && time.Since(start) > budget {
			break
		}
		h := &chronicle{e: e, subject: store.User(fmt.Sprint("history ", round)), start: time.Now(), until: until}
		var plans [clients][]call
		for n := range plans {
			for range calls {
				plans[n] = append(plans[n], call{next: e.link()})
			}
		}
		e.race(clients, func(n int) { h.client(n, e.h.Traits.Seed+uint64(round), plans[n]) })
		res := porcupine.CheckOperationsTimeout(linearizable, h.ops, 10*time.Second)
		e.Expect(res).NotTo(Equal(porcupine.Illegal), "no order of these calls explains their answers:\n%s", h)
		if res == porcupine.Ok {
			checked++
		}
	}
	e.note("%d concurrent histories of %d calls are linearizable", checked, clients*calls)
}

// String is the history in the order of its calls.
func (h *chronicle) String() string {
	slices.SortFunc(h.ops, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var b strings.Builder
	for _, op := range h.ops {
		c, _ := op.Input.(call)
		r, _ := op.Output.(reply)
		fmt.Fprintf(&b, "  [%8d, %8d] client %d: %s session %d rotation %d link %x next %x -> %v %v rotation %d link %x seq %d %v\n",
			op.Call, op.Return, op.ClientId, c.verb, c.id, c.rotation, c.link[:2], c.next[:2], r.outcome, r.status, r.rotation, r.link[:2], r.seq, r.err)
	}
	return b.String()
}
