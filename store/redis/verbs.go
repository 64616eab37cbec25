package redisstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/wire"
	"github.com/jetonkit/jeton/store"
)

// write runs a verb's script on a subject's ledger and returns its outcome's name and what follows it.
func (s *Store) write(ctx context.Context, subject store.Subject, sc *script, args ...any) (string, time.Time, []any, error) {
	d := subject.Digest()
	part := d.Partition(s.keys.Partitions())
	all := append(s.common(subject, d, part), args...)
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	cmds, err := s.send(ctx, call{
		key: s.keys.Ledger(d), write: true,
		make: func() []redis.Cmder { return run(ctx, "evalsha", sc.sha, all) },
		eval: func() []redis.Cmder { return run(ctx, "eval", sc.text, all) },
	})
	if err != nil {
		return "", time.Time{}, nil, err
	}
	list, err := replies(cmds[0])
	if err != nil {
		return "", time.Time{}, nil, err
	}
	if len(list) < 2 {
		return "", time.Time{}, nil, errReply
	}
	outcome, ok := list[0].(string)
	micro, fine := list[1].(int64)
	if !ok || !fine {
		return "", time.Time{}, nil, errReply
	}
	return outcome, time.UnixMicro(micro).UTC(), list[2:], nil
}

func run(ctx context.Context, verb, script string, args []any) []redis.Cmder {
	all := make([]any, 0, 2+len(args))
	all = append(append(all, verb, script), args...)
	return []redis.Cmder{command(ctx, all...)}
}

// common returns the number of keys, the keys and the arguments that every script of a ledger begins with.
func (s *Store) common(subject store.Subject, d store.Digest, part int) []any {
	check := wire.HeadCheck(d)
	var lead [40]byte
	copy(lead[:], check[:])
	copy(lead[8:], d[:])
	_, _ = rand.Read(lead[24:]) // it ends the program rather than fail
	marklife := s.life + store.MarkMargin
	keep := max(24*time.Hour, marklife)
	if subject.Kind == store.KindOnce {
		keep = 0
	}
	at, durable := "", ""
	if s.o.Now != nil {
		at = strconv.FormatInt(s.o.Now().UnixMicro(), 10)
	}
	if !s.level.none() {
		durable = "1"
	}
	all := make([]any, 0, 24)
	return append(all, 2, s.keys.Ledger(d), s.keys.Feed(part),
		at, string(lead[:]), marklife.Milliseconds(), keep.Milliseconds(), s.o.MaxMarks, s.keys.Bell(), durable)
}

// bounded gives a call without a deadline that of the options.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.o.Timeout)
}

// begin refuses what should not be asked.
func (s *Store) begin(ctx context.Context, op string, subject store.Subject, check func(now time.Time) error) error {
	if err := s.errs.Ready(ctx, op); err != nil {
		return err
	}
	err := subject.Check()
	if err == nil {
		err = check(s.clock(subject.Digest().Partition(s.keys.Partitions())))
	}
	return s.errs.Fail(op, store.Digest{}, err)
}

// outcomes are the errors that scripts name.
var outcomes = map[string]error{
	"notfound": store.ErrNotFound,
	"revoked":  store.ErrRevoked,
	"exists":   store.ErrExists,
	"conflict": fmt.Errorf("%w: look it up and try again", store.ErrConflict),
	"replays":  store.ErrReplayLimit,
	"raised":   store.RaisedDeadline(),
	"full":     fmt.Errorf("%w: the subject holds as many sessions as its limit allows", store.ErrLimit),
}

// result gives an outcome its error.
func (s *Store) result(op string, subject store.Subject, outcome string, err error) error {
	switch {
	case err != nil:
	case outcome == "ok":
		return nil
	case outcomes[outcome] != nil:
		err = outcomes[outcome]
	case outcome == "toomany":
		err = fmt.Errorf("%w: the subject holds more than %d entries, too many to limit: issue without a limit, or revoke All and "+
			"try again until it passes, since each attempt removes some of the dead", store.ErrLimit, store.MaxLimit+s.o.MaxMarks)
	default:
		err = errReply
	}
	return s.errs.Fail(op, subject.Digest(), err)
}

