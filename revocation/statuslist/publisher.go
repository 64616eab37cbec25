package statuslist

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/token"
)

// PublisherOptions are what a [Publisher] may be told. The zero value is the safe one.
type PublisherOptions struct {
	// Bits is how many bits a status has: 1, 2, 4 or 8. One is enough for Valid and Invalid. Defaults to 1.
	Bits int
	// Interval is how old the list may get before it is made anew, when somebody asks for it: 1 second to 1 hour.
	// Defaults to 15 seconds.
	Interval time.Duration
	// TTL is how long a verifier may use the list before it asks again: 1 second to 1 hour. Defaults to 1 minute.
	TTL time.Duration
	// MaxAge is how long the list counts at all (exp), and so how long verifiers do without the publisher: at least twice
	// TTL and Interval together, up to 24 hours. Defaults to 10 minutes, or that where it is more.
	MaxAge time.Duration
	// Now is the clock, with its monotonic reading. Defaults to time.Now.
	Now func() time.Time
}

func (o *PublisherOptions) fill() error {
	o.Bits = orElse(o.Bits, 1)
	o.Interval = orElse(o.Interval, 15*time.Second)
	o.TTL = orElse(o.TTL, time.Minute)
	least := 2 * (o.TTL + o.Interval)
	o.MaxAge = orElse(o.MaxAge, max(10*time.Minute, least))
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := checkBits("PublisherOptions.Bits", o.Bits); err != nil {
		return err
	}
	if err := checkRange("PublisherOptions.Interval", o.Interval, time.Second, time.Hour); err != nil {
		return err
	}
	if err := checkRange("PublisherOptions.TTL", o.TTL, time.Second, time.Hour); err != nil {
		return err
	}
	return checkRange("PublisherOptions.MaxAge", o.MaxAge, least, 24*time.Hour)
}

func orElse[T int | int64 | time.Duration](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}

func checkRange[T int | int64 | time.Duration](field string, v, least, most T) error {
	if v < least || v > most {
		return invalid(field, fmt.Sprintf("is %v, the range is %v to %v", v, least, most), "use 0 for the default")
	}
	return nil
}

// Publisher makes, signs and serves the list of an allocator's places. It is an http.Handler, and safe for concurrent use.
//
// It makes the list when it is asked and the last one is older than Interval, once for all who wait, and serves that one
// while nothing in it changes. Where the view is not ready or the store cannot be asked, the last list is served until it
// expires, and then 503.
type Publisher struct {
	places *Allocator
	view   *revocation.View
	key    token.Signer
	issuer string
	opts   PublisherOptions

	turn   chan struct{} // of who looks at what follows: a lock that can be waited for with a context
	last   *published
	failed error // why the last list could not be made; nil where it could
	tried  time.Time
}

const (
	// makeTimeout bounds the making of a list, whoever waits for it.
	makeTimeout = 10 * time.Second
	// pause is how long a failure is the answer before it is tried again.
	pause = time.Second
)

// published is a list as it is served.
type published struct {
	raw, zipped  []byte
	etag         string
	lst          string
	made, checks time.Time // when it was signed, and when it was last found to be current
	end          time.Time
}

// NewPublisher makes a publisher. view must be of the feed of the allocator's store; issuer is the iss of the list, key
// is what signs it: a [token.SigningKey] or a [token.Keyring]. o may be nil. Errors are of type [store.FieldError].
func NewPublisher(
	places *Allocator, view *revocation.View, key token.Signer, issuer string, o *PublisherOptions,
) (*Publisher, error) {
	p := &Publisher{places: places, view: view, key: key, issuer: issuer, turn: make(chan struct{}, 1)}
	if o != nil {
		p.opts = *o
	}
	switch {
	case places == nil:
		return nil, invalid("places", "is nil", "make them by NewAllocator")
	case view == nil:
		return nil, invalid("view", "is nil", "open one by revocation.Open")
	case issuer == "":
		return nil, invalid("issuer", "is empty", "give the iss of the tokens")
	}
	if err := p.opts.fill(); err != nil {
		return nil, err
	}
	_, err := token.SignClaims(key, listType, listClaims{}) // a key that does not sign is found at the start
	return p, err
}

// listClaims are a list's (draft §5.1).
type listClaims struct {
	Issuer   string     `json:"iss,omitempty"`
	Subject  string     `json:"sub"`
	IssuedAt int64      `json:"iat"`
	Expires  *int64     `json:"exp,omitempty"`
	TTL      *float64   `json:"ttl,omitempty"`
	List     *listClaim `json:"status_list"`
}

type listClaim struct {
	Bits int    `json:"bits"`
	List string `json:"lst"`
}

// Token returns the signed list as it is served. The error is the view's, the store's or the key's; there is none while
// the last list has not expired.
func (p *Publisher) Token(ctx context.Context) (string, error) {
	last, err := p.current(ctx)
	if err != nil {
		return "", err
	}
	return string(last.raw), nil
}

// current returns the last list, made anew where it is old.
func (p *Publisher) current(ctx context.Context) (*published, error) {
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-p.turn }()
	now := p.opts.Now()
	if p.last == nil || now.Sub(p.last.checks) >= p.opts.Interval {
		p.renew(ctx, now)
	}
	if p.last == nil || !now.Before(p.last.end) {
		return nil, p.failed
	}
	return p.last, nil
}

// renew makes the list anew, unless that failed a moment ago. It goes on though who asked for it has gone: others wait.
func (p *Publisher) renew(ctx context.Context, now time.Time) {
	if p.failed != nil && now.Sub(p.tried) < pause {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), makeTimeout)
	defer cancel()
	var next *published
	if next, p.failed = p.make(ctx, now); p.failed == nil {
		p.last = next
	}
	p.tried = p.opts.Now() // when it failed, not when it began: those who wait must not all wait for a store that hangs
}

// make returns the list as it is now: the last one, while it says the same and has half of its life before it.
func (p *Publisher) make(ctx context.Context, now time.Time) (*published, error) {
	list, err := NewList(p.opts.Bits, int(p.places.size))
	if err != nil {
		return nil, err
	}
	err = p.places.each(ctx, func(index uint64, at place) error {
		q := at.query()
		verdict, err := p.view.Check(p.opts.Now(), &q)
		if err != nil || verdict.Alive {
			return err
		}
		return list.Set(index, Invalid)
	})
	if err != nil {
		return nil, err
	}
	lst, err := list.Encode()
	if err != nil {
		return nil, err
	}
	if p.last != nil && p.last.lst == lst && now.Sub(p.last.made) < p.opts.MaxAge/2 {
		same := *p.last
		same.checks = now
		return &same, nil
	}
	return p.sign(lst, now)
}

func (p *Publisher) sign(lst string, now time.Time) (*published, error) {
	end := now.Add(p.opts.MaxAge).Unix()
	ttl := p.opts.TTL.Truncate(time.Second).Seconds()
	raw, err := token.SignClaims(p.key, listType, listClaims{
		Issuer: p.issuer, Subject: p.places.uri, IssuedAt: now.Unix(), Expires: &end, TTL: &ttl,
		List: &listClaim{p.opts.Bits, lst},
	})
	if err != nil {
		return nil, err
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write([]byte(raw)); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(raw))
	return &published{
		raw: []byte(raw), zipped: zipped.Bytes(), etag: base64.RawURLEncoding.EncodeToString(sum[:12]), lst: lst,
		made: now, checks: now, end: time.Unix(end, 0),
	}, nil
}
