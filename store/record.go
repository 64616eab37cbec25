package store

import (
	"fmt"
	"maps"
	"time"
)

// Record is what a store keeps of one session or standing token. A store never sees a bearer string.
type Record struct {
	// ID is the record's id, the sid of every token minted under it: 1 to [MaxNameLen] bytes, any bytes. [NewID] makes one.
	// Use an id once: tokens of an earlier record with the same id cannot be told from the new one's. It may stand in keys,
	// so let it be nobody's name.
	ID string
	// Subject says whose it is.
	Subject Subject
	// Class groups a subject's sessions ("web", "ios"): at most [MaxClassLen] bytes, may be empty. A store never changes it.
	Class string
	// Seq is the record's place in its ledger's order. The store sets it, at Issue, at a Rotate at or below the floor, and
	// when Others keeps the record.
	Seq uint64
	// Version counts Updates from 0; it is what Update compares.
	Version uint64
	// Rotation counts refreshes from 0.
	Rotation uint64
	// Link is the link of the current rotation. Issue needs one; Rotate replaces it.
	Link Link
	// PrevLink is the tag of the link before; zero before the first refresh.
	PrevLink LinkTag
	// Binding ties grace replays to whoever holds the token (a device or key thumbprint): at most [MaxBindingLen] bytes,
	// empty for none.
	Binding string
	// IssuedAt is the store's time at Issue, in microseconds. The store sets it.
	IssuedAt time.Time
	// ExpiresAt is the end of the record unless it slides. Required, in the future, at most [MaxLife] away.
	// It never lies past Deadline.
	ExpiresAt time.Time
	// Deadline is the absolute end; it may only fall. Zero means IssuedAt + [MaxLife].
	Deadline time.Time
	// RotatedAt is the store's time of the last refresh; at first it is IssuedAt. The store sets it.
	RotatedAt time.Time
	// LastSeen is the store's time of the last Issue, Rotate or Touch. The store sets it.
	LastSeen time.Time
	// Metadata is the caller's: at most [MaxMetadata] pairs and [MaxMetadataBytes] bytes, keys not empty. It is stored in
	// clear; no secret belongs here.
	Metadata map[string]string
}

// Clone returns a copy that shares nothing with r.
func (r Record) Clone() Record {
	r.Metadata = maps.Clone(r.Metadata)
	return r
}

// Status is what a store knows of an id.
type Status uint8

// The statuses of an id. The zero value is the safe one.
const (
	// Unknown: there is nothing under the id, or it expired.
	Unknown Status = iota
	// Live: a record that is neither expired nor revoked.
	Live
	// Revoked: a mark bars the id, or its record is at or below the cut.
	Revoked
)

// String returns the status's name.
func (s Status) String() string {
	switch s {
	case Unknown:
		return "unknown"
	case Live:
		return "live"
	case Revoked:
		return "revoked"
	}
	return "invalid"
}

// Entry is the answer of Lookup for one id.
type Entry struct {
	// Status is what the store knows.
	Status Status
	// Record is the record of a live id, else zero.
	Record Record
	// Reason is why a revoked id was revoked, as given to Revoke, or one of the Reason constants.
	Reason string
}

// The reasons that stores and verdicts give themselves. A caller's own reasons are free text of at most [MaxReasonLen].
const (
	// ReasonCut: everything of the subject was revoked later than this.
	ReasonCut = "cut"
	// ReasonFloor: the token must be refreshed, because too many ids were revoked to keep a mark for each.
	ReasonFloor = "floor"
	// ReasonEvicted: the session limit made room for a newer login.
	ReasonEvicted = "evicted"
	// ReasonReuse: an old refresh token was used again (RFC 9700 §4.14.2).
	ReasonReuse = "reuse"
	// ReasonUnknown: no live record, and no trace of a revocation.
	ReasonUnknown = "unknown"
	// ReasonUndated: a foreign token without an iat, or with one in the future.
	ReasonUndated = "undated"
)

// Policy says who gives way when a session limit is reached.
type Policy uint8

// The policies of a limit.
const (
	// EvictOldest revokes the sessions with the lowest IssuedAt. It is the zero value.
	EvictOldest Policy = iota
	// EvictLeastRecentlyUsed revokes the sessions with the lowest LastSeen.
	EvictLeastRecentlyUsed
	// Reject refuses the new session with [ErrLimit].
	Reject
)

// Limit bounds how many live records a subject holds. Zero fields do not bound. The class's limit is applied first, then
// the total; ties go by IssuedAt, then by id.
type Limit struct {
	// Max bounds the subject's records: 0 (no bound) to [MaxLimit].
	Max int
	// MaxPerClass bounds the records of the new record's class: 0 (no bound) to [MaxLimit].
	MaxPerClass int
	// Policy says who gives way. Defaults to EvictOldest.
	Policy Policy
}

// IsZero reports whether l bounds nothing.
func (l Limit) IsZero() bool { return l.Max == 0 && l.MaxPerClass == 0 }

func (l Limit) check() error {
	for _, f := range [...]struct {
		field string
		n     int
	}{{"Limit.Max", l.Max}, {"Limit.MaxPerClass", l.MaxPerClass}} {
		if f.n < 0 || f.n > MaxLimit {
			return invalid(f.field, fmt.Sprintf("is %d, the range is 0 to %d", f.n, MaxLimit), "use 0 for no limit")
		}
	}
	if l.Policy > Reject {
		return invalid("Limit.Policy", "is not a known policy", "use EvictOldest, EvictLeastRecentlyUsed or Reject")
	}
	return nil
}

func checkMetadata(m map[string]string) error {
	if len(m) > MaxMetadata {
		return invalid("Metadata", fmt.Sprintf("has %d pairs, the limit is %d", len(m), MaxMetadata), "keep the rest elsewhere")
	}
	size := 0
	for k, v := range m {
		if k == "" {
			return invalid("Metadata", "has an empty key", "name every key")
		}
		size += len(k) + len(v)
	}
	if size > MaxMetadataBytes {
		return invalid("Metadata", fmt.Sprintf("is %d bytes, the limit is %d", size, MaxMetadataBytes), "keep the rest elsewhere")
	}
	return nil
}

// checkEnd judges an expiry or a deadline: in the future, and at most MaxLife away.
func checkEnd(field string, t, now time.Time) error {
	switch {
	case t.IsZero():
		return invalid(field, "is zero", "set it to a time in the future; nothing lives for ever")
	case !t.After(now):
		return invalid(field, "is not in the future", "set it to a time after now; to end a record, revoke it")
	case t.After(now.Add(MaxLife)):
		return invalid(field, "is more than ten years away", "set it to at most ten years from now")
	}
	return nil
}
