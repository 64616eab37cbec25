package store

import (
	"cmp"
	"time"
)

// State is everything that a store knows about the ids of one Lookup, at one moment.
type State struct {
	// Cut is the seq at or before which everything is dead; for a subject never written, the one its ledger would
	// start with.
	Cut uint64
	// CutTime is the store's time of the cut, which judges foreign tokens. It never falls, though a clock be set back.
	CutTime time.Time
	// Floor is the seq at or before which access tokens are dead while their sessions live.
	Floor uint64
	// FloorTime is the store's time of the floor, which judges foreign tokens. It never falls either.
	FloorTime time.Time
	// Keep is the session that the last cut spared; empty for none.
	Keep string
	// KeptCut is the cut that still holds for Keep's access tokens.
	KeptCut uint64
	// Entries are the answers; Entries[i] is for the i-th id asked.
	Entries []Entry
	// Now is the store's time of the answer.
	Now time.Time
	// Stamp says how long the answer may be used; the zero Stamp means ask again each time.
	Stamp Stamp
}

// Presented is what a verdict needs to know of a presented access token. Its zero value is the strictest: an own token
// that needs a live session.
type Presented struct {
	// TokenID is the token's own id (jti).
	TokenID string
	// SessionID is the id of the token's session (sid); empty for a token that stands by itself.
	SessionID string
	// Seq is the one in an own token.
	Seq uint64
	// WithoutRecord judges by marks, cut and floor alone, as a denylist does. Otherwise the record of SessionID, or of
	// TokenID where SessionID is empty, must be live.
	WithoutRecord bool
	// Foreign is a token of another issuer: it has no Seq, and its IssuedAt is judged instead.
	Foreign bool
	// IssuedAt is a foreign token's iat; zero if it has none.
	IssuedAt time.Time
	// Leeway is how far in the future a foreign token's iat may lie.
	Leeway time.Duration
	// ForeignSkew is how much later than a cut a foreign token must be issued to live. At least Leeway, which is its
	// default.
	ForeignSkew time.Duration
}

// IDs returns what to ask Lookup for, in the order in which Verdict expects the entries: the session's id, then the
// token's, without empty ones and without the same twice.
func (p Presented) IDs() []string {
	switch {
	case p.SessionID == "" && p.TokenID == "":
		return nil
	case p.SessionID == "" || p.SessionID == p.TokenID:
		return []string{p.TokenID}
	case p.TokenID == "":
		return []string{p.SessionID}
	}
	return []string{p.SessionID, p.TokenID}
}

// Verdict is the judgement of a token.
type Verdict struct {
	// Alive is true for a token that may be accepted. The zero value is dead.
	Alive bool
	// Reason says why a token is dead: a Reason constant or the one given to Revoke.
	Reason string
	// Record is the live record that a token lives by; zero where none was needed or found.
	Record Record
}

// Err returns nil for a live token, [ErrNotFound] for one whose session is unknown, and [ErrRevoked] otherwise.
func (v Verdict) Err() error {
	switch {
	case v.Alive:
		return nil
	case v.Reason == ReasonUnknown:
		return ErrNotFound
	}
	return ErrRevoked
}

// Verdict judges an access token by the answer to Lookup(subject, p.IDs()...). It is the verdict rule of the semantics,
// once for everyone:
//
//   - dead is a mark on the token's id or its session's;
//   - dead is a token that needs a live record and has none;
//   - dead is an own token with Seq at or below the floor, and a foreign one issued no later than the floor's time plus
//     the skew;
//   - dead is an own token with Seq at or below the cut, unless its session is the kept one and its Seq is above the kept
//     cut. A live record does not save it: its id may have been issued again since;
//   - without a record, a foreign token is dead if it was issued no later than the cut's time plus the skew.
//
// A foreign token without an iat, or with one in the future beyond the leeway, is dead. A state that does not fit p is
// dead too. Refresh tokens are not judged here but by Rotate, by their record alone.
func (s State) Verdict(p Presented) Verdict {
	ids := p.IDs()
	if len(ids) == 0 || len(ids) != len(s.Entries) {
		return Verdict{Reason: ReasonUnknown}
	}
	for _, e := range s.Entries {
		if e.Status == Revoked {
			return Verdict{Reason: e.Reason}
		}
	}
	var rec Record
	if e := s.Entries[0]; e.Status == Live {
		rec = e.Record
	} else if !p.WithoutRecord {
		return Verdict{Reason: ReasonUnknown}
	}
	if reason := s.Barred(&p); reason != "" {
		return Verdict{Reason: reason}
	}
	return Verdict{Alive: true, Record: rec}
}

// Barred is the part of the rule that needs no entries: it returns why cut and floor make a token dead, and "" if they do
// not. Verdict stands on it, and so does who knows the marks without entries to hold them.
func (s *State) Barred(p *Presented) (reason string) {
	if p.Foreign {
		return s.foreign(p)
	}
	return s.own(p)
}

// own returns why an own token is dead by cut or floor; empty if it is not.
func (s *State) own(p *Presented) string {
	if p.Seq <= s.Floor {
		return ReasonFloor
	}
	kept := s.Keep != "" && cmp.Or(p.SessionID, p.TokenID) == s.Keep && p.Seq > s.KeptCut
	if p.Seq > s.Cut || kept {
		return ""
	}
	return ReasonCut
}

// foreign returns why a foreign token is dead by cut or floor; empty if it is not.
func (s *State) foreign(p *Presented) string {
	skew := max(p.ForeignSkew, p.Leeway)
	if p.IssuedAt.IsZero() || p.IssuedAt.After(s.Now.Add(p.Leeway)) {
		return ReasonUndated
	}
	issued := p.IssuedAt.Truncate(time.Second)
	if !s.FloorTime.IsZero() && !issued.After(s.FloorTime.Add(skew)) {
		return ReasonFloor
	}
	if p.WithoutRecord && !s.CutTime.IsZero() && !issued.After(s.CutTime.Add(skew)) {
		return ReasonCut
	}
	return ""
}
