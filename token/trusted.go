package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/jetonkit/jeton/store"
)

// TrustedIssuer is an issuer whose access tokens a [Verifier] accepts: an [Issuer] of this package, whose subjects are those
// of the store behind Check, or with Foreign any other.
type TrustedIssuer struct {
	// Issuer is the exact iss. Required.
	Issuer string
	// Keys check the signatures. Required.
	Keys KeySet
	// Audience are the names of whoever verifies; the token's aud must hold one of them (RFC 9068 §4).
	// Defaults to Issuer; of a foreign issuer it is required, and must be the name of an API: the tokens that tell a client who
	// logged in have the client's.
	Audience []string
	// Types are the accepted typ headers, with and without the prefix application/. A refresh token's is refused. Many foreign
	// issuers write JWT; an empty one accepts their tokens that have none. Defaults to at+jwt (RFC 9068 §2.1).
	Types []string
	// MaxLifetime is the longest exp - iat accepted: at most what Check can judge. Defaults to that.
	MaxLifetime time.Duration
	// Check says whether a good token is still alive: [Sessions], [Denylist], [Local] or your own; of a foreign issuer any but
	// Sessions. Required.
	Check Checker
	// Foreign says that the issuer is not of this package: Auth0, Keycloak, any other. Defaults to nil, one of this package.
	Foreign *Foreign
	// Extra reads custom claims; see [ExtraOf]. Defaults to none.
	Extra ExtraClaims
}

// ExtraClaims reads custom claims into a type of the caller's. [ExtraOf] makes it.
type ExtraClaims struct {
	read func(object []byte) (any, error)
}

// ExtraOf reads a token's custom claims into a C, a struct with json tags or a map; [Extra] returns them. Names that this
// package uses (sub, exp, …) are not among them. A token whose custom claims do not fit C is malformed.
func ExtraOf[C any]() ExtraClaims {
	return ExtraClaims{read: func(object []byte) (any, error) {
		var c C
		if err := json.Unmarshal(object, &c); err != nil {
			return nil, err
		}
		return c, nil
	}}
}

// trusted is a TrustedIssuer with every default in place.
type trusted struct {
	expected
	life    time.Duration
	check   Checker
	touch   Toucher
	view    *local // nil unless check is one
	stamps  bool   // whether those of check's answers count
	extra   ExtraClaims
	foreign *Foreign
}

// trust judges an issuer. field is its place in the list.
func trust(field string, t TrustedIssuer) (*trusted, error) {
	if err := checkText(field+".Issuer", t.Issuer); err != nil {
		return nil, err
	}
	if t.Keys == nil {
		return nil, invalid(field+".Keys", "is nil", "give the issuer's VerifyKey, or a NewKeySet of several")
	}
	if k, ok := t.Keys.(VerifyKey); ok && k.k == nil {
		return nil, invalid(field+".Keys", "is the zero key", "make it by NewVerifyKey, or take a SigningKey's")
	}
	out := &trusted{
		expected: expected{issuer: t.Issuer, keys: t.Keys, audience: slices.Clone(t.Audience), option: "TrustedIssuer.Audience"},
		check:    t.Check, extra: t.Extra,
	}
	if err := out.trustForeign(field, t); err != nil {
		return nil, err
	}
	if len(out.audience) == 0 {
		out.audience = []string{t.Issuer}
	}
	for n, a := range out.audience {
		if err := checkText(fmt.Sprintf("%s.Audience[%d]", field, n), a); err != nil {
			return nil, err
		}
	}
	var err error
	if out.types, err = trustTypes(field, t.Types, t.Foreign != nil); err != nil {
		return nil, err
	}
	if out.life, err = trustChecker(field, t); err != nil {
		return nil, err
	}
	out.touch, _ = t.Check.(Toucher)
	if s, ok := t.Check.(Stamper); ok {
		out.stamps = s.Stamps()
	}
	if l, ok := t.Check.(local); ok {
		out.view = &l
	}
	return out, trustExtra(field, t.Extra)
}

