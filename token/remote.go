package token

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jetonkit/jeton/internal/age"
)

// RemoteOptions are what [RemoteKeys] may be told. The zero value is the safe one.
type RemoteOptions struct {
	// Interval is how old the set may get before it is fetched again, which happens beside the verification that notices;
	// one that finds it twice as old waits for the fetch. 1 second to 24 hours. Defaults to 10 minutes.
	Interval time.Duration
	// UnknownInterval is how long a fetched set is the last word about a kid that it lacks. A token under an older set's
	// unknown kid makes one fetch, and waits for it. Up to Interval. Defaults to 1 minute, or Interval where that is less.
	UnknownInterval time.Duration
	// MaxStale is how old a set may get while fetches fail; beyond it there is no answer, which is an outage. Twice Interval
	// up to 30 days. Defaults to 1 hour, or twice Interval where that is more.
	MaxStale time.Duration
	// Timeout bounds a fetch, whoever waits for it: 1 millisecond to 1 minute. Defaults to 10 seconds.
	Timeout time.Duration
	// Algorithms are the only ones that keys of the set may have, by the Alg constants; keys of others are ignored.
	// Defaults to all but HS256, HS384 and HS512, which no public set may hold.
	Algorithms []string
	// AllowHTTP takes http URLs of other hosts than this machine. Whoever sits on the way can then log in as anybody.
	AllowHTTP bool
	// Transport sends the requests, for a private certificate authority or a proxy for instance. It must honour their
	// contexts. Defaults to one with the system's certificates and the environment's proxy that keeps no connection open.
	Transport http.RoundTripper
	// Failed is told of every fetch that failed; while the set is not too old, nobody else is. It must not block.
	// Defaults to nobody.
	Failed func(error)
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// RemoteKeys is the JWK set that an issuer publishes, as a [KeySet]: fetched when it is first asked for, and again when it
// grows old. Safe for concurrent use.
//
//   - Callers that need a fetch share one. Whoever gives up leaves it to the others.
//   - A kid that the set lacks is looked for at most once per UnknownInterval, so that tokens under made-up kids make no load.
//   - What the issuer took out is gone with the next fetch: two Intervals after that at the latest, while fetches succeed.
//   - A fetch that fails is repeated after 1, 2, 4 … seconds, up to UnknownInterval, when somebody asks. Meanwhile the keys of
//     the old set are good until MaxStale, and nobody waits for an answer that did not come before.
//
// An error that matches [ErrKey] says that the set, as it was within UnknownInterval, lacks the kid. Any other one is a
// [RemoteError], which matches store.ErrUnavailable, or the caller's context's: no answer, and never a refusal.
//
// Nothing runs but a fetch that somebody asked for, for Timeout at most: there is nothing to close.
type RemoteKeys struct {
	set      *url.URL   // of the set; nil where it is discovered
	issuer   string     // whose it is; empty where it need not be discovered
	metadata []*url.URL // of the issuer
	opts     RemoteOptions
	client   *http.Client

	state atomic.Pointer[remoteState] // nil before the first fetch

	mu       sync.Mutex
	flight   *flight
	failures int // since the last success
	tried    time.Time
	failed   error
}

// remoteState is a set as it was fetched.
type remoteState struct {
	keys keySet
	at   time.Time // when the fetch began
}

// flight is a fetch under way. err is to be read once done is closed. again says that the one before failed.
type flight struct {
	done  chan struct{}
	again bool
	err   error
}

var _ KeySet = (*RemoteKeys)(nil)

// NewRemoteKeys makes a key set of the JWK set at a URL: https, or http on this machine. It does not fetch it;
// [RemoteKeys.Fetch] does, for a start that is to fail early. o may be nil. Bad input is a [store.FieldError] that names url
// or the option, and does not repeat the URL.
func NewRemoteKeys(rawURL string, o *RemoteOptions) (*RemoteKeys, error) {
	r, err := newRemote(o)
	if err != nil {
		return nil, err
	}
	r.set, err = fetchable("url", rawURL, r.opts.AllowHTTP)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// NewDiscoveredKeys makes a key set of the JWK set that an issuer's metadata names as its jwks_uri: those at
// /.well-known/openid-configuration behind the issuer (OpenID Connect Discovery 1.0 §4) or, if there are none, those at
// /.well-known/oauth-authorization-server before its path (RFC 8414 §3). issuer is the exact iss of its tokens, a URL, and the
// metadata must name it letter for letter. They are read again with each fetch, which is two requests then. All else is as with
// [NewRemoteKeys]; the set's URL may be on another host, and is https unless the issuer is http.
func NewDiscoveredKeys(issuer string, o *RemoteOptions) (*RemoteKeys, error) {
	r, err := newRemote(o)
	if err != nil {
		return nil, err
	}
	u, err := fetchable("issuer", issuer, r.opts.AllowHTTP)
	if err != nil {
		return nil, err
	}
	if u.RawQuery != "" || u.ForceQuery {
		return nil, invalid("issuer", "has a query", "give the iss of the tokens, which has none (RFC 8414 §2)")
	}
	r.issuer, r.metadata = issuer, wellKnown(u)
	return r, nil
}

func newRemote(o *RemoteOptions) (*RemoteKeys, error) {
	var opts RemoteOptions
	if o != nil {
		opts = *o
	}
	opts.Interval = cmp.Or(opts.Interval, 10*time.Minute)
	opts.UnknownInterval = cmp.Or(opts.UnknownInterval, min(opts.Interval, time.Minute))
	opts.MaxStale = cmp.Or(opts.MaxStale, max(2*opts.Interval, time.Hour))
	opts.Timeout = cmp.Or(opts.Timeout, 10*time.Second)
	opts.Algorithms = slices.Clone(opts.Algorithms)
	opts.Now = clock(opts.Now)
	if err := opts.check(); err != nil {
		return nil, err
	}
	return &RemoteKeys{opts: opts, client: opts.client()}, nil
}

func (o *RemoteOptions) check() error {
	if err := checkRange("RemoteOptions.Interval", o.Interval, time.Second, day, "leave it zero for 10 minutes"); err != nil {
		return err
	}
	if err := checkRange("RemoteOptions.UnknownInterval", o.UnknownInterval, time.Millisecond, o.Interval, "keep it within Interval"); err != nil {
		return err
	}
	if err := checkRange("RemoteOptions.MaxStale", o.MaxStale, 2*o.Interval, 30*day, "give it twice Interval or more"); err != nil {
		return err
	}
	if err := checkRange("RemoteOptions.Timeout", o.Timeout, time.Millisecond, time.Minute, "leave it zero for 10 seconds"); err != nil {
		return err
	}
	for n, alg := range o.Algorithms {
		field := fmt.Sprintf("RemoteOptions.Algorithms[%d]", n)
		a, err := algorithmOf(alg)
		if err != nil {
			return renamed(err, "alg", field)
		}
		if a.family == familyHMAC {
			return invalid(field, "is of secrets, and the set is public", "name algorithms of key pairs")
		}
	}
	return nil
}

// FindKey returns the key with this kid.
func (r *RemoteKeys) FindKey(ctx context.Context, kid string) (VerifyKey, error) {
	now := r.opts.Now()
	var k VerifyKey
	var known bool
	var old time.Duration
	if s := r.state.Load(); s != nil {
		old = age.Passed(s.at, now)
		if k, known = s.keys[kid]; !known && old < r.opts.UnknownInterval {
			return VerifyKey{}, unknownKid()
		}
	}
	if known && old < r.opts.Interval {
		return k, nil
	}
	f, err := r.start(ctx, now, false)
	switch {
	case known && old < 2*r.opts.Interval: // beside us
		return k, nil
	case known && old < r.opts.MaxStale && (err != nil || f.again): // nobody waits again and again for what does not answer
		return k, nil //nolint:nilerr // the error is of a fetch that this answer does not need
	case err == nil:
		err = f.wait(ctx)
	}
	if err == nil {
		return r.state.Load().keys.FindKey(ctx, kid)
	}
	if known && old < r.opts.MaxStale && ctx.Err() == nil {
		return k, nil
	}
	return VerifyKey{}, err
}

// Fetch fetches the set now, or joins a fetch under way. A [RemoteError] tells why there is none; what was fetched before
// stays.
func (r *RemoteKeys) Fetch(ctx context.Context) error {
	f, err := r.start(ctx, r.opts.Now(), true)
	if err != nil {
		return err
	}
	return f.wait(ctx)
}

// wait returns how a fetch ended, or that its caller has gone.
func (f *flight) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// start returns the fetch under way, and begins one where there is none. So soon after a failure it returns that instead,
// unless it is forced.
func (r *RemoteKeys) start(ctx context.Context, now time.Time, force bool) (*flight, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flight != nil {
		return r.flight, nil
	}
	if r.failures > 0 && !force && age.Passed(r.tried, now) < r.pause() {
		return nil, r.failed
	}
	r.tried = now
	r.flight = &flight{done: make(chan struct{}), again: r.failures > 0}
	// The caller's values (a trace, for instance) go along, its end does not.
	fetching, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.opts.Timeout)
	go func(f *flight) {
		defer cancel()
		r.land(f, now, r.load(fetching))
	}(r.flight)
	return r.flight, nil
}

// pause is how long nothing is tried after a failure.
func (r *RemoteKeys) pause() time.Duration {
	return min(time.Second<<min(r.failures-1, 20), r.opts.UnknownInterval)
}

// fetched is what a fetch brought.
type fetched struct {
	keys keySet
	err  error
}

// land ends a fetch.
func (r *RemoteKeys) land(f *flight, began time.Time, got fetched) {
	r.mu.Lock()
	if got.err == nil {
		r.state.Store(&remoteState{keys: got.keys, at: began})
		r.failures, r.failed = 0, nil
	} else {
		r.failures++
		r.failed = got.err
	}
	r.flight = nil
	r.mu.Unlock()
	f.err = got.err
	close(f.done)
	if got.err != nil && r.opts.Failed != nil {
		r.opts.Failed(got.err)
	}
}