// Issue implements store.TokenStore.
func (s *Store) Issue(ctx context.Context, r store.IssueRequest) (store.Issued, error) {
	rec := &r.Record
	if err := s.begin(ctx, "issue", rec.Subject, r.Check); err != nil {
		return store.Issued{}, err
	}
	d := rec.Subject.Digest()
	f := keyspace.FieldOf(rec.ID)
	sections, n := wire.Optional(rec)
	check := keyspace.Check(d, f)
	name, cut := "", ""
	if rec.Subject.Kind != store.KindOnce {
		name = wire.Name(rec.Subject)
	}
	if r.IfCut != nil {
		cut = strconv.FormatUint(*r.IfCut, 10)
	}
	outcome, at, got, err := s.write(ctx, rec.Subject, issueScript, string(f[:]), string(check[:]), string(rec.Link[:]),
		milli(rec.ExpiresAt), milli(rec.Deadline), string(sections), n, cut, name,
		r.Limit.Max, r.Limit.MaxPerClass, int(r.Limit.Policy), rec.Class)
	if err := s.result("issue", rec.Subject, outcome, err); err != nil {
		return store.Issued{}, err
	}
	out := store.Issued{Now: at}
	if out.Record, err = s.record(rec.Subject, f, got, 0); err != nil {
		return store.Issued{}, s.errs.Fail("issue", d, err)
	}
	for i := 1; i+1 < len(got); i += 2 {
		text, ok := got[i].(string)
		if !ok || len(text) != len(f) {
			return store.Issued{}, s.errs.Fail("issue", d, errReply)
		}
		victim, err := s.record(rec.Subject, keyspace.Field([]byte(text)), got, i+1)
		if err != nil {
			return store.Issued{}, s.errs.Fail("issue", d, err)
		}
		out.Evicted = append(out.Evicted, victim)
	}
	return out, nil
}

// record reads the record that a script answered with.
func (s *Store) record(subject store.Subject, f keyspace.Field, got []any, i int) (store.Record, error) {
	if i >= len(got) {
		return store.Record{}, errReply
	}
	text, ok := got[i].(string)
	if !ok {
		return store.Record{}, errReply
	}
	en, err := wire.DecodeEntry([]byte(text), subject.Digest(), f)
	if err != nil {
		return store.Record{}, err
	}
	if en.Mark != nil {
		return store.Record{}, errReply
	}
	en.Record.Subject = subject
	return en.Record, nil
}

// Rotate implements store.TokenStore.
func (s *Store) Rotate(ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
	if err := s.begin(ctx, "rotate", r.Subject, r.Check); err != nil {
		return store.Rotated{}, err
	}
	f := keyspace.FieldOf(r.ID)
	outcome, at, got, err := s.write(ctx, r.Subject, rotateScript, string(f[:]), strconv.FormatUint(r.Rotation, 10),
		string(r.Link[:]), string(r.NextLink[:]), r.Grace.Microseconds(), r.Replays(), r.Binding, milli(r.ExpiresAt))
	if err := s.result("rotate", r.Subject, outcome, err); err != nil {
		return store.Rotated{}, err
	}
	out := store.Rotated{Now: at}
	if len(got) > 0 {
		switch got[0] {
		case "rotated":
			out.Outcome = store.RotateOK
		case "replayed":
			out.Outcome = store.Replayed
		case "forward":
			out.Outcome = store.RolledForward
		case "reused":
			out.Outcome = store.Reused
		}
	}
	if out.Record, err = s.record(r.Subject, f, got, 1); err == nil && out.Outcome == 0 {
		err = errReply
	}
	if err != nil {
		return store.Rotated{}, s.errs.Fail("rotate", r.Subject.Digest(), err)
	}
	return out, nil
}