func trustTypes(field string, types []string, foreign bool) ([]string, error) {
	if len(types) == 0 {
		return []string{typeAccess}, nil
	}
	bare := make([]string, len(types))
	for n, typ := range types {
		field := fmt.Sprintf("%s.Types[%d]", field, n)
		if typ == "" && foreign {
			continue
		}
		if err := checkText(field, typ); err != nil {
			return nil, err
		}
		if bare[n] = bareType(typ); bare[n] == typeRefresh {
			return nil, invalid(field, "is the type of refresh tokens", "refresh tokens go to Issuer.Refresh and nowhere else")
		}
	}
	return bare, nil
}

// trustChecker returns how long a token may live.
func trustChecker(field string, t TrustedIssuer) (time.Duration, error) {
	if t.Check == nil {
		return 0, invalid(field+".Check", "is nil", "use Sessions(store), Denylist(store), or Local(view, nil)")
	}
	if t.Foreign != nil && needsRecords(t.Check) {
		return 0, invalid(field+".Check", "is Sessions, and a foreign issuer's sessions have no records here", "use Denylist, or Local with a Denylist to fall back on")
	}
	life, err := t.Check.MaxTokenLife()
	if err != nil {
		return 0, atField(field, err)
	}
	if life <= 0 {
		return 0, invalid(field+".Check", "judges tokens of no life at all", "let its MaxTokenLife return a positive duration")
	}
	if t.MaxLifetime == 0 {
		return life, nil
	}
	return t.MaxLifetime, checkRange(field+".MaxLifetime", t.MaxLifetime, time.Second, life,
		"leave it zero for what the checker can judge, or make the store with a larger MaxTokenLife")
}

// atField puts the issuer's place before the field of a checker's error.
func atField(place string, err error) error {
	var f *store.FieldError
	if errors.As(err, &f) {
		return invalid(place+"."+f.Field, f.Problem, f.Remedy)
	}
	return fmt.Errorf("jeton: %s.Check: %w", place, err)
}

// trustExtra tries the type on no claims at all, so that one that JSON cannot fill fails here and not with every token.
func trustExtra(field string, e ExtraClaims) error {
	if e.read == nil {
		return nil
	}
	if _, err := e.read([]byte("{}")); err != nil {
		return invalid(field+".Extra", "has a type that no JSON object fits", "use a struct with json tags, or a map")
	}
	return nil
}

// parse judges everything about a token but whether it was revoked.
func (t *trusted) parse(ctx context.Context, j *jws, leeway time.Duration, now time.Time) (*parsed, error) {
	if err := j.hold(ctx, &t.expected); err != nil {
		return nil, err
	}
	if t.foreign != nil {
		return t.parseForeign(j, leeway, now)
	}
	if err := j.claims.complete(); err != nil {
		return nil, err
	}
	if err := j.claims.access(t.life); err != nil {
		return nil, err
	}
	if err := t.timely(j.claims, leeway, now); err != nil {
		return nil, err
	}
	return j.parsed, t.readExtra(j.parsed)
}

// timely judges what time changes, of a token that is read and each time of one that is known. The iat of our own is not
// compared with our clock: it is the store's, and a token is good at once, wherever it is verified. But one that ends further
// from now than any can is from a clock gone wrong, and the mark that bars it (store.MarkMargin) would end before it does.
func (t *trusted) timely(c *claims, leeway time.Duration, now time.Time) error {
	if err := c.current(leeway, now); err != nil {
		return err
	}
	future := time.Unix(c.exp, 0).After(now.Add(t.life + store.MaxLeeway))
	if t.foreign != nil {
		future = time.Unix(c.iat, 0).After(now.Add(leeway))
	}
	if future {
		return refuse(ErrNotYetValid, "it was issued in the future")
	}
	return nil
}

// readExtra fills the custom claims, now that the signature is known to be good.
func (t *trusted) readExtra(out *parsed) error {
	if t.extra.read == nil {
		return nil
	}
	object := out.claims.custom
	if object == nil {
		object = []byte("{}")
	}
	var err error
	if out.extra, err = t.extra.read(object); err != nil {
		return refuse(ErrMalformed, "the custom claims do not fit their type")
	}
	out.extraBytes = extraBytes(object)
	return nil
}
