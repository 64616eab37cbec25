// Package memcachestore is the store on memcached (1.6): one server or several, shared by many processes.
// memcached forgets: what it evicts, and everything when it restarts. What is forgotten is logged out, and nothing that was
// revoked lives again.
//
//	import memcachestore "github.com/jetonkit/jeton/store/memcache"
//
// Its URL is "memcache://host:11211", or "memcache:///path/to/socket"; see [Open] for the parameters.
//
// A subject is one value of at most the server's item_size_max, which suits subjects with up to some hundreds of sessions.
// The list of servers is fixed when a keyspace is made: a subject's server follows from its digest, and while that server is
// down its subjects are store.ErrUnavailable, never somewhere else.
package memcachestore

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/internal/verbs"
	"github.com/jetonkit/jeton/store"
)

// scheme is the name in URLs and errors.
const scheme = "memcache"

// Options change a store's defaults. The zero value, and nil, are the defaults.
type Options struct {
	// Prefix begins every key, so that keyspaces can share a server: at most 64 bytes, printable ASCII without spaces.
	// Defaults to "jeton:".
	Prefix string
	// MaxTokenLife is the longest life of an access token, and so how long marks are kept: 1s to 30 days. It is recorded in
	// a new keyspace, 24h by default. A server forgets the record with everything else, so that each process must state
	// another value than 24h, and all the same.
	MaxTokenLife time.Duration
	// MaxMarks is how many unexpired marks a subject holds before the floor takes their place: 1 to 4096.
	// Defaults to 256; a small item_size_max lowers it.
	MaxMarks int
	// MaxSkew is how far the clocks of the processes may be apart: a ledger written further in the future is
	// [store.ErrClock]. Negative turns the check off. Defaults to 30s.
	MaxSkew time.Duration
	// Pool is how many connections there are to each server at most: 1 to 1000. Defaults to 6.
	Pool int
	// Timeout is how long one exchange with a server may take; the context may end it earlier. 10ms to 1min.
	// Defaults to 3s.
	Timeout time.Duration
	// TLS, where it is not nil, is for the connections to all servers but unix sockets. Without a ServerName it is each
	// server's host.
	TLS *tls.Config
	// Dial connects to a server: network is "tcp" or "unix". TLS goes over what it returns. Defaults to a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Now is the store's clock, for tests. It must not be behind the servers'. Defaults to time.Now.
	Now func() time.Time
}

func (o *Options) fill() error {
	setDefaults(o)
	switch {
	case len(o.Prefix) > 64 || strings.ContainsFunc(o.Prefix, func(r rune) bool { return r <= ' ' || r > '~' }):
		return &store.FieldError{Field: "Options.Prefix", Problem: "is over 64 bytes, or has more in it than printable ASCII without spaces", Remedy: `use a short name such as "jeton:"`}
	case o.Pool < 1 || o.Pool > 1000:
		return &store.FieldError{Field: "Options.Pool", Problem: fmt.Sprintf("is %d, the range is 1 to 1000", o.Pool), Remedy: "use 0 for the default of 6"}
	case o.Timeout < 10*time.Millisecond || o.Timeout > time.Minute:
		return &store.FieldError{Field: "Options.Timeout", Problem: fmt.Sprintf("is %v, the range is 10ms to 1m", o.Timeout), Remedy: "use 0 for the default of 3s"}
	case o.MaxMarks < 0 || o.MaxMarks > 4096:
		return &store.FieldError{Field: "Options.MaxMarks", Problem: fmt.Sprintf("is %d, the range is 1 to 4096", o.MaxMarks), Remedy: "use 0 for the default of 256"}
	}
	return ledger.CheckMaxTokenLife("Options.MaxTokenLife", o.MaxTokenLife, "use 0 for the default of 24h")
}

