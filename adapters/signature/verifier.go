package signature

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/jetonkit/jeton/store"
)

const (
	defaultSkew = time.Minute
	mostSkew    = 15 * time.Minute
	// nonceMargin is how much longer than its timestamp can pass a nonce is kept, for clocks of other verifiers and of the
	// store.
	nonceMargin = 2 * time.Minute
)

// Options are what a [Verifier] may be told. The zero value is the safe one.
type Options struct {
	// Skew is how far a timestamp may be from the verifier's clock, in either direction: 1 second to 15 minutes. A nonce is
	// kept for as long, and 2 minutes: give all verifiers of one audience the same, or one with a larger one takes a call again
	// whose nonce another has let go. Defaults to 1 minute.
	Skew time.Duration
	// MaxBody is the largest body in bytes: it is read into memory before the handler sees it. 1 byte to 256 MiB.
	// Defaults to 1 MiB.
	MaxBody int64
	// AllowV1 are the keys of callers that sign as version 1 does: X-Signature, X-Timestamp and X-Nonce, where audience, method,
	// path, query and body are not signed. Whoever can read such a call can send another one in its place, once. Every key is
	// tried. Defaults to none, and then the three headers are not looked at.
	AllowV1 *Keys
	// AllowEviction takes a store that may evict. A nonce that it evicts can be used again while its timestamp passes.
	// Defaults to false: such a store is refused.
	AllowEviction bool
	// Realm is the protection space that challenges name (RFC 9110 §11.5): at most 256 bytes of printable ASCII without
	// quotes and backslashes. Defaults to "internal".
	Realm string
	// ErrorHandler writes the status and the body of a refusal. The headers that it must have (WWW-Authenticate,
	// Retry-After, Cache-Control) are set already. Defaults to [WriteJSON].
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err *Error)
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Verifier lets signed calls to one audience in, each once. It is safe for concurrent use.
type Verifier struct {
	store    store.TokenStore
	keys     *Keys
	audience string
	opts     Options
	// since is the time before which nonces may have been forgotten; zero where the store keeps them.
	since time.Time
}

// NewVerifier makes a verifier that keeps nonces in s, which all verifiers of one audience must share. Every key of keys
// may call; audience is the name that callers sign for, see [NewSigner]. o may be nil. Errors are of type
// [store.FieldError].
//
// Where s forgets at a restart and nobody else sees it (store/memory), calls from before the second in which the verifier
// was made are refused, by their callers' clocks: of a caller whose clock is ahead, calls of the last moments can be
// replayed for as long as it is. One that forgets behind its back, a Redis without persistence, lets calls of the last Skew
// be replayed after its restart.
func NewVerifier(s store.TokenStore, keys *Keys, audience string, o *Options) (*Verifier, error) {
	v := &Verifier{store: s, keys: keys, audience: audience}
	if o != nil {
		v.opts = *o
	}
	if s == nil {
		return nil, invalid("s", "is nil", "open a store first")
	}
	if err := check(keys, audience); err != nil {
		return nil, err
	}
	if err := v.opts.fill(); err != nil {
		return nil, err
	}
	can := s.Capabilities()
	if !can.NeverEvicts && !v.opts.AllowEviction {
		return nil, invalid("s", "may evict, and a nonce that it evicts can be used again",
			"use a store that never evicts (Redis: maxmemory-policy noeviction), or set Options.AllowEviction")
	}
	if !can.Durable && !can.Shared {
		v.since = v.opts.Now().Truncate(time.Second) // as timestamps are
	}
	return v, nil
}

