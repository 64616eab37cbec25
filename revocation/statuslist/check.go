package statuslist

import (
	"context"
	"errors"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// The reasons of tokens that a list refuses.
const (
	// ReasonNoReference is a token that names no place in a list.
	ReasonNoReference = "no status reference"
	// ReasonUntrusted is a token that names a list of no trusted source.
	ReasonUntrusted = "untrusted status list"
	// ReasonNoIndex is a token that names a place that its list does not have.
	ReasonNoIndex = "no such index in the status list"
)

// Referrer is what custom claims must be to be looked up: [Claims], or a type that embeds it.
type Referrer interface {
	// StatusReference returns the token's place, and false where it names none.
	StatusReference() (Reference, bool)
}

// Check is the checker that accepts a token while its list says Valid; in the answer's Reason is why not, the status or a
// Reason constant. C is the type of the issuer's custom claims, TrustedIssuer.Extra being [token.ExtraOf] of it; a token
// whose claims name no place is refused. Where the list cannot be had there is no answer (HTTP 503).
//
// next is asked as well where it is not nil, and both must accept: [token.Sessions], for instance, for what a list does
// not tell. NewVerifier refuses a nil consumer.
func Check[C Referrer](lists *Consumer, next token.Checker) token.Checker {
	return checker[C]{lists, next}
}

type checker[C Referrer] struct {
	lists *Consumer
	next  token.Checker
}

// MaxTokenLife returns what both the consumer and the next checker can judge.
func (c checker[C]) MaxTokenLife() (time.Duration, error) {
	if c.lists == nil {
		return 0, invalid("Check", "is a status list's without a consumer", "make one by NewConsumer")
	}
	life := c.lists.opts.MaxTokenLife
	if c.next == nil {
		return life, nil
	}
	other, err := c.next.MaxTokenLife()
	return min(life, other), err
}

// Check looks the token up in its list.
func (c checker[C]) Check(ctx context.Context, t *token.Token) (token.Answer, error) {
	claims, ok := token.Extra[C](t)
	if !ok {
		return dead(ReasonNoReference)
	}
	ref, ok := claims.StatusReference()
	if !ok {
		return dead(ReasonNoReference)
	}
	status, err := c.lists.Status(ctx, ref)
	switch {
	case errors.Is(err, ErrUntrusted):
		return dead(ReasonUntrusted)
	case errors.Is(err, ErrIndex):
		return dead(ReasonNoIndex)
	case err != nil:
		return token.Answer{}, err
	case status != Valid:
		return dead(status.String())
	case c.next != nil:
		return c.next.Check(ctx, t)
	}
	return token.Answer{Verdict: store.Verdict{Alive: true}}, nil
}

func dead(reason string) (token.Answer, error) {
	return token.Answer{Verdict: store.Verdict{Reason: reason}}, nil
}

// Touch is the next checker's, where it has one.
func (c checker[C]) Touch(ctx context.Context, r store.TouchRequest) error {
	if t, ok := c.next.(token.Toucher); ok {
		return t.Touch(ctx, r)
	}
	return nil
}
