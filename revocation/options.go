package revocation

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"

	"github.com/jetonkit/jeton/store"
)

// Options change a view's defaults. The zero value, and nil, are the defaults.
type Options struct {
	// MaxStale is how old the last complete poll of the feed may be: of a revocation that the store acknowledged, no check
	// begun later than this accepts the token. The view polls at a third of it, so what loses two polls in a row is not
	// ready. 100ms to 1 minute. Defaults to 2s.
	MaxStale time.Duration
	// MaxTokenLife is the longest life of an access token that the view can judge: at most the keyspace's. 1s to 30 days.
	// Defaults to the keyspace's; required where the feed does not tell it (its Capabilities).
	MaxTokenLife time.Duration
	// FirstInstall is when Jeton's store was set up here for the first time. Tokens of other issuers that are older than the
	// feed are refused, since what was revoked before may have been lost with an earlier one; a feed that began within an
	// hour of FirstInstall had none before it, and such tokens pass. Defaults to none.
	FirstInstall time.Time
	// Logger gets failed polls and doubts, a few of each a minute. Defaults to slog.Default.
	Logger *slog.Logger
}

const (
	defaultMaxStale    = 2 * time.Second
	leastMaxStale      = 100 * time.Millisecond
	mostMaxStale       = time.Minute
	leastTokenLife     = time.Second
	mostTokenLife      = 30 * 24 * time.Hour
	firstInstallWindow = time.Hour
	pollsPerMaxStale   = 3
)

// fill judges the options and puts the defaults in place. feed may tell what the store promises.
func (o *Options) fill(feed store.Feed) error {
	if feed == nil {
		return invalid("feed", "is nil", "use store.OpenFeed, or store.FeedOf of a store in this process")
	}
	if err := checkRange("Options.MaxStale", o.MaxStale, leastMaxStale, mostMaxStale, "use 0 for 2s"); err != nil {
		return err
	}
	if err := checkRange("Options.MaxTokenLife", o.MaxTokenLife, leastTokenLife, mostTokenLife, "use 0 for the keyspace's"); err != nil {
		return err
	}
	if o.FirstInstall.After(time.Now().Add(firstInstallWindow)) {
		return invalid("Options.FirstInstall", "is in the future", "state when the store was first set up, or leave it zero")
	}
	if f, ok := feed.(interface{ Capabilities() store.Capabilities }); ok {
		if err := o.fit(f.Capabilities()); err != nil {
			return err
		}
	}
	if o.MaxTokenLife == 0 {
		return invalid("Options.MaxTokenLife", "is zero, and the feed does not say how long its keyspace's tokens live",
			"state the store's MaxTokenLife")
	}
	o.MaxStale = cmp.Or(o.MaxStale, defaultMaxStale)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return nil
}

// fit holds the options to what the store behind the feed promises.
func (o *Options) fit(c store.Capabilities) error {
	if !c.NeverEvicts {
		return invalid("feed", "is of a store that may evict, or may not look whether it does: a lost revocation would bring tokens back",
			"set maxmemory-policy noeviction and grant +info, or verify with Sessions")
	}
	if o.MaxTokenLife > c.MaxTokenLife {
		return invalid("Options.MaxTokenLife", fmt.Sprintf("is %v, and the feed keeps revocations for tokens of at most %v", o.MaxTokenLife, c.MaxTokenLife),
			"use 0 for the keyspace's")
	}
	o.MaxTokenLife = cmp.Or(o.MaxTokenLife, c.MaxTokenLife)
	return nil
}

func checkRange(field string, d, least, most time.Duration, remedy string) error {
	if d != 0 && (d < least || d > most) {
		return invalid(field, fmt.Sprintf("is %v, the range is %v to %v", d, least, most), remedy)
	}
	return nil
}

func invalid(field, problem, remedy string) error {
	return &store.FieldError{Field: field, Problem: problem, Remedy: remedy}
}