func (o *Options) fill() error {
	if o.Skew == 0 {
		o.Skew = defaultSkew
	}
	if o.Realm == "" {
		o.Realm = "internal"
	}
	if o.ErrorHandler == nil {
		o.ErrorHandler = WriteJSON
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	switch {
	case o.Skew < time.Second || o.Skew > mostSkew:
		return invalid("Options.Skew", fmt.Sprintf("is %v, the range is 1s to %v", o.Skew, mostSkew),
			"use 0 for the default of 1m")
	case o.AllowV1 != nil && o.AllowV1.load() == nil:
		return invalid("Options.AllowV1", "has no key", "make it by NewKeys, or leave it nil")
	case len(o.Realm) > maxRealm || printable(o.Realm) != o.Realm:
		return invalid("Options.Realm", "is not something that a challenge can hold",
			fmt.Sprintf("use up to %d bytes of ASCII without quotes, backslashes and control characters", maxRealm))
	}
	return fillMaxBody("Options.MaxBody", &o.MaxBody)
}

type callerKey struct{}

// Caller returns the id of the key that signed the request of this context, behind [Verifier.Required],
// [Verifier.Check] or [Verifier.Authenticate].
func Caller(ctx context.Context) (keyID string, ok bool) {
	keyID, ok = ctx.Value(callerKey{}).(string)
	return keyID, ok
}

// Required lets signed requests through to next and answers all others with [Verifier.WriteError].
func (v *Verifier) Required(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(r.Context()) // a copy, for Check to change
		if err := v.Check(r); err != nil {
			v.WriteError(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Check is Authenticate that puts the context into r itself, so that it can be a hook of any framework.
func (v *Verifier) Check(r *http.Request) error {
	ctx, err := v.Authenticate(r)
	if err == nil {
		*r = *r.WithContext(ctx)
	}
	return err
}

// Authenticate lets a signed call pass once. It puts the body back that it has read, and returns the request's context
// with the caller in it; the hook Options.Internal of package httpauth has this form. The error is a [*Error], after
// which the body may have been read.
func (v *Verifier) Authenticate(r *http.Request) (context.Context, error) {
	prove := v.prove
	signed, old := len(r.Header.Values(Header)) > 0, v.opts.AllowV1 != nil && hasV1(r.Header)
	switch {
	case signed && old:
		return nil, refuse(ReasonAmbiguous, nil)
	case old:
		prove = v.proveV1
	case !signed:
		return nil, refuse(ReasonMissing, nil)
	}
	p, err := prove(r)
	if err != nil {
		return nil, err
	}
	if err := v.once(r.Context(), p); err != nil {
		return nil, err
	}
	return context.WithValue(r.Context(), callerKey{}, p.keyID), nil
}

// proven is a call whose signature is good. Whether it is a repeat is still open.
type proven struct {
	keyID, scope, nonce string
	at                  time.Time
}

// prove judges all of a request but its nonce.
func (v *Verifier) prove(r *http.Request) (proven, error) {
	value, err := one(r.Header, Header)
	if err != nil {
		return proven{}, err
	}
	c, mac, ok := parseHeader(value)
	c.audience = v.audience
	if !ok || !c.received(r) {
		return proven{}, refuse(ReasonMalformed, nil)
	}
	key, known := v.keys.load().byID[c.keyID]
	if !known {
		return proven{}, refuse(ReasonKey, nil)
	}
	if !key.signed(c.text(), mac) {
		return proven{}, refuse(ReasonSignature, nil)
	}
	p := proven{c.keyID, "signature/v2/" + v.audience, c.nonce, timeOf(c.timestamp)}
	if err := v.timely(p.at); err != nil {
		return proven{}, err
	}
	return p, v.body(r, c.bodyHash)
}

// one returns the only value of a header that is there.
func one(h http.Header, name string) (string, error) {
	values := h.Values(name)
	if len(values) != 1 {
		return "", refuse(ReasonAmbiguous, nil)
	}
	return values[0], nil
}

// timely judges a timestamp.
func (v *Verifier) timely(at time.Time) error {
	now := v.opts.Now()
	switch {
	case now.Sub(at) > v.opts.Skew || at.Before(v.since):
		return refuse(ReasonExpired, nil)
	case at.Sub(now) > v.opts.Skew:
		return refuse(ReasonFuture, nil)
	}
	return nil
}

// body reads the body, compares its hash, and puts it back.
func (v *Verifier) body(r *http.Request, hash string) error {
	var body []byte
	if r.Body != nil {
		if r.ContentLength > v.opts.MaxBody {
			return refuse(ReasonTooLarge, nil)
		}
		var err error
		body, err = io.ReadAll(io.LimitReader(r.Body, v.opts.MaxBody+1))
		if limit := (*http.MaxBytesError)(nil); errors.As(err, &limit) || int64(len(body)) > v.opts.MaxBody {
			return refuse(ReasonTooLarge, err)
		}
		if err != nil {
			return refuse(ReasonIncomplete, err)
		}
		r.Body.Close()
		r.Body, r.ContentLength = bodyOf(body), int64(len(body))
	}
	if hashOf(body) != hash {
		return refuse(ReasonBody, nil)
	}
	return nil
}

// once takes the nonce. Only the one answer that proves its first use lets a call pass.
func (v *Verifier) once(ctx context.Context, p proven) error {
	until := p.at.Add(v.opts.Skew + nonceMargin)
	err := store.Once(ctx, v.store, p.scope, p.keyID+" "+p.nonce, until)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrExists):
		return refuse(ReasonReplayed, nil)
	}
	return refuse(ReasonUnavailable, err)
}
