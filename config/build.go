package config

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
	storebreaker "github.com/jetonkit/jeton/store/breaker"
	storecache "github.com/jetonkit/jeton/store/cache"
	"github.com/jetonkit/jeton/token"
)

// Stack is a token service, ready for use. Safe for concurrent use; its fields are not to be changed.
type Stack struct {
	// Store is the store with all its layers, the outermost.
	Store store.TokenStore
	// Feed tells the store's revocations; nil where the store, or its outermost layer, has none. Closed with Store.
	Feed store.Feed
	// View is every revocation in this process's memory, where Config.Verifier's Check is Local, else nil. Its Ready, Lag and
	// Stats tell how it is; see also [Stack.Ready].
	View *revocation.View
	// Keys are the keys of Issuer and Verifier; [Stack.Reload] changes them. Its JWKS is what others verify by.
	Keys *token.Keyring
	// Issuer makes tokens; nil where the configuration has only a public key.
	Issuer *token.Issuer
	// APIKeys are what Config.APIKeys made; none without it.
	APIKeys []*token.APIKeys
	// Verifier checks tokens, and API keys where there are some.
	Verifier *token.Verifier
	// Revoker ends tokens and sessions.
	Revoker *token.Revoker

	others []token.TrustedIssuer // what Config.Issuers made
	close  func() error
	built  Config // as it was, without keys
}

// Close ends what was built: first the verifier, which still writes last-seen times, then the view, then the store with its
// layers.
// Closing twice gives the first answer.
func (s *Stack) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

// Build opens the store and makes the rest. The store is asked once whether it answers, so that one that does not is an
// error now: [store.ErrUnavailable] is in its chain. A view is complete when Build returns. ctx bounds Build alone. Every
// mistake is an [Error], as in [Load]; nothing stays open with one.
func (c *Config) Build(ctx context.Context) (*Stack, error) {
	if err := c.check(nil).join(); err != nil {
		return nil, err
	}
	keys := c.keyring(nil, new(mistakes)) // none: check has seen them
	s := &Stack{built: *c}
	s.built.Key, s.built.NextKeys, s.built.PreviousKeys, s.built.RemovedKeys = Key{}, nil, nil, nil
	var err error
	if s.Keys, err = c.ring(keys); err != nil {
		return nil, c.keyMistake(err, keys)
	}
	if s.Store, err = c.open(ctx); err != nil {
		return nil, err
	}
	s.close = sync.OnceValue(s.shut)
	if err := c.furnish(ctx, s, keys); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// furnish makes what stands on the opened store.
func (c *Config) furnish(ctx context.Context, s *Stack, keys keyring) (err error) {
	if s.Feed, err = feedOf(ctx, s.Store); err != nil {
		return err
	}
	if c.APIKeys != nil {
		if s.APIKeys, err = c.APIKeys(s.Store); err != nil {
			return fmt.Errorf("jeton: Config.APIKeys: %w", err)
		}
	}
	if c.Issuers != nil {
		if s.others, err = c.Issuers(s.Store); err != nil {
			return fmt.Errorf("jeton: Config.Issuers: %w", err)
		}
	}
	if s.View, err = c.follow(ctx, s); err != nil {
		return err
	}
	var wrong mistakes
	for _, part := range parts {
		if e := c.mistake(part(c, s, keys)); e != nil {
			wrong = append(wrong, e)
		}
	}
	return wrong.join()
}

// feedOf is the store's feed; nil where it has none. A layer has the methods always, and says by Partitions whether what it
// wraps does.
func feedOf(ctx context.Context, s store.TokenStore) (store.Feed, error) {
	feed, err := store.FeedOf(s)
	if err == nil {
		_, err = feed.Partitions(ctx)
	}
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil, nil //nolint:nilnil // no feed is no error
	case err != nil:
		return nil, err
	}
	return feed, nil
}

// shut closes what is there.
func (s *Stack) shut() error {
	var errs []error
	if s.Verifier != nil {
		errs = append(errs, s.Verifier.Close())
	}
	if s.View != nil {
		errs = append(errs, s.View.Close())
	}
	return errors.Join(append(errs, s.Store.Close())...)
}

// open opens the store, asks it whether it answers, and puts the layers around it.
func (c *Config) open(ctx context.Context) (store.TokenStore, error) {
	raw, f := c.storeURL()
	if f != nil {
		return nil, errors.New(f.problem) // check has seen it
	}
	s, err := store.Open(ctx, raw)
	if err != nil {
		return nil, c.opening(err)
	}
	if err := store.Ping(ctx, s); err != nil {
		return nil, errors.Join(c.opening(err), s.Close())
	}
	for _, layer := range []Wrap{c.breaker, c.cached} { // from the inside: a hit of the cache is no news of the store
		outer, err := layer(ctx, s)
		if err != nil {
			return nil, errors.Join(c.mistake(err), s.Close())
		}
		s = outer
	}
	for n := len(c.Wrap) - 1; n >= 0; n-- { // from the inside
		outer, err := c.Wrap[n](ctx, s)
		if err == nil && outer == nil {
			err = errors.New("it returned no store")
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("jeton: Config.Wrap[%d]: %w", n, err), s.Close())
		}
		s = outer
	}
	return s, nil
}

// breaker puts a breaker around a store, where there is to be one.
func (c *Config) breaker(_ context.Context, s store.TokenStore) (store.TokenStore, error) {
	b := &c.Breaker
	if b.OpenFor == 0 {
		return s, nil
	}
	return storebreaker.New(s, &storebreaker.Options{
		Failures: b.Failures, Percent: b.Percent, Window: b.Window, OpenFor: b.OpenFor,
		Probes: b.Probes, ProbeTimeout: b.ProbeTimeout, Slow: b.Slow, OnChange: b.OnChange,
	})
}

// cached puts the cache in front of a store, where there is to be one.
func (c *Config) cached(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
	if c.Cache.MaxStale == 0 {
		return s, nil
	}
	return storecache.New(ctx, s, &storecache.Options{
		MaxStale: c.Cache.MaxStale, MaxBytes: int64(c.Cache.MaxBytes), MaxAge: c.Cache.MaxAge, Poll: c.Cache.Poll,
	})
}

// opening tells why a store did not open.
func (c *Config) opening(err error) error {
	at := c.at("store.url")
	e := &Error{File: at.file, Line: at.line, Key: cmp.Or(at.name, "store.url"), Err: err}
	var f *store.FieldError
	switch {
	case errors.As(err, &f):
		e.Problem, e.Remedy = f.Problem, f.Remedy
		if f.Field != "URL" {
			e.Problem = "has a mistake: " + f.Field + " " + f.Problem
		}
	case errors.Is(err, store.ErrLocked):
		e.Problem, e.Remedy = "names a file that another process has open", "stop that one, or give each its own file"
	case errors.Is(err, store.ErrUnavailable):
		e.Problem, e.Remedy = "names a store that does not answer ("+c.clean(err)+")", "start its server, or correct the address or path"
	default:
		e.Problem, e.Remedy = "names a store that does not open ("+c.clean(err)+")", "correct what it names"
	}
	return e
}
