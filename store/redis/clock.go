package redisstore

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/internal/age"
	"github.com/jetonkit/jeton/internal/wire"
	"github.com/jetonkit/jeton/store"
)

// partition is what a process knows of a partition beside its ledgers.
type partition struct {
	seen atomic.Pointer[sighting]
	told atomic.Pointer[store.Event] // the last that a follower was told
	// glances counts the polls since the feed itself was asked.
	glances atomic.Int32
}

// sighting is the server's clock and the feed's birth as they were seen at one moment.
type sighting struct {
	at     time.Time     // the process's clock, monotonic
	ahead  time.Duration // the server's clock is ahead of the process's
	birth  time.Time
	unborn bool // the feed is not there
}

// sightingAge is how old a sighting may be: the first Lookup after it asks again, within its own round trip. A store that
// was lost is noticed that late by a denylist at the latest; a session's record is gone at once.
const sightingAge = time.Second

// clock returns the store's time for a partition, as the last sighting has it.
func (s *Store) clock(part int) time.Time { return s.clockAt(part, now()) }

// clockAt is clock when the process's shows t.
func (s *Store) clockAt(part int, t time.Time) time.Time {
	if s.o.Now != nil {
		return s.o.Now().UTC()
	}
	if seen := s.partitions[part].seen.Load(); seen != nil {
		t = t.Add(seen.ahead)
	}
	return t.UTC()
}

// stale reports whether a partition must be looked at again, at t. A machine that slept is seen by its wall clock alone.
func (s *Store) stale(part int, t time.Time) bool {
	seen := s.partitions[part].seen.Load()
	if seen == nil {
		return true
	}
	return age.Of(seen.at, t) > sightingAge
}

// look appends the commands that make a sighting. The feed's comes first, since the server never redirects the others.
func (s *Store) look(ctx context.Context, cmds []redis.Cmder, part int) []redis.Cmder {
	cmds = append(cmds, command(ctx, "xrevrange", s.keys.Feed(part), "+", "-", "count", 1), command(ctx, "time"))
	if s.o.FencedLookups {
		cmds = append(cmds, command(ctx, "eval", fence, 0))
	}
	return cmds
}

// fence is a script that counts as a write and writes nothing: a master that lost its replicas refuses it.
const fence = "#!lua flags=allow-oom\nreturn 1"

// sight looks at a partition, by a question of its own.
func (s *Store) sight(ctx context.Context, part int, bear bool) error {
	t, err := s.send(ctx, call{key: s.keys.Feed(part), part: part, look: true})
	if err != nil {
		return err
	}
	return translate(ctx, s.note(ctx, part, t.sent, t.cmds, bear))
}

// note keeps a sighting; sent is when its commands went out. A new birth means that data was lost, perhaps the keyspace's
// settings too, so they are looked at before the sighting counts. A feed that is not there is made where bear is true and
// this user may: until it is, every look would see another birth.
func (s *Store) note(ctx context.Context, part int, sent time.Time, cmds []redis.Cmder, bear bool) error {
	back := now()
	if s.o.FencedLookups && cmds[2].Err() != nil {
		return cmds[2].Err()
	}
	server, err := serverTime(cmds[1])
	if err != nil {
		return err
	}
	entries, err := replies(cmds[0])
	if err != nil {
		return err
	}
	old := s.partitions[part].seen.Load()
	seen := &sighting{at: sent, ahead: ahead(old, server, sent, back), birth: s.timeOr(server), unborn: len(entries) == 0}
	if !seen.unborn {
		e, err := noticeOf(entries[0])
		if err != nil {
			return err
		}
		seen.birth = e.Birth
	}
	if old != nil && !old.birth.Equal(seen.birth) {
		if err := s.rejoin(ctx); err != nil {
			return err
		}
	}
	if seen.unborn && bear {
		err := s.bear(ctx, part)
		if err == nil {
			return s.sight(ctx, part, false)
		}
		if !errors.Is(err, errDenied) {
			return err
		}
	}
	s.partitions[part].keep(seen)
	return nil
}

// keep replaces the sighting unless another is newer.
func (p *partition) keep(seen *sighting) {
	for {
		old := p.seen.Load()
		if old != nil && old.at.After(seen.at) || p.seen.CompareAndSwap(old, seen) {
			return
		}
	}
}

// ahead returns how far the server's clock is ahead. It read its clock between sent and back, which bounds the answer; within
// the bounds what was known before stays, since a wait for a place, a disk or a replica says nothing about clocks.
func ahead(old *sighting, server, sent, back time.Time) time.Duration {
	least, most := server.Sub(back.Round(0)), server.Sub(sent.Round(0))
	if old == nil {
		return least + (most-least)/2
	}
	return min(max(old.ahead, least), most)
}

func (s *Store) timeOr(server time.Time) time.Time {
	if s.o.Now != nil {
		return s.o.Now().UTC().Truncate(time.Microsecond)
	}
	return server
}

// serverTime reads the answer to TIME.
func serverTime(cmd redis.Cmder) (time.Time, error) {
	pair, err := replies(cmd)
	if err != nil {
		return time.Time{}, err
	}
	if len(pair) != 2 {
		return time.Time{}, errReply
	}
	sec, ok := number(pair[0])
	micro, fine := number(pair[1])
	if !ok || !fine {
		return time.Time{}, errReply
	}
	return time.Unix(sec, micro*1000).UTC(), nil
}

// errReply is an answer that no Redis server gives: the reply of another question, or something else listening.
var errReply = errors.Join(store.ErrCorrupt, errors.New("the server's answer does not fit the question"))

// replies returns a command's answer as a list, in whichever protocol the client speaks.
func replies(cmd redis.Cmder) ([]any, error) {
	c, ok := cmd.(once)
	if !ok {
		return nil, errReply
	}
	got, err := c.Result()
	if err != nil {
		return nil, err
	}
	switch got := got.(type) {
	case []any:
		return got, nil
	case map[any]any: // RESP3 tells HGETALL so
		list := make([]any, 0, 2*len(got))
		for field, value := range got {
			list = append(list, field, value)
		}
		return list, nil
	}
	return nil, errReply
}

// noticeOf reads an entry of a feed: an id, and one field with the event.
func noticeOf(entry any) (store.Event, error) {
	pair, ok := entry.([]any)
	if !ok || len(pair) != 2 {
		return store.Event{}, errReply
	}
	id, ok := pair[0].(string)
	fields, fine := pair[1].([]any)
	if !ok || !fine || len(fields) != 2 {
		return store.Event{}, errReply
	}
	body, ok := fields[1].(string)
	if !ok {
		return store.Event{}, errReply
	}
	e, err := wire.DecodeNotice(body)
	e.Position.ID = id
	return e, err
}
