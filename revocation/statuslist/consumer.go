package statuslist

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// Source is whose lists a [Consumer] fetches. Nothing else is ever fetched, whatever a token says.
type Source struct {
	// Issuer is the iss that lists have, where they have one. Required.
	Issuer string
	// Keys check the lists' signatures. Required.
	Keys token.KeySet
	// URI is the uri of the one list, or where it ends with a slash what all begin with: https://issuer.example/status/.
	// https, but for this machine. Required.
	URI string
}

// ConsumerOptions are what a [Consumer] may be told. The zero value is the safe one.
type ConsumerOptions struct {
	// TTL is how long a list is used that says neither ttl nor exp: 1 second to 24 hours. A list's own ttl is believed within
	// the same bounds (draft §11.5). Defaults to 1 minute.
	TTL time.Duration
	// MaxBytes is the longest answer in bytes, after gzip is taken off: 1 KiB to 64 MiB. Defaults to 4 MiB.
	MaxBytes int
	// MaxInflated is the longest list in bytes, unpacked: 1 byte to 64 MiB. Defaults to 4 MiB, 33 million places of one bit.
	MaxInflated int
	// MaxLists is how many lists are kept: 1 to 100,000. Tokens of one more get no answer. Defaults to 256.
	MaxLists int
	// MaxTokenLife is the longest life of a token that is judged by lists alone. Defaults to 24 hours.
	MaxTokenLife time.Duration
	// Leeway is how far in the future a list's iat may lie: up to 2 minutes. Defaults to 30 seconds.
	Leeway time.Duration
	// Timeout bounds a fetch, whoever waits for it: 1 millisecond to 1 minute. Defaults to 10 seconds.
	Timeout time.Duration
	// AllowHTTP takes http URIs of other hosts than this machine. Lists are signed: who sits on the way can hold them back
	// and see them, and not change them.
	AllowHTTP bool
	// Transport sends the requests. Defaults to http.DefaultTransport.
	Transport http.RoundTripper
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

func (o *ConsumerOptions) fill() error {
	o.TTL = orElse(o.TTL, time.Minute)
	o.MaxBytes = orElse(o.MaxBytes, 4<<20)
	o.MaxInflated = orElse(o.MaxInflated, 4<<20)
	o.MaxLists = orElse(o.MaxLists, 256)
	o.MaxTokenLife = orElse(o.MaxTokenLife, store.DefaultMaxTokenLife)
	o.Leeway = orElse(o.Leeway, 30*time.Second)
	o.Timeout = orElse(o.Timeout, 10*time.Second)
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return errors.Join(
		checkRange("ConsumerOptions.TTL", o.TTL, minTTL, maxTTL),
		checkRange("ConsumerOptions.MaxBytes", o.MaxBytes, 1<<10, 64<<20),
		checkRange("ConsumerOptions.MaxInflated", o.MaxInflated, 1, 64<<20),
		checkRange("ConsumerOptions.MaxLists", o.MaxLists, 1, 100_000),
		checkRange("ConsumerOptions.MaxTokenLife", o.MaxTokenLife, time.Second, store.MaxLife),
		checkRange("ConsumerOptions.Leeway", o.Leeway, 0, store.MaxLeeway),
		checkRange("ConsumerOptions.Timeout", o.Timeout, time.Millisecond, time.Minute),
	)
}

const (
	// minTTL and maxTTL bound how long a list is used without asking again, whatever it says.
	minTTL, maxTTL = time.Second, 24 * time.Hour
	// patience is how long who has a list that has not expired waits for a newer one.
	patience = time.Second
)

// ErrUntrusted is a list of no [Source]. It was not fetched.
var ErrUntrusted = errors.New("the status list is of no trusted source")

// FetchError is a list that could not be had, or is not good. It matches [store.ErrUnavailable]: it says nothing about a
// token.
type FetchError struct {
	// Problem is what went wrong, in words that hold nothing of the answer.
	Problem string
	// Err is the cause; may be nil.
	Err error
}

// Error returns "jeton: status list: problem".
func (e *FetchError) Error() string { return "jeton: status list: " + e.Problem }

// Unwrap returns the cause.
func (e *FetchError) Unwrap() error { return e.Err }

// Is makes it an outage.
func (e *FetchError) Is(target error) bool { return target == store.ErrUnavailable }

// Consumer fetches lists and keeps them. It is safe for concurrent use; nothing runs but a fetch that somebody waits for.
//
//   - A list is used until its ttl has passed since it was asked for, or its exp. Headers about caching are not looked at.
//   - Then who asks waits for one fetch, and shares it. It is conditional: an answer of 304 is worth as much as the list.
//   - Where that fails or takes longer than a second, the list goes on to be used until its exp. After a failure it is
//     asked for again a second later, when somebody asks. A list without exp is not used beyond its ttl.
//   - A list made before the last one is not taken, even if that has expired. Where it says the same, it confirms it.
type Consumer struct {
	sources []Source
	opts    ConsumerOptions
	client  *http.Client

	mu    sync.Mutex
	lists map[string]*kept
}

// kept is a list, or the place of one that is being fetched.
type kept struct {
	turn   chan struct{} // of who fetches it
	mu     sync.Mutex    // of what follows
	good   *fetched
	failed error
	tried  time.Time
	began  time.Time // when the fetch began that is under way; zero for none
}

// fetched is a list that was good. It does not change.
type fetched struct {
	list       *List
	etag       string
	iat        time.Time
	fresh, end time.Time
	ttl        time.Duration
	exp        time.Time // zero where the list has none
}

// NewConsumer makes a consumer of 1 source or more. o may be nil. Errors are of type [store.FieldError].
func NewConsumer(sources []Source, o *ConsumerOptions) (*Consumer, error) {
	c := &Consumer{sources: append([]Source(nil), sources...), lists: map[string]*kept{}}
	if o != nil {
		c.opts = *o
	}
	if err := c.opts.fill(); err != nil {
		return nil, err
	}
	if len(sources) == 0 {
		return nil, invalid("sources", "is empty", "give at least one")
	}
	for n, s := range sources {
		field := fmt.Sprintf("sources[%d]", n)
		switch {
		case s.Issuer == "":
			return nil, invalid(field+".Issuer", "is empty", "give the iss of the lists")
		case s.Keys == nil:
			return nil, invalid(field+".Keys", "is nil", "give the issuer's VerifyKey, or a NewKeySet of several")
		case !c.fetchable(s.URI):
			return nil, invalid(field+".URI", "is no https URI without user, query and dots as a path's part",
				"write https://host/path or https://host/path/")
		}
	}
	c.client = c.opts.client()
	return c, nil
}

// Status returns what a list says of a place. The error is [ErrUntrusted] or [ErrIndex], which both mean that the token
// is to be refused; any other is an outage (a [FetchError]) or ctx's, and says nothing about the token.
func (c *Consumer) Status(ctx context.Context, ref Reference) (Status, error) {
	source := c.source(ref.URI)
	if source == nil {
		return Invalid, ErrUntrusted
	}
	k, err := c.place(ref.URI)
	if err != nil {
		return Invalid, err
	}
	if good := k.usable(c.opts.Now()); good != nil {
		return good.list.Get(ref.Index)
	}
	good, err := c.renew(ctx, source, ref.URI, k)
	if err != nil {
		return Invalid, err
	}
	return good.list.Get(ref.Index)
}

// source returns whose a list is; nil for nobody's.
func (c *Consumer) source(uri string) *Source {
	for n := range c.sources {
		s := &c.sources[n]
		below := strings.HasSuffix(s.URI, "/") && strings.HasPrefix(uri, s.URI)
		if (uri == s.URI || below) && c.fetchable(uri) {
			return s
		}
	}
	return nil
}

// place returns where a list is kept.
func (c *Consumer) place(uri string) (*kept, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.lists[uri]
	if k != nil {
		return k, nil
	}
	if len(c.lists) >= c.opts.MaxLists {
		c.drop()
	}
	if len(c.lists) >= c.opts.MaxLists {
		return nil, &FetchError{Problem: "there are more lists than ConsumerOptions.MaxLists"}
	}
	k = &kept{turn: make(chan struct{}, 1)}
	c.lists[uri] = k
	return k, nil
}

// drop forgets the lists that are over, and those that never came.
func (c *Consumer) drop() {
	now := c.opts.Now()
	for uri, k := range c.lists {
		k.mu.Lock()
		over := k.good == nil && k.failed != nil || k.good != nil && !now.Before(k.good.end)
		k.mu.Unlock()
		if over {
			delete(c.lists, uri)
		}
	}
}

// usable returns the list where it need not be asked for again.
func (k *kept) usable(now time.Time) *fetched {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.good != nil && now.Before(k.good.fresh) {
		return k.good
	}
	return nil
}

// last returns what is left to use while there is no newer list, and why there is none where that was asked a moment ago.
func (k *kept) last(now time.Time) (good *fetched, failed error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.good != nil && now.Before(k.good.end) {
		good = k.good
	}
	if k.failed != nil && now.Sub(k.tried) < pause {
		failed = k.failed
	}
	return good, failed
}

// renew returns a newer list, or the one that is kept where that has not expired and the newer one is slow.
func (c *Consumer) renew(ctx context.Context, s *Source, uri string, k *kept) (*fetched, error) {
	now := c.opts.Now()
	good, _ := k.last(now)
	if good == nil {
		return c.await(ctx, s, uri, k)
	}
	if k.slow(now) {
		return good, nil
	}
	short, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	next, err := c.await(short, s, uri, k)
	if short.Err() != nil && err != nil && ctx.Err() == nil {
		good, _ = k.last(c.opts.Now())
		return orFail(good, nil)
	}
	return next, err
}

// slow reports whether who has a list has waited long enough for the fetch that is under way.
func (k *kept) slow(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.began.IsZero() && now.Sub(k.began) >= patience
}

// await fetches a list, or waits for who does.
func (c *Consumer) await(ctx context.Context, s *Source, uri string, k *kept) (*fetched, error) {
	select {
	case k.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	now := c.opts.Now()
	if good := k.usable(now); good != nil { // somebody else has fetched it
		<-k.turn
		return good, nil
	}
	if good, failed := k.last(now); failed != nil {
		<-k.turn
		return orFail(good, failed)
	}
	done := make(chan struct{})
	go func() { // who asked may go; the next is glad of the list
		defer close(done)
		defer func() { <-k.turn }()
		c.refetch(context.WithoutCancel(ctx), s, uri, k)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return orFail(k.last(c.opts.Now()))
}

// refetch fetches a list, and keeps what comes of it.
func (c *Consumer) refetch(ctx context.Context, s *Source, uri string, k *kept) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	k.mu.Lock()
	old := k.good
	k.began = c.opts.Now()
	k.mu.Unlock()
	next, err := c.fetch(ctx, s, uri, old)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failed, k.tried, k.began = err, c.opts.Now(), time.Time{}
	if err == nil {
		k.good = next
	}
}

// orFail returns the list, or why there is none.
func orFail(good *fetched, failed error) (*fetched, error) {
	if good == nil {
		if failed == nil {
			failed = &FetchError{Problem: "it has expired already"}
		}
		return nil, failed
	}
	return good, nil
}
