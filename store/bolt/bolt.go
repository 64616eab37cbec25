// Package boltstore is the store in one file of the local disk, on bbolt: an acknowledged write survives kill -9 and power
// loss, and nothing but the file is needed. It suits a service of one process; a second one gets store.ErrLocked.
//
//	import boltstore "github.com/jetonkit/jeton/store/bolt"
//
// Its URL is "bolt:///path/to/file", or "bolt:file" for a path relative to the working directory, with the parameters
// timeout, max_token_life, max_marks and sweep.
package boltstore

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/jetonkit/jeton/internal/dsn"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/store"
)

const scheme = "bolt"

func init() {
	store.Register(scheme, store.Driver{Open: openURL})
}

func openURL(ctx context.Context, u *url.URL) (store.TokenStore, error) {
	path := u.Path
	if u.Opaque != "" {
		var err error
		if path, err = url.PathUnescape(u.Opaque); err != nil {
			return nil, &store.FieldError{Field: "URL", Problem: "has a path that does not parse", Remedy: "escape a % as %25"}
		}
	}
	if u.Host != "" || u.User != nil {
		return nil, &store.FieldError{Field: "URL", Problem: "names a host", Remedy: "write bolt:///absolute/path with three slashes, or bolt:relative/path with none"}
	}
	var o Options
	p := dsn.Read(u)
	p.Duration("timeout", &o.Timeout)
	p.Duration("max_token_life", &o.MaxTokenLife)
	p.Int("max_marks", &o.MaxMarks)
	p.Duration("sweep", &o.SweepInterval)
	if err := p.Err(); err != nil {
		return nil, err
	}
	s, err := Open(ctx, path, &o)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Options change a store's defaults. The zero value, and nil, are the defaults.
type Options struct {
	// Timeout is how long Open waits for a file that another process holds; the context may end the wait earlier.
	// 1ms to 1min. Defaults to 1s.
	Timeout time.Duration
	// MaxTokenLife is the longest life of an access token, and so how long marks are kept. 1s to 30 days. It is recorded
	// in a new file, 24h by default, and read from an old one: there, another value than the recorded is an error.
	MaxTokenLife time.Duration
	// MaxMarks is how many unexpired marks a subject holds before the floor takes their place. 1 to 4096.
	// Defaults to 256.
	MaxMarks int
	// SweepInterval is how often what is dead is removed in the background; negative means never. Defaults to 1h.
	SweepInterval time.Duration
	// Now is the store's clock, for tests. Defaults to time.Now.
	Now func() time.Time
}

func (o *Options) fill() error {
	if o.Timeout == 0 {
		o.Timeout = time.Second
	}
	if o.SweepInterval == 0 {
		o.SweepInterval = time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Timeout < time.Millisecond || o.Timeout > time.Minute {
		return &store.FieldError{Field: "Options.Timeout", Problem: fmt.Sprintf("is %v, the range is 1ms to 1m", o.Timeout), Remedy: "use 0 for the default of 1s"}
	}
	if err := ledger.CheckMaxTokenLife("Options.MaxTokenLife", o.MaxTokenLife, "use 0 for what the file says, 24h in a new one"); err != nil {
		return err
	}
	return ledger.FillMaxMarks(&o.MaxMarks)
}
