package token

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// expected is what a token is held against.
type expected struct {
	issuer   string
	keys     KeySet
	audience []string
	types    []string
	// anyS takes both ECDSA signatures that there are for each text. Ours have the lower s, and a token has one text; other
	// issuers sign without looking, and half of their tokens have the higher.
	anyS bool
	// option is who says what audience holds, for errors. Empty: the issuer's name.
	option string
}

// hold judges who made a token and for whom: key, algorithm, signature, typ, iss, aud. Nothing but the choice of the
// issuer was decided by the token before its signature is known to be good.
func (j *jws) hold(ctx context.Context, e *expected) error {
	if err := j.authentic(ctx, e); err != nil {
		return err
	}
	switch {
	case !slices.Contains(e.types, bareType(j.head.typ)):
		return refuse(ErrType, whichType(bareType(j.head.typ)))
	case j.claims.iss != e.issuer:
		return refuse(ErrIssuer, "iss is another name than the one expected")
	case !j.claims.addressed(e.audience):
		return refuse(ErrAudience, "aud holds no name of "+cmp.Or(e.option, "this issuer"))
	}
	return nil
}

// whichType says what came in the place of what is wanted. The text of a typ is the sender's, and in no error.
func whichType(typ string) string {
	switch typ {
	case typeAccess:
		return "it is an access token"
	case typeRefresh:
		return "it is a refresh token"
	}
	return "typ is none of those accepted here"
}

// authentic judges the signature of a JWS.
func (j *jws) authentic(ctx context.Context, e *expected) error {
	if j.head.kid == "" {
		return refuse(ErrKey, "kid is missing")
	}
	key, err := e.find(ctx, j.head.kid)
	if j.seen.issuer == e && j.seen.key != key.k {
		j.memo.drop(j.headText) // the issuer has another key for it now, or none
	}
	if err != nil {
		return err
	}
	if err := key.verify(j.head.alg, j.signed, j.sig); err != nil {
		return err
	}
	if !e.anyS && !key.k.alg.lowS(j.sig) {
		return refuse(ErrSignature, "it is the other one of two")
	}
	j.key = key.k
	if j.seen.key == nil {
		j.memo.learn(j.headText, knownHeader{j.head, e, key.k})
	}
	return nil
}

// find returns the issuer's key of a kid, as it is now.
func (e *expected) find(ctx context.Context, kid string) (VerifyKey, error) {
	key, err := e.keys.FindKey(ctx, kid)
	if err != nil && !errors.Is(err, ErrInvalidToken) {
		return VerifyKey{}, fmt.Errorf("jeton: the keys of an issuer are not at hand: %w", err)
	}
	return key, err
}

// bareType drops the prefix that a typ may have or not (RFC 7515 §4.1.9, RFC 9068 §4).
func bareType(typ string) string { return strings.TrimPrefix(typ, "application/") }