// Update implements store.TokenStore.
func (s *Store) Update(ctx context.Context, r store.UpdateRequest) (store.Record, error) {
	if err := s.begin(ctx, "update", r.Subject, r.Check); err != nil {
		return store.Record{}, err
	}
	f := keyspace.FieldOf(r.ID)
	replace := ""
	if r.Metadata != nil {
		replace = "1"
	}
	outcome, _, got, err := s.write(ctx, r.Subject, updateScript, string(f[:]), strconv.FormatUint(r.Version, 10),
		replace, wire.Metadata(r.Metadata), milli(r.ExpiresAt), milli(r.Deadline))
	if err := s.result("update", r.Subject, outcome, err); err != nil {
		return store.Record{}, err
	}
	rec, err := s.record(r.Subject, f, got, 0)
	return rec, s.errs.Fail("update", r.Subject.Digest(), err)
}

// Touch implements store.TokenStore.
func (s *Store) Touch(ctx context.Context, r store.TouchRequest) error {
	if err := s.begin(ctx, "touch", r.Subject, r.Check); err != nil {
		return err
	}
	f := keyspace.FieldOf(r.ID)
	outcome, _, _, err := s.write(ctx, r.Subject, touchScript, string(f[:]), milli(r.ExpiresAt))
	if err == nil && (outcome == "notfound" || outcome == "revoked") {
		return nil
	}
	return s.result("touch", r.Subject, outcome, err)
}

// Revoke implements store.TokenStore.
func (s *Store) Revoke(ctx context.Context, r store.Revocation) error {
	if err := s.begin(ctx, "revoke", r.Subject, func(time.Time) error { return r.Check() }); err != nil {
		return err
	}
	if r.Op == (store.Op{}) {
		r.Op = store.NewOp()
	}
	var outcome string
	var err error
	switch {
	case r.All:
		outcome, _, _, err = s.write(ctx, r.Subject, allScript, string(r.Op[:]), "")
	case r.Others != nil:
		outcome, err = s.others(ctx, r)
	default:
		outcome, err = s.ids(ctx, r)
	}
	return s.result("revoke", r.Subject, outcome, err)
}

func (s *Store) others(ctx context.Context, r store.Revocation) (string, error) {
	keep, text := "", ""
	if r.Others.Keep != "" {
		f := keyspace.FieldOf(r.Others.Keep)
		keep, text = string(f[:]), wire.KeepText(r.Others.Keep)
	}
	outcome, _, _, err := s.write(ctx, r.Subject, othersScript, othersOp(r.Op), keep, text, r.Others.Class, r.Reason)
	return outcome, err
}

// othersOp is the op of an Others, apart from that of an All: one is no repeat of the other.
func othersOp(op store.Op) string {
	d := store.DigestID("others" + string(op[:]))
	return string(d[:])
}

func (s *Store) ids(ctx context.Context, r store.Revocation) (string, error) {
	d := r.Subject.Digest()
	args := make([]any, 1, 1+2*len(r.IDs))
	args[0] = r.Reason
	seen := make(map[keyspace.Field]bool, len(r.IDs))
	for _, id := range r.IDs {
		f := keyspace.FieldOf(id)
		if seen[f] {
			continue
		}
		seen[f] = true
		check := keyspace.Check(d, f)
		args = append(args, string(f[:]), string(check[:]))
	}
	outcome, _, _, err := s.write(ctx, r.Subject, revokeScript, args...)
	return outcome, err
}

// Forget implements store.TokenStore.
func (s *Store) Forget(ctx context.Context, subject store.Subject) error {
	if err := s.begin(ctx, "forget", subject, func(time.Time) error { return nil }); err != nil {
		return err
	}
	op := store.NewOp()
	outcome, _, _, err := s.write(ctx, subject, allScript, string(op[:]), "1")
	return s.result("forget", subject, outcome, err)
}

// milli rounds an end up to a millisecond; the zero time is no argument.
func milli(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.Add(time.Millisecond-time.Nanosecond).UnixMilli(), 10)
}

// number reads an integer of a reply, which the protocol gives as text here and there.
func number(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case string:
		i, err := strconv.ParseInt(n, 10, 64)
		return i, err == nil
	}
	return 0, false
}
