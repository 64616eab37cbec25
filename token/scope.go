package token

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jetonkit/jeton/store"
)

// Limits of scopes.
const (
	// MaxScopes is how many scopes an API key may have.
	MaxScopes = 64
	// MaxScopeLen is the largest length in bytes of a scope.
	MaxScopeLen = 128
)

// checkScopes judges scopes by RFC 6749 §3.3: printable ASCII without spaces, quotes and backslashes.
func checkScopes(field string, scopes []string) error {
	if len(scopes) > MaxScopes {
		return invalid(field, fmt.Sprintf("has %d scopes, the limit is %d", len(scopes), MaxScopes), "let one scope stand for several")
	}
	for n, scope := range scopes {
		at := fmt.Sprintf("%s[%d]", field, n)
		switch {
		case scope == "" || len(scope) > MaxScopeLen:
			return invalid(at, fmt.Sprintf("is %d bytes, the range is 1 to %d", len(scope), MaxScopeLen), "leave it out, or shorten it")
		case strings.IndexFunc(scope, notScopeChar) >= 0:
			return invalid(at, "has a character that no scope has",
				"use ASCII without spaces, quotes, backslashes and control characters (RFC 6749 §3.3)")
		case slices.Contains(scopes[:n], scope):
			return invalid(at, "is there twice", "name each scope once")
		}
	}
	return nil
}

func notScopeChar(r rune) bool { return r <= 0x20 || r == '"' || r == '\\' || r >= 0x7f }

// Scopes returns what the token may do: the scopes of an API key, and of a JWT those of its claim scope, a text with spaces
// between them (RFC 9068 §2.2.3; give it by IssuerOptions.Claims), or a list of texts; without one, those of scp, as some
// issuers write it. A JWT without such a claim has none, and so has one whose claim does not read.
func (t *Token) Scopes() []string {
	if t.isKey {
		return strings.Fields(t.record().Metadata[metaScope])
	}
	scopes, _ := t.claims.noted.scopes()
	return scopes
}

// Unscoped reports whether the token is a JWT without a scope claim: nothing was said of what it may do. An API key says it
// always.
func (t *Token) Unscoped() bool {
	if t.isKey {
		return false
	}
	_, said := t.claims.noted.scopes()
	return !said
}

// HasScopes reports whether the token has all of these scopes.
func (t *Token) HasScopes(scopes ...string) bool {
	has := t.Scopes()
	return !slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(has, s) })
}

// Owner returns the user whose token it is: of a JWT its subject, of an API key the user that it was made for. What belongs
// to a user is found by it, whichever of the two comes.
func (t *Token) Owner() store.Subject {
	owner := t.subject
	if t.isKey {
		owner.Kind = store.KindUser
	}
	return owner
}
