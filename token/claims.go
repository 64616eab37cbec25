package token

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/jetonkit/jeton/store"
)

// The types of our tokens, for the header's typ.
const (
	typeAccess  = "at+jwt" // RFC 9068 §2.1
	typeRefresh = "rt+jwt" // ours
)

// claimNames are the claims that this package reads or writes. Custom claims may not use them, in any case.
var claimNames = slices.Concat(standardNames, privateNames)

var (
	standardNames = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "sid"}
	// privateNames mean something in our tokens alone. In another issuer's they are custom claims.
	privateNames = []string{"seq", "realm", "rot", "lnk"}
)

// claims are what is read of a payload. Zero is absent, which is never a valid value of what is required; rotation 0 is,
// and has hasRot.
type claims struct {
	iss, sub, jti, clientID, sid, realm, lnk string
	aud                                      []string
	exp, nbf, iat                            int64
	seq, rot                                 uint64
	hasRot                                   bool
	// private says that a claim is there which means something in our tokens alone, and unfit names one that is none of ours.
	private bool
	unfit   string
	// others says that the payload is another issuer's, to whom a private claim is a custom one.
	others bool
	noted  *noted // nil: none
	// custom is the object of the other claims; nil where there is none. Once the token is read it is nil.
	custom []byte
	few    [2]string // room for aud
}

// UnmarshalJSONFrom reads a payload.
func (c *claims) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	err := readObject(dec, func(name string, written []byte) error {
		if known, err := c.readKnown(dec, name); known || err != nil {
			return err
		}
		if err := notVariant(name, standardNames); err != nil {
			return err
		}
		if !c.others && fold(name, privateNames) != "" {
			c.private, c.unfit = true, name
		}
		return c.readCustom(dec, name, written)
	})
	if c.custom != nil {
		c.custom[len(c.custom)-1] = '}' // in place of the last comma
	}
	return err
}

// date and laterDate are NumericDates; a fraction of the second goes up.
type (
	date      int64
	laterDate int64
)

// place returns where a claim that this package knows is kept: a *string, *[]string, *date, *laterDate or *uint64. It is
// nil for all others.
func (c *claims) place(name string) any {
	switch name {
	case "iss":
		return &c.iss
	case "sub":
		return &c.sub
	case "aud":
		return &c.aud
	case "exp":
		return (*date)(&c.exp)
	case "nbf":
		return (*laterDate)(&c.nbf)
	case "iat":
		return (*date)(&c.iat)
	case "jti":
		return &c.jti
	case "client_id":
		return &c.clientID
	case "sid":
		return &c.sid
	}
	if c.others {
		return nil
	}
	return c.privatePlace(name)
}

// privatePlace is place for the claims that mean something in our tokens alone.
func (c *claims) privatePlace(name string) (at any) {
	switch name {
	case "seq":
		at = &c.seq
	case "realm":
		at = &c.realm
	case "rot":
		c.hasRot = true
		at = &c.rot
	case "lnk":
		at = &c.lnk
	default:
		return nil
	}
	c.private = true
	return at
}

// readKnown reads a claim that this package knows.
func (c *claims) readKnown(dec *jsontext.Decoder, name string) (known bool, err error) {
	if !c.others && c.privatePlace(name) != nil {
		return true, c.readPrivate(dec, name)
	}
	switch to := c.place(name).(type) {
	case *string:
		*to, err = readString(dec, name)
	case *[]string:
		*to, err = readAudience(dec)
	case *date:
		*(*int64)(to), err = readDate(dec, name, false)
	case *laterDate:
		*(*int64)(to), err = readDate(dec, name, true)
	default:
		return false, nil
	}
	return true, err
}

// readPrivate reads a claim that means something in our tokens alone. Whose the token is may stand behind it, so that one
// that does not read is refused later.
func (c *claims) readPrivate(dec *jsontext.Decoder, name string) error {
	written, err := dec.ReadValue()
	if err != nil {
		return err
	}
	switch to := c.privatePlace(name).(type) {
	case *string:
		var text []byte
		if text, err = jsontext.AppendUnquote(nil, written); err == nil {
			*to = string(text)
		}
	case *uint64:
		*to, err = strconv.ParseUint(string(written), 10, 64) // digits alone: no string, sign, fraction or exponent
	}
	if err != nil && c.unfit == "" {
		c.unfit = name
	}
	return nil
}

