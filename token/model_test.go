package token_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// model is what must hold of every token ever minted, told without seq, cut or floor: who was ended by what.
type model struct {
	now      time.Time
	store    *memstore.Store
	issuer   *token.Issuer
	verifier map[string]*token.Verifier
	revoker  *token.Revoker
	sessions []*modelSession
	tokens   []*modelToken
}

type modelSession struct {
	pair  token.Pair // the last one
	ended bool
}

type modelToken struct {
	raw     string
	session *modelSession
	barred  bool
}

// TestModel drives logins, refreshes and revocations at random, with a clock that wanders by hours in both directions,
// and judges every token after every step under both checkers.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel()
		defer m.close(t)
		t.Repeat(map[string]func(*rapid.T){
			"login":       m.login,
			"refresh":     m.refresh,
			"end token":   m.endToken,
			"end session": m.endSession,
			"end others":  m.endOthers,
			"end all":     m.endAll,
			"set clock": func(t *rapid.T) {
				m.now = start.Add(time.Duration(rapid.Int64Range(-5*3600e9, 5*3600e9).Draw(t, "clock")))
			},
			"sweep":        func(t *rapid.T) { must(store.Sweep(t.Context(), m.store)) },
			"guarded late": m.lateLogin,
			"":             m.check,
		})
	})
}

func newModel() *model {
	m := &model{now: start, verifier: map[string]*token.Verifier{}}
	now := func() time.Time { return m.now }
	m.store = must(memstore.New(&memstore.Options{Now: now, SweepInterval: -1}))
	key := must(token.HS256(keyID, secret))
	m.issuer = must(token.NewIssuer(m.store, issuerName, key, &token.IssuerOptions{Now: now, AccessTTL: 12 * time.Hour}))
	for name, check := range checkers {
		m.verifier[name] = must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: key.VerifyKey(), Check: check(m.store)}},
			&token.VerifierOptions{Now: now, TouchInterval: -1}))
	}
	m.revoker = must(token.NewRevoker(m.store, nil))
	return m
}

func (m *model) close(t *rapid.T) {
	if err := m.store.Close(); err != nil {
		t.Fatal(err)
	}
}

func (m *model) keep(s *modelSession, p token.Pair) {
	s.pair = p
	m.tokens = append(m.tokens, &modelToken{raw: p.Access.Reveal(), session: s})
}

func (m *model) login(t *rapid.T) {
	s := &modelSession{}
	m.sessions = append(m.sessions, s)
	m.keep(s, must(m.issuer.Login(t.Context(), ann, token.LoginOptions{Guard: must(m.issuer.Begin(t.Context(), ann))})))
}

func (m *model) lateLogin(t *rapid.T) {
	guard := must(m.issuer.Begin(t.Context(), ann))
	m.endAll(t)
	if _, err := m.issuer.Login(t.Context(), ann, token.LoginOptions{Guard: guard}); !errors.Is(err, store.ErrConflict) {
		t.Fatalf("a login that began before everything was revoked: %v", err)
	}
}

func pick[T any](t *rapid.T, from []T) T {
	if len(from) == 0 {
		t.Skip("nothing to pick")
	}
	return rapid.SampledFrom(from).Draw(t, "which")
}

func (m *model) refresh(t *rapid.T) {
	s := pick(t, m.sessions)
	p, err := m.issuer.Refresh(t.Context(), s.pair.Refresh.Reveal(), token.RefreshOptions{})
	if s.ended != errors.Is(err, token.ErrInvalidToken) || s.ended != (err != nil) {
		t.Fatalf("a refresh of a session, ended: %v, says %v", s.ended, err)
	}
	if err == nil {
		m.keep(s, p)
	}
}

func (m *model) endToken(t *rapid.T) {
	tok := pick(t, m.tokens)
	parsed, err := m.verifier["Sessions"].Parse(t.Context(), tok.raw)
	m.ok(t, err)
	m.ok(t, m.revoker.Token(t.Context(), parsed, "x"))
	tok.barred = true
}

func (m *model) endSession(t *rapid.T) {
	s := pick(t, m.sessions)
	m.ok(t, m.revoker.Session(t.Context(), ann, s.pair.Session.ID, "x"))
	s.ended = true
}

func (m *model) endOthers(t *rapid.T) {
	keep := pick(t, m.sessions)
	err := m.revoker.Others(t.Context(), ann, keep.pair.Session.ID, "x")
	if keep.ended != (err != nil) {
		t.Fatalf("keeping a session, ended: %v, says %v", keep.ended, err)
	}
	for _, s := range m.sessions {
		s.ended = s.ended || (err == nil && s != keep)
	}
}

func (m *model) endAll(t *rapid.T) {
	m.ok(t, m.revoker.Subject(t.Context(), ann, "x"))
	for _, s := range m.sessions {
		s.ended = true
	}
}

func (m *model) check(t *rapid.T) {
	for n, tok := range m.tokens {
		for name, v := range m.verifier {
			_, err := v.Verify(t.Context(), tok.raw)
			want := !tok.barred && !tok.session.ended
			if want != (err == nil) {
				t.Fatalf("token %d under %s: barred %v, session ended %v, and Verify says %v", n, name, tok.barred, tok.session.ended, err)
			}
			if err != nil && !errors.Is(err, token.ErrRevoked) && !errors.Is(err, token.ErrUnknownSession) {
				t.Fatalf("token %d under %s is refused for another reason: %v", n, name, err)
			}
		}
	}
	live := 0
	for _, s := range m.sessions {
		if !s.ended {
			live++
		}
	}
	if got := len(must(m.revoker.List(t.Context(), ann, store.Page{Limit: store.MaxPage})).Items); got != live {
		t.Fatalf("%d sessions are listed, %d live", got, live)
	}
}

func (m *model) ok(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}
