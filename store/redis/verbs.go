package redisstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

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
	at      time.Time // when the call began; a clock costs as much as all that is left to save here
}

func (s *Store) owner(subject store.Subject) owner {
	d := subject.Digest()
	return owner{subject: subject, digest: d, part: d.Partition(s.keys.Partitions()), key: s.keys.Ledger(d), at: now()}
}

// write runs a verb's script on a ledger and returns its outcome's name, the server's time and what follows them. The
// arguments begin with the common ones.
func (s *Store) write(ctx context.Context, o owner, sc *script, a *arguments) (string, time.Time, []any, error) {
	list, err := s.exchange(ctx, call{key: o.key, part: o.part, at: o.at, write: true, script: sc, args: a.list})
	if err != nil {
		return "", time.Time{}, nil, err
	}
	if len(list) < 4 || list[0] != a.question {
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

// common returns the arguments that every script of a ledger begins with, behind two places for what it is called by. More
// of them may follow.
func (s *Store) common(o owner, more int) *arguments {
	check, f := wire.HeadCheck(o.digest), &s.fixed
	var lead [58]byte
	copy(lead[:], check[:])
	copy(lead[8:], o.digest[:])
	binary.LittleEndian.PutUint64(lead[24:], rand.Uint64()) // nonces tell events apart, they are no secrets
	binary.LittleEndian.PutUint64(lead[32:], rand.Uint64())
	copy(lead[40:], f.numbers[:])
	lead[57] = byte(o.part)
	at, bell := f.none, f.none
	if s.o.Now != nil {
		at = strconv.FormatInt(s.o.Now().UnixMicro(), 10)
	}
	if o.subject.Kind == store.KindOnce { // its ledger ends with its nonce
		clear(lead[46:52])
	}
	if s.bells.free() {
		bell = f.bell
	}
	a := newArguments(3+more, nil, nil, f.keys)
	a.text(o.key)
	a.text(s.keys.Feed(o.part))
	if f.tails != nil {
		a.list = append(a.list, f.tails)
	}
	a.list = append(a.list, at)
	a.text(string(lead[:]))
	a.question = a.texts[2][24:32]
	a.list = append(a.list, bell)
	return &a
}

// fixed is what is the same for every call of a store: arguments as a command takes them, and the numbers of the lead, which
// are how long marks and ledgers last in milliseconds, MaxMarks, and whether a write must write something to wait for.
type fixed struct {
	none, keys, bell any
	tails            any // nil in a cluster, where no slot holds what all partitions share
	numbers          [17]byte
}

func (s *Store) fix() {
	marklife := s.life + store.MarkMargin
	b := appendNumber(nil, 6, uint64(marklife.Milliseconds()))
	b = appendNumber(b, 6, uint64(max(24*time.Hour, marklife).Milliseconds()))
	b = appendNumber(b, 4, uint64(s.o.MaxMarks))
	b = append(b, flag(!s.level.none()))
	s.fixed = fixed{none: "", keys: "2", bell: s.keys.Bell(), numbers: [17]byte(b)}
	if s.cluster == nil {
		s.fixed.keys, s.fixed.tails = "3", s.keys.Tails()
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
	return o, s.errs.Fail(op, store.Digest{}, check(s.clockAt(o.part, o.at)))
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
	var name string
	if rec.Subject.Kind != store.KindOnce {
		name = wire.Name(rec.Subject)
	}
	var cut uint64
	if r.IfCut != nil {
		cut = *r.IfCut
	}
	var room [27]byte
	b := appendEnd(appendEnd(room[:0], rec.ExpiresAt), rec.Deadline)
	b = append(b, byte(n))
	b = appendNumber(appendNumber(b, 2, uint64(r.Limit.Max)), 2, uint64(r.Limit.MaxPerClass))
	b = append(b, byte(r.Limit.Policy), flag(r.IfCut != nil))
	b = appendNumber(b, 8, cut)
	a := s.common(o, 7)
	a.field(f)
	a.text(checkOf(o, f))
	a.text(string(rec.Link[:]))
	a.text(string(b))
	a.text(string(sections))
	a.text(name)
	a.text(rec.Class)
	outcome, at, got, err := s.write(ctx, o, issueScript, a)
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
	var room [23]byte
	b := appendNumber(room[:0], 8, r.Rotation)
	b = appendNumber(b, 7, uint64((r.Grace + time.Microsecond - 1).Microseconds()))
	b = appendEnd(appendNumber(b, 2, uint64(r.Replays())), r.ExpiresAt)
	a := s.common(o, 6)
	a.field(f)
	a.text(checkOf(o, f))
	a.text(string(r.Link[:]))
	a.text(string(r.NextLink[:]))
	a.text(string(b))
	a.text(r.Binding)
	outcome, at, got, err := s.write(ctx, o, rotateScript, a)
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
	b := append(appendNumber(nil, 8, r.Version), flag(r.Metadata != nil))
	b = appendEnd(appendEnd(b, r.ExpiresAt), r.Deadline)
	a := s.common(o, 4)
	a.field(f)
	a.text(checkOf(o, f))
	a.text(string(b))
	a.text(wire.Metadata(r.Metadata))
	outcome, at, got, err := s.write(ctx, o, updateScript, a)
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
	a := s.common(o, 3)
	a.field(f)
	a.text(checkOf(o, f))
	a.text(string(appendEnd(nil, r.ExpiresAt)))
	outcome, at, _, err := s.write(ctx, o, touchScript, a)
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
		outcome, err = s.all(ctx, o, r.Op, "")
	case r.Others != nil:
		outcome, err = s.others(ctx, o, r)
	default:
		outcome, err = s.ids(ctx, o, r)
	}
	return s.result("revoke", o, outcome, err, time.Time{}, nil)
}

func (s *Store) all(ctx context.Context, o owner, op store.Op, forget string) (string, error) {
	a := s.common(o, 2)
	a.text(string(op[:]))
	a.text(forget)
	outcome, _, _, err := s.write(ctx, o, allScript, a)
	return outcome, err
}

func (s *Store) others(ctx context.Context, o owner, r store.Revocation) (string, error) {
	keep, text, check := "", "", ""
	if r.Others.Keep != "" {
		f := keyspace.FieldOf(r.Others.Keep)
		keep, text, check = string(f[:]), wire.KeepText(r.Others.Keep), checkOf(o, f)
	}
	op := ledger.OthersOp(r.Op)
	a := s.common(o, 6)
	for _, t := range [...]string{string(op[:]), keep, text, r.Others.Class, r.Reason, check} {
		a.text(t)
	}
	outcome, _, _, err := s.write(ctx, o, othersScript, a)
	return outcome, err
}

func (s *Store) ids(ctx context.Context, o owner, r store.Revocation) (string, error) {
	a := s.common(o, 1+2*len(r.IDs))
	a.text(r.Reason)
	seen := make(map[keyspace.Field]bool, len(r.IDs))
	for _, id := range r.IDs {
		f := keyspace.FieldOf(id)
		if seen[f] {
			continue
		}
		seen[f] = true
		a.field(f)
		a.text(checkOf(o, f))
	}
	outcome, _, _, err := s.write(ctx, o, revokeScript, a)
	return outcome, err
}

// Forget implements store.TokenStore.
func (s *Store) Forget(ctx context.Context, subject store.Subject) error {
	o, err := s.begin(ctx, "forget", subject, func(time.Time) error { return nil })
	if err != nil {
		return err
	}
	outcome, err := s.all(ctx, o, store.NewOp(), "1")
	return s.result("forget", o, outcome, err, time.Time{}, nil)
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
