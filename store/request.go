package store

import (
	"fmt"
	"time"
)

// IssueRequest asks for a new record.
type IssueRequest struct {
	// Record gives ID, Subject, Class, Link, Binding, ExpiresAt, Deadline and Metadata; the store sets the rest, whatever
	// stands there.
	Record Record
	// Limit bounds the subject's sessions. The zero value does not.
	Limit Limit
	// IfCut, when not nil, is the cut that the caller read before it checked a password; another cut is [ErrConflict].
	IfCut *uint64
}

// Check refuses bad input. now is the store's time.
func (r IssueRequest) Check(now time.Time) error {
	rec := r.Record
	if err := checkSubjectID(rec.Subject, "Record.ID", rec.ID); err != nil {
		return err
	}
	if err := checkText("Record.Class", rec.Class, 0, MaxClassLen); err != nil {
		return err
	}
	if err := checkText("Record.Binding", rec.Binding, 0, MaxBindingLen); err != nil {
		return err
	}
	if rec.Link.IsZero() {
		return invalid("Record.Link", "is zero", "use NewLink; a repeat of Issue is recognised by it")
	}
	if err := checkEnd("Record.ExpiresAt", rec.ExpiresAt, now); err != nil {
		return err
	}
	if !rec.Deadline.IsZero() {
		if err := checkEnd("Record.Deadline", rec.Deadline, now); err != nil {
			return err
		}
		if rec.ExpiresAt.After(rec.Deadline) {
			return invalid("Record.ExpiresAt", "is past Deadline", "set it to at most Deadline")
		}
	}
	if err := checkMetadata(rec.Metadata); err != nil {
		return err
	}
	return r.Limit.check()
}

// Issued is the answer of Issue.
type Issued struct {
	// Record is the record as stored.
	Record Record
	// Evicted are the records that the limit revoked, as they were.
	Evicted []Record
	// Now is the store's time of the step.
	Now time.Time
}

// Page asks for a part of a list. The zero value is the first page of [DefaultPage].
type Page struct {
	// Limit is how many records the page may hold: 1 to [MaxPage]; 0 means [DefaultPage].
	Limit int
	// Cursor is the Next of the page before; empty for the first page.
	Cursor string
}

// Check refuses bad input. A store refuses a cursor that is not its own as it decodes it.
func (p Page) Check() error {
	if p.Limit < 0 || p.Limit > MaxPage {
		return invalid("Page.Limit", fmt.Sprintf("is %d, the range is 0 to %d", p.Limit, MaxPage), "use 0 for the default of 100")
	}
	return nil
}

// Size returns how many records the page may hold, with the default applied.
func (p Page) Size() int {
	if p.Limit == 0 {
		return DefaultPage
	}
	return p.Limit
}

// BadCursor is the error for a cursor that a store cannot read.
func BadCursor() error {
	return invalid("Page.Cursor", "is not a cursor of this store", "pass the Next of the page before, or leave it empty")
}

// Records is a page of live records, newest first.
type Records struct {
	// Items are the records.
	Items []Record
	// Next is the cursor of the following page; empty at the end.
	Next string
	// Now is the store's time of the step.
	Now time.Time
}

// RotateRequest asks for a refresh, with what the refresh token says and what its successor will say.
type RotateRequest struct {
	// Subject and ID name the session.
	Subject Subject
	// ID is the session's id.
	ID string
	// Rotation is the one in the presented token.
	Rotation uint64
	// Link is the one in the presented token.
	Link Link
	// NextLink is fresh, from [NewLink]; it becomes the record's Link if this call wins.
	NextLink Link
	// Grace is how long after a rotation the token before it may still be presented: 0 (off) to [MaxGrace], in whole
	// microseconds, rounded up.
	Grace time.Duration
	// GraceReplays is how many distinct replays a grace window answers: 1 to [MaxReplays]; 0 means [DefaultReplays].
	GraceReplays int
	// Binding is who presents the token; a replay must match the record's binding where it has one.
	Binding string
	// ExpiresAt is the record's new expiry, lowered to its deadline. Zero leaves it. Otherwise as in [Record].
	ExpiresAt time.Time
}

