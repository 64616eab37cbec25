package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Driver opens a backend's stores and feeds by URL. A backend registers it in its init function.
type Driver struct {
	// Open opens a store. Required. An unknown parameter of the URL is an error.
	Open func(ctx context.Context, u *url.URL) (TokenStore, error)
	// OpenFeed opens a feed that only reads. Nil: the backend's feed lives in the process that has the store.
	OpenFeed func(ctx context.Context, u *url.URL) (FeedCloser, error)
}

// drivers is the scheme table, the only state of the package.
var drivers struct {
	sync.RWMutex
	byScheme map[string]Driver
}

// Register makes a driver known under a scheme. It panics on an empty or taken scheme or a driver without Open, since it
// runs in init functions and the program is wrong.
func Register(scheme string, d Driver) {
	drivers.Lock()
	defer drivers.Unlock()
	if scheme == "" || scheme != strings.ToLower(scheme) {
		panic(fmt.Sprintf("jeton: Register with the scheme %q: give a name in lower case", scheme))
	}
	if d.Open == nil {
		panic(fmt.Sprintf("jeton: Register of %q without Open", scheme))
	}
	if _, taken := drivers.byScheme[scheme]; taken {
		panic(fmt.Sprintf("jeton: Register of %q twice", scheme))
	}
	if drivers.byScheme == nil {
		drivers.byScheme = map[string]Driver{}
	}
	drivers.byScheme[scheme] = d
}

// Schemes returns the registered schemes, sorted.
func Schemes() []string {
	drivers.RLock()
	defer drivers.RUnlock()
	names := make([]string, 0, len(drivers.byScheme))
	for name := range drivers.byScheme {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Open opens the store that the URL names: "memory://", "bolt:///path", "redis://…" and what else was imported. The error
// for an unknown scheme names the import that is missing; no error holds the URL, which may hold a password.
func Open(ctx context.Context, rawURL string) (TokenStore, error) {
	u, d, err := driver(rawURL)
	if err != nil {
		return nil, err
	}
	s, err := d.Open(ctx, u)
	if err != nil { // a driver may return a nil pointer, which is no nil interface
		return nil, err
	}
	return s, nil
}

// OpenFeed opens the feed of the store that the URL names, for a process that follows revocations and keeps no store. Where
// a feed lives in the store's process alone (memory, bolt) it is [errors.ErrUnsupported].
func OpenFeed(ctx context.Context, rawURL string) (FeedCloser, error) {
	u, d, err := driver(rawURL)
	if err != nil {
		return nil, err
	}
	if d.OpenFeed == nil {
		return nil, fmt.Errorf("jeton: the feed of a %s store lives in the process that has it open, use FeedOf: %w", u.Scheme, errors.ErrUnsupported)
	}
	f, err := d.OpenFeed(ctx, u)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func driver(rawURL string) (*url.URL, Driver, error) {
	u, err := url.Parse(rawURL)
	if err != nil { // url.Parse repeats the URL in its error, and the URL may hold a password
		return nil, Driver{}, invalid("URL", "does not parse", "write it as scheme://host/path?parameter=value, with escapes where needed")
	}
	if u.Scheme == "" {
		return nil, Driver{}, invalid("URL", "has no scheme", "begin it with one, as in redis://host; "+registered())
	}
	drivers.RLock()
	d, ok := drivers.byScheme[u.Scheme]
	drivers.RUnlock()
	if !ok {
		return nil, Driver{}, invalid("URL", fmt.Sprintf("has the unknown scheme %q", u.Scheme), missingImport(u.Scheme))
	}
	return u, d, nil
}

const packages = "github.com/jetonkit/jeton/store/" // where the backends are

// missingImport says what to do about a scheme that nobody registered.
func missingImport(scheme string) string {
	switch scheme {
	case "memory", "bolt", "memcache":
		return fmt.Sprintf("add the import _ %q", packages+scheme)
	case "redis", "rediss", "redis+cluster", "redis+sentinel":
		return fmt.Sprintf("add the import _ %q", packages+"redis")
	}
	return registered()
}

// registered names the schemes that there are to choose from.
func registered() string {
	s := Schemes()
	if len(s) == 0 {
		return "nothing is registered: a backend is one import, of " + packages + "redis for instance"
	}
	return "registered are " + strings.Join(s, ", ") + "; import the backend's package"
}
