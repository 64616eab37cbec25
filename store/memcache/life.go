package memcachestore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jetonkit/jeton/internal/wire"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/store/document"
)

// life is the keyspace from one loss to the next. A ledger that is not there begins at the birth of its life, so that what
// was issued before a loss stays dead, and a login that began before it trips its guard.
type life struct {
	*document.Store
	kv *kv
}

// join begins the first life.
func (s *Store) join(ctx context.Context) error {
	k := &kv{s: s}
	var births []wire.Keyspace
	for n := range s.servers {
		raw, space, err := s.survey(ctx, n, s.fresh(time.Time{}))
		if err != nil {
			return err
		}
		k.spaces, births = append(k.spaces, raw), append(births, space)
	}
	for _, b := range births {
		if err := s.stated(b.MaxTokenLife); err != nil {
			return err
		}
	}
	if err := s.begin(ctx, k); err != nil {
		return err
	}
	s.caps = s.current.Load().Capabilities() // they are the same in every life
	return nil
}

// fresh is what a server that remembers nothing is told. The birth is behind whatever a process with a clock as far ahead
// as is allowed may have issued before the loss, and as far behind the last birth as the seqs of a short life can have gone:
// they count up from it by one for each step, until clocks are past it.
func (s *Store) fresh(after time.Time) wire.Keyspace {
	birth := s.o.Now().Add(max(0, s.o.MaxSkew)).UTC().Truncate(time.Microsecond)
	if least := after.Add(mostSteps * time.Microsecond); birth.Before(least) {
		birth = least
	}
	k := wire.Keyspace{Birth: birth, MaxTokenLife: s.o.MaxTokenLife}
	if k.MaxTokenLife == 0 {
		k.MaxTokenLife = store.DefaultMaxTokenLife
	}
	return k
}

// mostSteps is more than the writes that one subject can have within two clocks' difference.
const mostSteps = 1_000_000

// stated refuses a keyspace of another MaxTokenLife than this process would make, after a loss, too: marks would be kept too
// short for the tokens of the others.
func (s *Store) stated(life time.Duration) error {
	if mine := s.fresh(time.Time{}).MaxTokenLife; life != mine {
		return &store.FieldError{
			Field: "Options.MaxTokenLife", Problem: fmt.Sprintf("is %v, the keyspace was made with %v", mine, life),
			Remedy: "state the same in every process; another prefix makes another keyspace",
		}
	}
	return nil
}

// begin makes the life that k is the kv of the current one.
func (s *Store) begin(ctx context.Context, k *kv) error {
	whole := wire.Keyspace{}
	for _, raw := range k.spaces {
		space, err := wire.DecodeKeyspace(raw[2:])
		if err != nil {
			return err
		}
		if space.Birth.After(whole.Birth) {
			whole = space
		}
	}
	k.whole = wire.AppendKeyspace(nil, whole)
	d, err := document.New(ctx, k, s.caps, &document.Options{
		Name: scheme, MaxBytes: s.maxItem - itemOverhead, MaxMarks: s.o.MaxMarks, MaxSkew: s.o.MaxSkew, Now: s.o.Now,
	})
	if err != nil {
		return err
	}
	s.current.Store(&life{d, k})
	return nil
}

// renew ends a life because a server has lost its data, unless somebody else has done so. Only that server is asked: the
// others may be down.
func (s *Store) renew(ctx context.Context, old *life, n int) error {
	if err := enter(ctx, s.servers[n].end(ctx), s.renewing); err != nil {
		return err
	}
	defer func() { <-s.renewing }()
	if s.current.Load() != old || s.closed.Load() {
		return nil
	}
	before, err := wire.DecodeKeyspace(old.kv.whole)
	if err != nil {
		return err
	}
	raw, space, err := s.survey(ctx, n, s.fresh(before.Birth))
	if f := (*store.FieldError)(nil); errors.As(err, &f) { // it was right when the store was opened: now it is an outage
		return fmt.Errorf("%w: the servers %s: %s", store.ErrUnavailable, f.Problem, f.Remedy)
	}
	if err != nil {
		return err
	}
	if was, err := wire.DecodeKeyspace(old.kv.spaces[n][2:]); err != nil || !space.Birth.After(was.Birth) {
		return cmp.Or(err, fmt.Errorf("%w: the server at %v holds an older keyspace than it had, without what was revoked since: see that no other server answers there, then flush it, which logs its users out",
			store.ErrUnavailable, s.servers[n].addr))
	}
	if space.MaxTokenLife != before.MaxTokenLife {
		return fmt.Errorf("%w: the server at %v was told a MaxTokenLife of %v after it lost its data, this process has %v: state the same in every process",
			store.ErrUnavailable, s.servers[n].addr, space.MaxTokenLife, before.MaxTokenLife)
	}
	s.losses.Add(1)
	k := &kv{s: s, spaces: slices.Clone(old.kv.spaces)}
	k.spaces[n] = raw
	return s.begin(ctx, k)
}

// mostLosses is how often a verb begins again because a server has lost its data.
const mostLosses = 3

// run runs a verb in the current life. A verb that finds that a server has lost its data has changed nothing, and runs again
// in the next.
func run[T any](ctx context.Context, s *Store, op string, verb func(context.Context, *document.Store) (T, error)) (T, error) {
	for tries := 0; ; tries++ {
		current := s.current.Load()
		out, err := verb(binding(ctx), current.Store)
		var lost lostError
		if !errors.As(err, &lost) || tries == mostLosses {
			return out, certain(err)
		}
		if err := s.renew(ctx, current, lost.server); err != nil {
			var none T
			return none, s.errs.Fail(op, store.Digest{}, err)
		}
	}
}

// certain takes the doubt from the error of a write that has certainly not happened.
func certain(err error) error {
	var sure nothingSent
	var told *store.Error
	if errors.As(err, &sure) && errors.As(err, &told) {
		return &store.Error{Op: told.Op, Store: told.Store, Subject: told.Subject, Err: sure.error}
	}
	return err
}
