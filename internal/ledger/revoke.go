package ledger

import (
	"errors"
	"slices"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/store"
)

// Revoke is the verb of that name. A zero Op must have been replaced by a random one.
func Revoke(env Env, r Reader, req store.Revocation) (Change, error) {
	s, err := begin(env, r, req.Subject)
	if err != nil {
		return Change{}, err
	}
	switch {
	case req.All:
		if slices.Contains(s.head.Ops[:], req.Op) {
			return Change{}, nil
		}
		s.cutAll(req.Op) // an Others with the same op is no repeat of it, see OthersOp
	case req.Others != nil:
		err = s.others(req)
	default:
		err = s.bar(req.Reason, req.IDs...)
	}
	if err != nil || (!s.event && len(s.barred) == 0) {
		return Change{}, err
	}
	return s.finishRevoking()
}

// finishRevoking is finish for a step that was asked to revoke.
func (s *step) finishRevoking() (Change, error) {
	c, err := s.finish()
	c.Revokes = true
	return c, err
}

// OthersOp is how the op of an Others is remembered: apart from that of an All, which cuts more and must not pass for a
// repeat of it. The constant is random, so that ops that count do not meet.
func OthersOp(op store.Op) store.Op {
	apart := store.Op{0x8e, 0x3b, 0xd1, 0x57, 0x1c, 0xa0, 0x66, 0xf9, 0x42, 0xe5, 0x0d, 0x97, 0xb8, 0x2f, 0x73, 0xc4}
	for i := range op {
		op[i] ^= apart[i]
	}
	return op
}

// Forget is the verb of that name. It also removes what an earlier one left of a ledger written since.
func Forget(env Env, r Reader, subject store.Subject) (Change, error) {
	s, err := begin(env, r, subject)
	if err != nil {
		return Change{}, err
	}
	s.cutAll(store.NewOp())
	s.head.Subject = store.Subject{}
	s.erase = true
	return s.finishRevoking()
}

// cutAll kills everything up to now, whatever its number.
func (s *step) cutAll(op store.Op) {
	s.cut(op)
	s.head.Keep, s.head.KeptCut = "", 0
}

// cut moves the cut to a fresh place in the order.
func (s *step) cut(op store.Op) {
	s.head.Cut, s.head.CutTime = s.next(), later(s.head.CutTime, s.Now) // a later cut must not bring a foreign token back
	s.head.Ops = [4]store.Op{op, s.head.Ops[0], s.head.Ops[1], s.head.Ops[2]}
	s.event, s.cuts = true, true
	s.outlive(s.Now)
}

// others kills all but one session.
func (s *step) others(req store.Revocation) error {
	var kept *Entry
	if req.Others.Keep != "" {
		var err error
		if kept, err = s.live(req.Others.Keep); err != nil {
			return err
		}
	}
	if req.Others.Class != "" {
		return s.class(req)
	}
	op := OthersOp(req.Op)
	if slices.Contains(s.head.Ops[:], op) {
		return nil
	}
	before := s.head.Cut
	s.cut(op)
	if s.head.Keep != req.Others.Keep { // of one session kept twice, the tokens of before the first cut still live
		s.head.Keep, s.head.KeptCut = req.Others.Keep, before
	}
	rec := kept.Record.Clone()
	rec.Seq = s.next()
	s.put(kept, rec, kept.Replays)
	return nil
}

// class marks the live records of a class, but for the one to keep.
func (s *step) class(req store.Revocation) error {
	var ids []string
	const batch = 256
	for after := (keyspace.Field{}); ; {
		entries, err := s.r.Scan(after, batch)
		if err != nil {
			return err
		}
		for i := range entries {
			en := &entries[i]
			status, _ := s.status(&s.head, en)
			if status == store.Live && en.Record.Class == req.Others.Class && en.Record.ID != req.Others.Keep {
				ids = append(ids, en.Record.ID)
			}
		}
		if len(entries) < batch {
			break
		}
		after = entries[batch-1].Field
	}
	return s.bar(req.Reason, ids...)
}

// isDead reports whether err says that a record is not live.
func isDead(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrRevoked)
}

// Expired reports whether nothing in the ledger can matter any more, so that a sweep may drop it and raise the horizon
// to its Horizon.
func (h *Head) Expired(now time.Time) bool { return h.Until.Before(now) }

// Horizon returns what the horizon must rise to before the ledger goes, so that nothing that it killed comes back on a
// clock set back: own tokens by its Seq, foreign ones by the latest time at which it can have barred one.
// A nonce bars no token: it ends soon, and the horizon must not follow it.
func (h *Head) Horizon() (uint64, time.Time) {
	if h.Subject.Kind == store.KindOnce {
		return 0, time.Time{}
	}
	return h.Seq, earlier(later(h.Time, later(h.CutTime, h.FloorTime)), h.Until)
}
