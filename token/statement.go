package token

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/jetonkit/jeton/store"
)

// AccessID returns the jti of the access token that an [Issuer] mints for a session as its record is: another one after
// each refresh, and the same one for a replay of it. IssuerOptions.Claims may need it, which runs before there is a
// token.
func AccessID(session store.Record) string { return successorID(session, typeAccess) }

// SignClaims returns a signed JWT of a type that is no access or refresh token: a status list, for instance. claims must
// marshal to a JSON object. key is a [SigningKey] or a [Keyring], whose key of the moment signs. Bad input is a
// [store.FieldError].
func SignClaims(key Signer, typ string, claims any) (string, error) {
	if key == nil || key.signingKey().k == nil {
		return "", invalid("key", "is the zero key, or a ring without a signing key",
			"make it by NewSigningKey, or give the ring one")
	}
	if err := checkStatement(typ); err != nil {
		return "", err
	}
	k := key.signingKey()
	head, err := encodeHeader(k, typ)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(claims)
	if err != nil || len(text) == 0 || text[0] != '{' {
		return "", invalid("claims", "do not marshal to a JSON object", "use a struct with json tags")
	}
	signed := head + "." + base64.RawURLEncoding.EncodeToString(text)
	sig, err := k.sign(signed)
	if err != nil {
		return "", err
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig), nil
}

// VerifyClaims reads the claims of a JWT as SignClaims makes it into a value, once its signature is known to be good
// under one of keys and its typ to be this one. It is as strict as a [Verifier] is about the form, but for the length, of
// which it takes up to most bytes. Of ECDSA's two signatures for a text either is good, whoever made it (RFC 7518 §3.4). What
// the claims say (exp, iss, …) is the caller's to judge. A refusal matches [ErrInvalidToken].
func VerifyClaims(ctx context.Context, keys KeySet, typ, raw string, most int, into any) error {
	if err := checkStatement(typ); err != nil {
		return err
	}
	if keys == nil {
		return invalid("keys", "is nil", "give the issuer's VerifyKey, or a NewKeySet of several")
	}
	if len(raw) > most {
		return &RefusedError{Err: ErrTooLong}
	}
	payload, err := openStatement(ctx, keys, typ, raw)
	if err != nil {
		return err
	}
	text, err := appendSegment(nil, payload)
	if err != nil {
		return err
	}
	if tooDeep(text) || json.Unmarshal(text, into) != nil { // what it says of the text is a stranger's
		return refuse(ErrMalformed, "the claims are not what they should be")
	}
	return nil
}

// openStatement returns the payload's part, once signature and type are good.
func openStatement(ctx context.Context, keys KeySet, typ, raw string) (payload string, err error) {
	head, payload, sig, err := split(raw)
	if err != nil {
		return "", err
	}
	j := &jws{headText: head, signed: raw[:len(head)+1+len(payload)]}
	if err := j.readHeader(head); err != nil {
		return "", err
	}
	if j.sig, err = appendSegment(nil, sig); err != nil {
		return "", err
	}
	if err := j.authentic(ctx, &expected{keys: keys, anyS: true}); err != nil {
		return "", err
	}
	if bareType(j.head.typ) != bareType(typ) {
		return "", &RefusedError{Err: ErrType}
	}
	return payload, nil
}

// checkStatement refuses the types that open something.
func checkStatement(typ string) error {
	if err := checkText("typ", typ); err != nil {
		return err
	}
	if slices.Contains([]string{typeAccess, typeRefresh, typeLogout, "jwt"}, bareType(strings.ToLower(typ))) { // RFC 2045 §5.1
		return invalid("typ", fmt.Sprintf("is %s, which another kind of token has", typ),
			"give every kind of JWT a type of its own (RFC 8725 §3.11)")
	}
	return nil
}
