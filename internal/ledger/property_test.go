package ledger_test

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/store"
)

// machine plays random verbs on a small ledger, in which limits and the bound on marks are met all the time. It remembers
// every access token that was minted and whether a revocation has killed it since.
type machine struct {
	*book
	minted []*minted
	before ledger.Head // the head before the step
	// back is true once the clock has gone back, after which marks and expiries prove nothing.
	back bool
}

// minted is a token and its fate.
type minted struct {
	token
	// barred: its id or its session's was revoked. cut: it was behind a cut that did not keep it.
	barred, cut bool
}

func newMachine(t *rapid.T) *machine {
	m := &machine{book: newBook(t)}
	m.env.MaxMarks = rapid.IntRange(1, 6).Draw(t, "maxMarks")
	m.env.MaxTokenLife = rapid.SampledFrom([]time.Duration{time.Minute, 24 * time.Hour}).Draw(t, "maxTokenLife")
	return m
}

// run plays steps; jumps are how far the clock may move in one of them.
func (m *machine) run(t *rapid.T, jumps []time.Duration) {
	ids := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "0123456789abcdef", "AAAAAAAAAAAAAAAAAAAAAA"})
	step := func(verb func(*rapid.T)) func(*rapid.T) {
		return func(t *rapid.T) {
			m.t = t
			if m.before = (ledger.Head{Seq: m.env.Horizon}); m.head != nil {
				m.before = *m.head
			}
			m.last = ledger.Change{}
			verb(t)
			m.invariants()
		}
	}
	t.Repeat(map[string]func(*rapid.T){
		"": func(t *rapid.T) { m.t = t; m.fates() },
		"clock": func(t *rapid.T) {
			d := rapid.SampledFrom(jumps).Draw(t, "d")
			m.back = m.back || d < 0
			m.at(d)
		},
		"issue":  step(func(t *rapid.T) { m.doIssue(t, ids.Draw(t, "id")) }),
		"rotate": step(func(t *rapid.T) { m.doRotate(t, ids.Draw(t, "id")) }),
		"touch":  step(func(t *rapid.T) { m.touch(ids.Draw(t, "id")) }),
		"update": step(func(t *rapid.T) { m.doUpdate(t, ids.Draw(t, "id")) }),
		"revoke": step(func(t *rapid.T) { m.doRevoke(t, rapid.SliceOfN(ids, 1, 9).Draw(t, "ids")) }),
		"token":  step(m.doRevokeToken),
		"all":    step(func(*rapid.T) { m.revokeAll(); m.kill(func(k *minted) { k.cut = true }) }),
		"others": step(func(t *rapid.T) { m.doOthers(t, ids.Draw(t, "keep")) }),
		"class":  step(func(t *rapid.T) { m.doClass(t, ids.Draw(t, "keep")) }),
		"forget": step(func(*rapid.T) { m.forget(); m.kill(func(k *minted) { k.cut = true }) }),
	})
}

// kill changes the fate of every token minted so far.
func (m *machine) kill(change func(*minted)) {
	for _, k := range m.minted {
		change(k)
	}
}

func (m *machine) bar(ids ...string) {
	m.kill(func(k *minted) {
		k.barred = k.barred || slices.Contains(ids, k.jti) || slices.Contains(ids, k.sid)
	})
}

// mint remembers an access token of a record as an issuer makes it.
func (m *machine) mint(r store.Record) {
	exp := m.env.Now.Add(m.env.MaxTokenLife)
	if r.ExpiresAt.Before(exp) {
		exp = r.ExpiresAt
	}
	m.minted = append(m.minted, &minted{token: token{jti: fmt.Sprintf("token %d", len(m.minted)), sid: r.ID, seq: r.Seq, exp: exp}})
}

func (m *machine) doIssue(t *rapid.T, id string) {
	r := m.request(id, class(rapid.SampledFrom([]string{"web", "ios"}).Draw(t, "class")),
		ttl(rapid.SampledFrom([]time.Duration{time.Second, time.Hour, 400 * 24 * time.Hour}).Draw(t, "ttl")))
	r.Record.Link = store.NewLink()
	if rapid.Bool().Draw(t, "limited") {
		r.Limit = store.Limit{
			Max: rapid.IntRange(0, 4).Draw(t, "max"), MaxPerClass: rapid.IntRange(0, 2).Draw(t, "maxPerClass"),
			Policy: rapid.SampledFrom([]store.Policy{store.EvictOldest, store.EvictLeastRecentlyUsed, store.Reject}).Draw(t, "policy"),
		}
	}
	out, err := m.tryIssue(r)
	if err != nil {
		return
	}
	for _, e := range out.Evicted {
		m.bar(e.ID)
	}
	m.mint(out.Record)
	if m.head.Seq <= m.before.Seq || out.Record.Seq != m.head.Seq {
		t.Fatalf("Issue gave seq %d, the head went from %d to %d", out.Record.Seq, m.before.Seq, m.head.Seq)
	}
}

func (m *machine) doRotate(t *rapid.T, id string) {
	en, ok := m.entries[keyspace.FieldOf(id)]
	if !ok || en.Mark != nil {
		return
	}
	r := store.RotateRequest{ID: id, Rotation: en.Record.Rotation, Link: en.Record.Link, NextLink: store.NewLink(), Grace: time.Minute}
	switch rapid.SampledFrom([]string{"current", "before", "ahead", "old"}).Draw(t, "presented") {
	case "before":
		if r.Rotation == 0 {
			return
		}
		r.Rotation--
		r.Link = store.Link{}
		copy(r.Link[:], en.Record.PrevLink[:])
	case "ahead":
		r.Rotation += 2
	case "old":
		r.Link = store.NewLink()
	}
	out, err := m.tryRotate(r)
	switch {
	case err != nil:
	case out.Outcome == store.Reused:
		m.bar(id)
	default:
		m.mint(out.Record)
	}
}

func (m *machine) doUpdate(t *rapid.T, id string) {
	en := m.entries[keyspace.FieldOf(id)]
	_, _ = m.update(store.UpdateRequest{ID: id, Version: en.Record.Version, Deadline: m.env.Now.Add(rapid.SampledFrom(
		[]time.Duration{time.Minute, 300 * 24 * time.Hour}).Draw(t, "deadline"))})
}

func (m *machine) doRevoke(_ *rapid.T, ids []string) { m.revoke(ids...); m.bar(ids...) }

func (m *machine) doRevokeToken(t *rapid.T) {
	if len(m.minted) == 0 {
		return
	}
	jti := rapid.SampledFrom(m.minted).Draw(t, "token").jti
	m.revoke(jti)
	m.bar(jti)
}

func (m *machine) doOthers(t *rapid.T, keep string) {
	live := m.status(keep) == store.Live
	err := m.tryRevoke(store.Revocation{Others: &store.Others{Keep: keep}})
	if (err == nil) != live {
		t.Fatalf("Others answered %v, Keep live=%v", err, live)
	}
	if err == nil {
		m.kill(func(k *minted) { k.cut = k.cut || k.sid != keep })
	}
}

func (m *machine) doClass(_ *rapid.T, keep string) {
	var hit []string
	for _, en := range m.entries {
		if en.Mark == nil && en.Record.Class == "web" && en.Record.ID != keep && m.status(en.Record.ID) == store.Live {
			hit = append(hit, en.Record.ID)
		}
	}
	if err := m.tryRevoke(store.Revocation{Others: &store.Others{Keep: keep, Class: "web"}}); err == nil {
		m.bar(hit...)
	} else if !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrRevoked) {
		m.t.Fatalf("Others with a class answered %v", err)
	}
}
