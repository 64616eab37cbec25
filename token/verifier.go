package token

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jetonkit/jeton/store"
)

// VerifierOptions are what a [Verifier] may be told. The zero value is the safe one.
type VerifierOptions struct {
	// Leeway is how far clocks may be apart when exp and nbf are judged: up to 2 minutes; negative means none.
	// Defaults to 30 seconds.
	Leeway time.Duration
	// TouchInterval is how stale a session's LastSeen may get before it is written again, in the background, at most once
	// per session and interval; negative turns it off. Defaults to 1 minute.
	TouchInterval time.Duration
	// Slide, if positive, moves an idle session's expiry to this long from now when it is touched, never past its
	// deadline. It needs a [Toucher] among the checkers. Defaults to 0: only refreshes do.
	Slide time.Duration
	// APIKeys are accepted besides JWTs: a text that begins with one's prefix is judged by it. Defaults to none.
	APIKeys []*APIKeys
	// Events is told what happens; it must not block. Defaults to nobody.
	Events func(context.Context, Event)
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

const (
	defaultLeeway        = 30 * time.Second
	defaultTouchInterval = time.Minute
)

// Verifier accepts or refuses access tokens, and API keys where it is given some. It needs no signing key. Safe for
// concurrent use. Close it to wait for the last-seen times that it still writes.
type Verifier struct {
	issuers map[string]*trusted
	keys    []*APIKeys
	headers headers
	leeway  time.Duration
	now     func() time.Time
	teller  teller
	seen    *lastSeen // nil: off
}

// NewVerifier makes a verifier that trusts these issuers, each with its own name: at least one, unless VerifierOptions.APIKeys
// are all that it accepts. o may be nil. Bad input is
// a [store.FieldError] that names the field and its limit; so is a checker that cannot keep its promise, such as a
// [Denylist] on a store that may evict.
func NewVerifier(issuers []TrustedIssuer, o *VerifierOptions) (*Verifier, error) {
	var opts VerifierOptions
	if o != nil {
		opts = *o
	}
	if len(issuers) == 0 && len(opts.APIKeys) == 0 {
		return nil, invalid("issuers", "is empty", "trust at least one issuer, or give VerifierOptions.APIKeys")
	}
	opts.Leeway = max(0, cmp.Or(opts.Leeway, defaultLeeway))
	opts.TouchInterval = cmp.Or(opts.TouchInterval, defaultTouchInterval)
	opts.Now = clock(opts.Now)
	if err := opts.check(); err != nil {
		return nil, err
	}
	v := &Verifier{
		issuers: make(map[string]*trusted, len(issuers)),
		leeway:  opts.Leeway,
		now:     opts.Now,
		teller:  teller{events: opts.Events, now: opts.Now},
	}
	for n, issuer := range issuers {
		field := fmt.Sprintf("issuers[%d]", n)
		if err := checkRing(field, issuer.Keys, opts.Leeway); err != nil {
			return nil, err
		}
		t, err := trust(field, issuer)
		if err != nil {
			return nil, err
		}
		if _, taken := v.issuers[t.issuer]; taken {
			return nil, invalid(field+".Issuer", "is trusted twice", "give one TrustedIssuer all its keys and audiences")
		}
		v.issuers[t.issuer] = t
	}
	if err := v.addKeys(opts.APIKeys); err != nil {
		return nil, err
	}
	if opts.Slide > 0 && !v.touches() {
		return nil, invalid("VerifierOptions.Slide", "needs a checker that can touch, and none can",
			"use Sessions, or leave it zero")
	}
	if opts.TouchInterval > 0 {
		v.seen = newLastSeen(opts.TouchInterval, opts.Slide, opts.Now)
	}
	return v, nil
}

// touches reports whether any checker can.
func (v *Verifier) touches() bool {
	for _, t := range v.issuers {
		if t.touch != nil {
			return true
		}
	}
	return false
}

// check refuses options outside their limits; the defaults are in place.
func (o *VerifierOptions) check() error {
	if err := checkRange("VerifierOptions.Leeway", o.Leeway, 0, store.MaxLeeway, "set the clocks, and allow less"); err != nil {
		return err
	}
	if o.Slide != 0 && o.TouchInterval < 0 {
		return invalid("VerifierOptions.Slide", "needs last-seen times, which are off", "leave TouchInterval zero, or set it")
	}
	return checkRange("VerifierOptions.Slide", o.Slide, 0, longest, "keep it below ten years")
}

// Verify judges a bearer token's text: strict form, signature, claims (of an API key checksum and seal), and then whether it
// was revoked. An error that
// matches [ErrInvalidToken] is proven invalidity (HTTP 401); any other error says nothing about the token (HTTP 503). There
// is no token with an error.
func (v *Verifier) Verify(ctx context.Context, raw string) (*Token, error) {
	t, from, err := v.parse(ctx, raw)
	if err == nil {
		err = v.check(ctx, t, from)
	}
	v.tell(ctx, t, err)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Parse judges signature and claims and does not ask whether the token was revoked. It is for naming a token, to a
// [Revoker] for instance, and never for letting a request pass. An expired token is refused: it is dead already; when an API
// key expires only the store knows.
func (v *Verifier) Parse(ctx context.Context, raw string) (*Token, error) {
	t, _, err := v.parse(ctx, raw)
	return t, err
}

// parse judges everything but revocation. The iss chooses the issuer before the signature is checked; it chooses among
// those that we trust, and the signature must then be that one's.
func (v *Verifier) parse(ctx context.Context, raw string) (*Token, *trusted, error) {
	if k := v.keysFor(raw); k != nil {
		t, err := k.parse(raw)
		return t, k.judge, err
	}
	j, err := decode(raw, &v.headers)
	if err != nil {
		return nil, nil, err
	}
	defer j.release()
	from, ok := v.issuers[j.claims.iss]
	if !ok {
		return nil, nil, &RefusedError{Err: ErrIssuer}
	}
	t, err := from.parse(ctx, j, v.leeway, v.now())
	if err != nil {
		return nil, nil, err
	}
	return t, from, nil
}

// check asks whether a good token is alive.
func (v *Verifier) check(ctx context.Context, t *Token, from *trusted) error {
	a, err := from.check.Check(ctx, t)
	if err != nil {
		return fmt.Errorf("jeton: no answer about a token: %w", err)
	}
	if !a.Alive {
		switch a.Reason {
		case store.ReasonUnknown:
			return &RefusedError{Err: ErrUnknownSession}
		case store.ReasonUndated: // nobody has revoked it
			return refuse(ErrNotYetValid, "it was issued in the future of the store's clock")
		}
		return &RefusedError{Err: ErrRevoked, Reason: a.Reason}
	}
	t.session = a.Record // nobody else has t yet
	if v.seen != nil && from.touch != nil {
		if t.isKey && !used(a.Record) {
			a.Record.LastSeen = time.Time{} // the first use counts at once: a list tells used keys from unused ones
		}
		v.seen.note(from.touch, t.subject, a)
	}
	return nil
}

// tell tells of a verification. Of a refused text nothing is told but why: who it speaks of is not proven.
func (v *Verifier) tell(ctx context.Context, t *Token, err error) {
	if v.teller.events == nil {
		return
	}
	e := Event{Type: EventVerified, Err: err}
	if t != nil {
		e.Subject, e.SessionID, e.TokenID, e.Class = t.subject, t.SessionID(), t.ID(), t.session.Class
	}
	switch {
	case err == nil:
	case errors.Is(err, ErrInvalidToken):
		e.Type, e.Reason = EventRefused, Code(err)
	default:
		e.Type = EventFailed
	}
	v.teller.tell(ctx, e)
}

// Close ends the background writes of last-seen times and waits for them, at most for the few seconds of one write.
// Closing twice is nil. A closed verifier goes on to verify.
func (v *Verifier) Close() error {
	if v.seen != nil {
		v.seen.close()
	}
	return nil
}

// Stats returns the counters since the verifier was made: token_touches, token_touch_errors, and token_touch_drops for
// those given up because too many were waiting.
func (v *Verifier) Stats() []store.Stat {
	if v.seen == nil {
		return nil
	}
	return v.seen.stats()
}