// maxRotation is where a rotation stops being exact as a JSON number (RFC 8259 §6).
const maxRotation = 1 << 53

// Check refuses bad input. now is the store's time.
func (r RotateRequest) Check(now time.Time) error {
	if err := checkSubjectID(r.Subject, "ID", r.ID); err != nil {
		return err
	}
	if r.Rotation >= maxRotation {
		return invalid("Rotation", "is 2^53 or more", "pass the rotation of a token that the record minted")
	}
	if r.NextLink.IsZero() {
		return invalid("NextLink", "is zero", "use NewLink; a repeat of Rotate is recognised by it")
	}
	if r.NextLink == r.Link {
		return invalid("NextLink", "equals Link", "use NewLink for every call")
	}
	if r.Grace < 0 || r.Grace > MaxGrace {
		return invalid("Grace", fmt.Sprintf("is %v, the range is 0 to %v", r.Grace, MaxGrace), "use 0 to turn the grace window off")
	}
	if r.GraceReplays < 0 || r.GraceReplays > MaxReplays {
		return invalid("GraceReplays", fmt.Sprintf("is %d, the range is 0 to %d", r.GraceReplays, MaxReplays), "use 0 for the default of 3")
	}
	if err := checkText("Binding", r.Binding, 0, MaxBindingLen); err != nil {
		return err
	}
	return checkOptionalEnd("ExpiresAt", r.ExpiresAt, now)
}

// Replays returns how many distinct replays are answered, with the default applied.
func (r RotateRequest) Replays() int {
	if r.GraceReplays == 0 {
		return DefaultReplays
	}
	return r.GraceReplays
}

// Outcome says how a refresh token was judged. The zero value is no outcome.
type Outcome uint8

// The outcomes of Rotate, in the order in which they are judged.
const (
	// RotateOK: the token was the current one; the record has a new link. Also the answer to the call's own repeat.
	RotateOK Outcome = iota + 1
	// Replayed: the token before the current one, within the grace window. Record is unchanged, and the caller mints the
	// same successor from it.
	Replayed
	// RolledForward: a token newer than the record, after a failover lost a step. The record was moved on.
	RolledForward
	// Reused: an old token outside every allowance. The session died in the same step; Record is what it was.
	Reused
)

// String returns the outcome's name.
func (o Outcome) String() string {
	switch o {
	case RotateOK:
		return "rotated"
	case Replayed:
		return "replayed"
	case RolledForward:
		return "rolled-forward"
	case Reused:
		return "reused"
	}
	return "invalid"
}

// Rotated is the answer of Rotate.
type Rotated struct {
	// Outcome is how the presented token was judged.
	Outcome Outcome
	// Record is the record after the step; for Reused, before it.
	Record Record
	// Now is the store's time of the step.
	Now time.Time
}

// UpdateRequest changes a record where Version is its version.
type UpdateRequest struct {
	// Subject and ID name the record.
	Subject Subject
	// ID is the record's id.
	ID string
	// Version is the one that the caller read.
	Version uint64
	// Metadata replaces the record's. Nil leaves it, an empty map clears it.
	Metadata map[string]string
	// ExpiresAt replaces the record's, lowered to the deadline. Zero leaves it.
	ExpiresAt time.Time
	// Deadline replaces the record's and may only be lower; ExpiresAt falls with it. Zero leaves it.
	Deadline time.Time
}

// Check refuses bad input. now is the store's time.
func (r UpdateRequest) Check(now time.Time) error {
	if err := checkSubjectID(r.Subject, "ID", r.ID); err != nil {
		return err
	}
	if err := checkOptionalEnd("ExpiresAt", r.ExpiresAt, now); err != nil {
		return err
	}
	if err := checkOptionalEnd("Deadline", r.Deadline, now); err != nil {
		return err
	}
	return checkMetadata(r.Metadata)
}

