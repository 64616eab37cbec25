package token

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jetonkit/jeton/store"
)

// keyChecker judges an API key by its record alone: it is the record. Cut and marks are in the status of it.
type keyChecker struct{ s store.TokenStore }

// MaxTokenLife is not asked: a key lives by its record, and no mark has to outlive it.
func (c keyChecker) MaxTokenLife() (time.Duration, error) { return longest, nil }

// Check looks the key up.
func (c keyChecker) Check(ctx context.Context, t *Token) (Answer, error) {
	state, err := c.s.Lookup(ctx, t.subject, t.ID())
	if err != nil {
		return Answer{}, err
	}
	if len(state.Entries) != 1 {
		return Answer{}, fmt.Errorf("%w: one id was asked for, and %d answers came", store.ErrCorrupt, len(state.Entries))
	}
	a := Answer{Now: state.Now}
	switch e := state.Entries[0]; e.Status {
	case store.Live:
		if e.Record.ID != t.ID() || e.Record.Subject != t.subject {
			return Answer{}, fmt.Errorf("%w: another record than the one asked for came", store.ErrCorrupt)
		}
		a.Alive, a.Record = true, e.Record
	case store.Revoked:
		a.Reason = e.Reason
	case store.Unknown:
		a.Reason = store.ReasonUnknown
	default:
		return Answer{}, fmt.Errorf("%w: an answer of no known status came", store.ErrCorrupt)
	}
	return a, nil
}

// Touch notes that a key was seen.
func (c keyChecker) Touch(ctx context.Context, r store.TouchRequest) error { return c.s.Touch(ctx, r) }

// parse reads a text of this prefix, up to the question whether the key lives.
func (k *APIKeys) parse(raw string) (*parsed, error) {
	subject, id, err := k.decode(raw)
	if err != nil {
		return nil, err
	}
	return &parsed{claims: claims{jti: id}, subject: subject, isKey: true}, nil
}

// addKeys lets a verifier accept the keys of these prefixes.
func (v *Verifier) addKeys(all []*APIKeys) error {
	for n, k := range all {
		field := fmt.Sprintf("VerifierOptions.APIKeys[%d]", n)
		if k == nil {
			return invalid(field, "is nil", "make it by NewAPIKeys")
		}
		for _, other := range v.keys {
			if strings.HasPrefix(k.lead, other.lead) || strings.HasPrefix(other.lead, k.lead) {
				return invalid(field, "has a prefix that begins as another's", "give every kind of key a prefix that no other one begins with")
			}
		}
		v.keys = append(v.keys, k)
	}
	return nil
}

// keysFor returns the keys whose prefix a text has; nil for none. No JWT has an underscore behind such a prefix and the rest
// of a key behind that, and one that had would be refused, not mistaken.
func (v *Verifier) keysFor(raw string) *APIKeys {
	for _, k := range v.keys {
		if strings.HasPrefix(raw, k.lead) {
			return k
		}
	}
	return nil
}

// APIKey returns what is known of the key that the token is. It is false for a JWT, and for a token from [Verifier.Parse],
// which did not ask.
func (t *Token) APIKey() (APIKey, bool) {
	if !t.isKey || t.session == nil {
		return APIKey{}, false
	}
	return keyOf(*t.session), true
}

// IsAPIKey reports whether the token is an API key and not a JWT.
func (t *Token) IsAPIKey() bool { return t.isKey }

// Class returns the class of the token's session, or of the API key. It is empty where the checker needed no record.
func (t *Token) Class() string { return t.record().Class }