func setDefaults(o *Options) {
	if o.Prefix == "" {
		o.Prefix = "jeton:"
	}
	if o.MaxSkew == 0 {
		o.MaxSkew = 30 * time.Second
	}
	if o.Pool == 0 {
		o.Pool = 6
	}
	if o.Timeout == 0 {
		o.Timeout = 3 * time.Second
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Store keeps ledgers on memcached. It is made by Open or New and safe for concurrent use.
type Store struct {
	errs    verbs.Errors
	o       Options
	servers []*server
	caps    store.Capabilities
	maxItem int

	current  atomic.Pointer[life]
	renewing chan struct{} // holds a token while somebody renews current, or closes
	closed   atomic.Bool

	counters
}

// counters count since the store was opened.
type counters struct{ reads, writes, dials, losses atomic.Int64 }

var (
	_ store.TokenStore    = (*Store)(nil)
	_ store.Pinger        = (*Store)(nil)
	_ store.StatsReporter = (*Store)(nil)
)

// New opens the keyspace on a list of servers, each host:port or the absolute path of a unix socket. Every process names
// the same servers in the same order, which the servers remember: another list is refused. All of them must be up. o may
// be nil.
func New(ctx context.Context, servers []string, o *Options) (*Store, error) {
	s := &Store{renewing: make(chan struct{}, 1)}
	if o != nil {
		s.o = *o
	}
	s.errs = verbs.NewErrors(scheme, s.closed.Load)
	if err := s.open(ctx, servers); err != nil {
		for _, srv := range s.servers {
			srv.close()
		}
		return nil, s.errs.Fail("open", store.Digest{}, err)
	}
	return s, nil
}

// open checks what was asked for, looks at every server and joins the keyspace.
func (s *Store) open(ctx context.Context, servers []string) error {
	if err := s.o.fill(); err != nil {
		return err
	}
	if err := checkServers(servers); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.caps = store.Capabilities{Shared: true, NeverEvicts: true}
	for _, addr := range servers {
		srv := newServer(addr, &s.o, &s.counters)
		s.servers = append(s.servers, srv)
		f, err := srv.inspect(ctx)
		if err != nil {
			return err
		}
		s.caps.NeverEvicts = s.caps.NeverEvicts && !f.evicts
		if s.maxItem == 0 || f.maxItem < s.maxItem {
			s.maxItem = f.maxItem
		}
	}
	for _, srv := range s.servers {
		srv.promised.Store(&facts{evicts: !s.caps.NeverEvicts, maxItem: s.maxItem})
	}
	return s.join(ctx)
}

// maxServers is the longest list; a place in it is one byte of what a server remembers.
const maxServers = 64

func checkServers(servers []string) error {
	const field, example = "servers", "name each once, as host:11211 or /path/to/socket"
	if len(servers) == 0 || len(servers) > maxServers {
		return &store.FieldError{Field: field, Problem: fmt.Sprintf("are %d, the range is 1 to %d", len(servers), maxServers), Remedy: example}
	}
	seen := map[string]bool{}
	for _, addr := range servers {
		if !isSocket(addr) && !isAddr(addr) {
			return &store.FieldError{Field: field, Problem: "have one that is neither host:port nor an absolute path", Remedy: example}
		}
		if seen[addr] {
			return &store.FieldError{Field: field, Problem: "have one twice", Remedy: example}
		}
		seen[addr] = true
	}
	return nil
}

// Capabilities implements store.TokenStore. NeverEvicts is whether every server said "evictions off" (memcached -M) and had
// no extstore when the store was opened; a connection to one that says otherwise later is refused.
func (s *Store) Capabilities() store.Capabilities { return s.caps }

// Close implements store.TokenStore. It ends the connections.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.renewing <- struct{}{} // who renews ends within its timeout
	defer func() { <-s.renewing }()
	_ = s.current.Load().Close() // calls answer ErrClosed from here on; it has nothing of its own to close
	for _, srv := range s.servers {
		srv.close()
	}
	return nil
}

// Ping implements store.Pinger: every server answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.errs.Ready(ctx, "ping"); err != nil {
		return err
	}
	for _, srv := range s.servers {
		if err := srv.read(ctx, func(l *line) error { return l.client.Ping() }); err != nil {
			return s.errs.Fail("ping", store.Digest{}, err)
		}
	}
	return nil
}

// Stats implements store.StatsReporter.
func (s *Store) Stats() []store.Stat {
	return []store.Stat{
		{Name: "memcache_reads", Value: s.reads.Load()},
		{Name: "memcache_writes", Value: s.writes.Load()},
		{Name: "memcache_dials", Value: s.dials.Load()},
		{Name: "memcache_losses", Value: s.losses.Load()},
	}
}