// RaisedDeadline is the error for an Update that would raise a record's deadline.
func RaisedDeadline() error {
	return invalid("Deadline", "is later than the record's", "a deadline may only fall; issue a new record instead")
}

// TouchRequest notes that a session was seen.
type TouchRequest struct {
	// Subject and ID name the record.
	Subject Subject
	// ID is the record's id.
	ID string
	// ExpiresAt, when later than the record's, slides it, at most to the deadline. Zero leaves it.
	ExpiresAt time.Time
}

// Check refuses bad input. now is the store's time.
func (r TouchRequest) Check(now time.Time) error {
	if err := checkSubjectID(r.Subject, "ID", r.ID); err != nil {
		return err
	}
	return checkOptionalEnd("ExpiresAt", r.ExpiresAt, now)
}

// Revocation says what to bar: exactly one of IDs, All, Others.
type Revocation struct {
	// Subject says whose.
	Subject Subject
	// IDs bars these ids, known or not: 1 to [MaxIDs]. A live record among them dies.
	IDs []string
	// All bars everything that the subject holds, at the cost of one small write.
	All bool
	// Others bars everything but one session.
	Others *Others
	// Reason is kept with the marks: at most [MaxReasonLen] bytes.
	Reason string
	// Op makes a repeat of All, or of Others without a class, cut once. Zero: the store makes one, and a caller's repeat
	// cuts again. Others with a class makes no cut: its repeat marks what is live by then.
	Op Op
}

// Others says whom a revocation spares and, with a class, whom it is limited to.
type Others struct {
	// Keep is the id of the session that stays; it must be live. It may be empty only where Class is given.
	Keep string
	// Class limits the revocation to the live records of one class, which are marked one by one; there is then no cut.
	// Empty: everything but Keep, at the cost of one small write.
	Class string
}

// Check refuses bad input.
func (r Revocation) Check() error {
	if err := r.Subject.Check(); err != nil {
		return err
	}
	if err := checkText("Reason", r.Reason, 0, MaxReasonLen); err != nil {
		return err
	}
	given := 0
	for _, is := range [...]bool{len(r.IDs) > 0, r.All, r.Others != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		return invalid("Revocation", fmt.Sprintf("names %d of IDs, All and Others", given), "name exactly one of them")
	}
	if len(r.IDs) > MaxIDs {
		return tooManyIDs("IDs", len(r.IDs))
	}
	for _, id := range r.IDs {
		if err := checkText("IDs", id, 1, MaxNameLen); err != nil {
			return err
		}
	}
	if r.Others != nil {
		return r.Others.check()
	}
	return nil
}

func (o Others) check() error {
	if o.Keep == "" && o.Class == "" {
		return invalid("Others.Keep", "is empty", "name the session that stays, or use All")
	}
	if err := checkText("Others.Keep", o.Keep, 0, MaxNameLen); err != nil {
		return err
	}
	return checkText("Others.Class", o.Class, 0, MaxClassLen)
}

// CheckLookup refuses bad input of Lookup.
func CheckLookup(s Subject, ids []string) error {
	if err := s.Check(); err != nil {
		return err
	}
	if len(ids) > MaxIDs {
		return tooManyIDs("ids", len(ids))
	}
	for _, id := range ids {
		if err := checkText("ids", id, 1, MaxNameLen); err != nil {
			return err
		}
	}
	return nil
}

func tooManyIDs(field string, n int) error {
	return invalid(field, fmt.Sprintf("has %d ids, the limit is %d", n, MaxIDs), "split the call, or revoke All")
}

func checkSubjectID(s Subject, field, id string) error {
	if err := s.Check(); err != nil {
		return err
	}
	return checkText(field, id, 1, MaxNameLen)
}

func checkOptionalEnd(field string, t, now time.Time) error {
	if t.IsZero() {
		return nil
	}
	return checkEnd(field, t, now)
}