// readCustom collects a claim of the caller's as it was written.
func (c *claims) readCustom(dec *jsontext.Decoder, name string, written []byte) error {
	if c.custom == nil {
		c.custom = append(c.custom, '{')
	}
	c.custom = append(c.custom, written...)
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	c.custom = append(c.custom, ':')
	c.custom = append(c.custom, value...)
	c.custom = append(c.custom, ',')
	c.note(name, string(value))
	return nil
}

// readAudience reads a string or an array of strings (RFC 7519 §4.1.3).
func readAudience(dec *jsontext.Decoder) ([]string, error) {
	if dec.PeekKind() != '[' {
		one, err := readString(dec, "aud")
		return []string{one}, err
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	var all []string
	for dec.PeekKind() != ']' {
		one, err := readString(dec, "aud")
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	_, err := dec.ReadToken()
	return all, err
}

// maxDate is the end of the year 9999, the last that a date can be written for.
const maxDate = 253402300799

// readDate reads a NumericDate (RFC 7519 §2) in plain decimals: neither a string nor negative, and not as 1e300, which
// readers round in different ways. A fraction goes down, or up for a time from which on something holds.
func readDate(dec *jsontext.Decoder, name string, up bool) (int64, error) {
	text, err := dec.ReadValue()
	if err != nil {
		return 0, err
	}
	whole, fraction, _ := strings.Cut(string(text), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n < 0 || n > maxDate || strings.ContainsAny(fraction, "eE") {
		return 0, refuse(ErrMalformed, name+" is not a date")
	}
	if up && strings.Trim(fraction, "0") != "" {
		n++
	}
	return n, nil
}

// subject says whose token it is.
func (c *claims) subject() store.Subject {
	return store.Subject{Kind: store.KindUser, Realm: c.realm, Name: c.sub}
}

// complete refuses a token that lacks what both kinds of ours carry (RFC 9068 §2.2), or has it too long for a store.
func (c *claims) complete() error {
	if c.unfit != "" {
		return refuse(ErrMalformed, "a claim is not what we write: seq, realm, rot or lnk")
	}
	for _, t := range [...]struct{ name, text string }{{"sub", c.sub}, {"jti", c.jti}, {"sid", c.sid}} {
		if t.text == "" || len(t.text) > store.MaxNameLen {
			return refuse(ErrMalformed, t.name+" is missing, or too long")
		}
	}
	if len(c.realm) > store.MaxNameLen {
		return refuse(ErrMalformed, "realm is too long")
	}
	return c.dated()
}

// dated refuses a token that does not say from when until when it is good.
func (c *claims) dated() error {
	switch {
	case c.exp <= 0: // golang-jwt takes 0 for no expiry
		return refuse(ErrMalformed, "exp is missing")
	case c.iat <= 0:
		return refuse(ErrMalformed, "iat is missing")
	case c.exp < c.iat:
		return refuse(ErrLifetime, "exp is before iat")
	}
	return nil
}

// access refuses an access token that lacks what ours carry besides, or lives longer than life.
func (c *claims) access(life time.Duration) error {
	switch {
	case c.clientID == "":
		return refuse(ErrMalformed, "client_id is missing")
	case c.seq == 0:
		return refuse(ErrMalformed, "seq is missing")
	case c.exp-c.iat > int64(life/time.Second):
		return refuse(ErrLifetime, "exp is too long after iat")
	}
	return nil
}

// link returns the link of a refresh token.
func (c *claims) link() (store.Link, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(c.lnk)
	if err != nil || len(b) != len(store.Link{}) || !c.hasRot {
		return store.Link{}, refuse(ErrMalformed, "rot or lnk is missing")
	}
	l := store.Link(b)
	if l.IsZero() {
		return store.Link{}, refuse(ErrMalformed, "lnk is zero")
	}
	return l, nil
}

// current judges exp and nbf (RFC 7519 §4.1.4, §4.1.5).
func (c *claims) current(leeway time.Duration, now time.Time) error {
	if !now.Before(time.Unix(c.exp, 0).Add(leeway)) {
		return refuse(ErrExpired, "exp has passed by more than the leeway")
	}
	if now.Before(time.Unix(c.nbf, 0).Add(-leeway)) {
		return refuse(ErrNotYetValid, "nbf is ahead by more than the leeway")
	}
	return nil
}

// addressed reports whether aud names one of the accepted.
func (c *claims) addressed(accepted []string) bool {
	return slices.ContainsFunc(c.aud, func(a string) bool { return a != "" && slices.Contains(accepted, a) })
}
