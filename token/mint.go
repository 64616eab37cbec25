package token

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/jetonkit/jeton/store"
)

// accessClaims are an access token's (RFC 9068 §2.2), with the session's place in its subject's order.
type accessClaims struct {
	Issuer   string         `json:"iss"`
	Subject  string         `json:"sub"`
	Audience []string       `json:"aud"`
	Expires  int64          `json:"exp"`
	IssuedAt int64          `json:"iat"`
	ID       string         `json:"jti"`
	ClientID string         `json:"client_id"`
	Session  string         `json:"sid"`
	Seq      uint64         `json:"seq"`
	Realm    string         `json:"realm,omitzero"`
	Custom   jsontext.Value `json:",embed"`
}

// refreshClaims are a refresh token's, which only its issuer reads.
type refreshClaims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Expires  int64  `json:"exp"`
	IssuedAt int64  `json:"iat"`
	ID       string `json:"jti"`
	Session  string `json:"sid"`
	Rotation uint64 `json:"rot"`
	Link     string `json:"lnk"`
	Realm    string `json:"realm,omitzero"`
}

// mint makes the pair of a record as it is now. It depends on the record, the custom claims and, for the signatures
// alone, the key of the moment, so that a replay gets the same successor.
func (i *Issuer) mint(rec store.Record, now time.Time, custom jsontext.Value) (Pair, error) {
	// iat goes down to the second, so that a token is never from the future, and both ends go down as well, so that it
	// never outlives its record.
	iat := rec.RotatedAt.Unix()
	exp := min(iat+int64(i.opts.AccessTTL/time.Second), rec.ExpiresAt.Unix())
	h, err := i.handOf() // after the store's step: what a key signs begins before its retirement
	if err != nil {
		return Pair{}, err
	}
	access, err := h.sign(h.access, accessClaims{
		Issuer: i.name, Subject: rec.Subject.Name, Audience: i.opts.Audience, Expires: exp, IssuedAt: iat,
		ID: successorID(rec, typeAccess), ClientID: i.opts.ClientID, Session: rec.ID, Seq: rec.Seq, Realm: rec.Subject.Realm,
		Custom: custom,
	})
	if err != nil {
		return Pair{}, err
	}
	refresh, err := h.sign(h.refresh, refreshClaims{
		Issuer: i.name, Subject: rec.Subject.Name, Audience: i.name, Expires: rec.Deadline.Unix(), IssuedAt: iat,
		ID: successorID(rec, typeRefresh), Session: rec.ID, Rotation: rec.Rotation,
		Link: base64.RawURLEncoding.EncodeToString(rec.Link[:]), Realm: rec.Subject.Realm,
	})
	if err != nil {
		return Pair{}, err
	}
	return Pair{
		Access:          newBearer(access),
		Refresh:         newBearer(refresh),
		AccessExpiresAt: time.Unix(exp, 0).UTC(),
		Session:         rec,
		now:             now,
	}, nil
}

// successorID is the jti of a rotation's token: a hash keyed by the link, so that nobody can guess it, a replay gets the
// same, and it does not change with the signing key.
func successorID(rec store.Record, typ string) string {
	mac := hmac.New(sha256.New, rec.Link[:])
	var b []byte
	b = append(b, "jeton/jti/1"...)
	b = binary.BigEndian.AppendUint64(b, rec.Rotation)
	b = append(b, typ...) // both types are of one length, so that nothing after them shifts
	b = append(b, rec.ID...)
	mac.Write(b)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// sign makes the compact JWS of claims (RFC 7515 §7.1).
func (h *hand) sign(header string, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("jeton: the claims do not marshal: %w", err)
	}
	signed := header + "." + base64.RawURLEncoding.EncodeToString(payload)
	sig, err := h.key.sign(signed)
	if err != nil {
		return "", err
	}
	raw := signed + "." + base64.RawURLEncoding.EncodeToString(sig)
	if err := checkSize(len(raw)); err != nil {
		return "", err
	}
	return raw, nil
}

