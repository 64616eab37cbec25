package token

import (
	"context"
	"time"

	"github.com/jetonkit/jeton/store"
)

// Checker says whether a token whose signature and claims are good is still alive. It is safe for concurrent use.
// [Sessions], [Denylist] and [Local] are the ready ones.
type Checker interface {
	// MaxTokenLife returns the longest life of a token that the checker can judge, and an error, best a
	// [store.FieldError], where what it stands on cannot keep the promise. NewVerifier calls it once.
	MaxTokenLife() (time.Duration, error)
	// Check judges a token. An error says that there is no answer, not that the token is bad: a dead token is an Answer.
	Check(ctx context.Context, t *Token) (Answer, error)
}

// Toucher is the face of a [Checker] that can note when a session was last seen. [Sessions] has it.
type Toucher interface {
	// Touch is as in [store.TokenStore].
	Touch(ctx context.Context, r store.TouchRequest) error
}

// Stamper is the face of a [Checker] whose answers hang on the token alone, and on nothing that their Stamps do not cover.
// [Sessions] and [Denylist] have it. Any other one is asked each time, whatever Stamp its answers carry: it may have passed
// another's on, and judge by more.
type Stamper interface {
	// Stamps reports whether it is so. NewVerifier calls it once.
	Stamps() bool
}

// Answer is what a [Checker] knows of a token. The zero value is dead.
type Answer struct {
	store.Verdict
	// Now is the time of the answer by the store's clock, which LastSeen and expiries are compared with. Zero: unknown,
	// and then nothing is touched.
	Now time.Time
	// Stamp says how long the answer of a [Stamper] may be used again; of one that stands on several it is [store.Stamp.And]
	// of theirs. The zero Stamp: ask each time, which is always right.
	Stamp store.Stamp
}

// Sessions is the checker that accepts a token while the record of its session is live. It takes one Lookup, and works on
// every store: what a store loses is logged out. Nil is refused by NewVerifier.
func Sessions(s store.TokenStore) Checker { return sessions{s} }

// Denylist is the checker that accepts a token unless it, its session or everything of its subject was revoked. It takes
// one Lookup, of a foreign token with a sid two at once, and it needs a store that never forgets a revocation: NewVerifier refuses a store whose Capabilities say
// nothing of NeverEvicts. The store must be the one that the tokens' issuer writes: the seq in a token is that store's
// count, and another's cut says nothing about it. [Sessions] is the stricter one.
func Denylist(s store.TokenStore) Checker { return denylist{s} }

type (
	sessions struct{ s store.TokenStore }
	denylist struct{ s store.TokenStore }
)

// MaxTokenLife returns the keyspace's.
func (c sessions) MaxTokenLife() (time.Duration, error) { return maxTokenLife(c.s) }

// Check looks the session and the token up.
func (c sessions) Check(ctx context.Context, t *Token) (Answer, error) {
	return lookup(ctx, c.s, t.Subject(), t.Presented(false))
}

// Touch notes that a session was seen.
func (c sessions) Touch(ctx context.Context, r store.TouchRequest) error { return c.s.Touch(ctx, r) }

// Stamps implements [Stamper]: the store's are all that it judges by.
func (c sessions) Stamps() bool { return true }

// MaxTokenLife returns the keyspace's, and refuses a store that may forget a revocation.
func (c denylist) MaxTokenLife() (time.Duration, error) {
	life, err := maxTokenLife(c.s)
	if err == nil && !c.s.Capabilities().NeverEvicts {
		return 0, invalid("Check", "is a Denylist on a store that may evict: a lost revocation would bring tokens back",
			"use Sessions, or a store that never evicts")
	}
	return life, err
}

// Check looks the session and the token up.
func (c denylist) Check(ctx context.Context, t *Token) (Answer, error) {
	if t.Foreign() {
		return lookupForeign(ctx, c.s, t)
	}
	return lookup(ctx, c.s, t.Subject(), t.Presented(true))
}

// Stamps implements [Stamper]: the store's are all that it judges by.
func (c denylist) Stamps() bool { return true }

// lookup asks the store in one round trip and judges by the one verdict rule.
func lookup(ctx context.Context, s store.TokenStore, subject store.Subject, p store.Presented) (Answer, error) {
	state, err := s.Lookup(ctx, subject, p.IDs()...)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Verdict: state.Verdict(p), Now: state.Now, Stamp: state.Stamp}, nil
}

// maxTokenLife returns how long an access token may live on a store; marks are kept no longer.
func maxTokenLife(s store.TokenStore) (time.Duration, error) {
	if s == nil {
		return 0, invalid("Check", "stands on a nil store", "open a store first")
	}
	life := s.Capabilities().MaxTokenLife
	if life <= 0 {
		return 0, invalid("Check", "stands on a store that does not say how long it keeps revocations",
			"use a store whose Capabilities tell MaxTokenLife")
	}
	return life, nil
}
