package statuslist

import (
	"fmt"

	"github.com/jetonkit/jeton/store"
)

// Status is what a list says of a token (draft §7.1). Every one but Valid is dead.
type Status uint8

// The statuses that have names.
const (
	// Valid is a token that was not revoked.
	Valid Status = 0
	// Invalid is a token that was revoked.
	Invalid Status = 1
	// Suspended is a token that is invalid for the time being.
	Suspended Status = 2
)

// String returns the status in lower case, or its number.
func (s Status) String() string {
	switch s {
	case Valid:
		return "valid"
	case Invalid:
		return "invalid"
	case Suspended:
		return "suspended"
	}
	return fmt.Sprintf("status %d", uint8(s))
}

// Reference is a token's place in a list (draft §6.2).
type Reference struct {
	// URI is the list's.
	URI string
	// Index is the place in it, from 0.
	Index uint64
}

// Claims is the claim of a token that refers to a list. A type for [token.ExtraOf] with other claims embeds it.
//
// [token.ExtraOf]: https://pkg.go.dev/github.com/jetonkit/jeton/token#ExtraOf
type Claims struct {
	// Status is the claim status; nil where the token has none.
	Status *StatusClaim `json:"status,omitempty"`
}

// StatusClaim is the claim status (draft §6.1).
type StatusClaim struct {
	// List is its member status_list; nil where the token's status is told in another way.
	List *ListClaim `json:"status_list,omitempty"`
}

// ListClaim is the member status_list (draft §6.2).
type ListClaim struct {
	// Index is required.
	Index *uint64 `json:"idx"`
	// URI is required.
	URI string `json:"uri"`
}

// StatusReference returns the reference, and false where the claim is not there or not whole.
func (c Claims) StatusReference() (Reference, bool) {
	if c.Status == nil || c.Status.List == nil || c.Status.List.Index == nil || c.Status.List.URI == "" {
		return Reference{}, false
	}
	return Reference{c.Status.List.URI, *c.Status.List.Index}, true
}

// Claims returns the reference as a claim.
func (r Reference) Claims() Claims {
	return Claims{&StatusClaim{&ListClaim{Index: &r.Index, URI: r.URI}}}
}

func invalid(field, problem, remedy string) error {
	return &store.FieldError{Field: field, Problem: problem, Remedy: remedy}
}
