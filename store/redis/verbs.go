package redisstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/internal/wire"
	"github.com/jetonkit/jeton/store"
)

// owner is whose ledger a call is about, and where it is.
type owner struct {
	subject store.Subject
	digest  store.Digest
	part    int
	key     string
}

func (s *Store) owner(subject store.Subject) owner {
	d := subject.Digest()
	return owner{subject: subject, digest: d, part: d.Partition(s.keys.Partitions()), key: s.keys.Ledger(d)}
}

// write runs a verb's script on a ledger and returns its outcome's name, the server's time and what follows them.
func (s *Store) write(ctx context.Context, o owner, sc *script, args ...any) (string, time.Time, []any, error) {
	all, question := s.common(o)
	all = append(all, args...)
	list, err := s.exchange(ctx, o.part, call{
		key: o.key, write: true,
		make: func() []redis.Cmder { return run(ctx, "evalsha", sc.sha, all) },
		eval: func() []redis.Cmder { return run(ctx, "eval", sc.text, all) },
	})
	if err != nil {
		return "", time.Time{}, nil, err
	}
	if len(list) < 4 || list[0] != question {
		return "", time.Time{}, nil, errReply
	}
	outcome, ok := list[1].(string)
	micro, fine := list[2].(int64)
	rang, sound := list[3].(int64)
	if !ok || !fine || !sound {
		return "", time.Time{}, nil, errReply
	}
	if rang < 0 {
		s.mute.Do(func() {
			s.o.Logger.WarnContext(ctx, "jeton: the ACL denies PUBLISH on the keyspace's bell: followers learn of revocations by their polls alone; allow the channel")
		})
	}
	s.bells.count(max(0, rang))
	return outcome, time.UnixMicro(micro).UTC(), list[4:], nil
}

func run(ctx context.Context, verb, script string, args []any) []redis.Cmder {
	all := make([]any, 0, 2+len(args))
	all = append(append(all, verb, script), args...)
	return []redis.Cmder{command(ctx, all...)}
}

// common returns the number of keys, the keys and the arguments that every script of a ledger begins with, and what its
// answer must begin with.
func (s *Store) common(o owner) (args []any, question string) {
	check := wire.HeadCheck(o.digest)
	var lead [40]byte
	copy(lead[:], check[:])
	copy(lead[8:], o.digest[:])
	binary.LittleEndian.PutUint64(lead[24:], rand.Uint64()) // nonces tell events apart, they are no secrets
	binary.LittleEndian.PutUint64(lead[32:], rand.Uint64())
	f := &s.fixed
	at, keep, bell := f.none, f.keep, f.none
	if s.o.Now != nil {
		at = strconv.FormatInt(s.o.Now().UnixMicro(), 10)
	}
	if o.subject.Kind == store.KindOnce {
		keep = f.zero
	}
	if s.bells.free() {
		bell = f.bell
	}
	text := string(lead[:])
	args = make([]any, 0, 24)
	return append(args, f.keys, o.key, s.keys.Feed(o.part), at, text, f.marklife, keep, f.maxmarks, bell, f.durable), text[24:32]
}

// fixed are the arguments that are the same for every call of a store. Kept as what a command takes, they cost nothing.
type fixed struct{ none, zero, keys, marklife, keep, maxmarks, bell, durable any }

func (s *Store) fix() {
	marklife := s.life + store.MarkMargin
	text := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	s.fixed = fixed{
		none: "", zero: "0", keys: "2", marklife: text(marklife), keep: text(max(24*time.Hour, marklife)),
		maxmarks: strconv.Itoa(s.o.MaxMarks), bell: s.keys.Bell(), durable: "",
	}
	if !s.level.none() {
		s.fixed.durable = "1"
	}
}

