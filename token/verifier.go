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
	// CacheBytes bounds the memory of verified tokens, in bytes: at least [MinCacheBytes], at most 1 TiB; negative keeps none.
	// What is kept saves reading a token again and checking its signature, and asking again wherever the checker is a
	// [Stamper] and its answer has a stamp, as those of store/cache do. Defaults to 32 MiB, which are taken as they are needed.
	CacheBytes int
	// ServeStale lets a token pass while the store cannot be asked, if this verifier has accepted it before by an answer that
	// is no older than this: up to 24 hours. It takes a [Stamper] whose answers have a stamp. [Token.Stale] tells of it. It is
	// outside of every promise: a revocation that was not heard of yet is not seen. Defaults to 0: an outage lets nobody in.
	ServeStale time.Duration
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
	defaultCacheBytes    = 32 << 20
)

// Verifier accepts or refuses access tokens, and API keys where it is given some. It needs no signing key. Safe for
// concurrent use. Close it to wait for the last-seen times that it still writes.
type Verifier struct {
	issuers map[string]*trusted
	keys    []*APIKeys
	headers headers
	leeway  time.Duration
	now     func() time.Time // nil: time.Now
	teller  teller
	seen    *lastSeen // nil: off
	known   *known    // nil: off
	outage  time.Duration
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
	opts.CacheBytes = cmp.Or(opts.CacheBytes, defaultCacheBytes)
	if err := opts.check(); err != nil {
		return nil, err
	}
	v := &Verifier{
		issuers: make(map[string]*trusted, len(issuers)),
		leeway:  opts.Leeway,
		now:     opts.Now,
		teller:  teller{events: opts.Events, now: clock(opts.Now)},
		outage:  opts.ServeStale,
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
	if opts.ServeStale > 0 && !v.stamped() {
		return nil, invalid("VerifierOptions.ServeStale", "needs a checker that is a Stamper, and none is",
			"use Sessions or Denylist on a store with a cache, or leave it zero")
	}
	if opts.TouchInterval > 0 {
		v.seen = newLastSeen(opts.TouchInterval, opts.Slide, v.begin().now)
	}
	if opts.CacheBytes > 0 {
		v.known = newKnown(int64(opts.CacheBytes))
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

// stamped reports whether any checker may give answers with a stamp that counts.
func (v *Verifier) stamped() bool {
	for _, t := range v.issuers {
		if t.stamps {
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
	if 0 <= o.CacheBytes && o.CacheBytes < MinCacheBytes {
		return invalid("VerifierOptions.CacheBytes", fmt.Sprintf("is %d, too small for the largest token", o.CacheBytes),
			fmt.Sprintf("give it at least %d bytes, or a negative number for no cache", MinCacheBytes))
	}
	if int64(o.CacheBytes) > maxCacheBytes {
		return invalid("VerifierOptions.CacheBytes", fmt.Sprintf("is %d, more than 1 TiB", o.CacheBytes),
			"give it the bytes that the process can spare")
	}
	if o.ServeStale != 0 && o.CacheBytes < 0 {
		return invalid("VerifierOptions.ServeStale", "needs the cache, which is off", "leave CacheBytes zero, or set it")
	}
	if err := checkRange("VerifierOptions.ServeStale", o.ServeStale, 0, day, "leave it zero, and let outages be answered with 503"); err != nil {
		return err
	}
	return checkRange("VerifierOptions.Slide", o.Slide, 0, longest, "keep it below ten years")
}

// Verify judges a bearer token's text: strict form, signature, claims (of an API key checksum and seal), and then whether it
// was revoked. An error that
// matches [ErrInvalidToken] is proven invalidity (HTTP 401); any other error says nothing about the token (HTTP 503). There
// is no token with an error.
func (v *Verifier) Verify(ctx context.Context, raw string) (*Token, error) {
	t, err := v.verify(ctx, raw, v.begin())
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
	c, err := v.parse(ctx, raw, v.begin().now)
	if err != nil {
		return nil, err
	}
	return &Token{parsed: c.parsed}, nil
}

// moment is when a verification began. No later time is asked in it: what a check begun now may accept is all that is promised.
type moment struct {
	now   time.Time // by the program's clock: a token's dates are judged by it
	began time.Time // by the process's, with its monotonic reading: answers are aged by it
}

func (v *Verifier) begin() moment {
	m := moment{began: time.Now()}
	if m.now = m.began; v.now != nil {
		m.now = v.now()
	}
	return m
}

// candidate is a token whose signature and claims are good. It is immutable.
type candidate struct {
	*parsed
	from *trusted
	kid  string
	key  *verifying // the one that checked the signature; nil for an API key
}

// parse judges everything but revocation. The iss chooses the issuer before the signature is checked; it chooses among
// those that we trust, and the signature must then be that one's.
func (v *Verifier) parse(ctx context.Context, raw string, now time.Time) (candidate, error) {
	if k := v.keysFor(raw); k != nil {
		p, err := k.parse(raw)
		return candidate{parsed: p, from: k.judge}, err
	}
	j, err := decode(raw, &v.headers)
	if err != nil {
		return candidate{}, err
	}
	defer j.release()
	from, ok := v.issuers[j.claims.iss]
	if !ok {
		return candidate{}, refuse(ErrIssuer, "iss is the Issuer of no TrustedIssuer")
	}
	p, err := from.parse(ctx, j, v.leeway, now)
	return candidate{parsed: p, from: from, kid: j.head.kid, key: j.key}, err
}

// dead is why a token without life is refused.
func dead(reason string) error {
	switch reason {
	case store.ReasonUnknown:
		return &RefusedError{Err: ErrUnknownSession}
	case store.ReasonUndated: // nobody has revoked it
		return refuse(ErrNotYetValid, "it was issued in the future of the store's clock")
	}
	return &RefusedError{Err: ErrRevoked, Reason: reason}
}

// tell tells of a verification. Of a refused text nothing is told but why: who it speaks of is not proven.
func (v *Verifier) tell(ctx context.Context, t *Token, err error) {
	if v.teller.events == nil {
		return
	}
	e := Event{Type: EventVerified, Err: err}
	if t != nil {
		e.Subject, e.SessionID, e.TokenID, e.Class = t.subject, t.SessionID(), t.ID(), t.Class()
	}
	switch {
	case err == nil && t.stale:
		e.Type = EventServedStale
	case err == nil:
	case errors.Is(err, ErrInvalidToken):
		e.Type, e.Reason = EventRefused, Code(err)
	default:
		e.Type = EventFailed
	}
	v.teller.tell(ctx, e)
}

// Close ends the background writes of last-seen times and waits for them, at most for the few seconds of one write, and lets
// go of the verified tokens. Closing twice is nil. A closed verifier goes on to verify, and keeps nothing.
func (v *Verifier) Close() error {
	if v.seen != nil {
		v.seen.close()
	}
	v.known.close()
	return nil
}

// Stats returns the counters since the verifier was made: token_touches, token_touch_errors, and token_touch_drops for
// those given up because too many were waiting; and of the cache
//
//	token_cache_hits    tokens accepted without being read, and without asking the store
//	token_cache_stale   tokens that were known, and the store was asked whether they live
//	token_cache_misses  tokens that were read
//	token_cache_drops   tokens let go: ended, refused, of a key that has changed, or for want of room
//	token_served_stale  tokens accepted during an outage
func (v *Verifier) Stats() []store.Stat {
	var out []store.Stat
	if v.seen != nil {
		out = v.seen.stats()
	}
	return append(out, v.known.stats()...)
}
