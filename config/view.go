package config

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// defaultOpenWithin is enough for some millions of revocations.
const defaultOpenWithin = 30 * time.Second

// viewing refuses keys of a view that there is not, and what a verifier that asks one has no use for.
func (c *Config) viewing(refused refusals, wrong *mistakes) {
	v := &c.View
	switch {
	case refused.has("verifier.check"):
		return
	case c.Verifier.Check != Local:
		c.idle("verifier.check local", []setKey{
			{"view.max_stale", v.MaxStale != 0},
			{"view.max_token_life", v.MaxTokenLife != 0},
			{"view.first_install", !v.FirstInstall.IsZero()},
			{"view.fallback", v.Fallback != ""},
			{"view.open_within", v.OpenWithin != 0},
		}, wrong)
		return
	}
	add := func(key, problem, remedy string) { wrong.add(c.at(key), key, problem, remedy) }
	if v.OpenWithin < 0 {
		add("view.open_within", "is negative", "give the start some time, or leave it out")
	}
	if most := c.Verifier.MaxLifetime; v.MaxTokenLife > 0 && most > v.MaxTokenLife {
		problem := fmt.Sprintf("is %s, and view.max_token_life %s: revocations are held for no longer", inWords(most), inWords(v.MaxTokenLife))
		add("verifier.max_lifetime", problem, "lower it, or raise view.max_token_life")
	}
	if c.Verifier.Slide != 0 {
		add("verifier.slide", "needs last-seen times, and verifier.check local writes none", "use sessions, or leave it out")
	}
	if c.Verifier.ServeStale != 0 {
		add("verifier.serve_stale", "is of no use with verifier.check local, which takes no answer older than view.max_stale",
			"use sessions or denylist with cache.max_stale, or leave it out")
	}
}

// follow opens the view that tokens are checked by, and waits until it is complete; nil where they are not.
func (c *Config) follow(ctx context.Context, s *Stack) (*revocation.View, error) {
	if c.Verifier.Check != Local {
		return nil, nil //nolint:nilnil // no view is no error
	}
	if err := followable(s); err != nil {
		return nil, c.mistake(err)
	}
	limit := cmp.Or(c.View.OpenWithin, defaultOpenWithin)
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	v, err := revocation.Open(within, s.Feed, &revocation.Options{
		MaxStale: c.View.MaxStale, MaxTokenLife: c.View.MaxTokenLife, FirstInstall: c.View.FirstInstall, Logger: c.View.Logger,
	})
	var f *store.FieldError
	switch {
	case err == nil:
		return v, nil
	case errors.As(err, &f):
		named := *f // the cache's options have the same names
		named.Field = strings.Replace(f.Field, "Options.", "View.", 1)
		return nil, c.mistake(&named)
	case errors.Is(err, revocation.ErrNotReady) && ctx.Err() == nil:
		const key = "view.open_within"
		at := c.at(key)
		return nil, &Error{
			File: at.file, Line: at.line, Key: cmp.Or(at.name, key),
			Problem: fmt.Sprintf("is over after %s (%s)", inWords(limit), c.clean(err)),
			Remedy:  "see that the store's user may read the feed, or raise it where there are millions of revocations",
			Err:     err,
		}
	}
	return nil, c.mistake(err)
}

// followable refuses a store that no view can be made of.
func followable(s *Stack) error {
	switch {
	case s.Feed == nil:
		return &store.FieldError{
			Field: "Check", Problem: "is local on a store that tells no revocations, or behind a layer that does not pass them on",
			Remedy: "use sessions, or a store with a feed, such as redis or bolt",
		}
	case !s.Store.Capabilities().NeverEvicts:
		return &store.FieldError{
			Field:   "Check",
			Problem: "is local on a store that may evict, or may not look whether it does: a lost revocation would bring tokens back",
			Remedy:  "use sessions, or a store that never evicts: for Redis set maxmemory-policy noeviction and grant +info",
		}
	}
	return nil
}

// rehearsed stands for a view that there is not yet, as promise does for the store. A check by it would panic.
type rehearsed struct {
	token.Checker
	life time.Duration
}

// MaxTokenLife implements token.Checker.
func (r rehearsed) MaxTokenLife() (time.Duration, error) { return r.life, nil }

// checker returns what makes a token good.
func (c *Config) checker(s *Stack) (token.Checker, error) {
	switch c.Verifier.Check {
	case "", Sessions:
		return token.Sessions(s.Store), nil
	case Denylist:
		return token.Denylist(s.Store), nil
	case Local:
	default:
		return nil, &store.FieldError{Field: "Check", Problem: "is not a known word", Remedy: "write sessions, denylist or local"}
	}
	var fallback token.Checker
	switch c.View.Fallback {
	case "", Denylist:
		fallback = token.Denylist(s.Store)
	case Sessions:
		fallback = token.Sessions(s.Store)
	case NoFallback:
	default:
		return nil, &store.FieldError{Field: "Fallback", Problem: "is not a known word", Remedy: "write denylist, sessions or none"}
	}
	if s.View == nil {
		return rehearsed{life: s.Store.Capabilities().MaxTokenLife}, nil
	}
	return token.Local(s.View, fallback), nil
}

// Ready returns nil while the stack can do its work, and otherwise what keeps it from it, for a health check: the store must
// answer, and where Verifier.Check is [Local] without a fallback the view must be ready ([revocation.ErrNotReady]). With a
// fallback the store judges meanwhile, which is no outage; View.Ready tells of it. It takes one [store.Ping].
func (s *Stack) Ready(ctx context.Context) error {
	err := store.Ping(ctx, s.Store)
	if s.View != nil && s.built.View.Fallback == NoFallback {
		err = errors.Join(err, s.View.Ready())
	}
	return err
}
