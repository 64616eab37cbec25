package memcachestore_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	memcachestore "github.com/jetonkit/jeton/store/memcache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(testenv.Main(m)) }

// cable is what stores connect through: it hears what they send, and can be cut.
type cable struct {
	mu    sync.Mutex
	down  bool
	conns map[net.Conn]bool
	heard []string // each write of a client
	dials int
	// spoil, if not nil, changes what a server says, in place.
	spoil func(b []byte)
}

var errCut = &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}

func (c *cable) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dials++
	if c.down {
		return nil, errCut
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if c.conns == nil {
		c.conns = map[net.Conn]bool{}
	}
	c.conns[conn] = true
	return plug{conn, c}, nil
}

// cut ends all connections, and refuses new ones until restore.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = true
	for conn := range c.conns {
		_ = conn.Close()
	}
}

func (c *cable) restore() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = false
}

// listen forgets what was heard so far and returns what f makes the stores say.
func (c *cable) listen(f func()) []string {
	c.mu.Lock()
	c.heard = nil
	c.mu.Unlock()
	f()
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.heard...)
}

type plug struct {
	net.Conn
	c *cable
}

func (p plug) Write(b []byte) (int, error) {
	p.c.mu.Lock()
	p.c.heard = append(p.c.heard, string(bytes.Clone(b)))
	p.c.mu.Unlock()
	return p.Conn.Write(b)
}

func (p plug) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if p.c.spoil != nil {
		p.c.spoil(b[:n])
	}
	return n, err
}

// spoils sets what changes the answers.
func (c *cable) spoils(f func(b []byte)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spoil = f
}

func (p plug) Close() error {
	p.c.mu.Lock()
	delete(p.c.conns, p.Conn)
	p.c.mu.Unlock()
	return p.Conn.Close()
}

// opened opens a store that the test closes.
func opened(t testing.TB, o *memcachestore.Options, servers ...string) *memcachestore.Store {
	t.Helper()
	s, err := memcachestore.New(t.Context(), servers, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// session is a login's request.
func session(subject store.Subject) store.IssueRequest {
	return store.IssueRequest{Record: store.Record{
		ID: store.NewID(), Subject: subject, Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour),
	}}
}

func login(t testing.TB, s store.TokenStore, subject store.Subject) store.Record {
	t.Helper()
	got, err := s.Issue(t.Context(), session(subject))
	if err != nil {
		t.Fatal(err)
	}
	return got.Record
}

// alive judges a session's access token by a checker's rule: with the record, or by the denylist alone.
func alive(t testing.TB, s store.TokenStore, rec store.Record, denylist bool) bool {
	t.Helper()
	p := store.Presented{TokenID: "jti-" + rec.ID, SessionID: rec.ID, Seq: rec.Seq, WithoutRecord: denylist}
	st, err := s.Lookup(t.Context(), rec.Subject, p.IDs()...)
	if err != nil {
		t.Fatal(err)
	}
	return st.Verdict(p).Alive
}

// told fails the test unless an error is of a kind, in its form, and says the words.
func told(t testing.TB, err, is error, words ...string) {
	t.Helper()
	var form *store.Error
	if !errors.Is(err, is) || (!errors.As(err, &form) && !errors.Is(err, store.ErrInvalid)) {
		t.Fatalf("%v (%T), want %v", err, err, is)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

// crowd has many writers and readers at once, of a few subjects, so that they meet.
func crowd(t *testing.T, s store.TokenStore) {
	t.Helper()
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			sub := store.User(itoa(i % 5))
			for range 10 {
				if _, err := s.Issue(t.Context(), session(sub)); err != nil {
					t.Error(err)
				}
				if _, err := s.Lookup(t.Context(), sub); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
