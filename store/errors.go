package store

import (
	"errors"
	"fmt"
	"strings"
)

// The errors of the contract. Test with errors.Is; a store wraps them in an [Error] that names the verb.
var (
	// ErrInvalid is bad input; the chain holds a [FieldError]. Nothing was changed.
	ErrInvalid = errors.New("invalid input")
	// ErrNotFound is a record that is not there: never issued, expired, or pruned after it was revoked.
	ErrNotFound = errors.New("not found")
	// ErrRevoked is a record that was revoked, by a mark on its id or by the cut.
	ErrRevoked = errors.New("revoked")
	// ErrExists is an Issue of an id that a live record holds, and the answer of Once to a replay.
	ErrExists = errors.New("already exists")
	// ErrConflict is a compare-and-swap that lost: another Version, or another cut than IfCut.
	ErrConflict = errors.New("conflict")
	// ErrLimit is an Issue that the session limit rejects.
	ErrLimit = errors.New("limit reached")
	// ErrTooLarge is a record that the backend cannot hold. A revocation never gets it.
	ErrTooLarge = errors.New("too large")
	// ErrReplayLimit is a refresh token presented too often within its grace window; the session lives (HTTP 409).
	ErrReplayLimit = errors.New("replay limit reached")
	// ErrUnavailable is a store that could not answer. It says nothing about the token (HTTP 503).
	ErrUnavailable = errors.New("store unavailable")
	// ErrIndeterminate is a write that may have happened, or happened with less durability than promised.
	ErrIndeterminate = errors.New("outcome unknown")
	// ErrClosed is a call after Close.
	ErrClosed = errors.New("store closed")
	// ErrLocked is a file that another process holds.
	ErrLocked = errors.New("locked by another process")
	// ErrClock is a ledger whose time is further in the future than the allowed skew.
	ErrClock = errors.New("clock out of step")
	// ErrCorrupt is a stored value that does not decode, or is another subject's. It is never taken as valid.
	ErrCorrupt = errors.New("corrupt value")
)

// Error tells which verb failed, on which store, for whom. It holds the subject's digest and never its name.
type Error struct {
	// Op is the verb in lower case: "issue", "lookup", …
	Op string
	// Store is the backend's scheme: "bolt", "redis", …
	Store string
	// Subject is the subject's digest; zero where no subject was named.
	Subject Digest
	// Err is the reason, one of this package's errors or a context's, perhaps wrapped.
	Err error
}

// Error returns "jeton: store op [subject digest]: reason".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("jeton: ")
	if e.Store != "" {
		b.WriteString(e.Store)
		b.WriteByte(' ')
	}
	b.WriteString(e.Op)
	if !e.Subject.IsZero() {
		b.WriteString(" subject ")
		b.WriteString(e.Subject.String())
	}
	b.WriteString(": ")
	if e.Err == nil {
		b.WriteString("no reason given")
	} else {
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// FieldError is bad input: which field, what is wrong, what to do. errors.Is(err, [ErrInvalid]) holds. It never holds the
// value, which may be a secret.
type FieldError struct {
	// Field is the field's path: "Record.ID", "Options.MaxMarks", the parameter "timeout" of a URL.
	Field string
	// Problem says what is wrong and names the limit: "is 257 bytes, the limit is 256".
	Problem string
	// Remedy says what to do about it.
	Remedy string
}

// Error returns "invalid input: field problem: remedy".
func (e *FieldError) Error() string {
	return fmt.Sprintf("%v: %s %s: %s", ErrInvalid, e.Field, e.Problem, e.Remedy)
}

// Unwrap returns [ErrInvalid].
func (e *FieldError) Unwrap() error { return ErrInvalid }

func invalid(field, problem, remedy string) error {
	return &FieldError{Field: field, Problem: problem, Remedy: remedy}
}

func checkText(field, text string, least, most int) error {
	switch {
	case len(text) < least:
		return invalid(field, "is empty", fmt.Sprintf("give it 1 to %d bytes", most))
	case len(text) > most:
		return invalid(field, fmt.Sprintf("is %d bytes, the limit is %d", len(text), most), "shorten it, or pass its hash")
	}
	return nil
}
