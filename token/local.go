package token

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
)

// Local is the checker that asks no store: it accepts a token unless the view knows that it, its session or everything of its
// subject was revoked, as [Denylist] does, without a round trip. It works for this package's tokens and for foreign ones;
// the view must be of the feed of the store that the tokens' issuer, or whoever revokes foreign tokens, writes.
//
// Where the view is not ready for a token, fallback judges it: a Denylist on the store, or [Sessions], which is stricter
// but of no use to a foreign issuer. With a nil fallback there is then no answer ([revocation.ErrNotReady], HTTP 503). A
// view has no records, so [Token.Session] is empty where it judged, and nothing is touched. NewVerifier refuses a nil view.
func Local(view *revocation.View, fallback Checker) Checker { return local{view, fallback} }

type local struct {
	view     *revocation.View
	fallback Checker
}

// MaxTokenLife returns what both the view and the fallback can judge.
func (c local) MaxTokenLife() (time.Duration, error) {
	if c.view == nil {
		return 0, invalid("Check", "is Local without a view", "open one by revocation.Open")
	}
	life := c.view.MaxTokenLife()
	if c.fallback == nil {
		return life, nil
	}
	other, err := c.fallback.MaxTokenLife()
	return min(life, other), err
}

// Check looks the token up in the view.
func (c local) Check(ctx context.Context, t *Token) (Answer, error) {
	q := newQueries(t)
	v, err := c.judge(time.Now(), &q)
	if err == nil {
		return Answer{Verdict: v}, nil
	}
	if c.fallback != nil {
		return c.fallback.Check(ctx, t)
	}
	return Answer{}, fmt.Errorf("jeton: nothing else can be asked: %w", err)
}

// queries are a token as a view looks it up. A foreign token's session is a subject of its own.
type queries struct {
	user, session revocation.Query
	two           bool
}

func newQueries(t *Token) queries {
	p := t.Presented(true)
	q := queries{user: revocation.NewQuery(t.subject, p)}
	if p.Foreign && p.SessionID != "" {
		sid := ForeignSession(t.subject.Realm, t.subject.Issuer, p.SessionID)
		p.SessionID = ""
		q.session, q.two = revocation.NewQuery(sid, p), true
	}
	return q
}

// judge asks the view.
func (c local) judge(now time.Time, q *queries) (store.Verdict, error) {
	user, err := c.view.Check(now, &q.user)
	if !q.two || (err == nil && !user.Alive) {
		return user, err
	}
	session, other := c.view.Check(now, &q.session)
	if other == nil && !session.Alive { // proven, whatever is known of the user
		return session, nil
	}
	return user, cmp.Or(err, other)
}

// needsRecords reports whether a checker knows no tokens but those of sessions in its store.
func needsRecords(c Checker) bool {
	if l, ok := c.(local); ok {
		return needsRecords(l.fallback)
	}
	_, ok := c.(sessions)
	return ok
}
