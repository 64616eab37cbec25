package redisstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/internal/wire"
	"github.com/jetonkit/jeton/store"
)

// pollMost is how many events a poll returns.
const pollMost = 1000

// Partitions implements store.Feed.
func (s *Store) Partitions(ctx context.Context) (int, error) {
	return s.keys.Partitions(), s.errs.Ready(ctx, "partitions")
}

// Poll implements store.Feed. It runs as a script that counts as a write, so that a master which lost its replicas refuses
// it instead of telling an old feed.
func (s *Store) Poll(ctx context.Context, partition int, from store.Position) (store.Batch, error) {
	if err := s.ready(ctx, "poll"); err != nil {
		return store.Batch{}, err
	}
	batch, err := s.poll(ctx, partition, from)
	return batch, s.errs.Fail("poll", store.Digest{}, err)
}

func (s *Store) poll(ctx context.Context, partition int, from store.Position) (store.Batch, error) {
	if partition < 0 || partition >= s.keys.Partitions() {
		return store.Batch{}, &store.FieldError{
			Field: "partition", Problem: fmt.Sprintf("is %d, there are %d", partition, s.keys.Partitions()), Remedy: "use 0 up to one less",
		}
	}
	at := "-"
	if from.ID != "" {
		if strings.Trim(from.ID, "0123456789-") != "" {
			return store.Batch{}, &store.FieldError{Field: "Position.ID", Problem: "is not of this feed", Remedy: "pass the Position of an event of the same store"}
		}
		at = from.ID
	}
	if known := s.partitions[partition].told.Load(); s.cluster == nil && known != nil && known.Position == from {
		return s.gather(ctx, partition, known)
	}
	key := s.keys.Feed(partition)
	t, err := s.send(ctx, call{key: key, script: pollScript, args: []any{nil, nil, 1, key, at, pollMost + 1}})
	if err != nil {
		return store.Batch{}, err
	}
	entries, err := replies(t.cmds[0])
	if err != nil {
		return store.Batch{}, err
	}
	batch, err := batchOf(entries, pollMost)
	if err == nil && len(batch.Events) > 0 {
		s.told(partition, batch.Events[len(batch.Events)-1])
	}
	return batch, err
}

// Listen implements store.Feed.
func (s *Store) Listen(ctx context.Context, ring func(store.Bell)) error {
	if err := s.ready(ctx, "listen"); err != nil {
		return err
	}
	return s.errs.Fail("listen", store.Digest{}, s.listen(ctx, ring))
}

func (s *Store) listen(ctx context.Context, ring func(store.Bell)) error {
	sub := s.client.Subscribe(ctx, s.keys.Bell())
	ended := make(chan struct{})
	defer close(ended)
	go func() { // a read waits for a message, whatever happens to ctx
		select {
		case <-ctx.Done():
		case <-s.stop:
		case <-ended:
		}
		_ = sub.Close() // it ends the read below
	}()
	parts := make(map[string]int, s.keys.Partitions())
	for part := range s.keys.Partitions() {
		parts[s.keys.Feed(part)] = part
	}
	for {
		m, err := sub.ReceiveMessage(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case s.closed.Load():
			return store.ErrClosed
		case err != nil:
			return translate(ctx, err)
		}
		if b, ok := bellOf(m.Payload, parts); ok {
			s.told(b.Partition, b.Event)
			ring(b)
		}
	}
}

// bellOf reads "stream previous-id id" and, behind a space, the previous event's nonce and the event.
func bellOf(text string, parts map[string]int) (b store.Bell, ok bool) {
	words := strings.SplitN(text, " ", 4)
	if len(words) != 4 || len(words[3]) < len(b.Prev.Nonce) {
		return b, false
	}
	if b.Partition, ok = parts[words[0]]; !ok {
		return b, false
	}
	n := copy(b.Prev.Nonce[:], words[3])
	e, err := wire.DecodeNotice(words[3][n:])
	if err != nil {
		return b, false
	}
	if words[1] != "0-0" {
		b.Prev.ID = words[1]
	}
	b.Event = e
	b.Event.Position.ID = words[2]
	return b, true
}

// Subjects implements store.SubjectLister: it scans every master's keys. Options.Timeout ends each of its steps, not the
// whole.
func (s *Store) Subjects(ctx context.Context) iter.Seq2[store.Subject, error] {
	return func(yield func(store.Subject, error) bool) {
		err := s.ready(ctx, "subjects")
		if err == nil {
			err = s.errs.Fail("subjects", store.Digest{}, s.subjects(ctx, yield))
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield(store.Subject{}, err)
		}
	}
}

// errEnough ends a scan whose caller wants no more.
var errEnough = errors.New("enough")

func (s *Store) subjects(ctx context.Context, yield func(store.Subject, error) bool) error {
	step, cancel := s.bounded(ctx, new(until), now())
	nodes, err := s.masters(step)
	cancel()
	if err != nil {
		return translate(ctx, err)
	}
	seen := map[store.Digest]bool{} // a scan may tell a key twice
	for _, node := range nodes {
		if err := s.scan(ctx, node, seen, yield); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) scan(ctx context.Context, node *redis.Client, seen map[store.Digest]bool, yield func(store.Subject, error) bool) error {
	for cursor := uint64(0); ; {
		if s.closed.Load() {
			return store.ErrClosed
		}
		step, cancel := s.bounded(ctx, new(until), now())
		keys, next, err := node.Scan(step, cursor, s.keys.Ledgers(), 256).Result()
		cancel()
		if err != nil {
			return translate(ctx, err)
		}
		if err := s.names(ctx, node, keys, seen, yield); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// names yields the subjects of keys: a nonce, a forgotten one and one that was never logged in have no name.
func (s *Store) names(ctx context.Context, node *redis.Client, keys []string, seen map[store.Digest]bool, yield func(store.Subject, error) bool) error {
	pipe := node.Pipeline()
	var digests []store.Digest
	for _, key := range keys {
		if d, ok := s.keys.Subject(key); ok && !seen[d] {
			seen[d] = true
			digests = append(digests, d)
			pipe.HGet(ctx, key, "s")
		}
	}
	step, cancel := s.bounded(ctx, new(until), now())
	defer cancel()
	cmds, err := pipe.Exec(step)
	if err != nil && !isNil(err) {
		return translate(ctx, err)
	}
	for i, cmd := range cmds {
		name := cmd.(*redis.StringCmd).Val() //nolint:errcheck // HGet queued it
		if name == "" {
			continue
		}
		subject, err := wire.DecodeName(name, digests[i])
		if err != nil {
			return err
		}
		if !yield(subject, nil) {
			return errEnough
		}
	}
	return nil
}
