package memcachestore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/jetonkit/jeton/internal/wire"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/store/document"
)

// kv is the servers as package document sees them, for as long as none of them loses its data.
type kv struct {
	s      *Store
	spaces [][]byte // what each server remembers of the keyspace
	whole  []byte   // what the spaces are together
}

var _ document.KV = (*kv)(nil)

// spaceKey is the key that package document keeps the keyspace under. Here every server has one, behind the prefix.
const spaceKey = "jeton"

// bound is where a verb's last Load went, in the verb's context: what it writes must go there too. A tag alone would not do,
// since nothing that is not there has one.
type bound struct {
	line *line
	at   time.Time // when it was sent
	slow bool      // whether its answer alone took longer than staleAfter
}

type boundKey struct{}

func binding(ctx context.Context) context.Context {
	return context.WithValue(ctx, boundKey{}, &bound{})
}

// staleAfter is how old what was loaded may be when a write goes out that builds on it.
const staleAfter = time.Second

// lostError is a server that no longer has the keyspace that it had.
type lostError struct{ server int }

// Error implements error.
func (lostError) Error() string {
	return "the server was started again or flushed, and keeps losing its data: look at who does that"
}

// Load implements document.KV. The ledger and the server's part of the keyspace come by one command, in this order: a
// ledger that was lost before it was read is never taken for one that nobody has made.
func (k *kv) Load(ctx context.Context, key string) ([]byte, any, error) {
	if key == spaceKey {
		return k.whole, spaceKey, nil
	}
	n := k.serverOf(key)
	key, space := k.s.o.Prefix+key, k.s.o.Prefix+spaceKey
	var items map[string]*memcache.Item
	to, _ := ctx.Value(boundKey{}).(*bound)
	k.s.reads.Add(1)
	err := k.s.servers[n].read(ctx, func(l *line) (err error) {
		to.line, to.at = l, time.Now()
		items, err = l.client.GetMulti([]string{key, space})
		to.slow = time.Since(to.at) > staleAfter
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	item, held := items[key], items[space]
	if len(items) > 2 || (len(items) == 2 && (item == nil || held == nil)) || (len(items) == 1 && item == nil && held == nil) {
		return nil, nil, fmt.Errorf("%w: the server answered with another key's value", store.ErrCorrupt)
	}
	if held == nil || string(held.Value) != string(k.spaces[n]) {
		return nil, nil, lostError{n}
	}
	if item == nil {
		return nil, nil, nil
	}
	if item.CasID == 0 {
		return nil, nil, fmt.Errorf("%w: the server has no compare-and-swap: start it without -C", store.ErrUnavailable)
	}
	return item.Value, item.CasID, nil
}

// CompareAndSwap implements document.KV.
func (k *kv) CompareAndSwap(ctx context.Context, key string, tag any, value []byte, expires time.Time) (bool, error) {
	to, _ := ctx.Value(boundKey{}).(*bound)
	if to.slow { // loading again would load the server more, and be as late
		return false, nothingSent{fmt.Errorf("%w: the server at %v took longer than %v to answer: look at its load; nothing was written",
			store.ErrUnavailable, k.s.servers[k.serverOf(key)].addr, staleAfter)}
	}
	item := &memcache.Item{Key: k.s.o.Prefix + key, Value: value, Expiration: exptime(expires)}
	send := func(l *line) error { return l.client.Add(item) }
	if tag != nil {
		item.CasID, _ = tag.(uint64)
		send = func(l *line) error { return l.client.CompareAndSwap(item) }
	}
	k.s.writes.Add(1)
	said, err := k.s.servers[k.serverOf(key)].write(ctx, to.line, to.at.Add(staleAfter), send)
	if isAnswer(err) { // another writer was faster
		return false, nil
	}
	return said && err == nil, err // where nothing was said the ledger is loaded again
}

// Close implements document.KV. The connections outlive it: they are the Store's.
func (k *kv) Close() error { return nil }

// serverOf returns the place of a ledger's server in the list. The key is a digest in hexadecimal.
func (k *kv) serverOf(key string) int {
	n := uint64(len(k.s.servers))
	if n == 1 {
		return 0
	}
	hash, _ := strconv.ParseUint(key[:16], 16, 64) // document's keys are digests
	return int(hash % n)
}

// exptime returns the time, always absolute, since memcached takes a number of up to 30 days as relative: rounded up, and 0,
// which is never, from 2038 on: the protocol has 31 bits.
func exptime(t time.Time) int32 {
	seconds := t.Unix()
	if t.Nanosecond() > 0 {
		seconds++
	}
	switch {
	case seconds > math.MaxInt32:
		return 0
	case seconds <= relative: // long over, on a clock of a test
		return relative + 1
	}
	return int32(seconds)
}

// relative is the largest exptime that memcached takes as a number of seconds from now.
const relative = 30 * 24 * 60 * 60

// space is what a server remembers of the keyspace: its own place in the list, the list's length, and a keyspace whose birth
// is when the server began to keep it. So every process has the same servers in the same order.
func space(place, of int, k wire.Keyspace) []byte {
	return wire.AppendKeyspace([]byte{byte(place), byte(of)}, k)
}

// survey reads what a server remembers, and tells it where it does not.
func (s *Store) survey(ctx context.Context, n int, fresh wire.Keyspace) (raw []byte, k wire.Keyspace, err error) {
	key := s.o.Prefix + spaceKey
	for range 2 {
		item, err := s.getSpace(ctx, n, key)
		if err != nil {
			return nil, k, err
		}
		if item != nil {
			k, err = s.checkSpace(n, item.Value)
			return item.Value, k, err
		}
		err = s.servers[n].read(ctx, func(l *line) error {
			return l.client.Add(&memcache.Item{Key: key, Value: space(n, len(s.servers), fresh)})
		})
		if err != nil && !isAnswer(err) { // somebody else may have told it
			return nil, k, err
		}
	}
	return nil, k, fmt.Errorf("%w: what the server at %v should remember vanishes at once: something else deletes keys", store.ErrUnavailable, s.servers[n].addr)
}

func (s *Store) getSpace(ctx context.Context, n int, key string) (item *memcache.Item, err error) {
	err = s.servers[n].read(ctx, func(l *line) (err error) {
		item, err = l.client.Get(key)
		return err
	})
	if errors.Is(err, memcache.ErrCacheMiss) {
		return nil, nil //nolint:nilnil // it is not there
	}
	if err == nil && item.Key != key {
		err = fmt.Errorf("%w: the server answered with another key's value", store.ErrCorrupt)
	}
	return item, err
}

func (s *Store) checkSpace(n int, raw []byte) (k wire.Keyspace, err error) {
	if len(raw) < 2 {
		return k, fmt.Errorf("%w: under the keyspace's key stands a foreign value: use another prefix", store.ErrCorrupt)
	}
	if k, err = wire.DecodeKeyspace(raw[2:]); err != nil {
		return k, err
	}
	if place, of := int(raw[0]), int(raw[1]); place != n || of != len(s.servers) {
		return k, &store.FieldError{
			Field:   "servers",
			Problem: fmt.Sprintf("have %v as number %d of %d, and it is number %d of %d of the keyspace", s.servers[n].addr, n+1, len(s.servers), place+1, of),
			Remedy:  "name the same servers in the same order in every process; to change the list, use another prefix, which logs everybody out",
		}
	}
	return k, nil
}