func checkSize(n int) error {
	if n <= MaxBytes {
		return nil
	}
	return invalid("Claims", fmt.Sprintf("make a token of %d bytes, the limit is %d", n, MaxBytes),
		"put less into the token, and the rest where it can be asked for")
}

// size is how long the token of claims will be.
func (h *hand) size(header string, claims any) (int, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return 0, fmt.Errorf("jeton: the claims do not marshal: %w", err)
	}
	return len(header) + 1 + base64.RawURLEncoding.EncodedLen(len(payload)) + 1 + h.sigLen, nil
}

// accessSize is how long the access token of a session can get: whatever only the store's step decides is the largest.
func (i *Issuer) accessSize(h *hand, subject store.Subject, sid string, custom jsontext.Value) (int, error) {
	return h.size(h.access, accessClaims{
		Issuer: i.name, Subject: subject.Name, Audience: i.opts.Audience, Expires: maxDate, IssuedAt: maxDate,
		ID: successorID(store.Record{}, typeAccess), ClientID: i.opts.ClientID, Session: sid, Seq: math.MaxUint64,
		Realm: subject.Realm, Custom: custom,
	})
}

// refreshSize is how long a refresh token of a session can get.
func (i *Issuer) refreshSize(h *hand, subject store.Subject, sid string) (int, error) {
	return h.size(h.refresh, refreshClaims{
		Issuer: i.name, Subject: subject.Name, Audience: i.name, Expires: maxDate, IssuedAt: maxDate,
		ID: successorID(store.Record{}, typeRefresh), Session: sid, Rotation: math.MaxUint64,
		Link: base64.RawURLEncoding.EncodeToString(make([]byte, len(store.Link{}))), Realm: subject.Realm,
	})
}

// givenClaims are the custom claims that a caller gave for one token, marshalled once and found to fit.
type givenClaims struct {
	given  bool
	object jsontext.Value
}

// judgeClaims judges custom claims before the store's step, so that no bad input changes anything.
func (i *Issuer) judgeClaims(subject store.Subject, sid string, claims any) (givenClaims, error) {
	object, err := marshalCustom(claims)
	if err != nil || object == nil { // NewIssuer saw to it that a token without custom claims fits
		return givenClaims{given: claims != nil}, err
	}
	h, err := i.handOf()
	if err != nil {
		return givenClaims{}, err
	}
	n, err := i.accessSize(h, subject, sid, object)
	if err != nil {
		return givenClaims{}, err
	}
	return givenClaims{given: true, object: object}, checkSize(n)
}

// custom returns the claims that one token gets besides ours: the given ones, else what the option returns.
func (i *Issuer) custom(ctx context.Context, c givenClaims, rec store.Record) (jsontext.Value, error) {
	if c.given || i.opts.Claims == nil {
		return c.object, nil
	}
	asked, err := i.opts.Claims(ctx, rec.Clone())
	if err != nil {
		return nil, fmt.Errorf("jeton: asking for custom claims: %w", err)
	}
	return marshalCustom(asked)
}

// marshalCustom returns the object of custom claims; nil for none.
func marshalCustom(v any) (jsontext.Value, error) {
	if v == nil {
		return nil, nil
	}
	text, err := json.Marshal(v, json.Deterministic(true)) // a replay gets the same bytes, of maps too
	if err != nil {
		return nil, fmt.Errorf("%w: %w", invalid("Claims", "do not marshal to JSON", "use a struct or a map of plain values"), err)
	}
	if string(text) == "null" {
		return nil, nil
	}
	var names customNames
	if err := json.Unmarshal(text, &names); err != nil {
		return nil, invalid("Claims", "are not a JSON object", "use a struct or a map")
	}
	if names.taken != "" {
		return nil, invalid("Claims", "have the name "+names.taken+", which this package uses", "choose another name")
	}
	return text, nil
}

// customNames reads an object for a name that is taken.
type customNames struct{ taken string }

// UnmarshalJSONFrom reads the names.
func (n *customNames) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	return readObject(dec, func(name string, _ []byte) error {
		if k := fold(name, claimNames); k != "" {
			n.taken = k
		}
		return dec.SkipValue()
	})
}
