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
var claimNames = []string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "sid", "seq", "realm", "rot", "lnk",
}

// claims are what is read of a payload. Zero is absent, which is never a valid value of what is required; rotation 0 is,
// and has hasRot.
type claims struct {
	iss, sub, jti, clientID, sid, realm, lnk string
	aud                                      []string
	exp, nbf, iat                            int64
	seq, rot                                 uint64
	hasRot                                   bool
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
		if err := notVariant(name, claimNames); err != nil {
			return err
		}
		return c.readCustom(dec, written)
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
	case "seq":
		return &c.seq
	case "realm":
		return &c.realm
	case "rot":
		c.hasRot = true
		return &c.rot
	case "lnk":
		return &c.lnk
	}
	return nil
}

// readKnown reads a claim that this package knows.
func (c *claims) readKnown(dec *jsontext.Decoder, name string) (known bool, err error) {
	switch to := c.place(name).(type) {
	case *string:
		*to, err = readString(dec, name)
	case *[]string:
		*to, err = readAudience(dec)
	case *date:
		*(*int64)(to), err = readDate(dec, name, false)
	case *laterDate:
		*(*int64)(to), err = readDate(dec, name, true)
	case *uint64:
		*to, err = readUint(dec, name)
	default:
		return false, nil
	}
	return true, err
}

// readCustom collects a claim of the caller's as it was written.
func (c *claims) readCustom(dec *jsontext.Decoder, name []byte) error {
	if c.custom == nil {
		c.custom = append(c.custom, '{')
	}
	c.custom = append(c.custom, name...)
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	c.custom = append(c.custom, ':')
	c.custom = append(c.custom, value...)
	c.custom = append(c.custom, ',')
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

func readUint(dec *jsontext.Decoder, name string) (uint64, error) {
	text, err := dec.ReadValue()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(string(text), 10, 64) // digits alone: no string, sign, fraction or exponent
	if err != nil {
		return 0, refuse(ErrMalformed, name+" is not a count")
	}
	return n, nil
}

// subject says whose token it is.
func (c *claims) subject() store.Subject {
	return store.Subject{Kind: store.KindUser, Realm: c.realm, Name: c.sub}
}

// complete refuses a token that lacks what both kinds of ours carry (RFC 9068 §2.2), or has it too long for a store.
func (c *claims) complete() error {
	for _, t := range [...]struct{ name, text string }{{"sub", c.sub}, {"jti", c.jti}, {"sid", c.sid}} {
		if t.text == "" || len(t.text) > store.MaxNameLen {
			return refuse(ErrMalformed, t.name+" is missing, or too long")
		}
	}
	switch {
	case len(c.realm) > store.MaxNameLen:
		return refuse(ErrMalformed, "realm is too long")
	case c.exp <= 0: // golang-jwt takes 0 for no expiry
		return refuse(ErrMalformed, "exp is missing")
	case c.iat <= 0:
		return refuse(ErrMalformed, "iat is missing")
	case c.exp < c.iat:
		return refuse(ErrLifetime, "exp is before iat")
	}
	return nil
}

// access refuses an access token that lacks what ours carry besides, or lives longer than life. Its iat is not compared with
// our clock: it is the store's, and a token is good at once, wherever it is verified. But one that ends further from now
// than any can is from a clock gone wrong, and the mark that bars it (store.MarkMargin) would end before it does.
func (c *claims) access(life time.Duration, now time.Time) error {
	switch {
	case c.clientID == "":
		return refuse(ErrMalformed, "client_id is missing")
	case c.seq == 0:
		return refuse(ErrMalformed, "seq is missing")
	case c.exp-c.iat > int64(life/time.Second):
		return refuse(ErrLifetime, "exp is too long after iat")
	case time.Unix(c.exp, 0).After(now.Add(life + store.MaxLeeway)):
		return refuse(ErrNotYetValid, "it was issued in the future")
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
		return &RefusedError{Err: ErrExpired}
	}
	if now.Before(time.Unix(c.nbf, 0).Add(-leeway)) {
		return &RefusedError{Err: ErrNotYetValid}
	}
	return nil
}

// addressed reports whether aud names one of the accepted.
func (c *claims) addressed(accepted []string) bool {
	return slices.ContainsFunc(c.aud, func(a string) bool { return a != "" && slices.Contains(accepted, a) })
}