// begin refuses what should not be asked.
func (s *Store) begin(ctx context.Context, op string, subject store.Subject, check func(now time.Time) error) (owner, error) {
	if err := s.ready(ctx, op); err != nil {
		return owner{}, err
	}
	if err := subject.Check(); err != nil {
		return owner{}, s.errs.Fail(op, store.Digest{}, err)
	}
	o := s.owner(subject)
	return o, s.errs.Fail(op, store.Digest{}, check(s.clock(o.part)))
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

// result gives an outcome its error. check is that of the request, at is the server's time of the step.
func (s *Store) result(op string, o owner, outcome string, err error, at time.Time, check func(time.Time) error) error {
	switch {
	case err != nil:
	case outcome == "ends": // the request was right by this process's idea of the server's clock
		if err = check(at); err == nil {
			err = &store.FieldError{Field: "ExpiresAt or Deadline", Problem: "is past or over ten years by the server's clock", Remedy: "set the clocks"}
		}
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
	return s.errs.Fail(op, o.digest, err)
}

// checkOf is the identity that a value under a field carries.
func checkOf(o owner, f keyspace.Field) string {
	check := keyspace.Check(o.digest, f)
	return string(check[:])
}

// Issue implements store.TokenStore.
func (s *Store) Issue(ctx context.Context, r store.IssueRequest) (store.Issued, error) {
	rec := &r.Record
	o, err := s.begin(ctx, "issue", rec.Subject, r.Check)
	if err != nil {
		return store.Issued{}, err
	}
	f := keyspace.FieldOf(rec.ID)
	sections, n := wire.Optional(rec)
	name, cut := "", ""
	if rec.Subject.Kind != store.KindOnce {
		name = wire.Name(rec.Subject)
	}
	if r.IfCut != nil {
		cut = strconv.FormatUint(*r.IfCut, 10)
	}
	outcome, at, got, err := s.write(ctx, o, issueScript, string(f[:]), checkOf(o, f), string(rec.Link[:]),
		milli(rec.ExpiresAt), milli(rec.Deadline), string(sections), n, cut, name,
		r.Limit.Max, r.Limit.MaxPerClass, int(r.Limit.Policy), rec.Class)
	if err := s.result("issue", o, outcome, err, at, r.Check); err != nil {
		return store.Issued{}, err
	}
	out := store.Issued{Now: at}
	if out.Record, err = record(o, f, got, 0); err != nil {
		return store.Issued{}, s.errs.Fail("issue", o.digest, err)
	}
	for i := 1; i+1 < len(got); i += 2 {
		text, ok := got[i].(string)
		if !ok || len(text) != len(f) {
			return store.Issued{}, s.errs.Fail("issue", o.digest, errReply)
		}
		victim, err := record(o, keyspace.Field([]byte(text)), got, i+1)
		if err != nil {
			return store.Issued{}, s.errs.Fail("issue", o.digest, err)
		}
		out.Evicted = append(out.Evicted, victim)
	}
	return out, nil
}

// record reads the record that a script answered with.
func record(o owner, f keyspace.Field, got []any, i int) (store.Record, error) {
	if i >= len(got) {
		return store.Record{}, errReply
	}
	text, ok := got[i].(string)
	if !ok {
		return store.Record{}, errReply
	}
	en, err := wire.DecodeEntry([]byte(text), o.digest, f)
	if err != nil {
		return store.Record{}, err
	}
	if en.Mark != nil {
		return store.Record{}, errReply
	}
	en.Record.Subject = o.subject
	return en.Record, nil
}

// Rotate implements store.TokenStore.
func (s *Store) Rotate(ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
	o, err := s.begin(ctx, "rotate", r.Subject, r.Check)
	if err != nil {
		return store.Rotated{}, err
	}
	f := keyspace.FieldOf(r.ID)
	outcome, at, got, err := s.write(ctx, o, rotateScript, string(f[:]), strconv.FormatUint(r.Rotation, 10),
		string(r.Link[:]), string(r.NextLink[:]), (r.Grace + time.Microsecond - 1).Microseconds(), r.Replays(), r.Binding, milli(r.ExpiresAt), checkOf(o, f))
	if err := s.result("rotate", o, outcome, err, at, r.Check); err != nil {
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
	if out.Record, err = record(o, f, got, 1); err == nil && out.Outcome == 0 {
		err = errReply
	}
	if err != nil {
		return store.Rotated{}, s.errs.Fail("rotate", o.digest, err)
	}
	return out, nil
}

// Update implements store.TokenStore.
func (s *Store) Update(ctx context.Context, r store.UpdateRequest) (store.Record, error) {
	o, err := s.begin(ctx, "update", r.Subject, r.Check)
	if err != nil {
		return store.Record{}, err
	}
	f := keyspace.FieldOf(r.ID)
	replace := ""
	if r.Metadata != nil {
		replace = "1"
	}
	outcome, at, got, err := s.write(ctx, o, updateScript, string(f[:]), strconv.FormatUint(r.Version, 10),
		replace, wire.Metadata(r.Metadata), milli(r.ExpiresAt), milli(r.Deadline), checkOf(o, f))
	if err := s.result("update", o, outcome, err, at, r.Check); err != nil {
		return store.Record{}, err
	}
	rec, err := record(o, f, got, 0)
	return rec, s.errs.Fail("update", o.digest, err)
}

// Touch implements store.TokenStore.
func (s *Store) Touch(ctx context.Context, r store.TouchRequest) error {
	o, err := s.begin(ctx, "touch", r.Subject, r.Check)
	if err != nil {
		return err
	}
	f := keyspace.FieldOf(r.ID)
	outcome, at, _, err := s.write(ctx, o, touchScript, string(f[:]), milli(r.ExpiresAt), checkOf(o, f))
	if err == nil && (outcome == "notfound" || outcome == "revoked") {
		return nil
	}
	return s.result("touch", o, outcome, err, at, r.Check)
}

// Revoke implements store.TokenStore.
func (s *Store) Revoke(ctx context.Context, r store.Revocation) error {
	o, err := s.begin(ctx, "revoke", r.Subject, func(time.Time) error { return r.Check() })
	if err != nil {
		return err
	}
	if r.Op == (store.Op{}) {
		r.Op = store.NewOp()
	}
	var outcome string
	switch {
	case r.All:
		outcome, _, _, err = s.write(ctx, o, allScript, string(r.Op[:]), "")
	case r.Others != nil:
		outcome, err = s.others(ctx, o, r)
	default:
		outcome, err = s.ids(ctx, o, r)
	}
	return s.result("revoke", o, outcome, err, time.Time{}, nil)
}

func (s *Store) others(ctx context.Context, o owner, r store.Revocation) (string, error) {
	keep, text, check := "", "", ""
	if r.Others.Keep != "" {
		f := keyspace.FieldOf(r.Others.Keep)
		keep, text, check = string(f[:]), wire.KeepText(r.Others.Keep), checkOf(o, f)
	}
	op := ledger.OthersOp(r.Op)
	outcome, _, _, err := s.write(ctx, o, othersScript, string(op[:]), keep, text, r.Others.Class, r.Reason, check)
	return outcome, err
}

func (s *Store) ids(ctx context.Context, o owner, r store.Revocation) (string, error) {
	args := make([]any, 1, 1+2*len(r.IDs))
	args[0] = r.Reason
	seen := make(map[keyspace.Field]bool, len(r.IDs))
	for _, id := range r.IDs {
		f := keyspace.FieldOf(id)
		if seen[f] {
			continue
		}
		seen[f] = true
		args = append(args, string(f[:]), checkOf(o, f))
	}
	outcome, _, _, err := s.write(ctx, o, revokeScript, args...)
	return outcome, err
}

// Forget implements store.TokenStore.
func (s *Store) Forget(ctx context.Context, subject store.Subject) error {
	o, err := s.begin(ctx, "forget", subject, func(time.Time) error { return nil })
	if err != nil {
		return err
	}
	op := store.NewOp()
	outcome, _, _, err := s.write(ctx, o, allScript, string(op[:]), "1")
	return s.result("forget", o, outcome, err, time.Time{}, nil)
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
