package httpauth

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

var (
	// ErrNoToken is a request without a bearer token: no place that is looked at has one, or a header has one of another
	// scheme. It is answered by a challenge without an error code (RFC 6750 §3.1).
	ErrNoToken = errors.New("no bearer token was presented")
	// ErrTwoTokens is a request with more than one token, or more than one Authorization header. Which of them counts would
	// be a guess, and a proxy in front may have guessed otherwise (RFC 6750 §2: one method, one token).
	ErrTwoTokens = errors.New("more than one Authorization header was presented")
	// errTwoPlaces is ErrTwoTokens elsewhere than in one header.
	errTwoPlaces = fmt.Errorf("tokens in two places, or twice in one: %w", ErrTwoTokens)
)

type place uint8

const (
	inHeader place = iota
	inCookie
	inForm
	inQuery
)

// Lookup is a place where requests have their token. It is made by [Header], [Cookie], [Form] and [Query].
type Lookup struct {
	place        place
	name, scheme string
}

// Header looks at a header. With a scheme the value is "scheme token", and the scheme's case does not count; a value of
// another scheme is none. Without one the whole value is the token: Header("X-Token", "").
func Header(name, scheme string) Lookup {
	return Lookup{inHeader, textproto.CanonicalMIMEHeaderKey(name), scheme}
}

// Cookie looks at a cookie. Browsers send cookies with what other sites make them ask, so requests that change something,
// and WebSockets, must come from the same origin where their token comes from a cookie; see [Options.CrossOrigin].
func Cookie(name string) Lookup { return Lookup{inCookie, name, ""} }

// Form looks at a field of a body of type application/x-www-form-urlencoded in a POST, PUT or PATCH (RFC 6750 §2.2 calls it
// access_token). Of the body at most 64 KiB are read, and given back for the handler; a longer one is not looked at. Use it
// where clients can do no other.
func Form(name string) Lookup { return Lookup{inForm, name, ""} }

// Query looks at a parameter of the URL (RFC 6750 §2.3 calls it access_token). URLs are logged, kept in histories and sent
// to others, and tokens with them: use it only where there is no other way, and for tokens that end soon. Answers get
// Cache-Control: private.
func Query(name string) Lookup { return Lookup{inQuery, name, ""} }

// check refuses a place that no request can have.
func (l Lookup) check(field string) error {
	switch {
	case l.name == "":
		return invalid(field, "has no name", `use Header("Authorization", "Bearer"), Cookie, Form or Query with a name`)
	case l.place <= inCookie && !isToken(l.name):
		return invalid(field, "has a name that no header or cookie has", "use ASCII letters, digits and dashes")
	case l.scheme != "" && !isToken(l.scheme):
		return invalid(field, "has a scheme that no header has", `use "Bearer", or none`)
	case l.place == inHeader && l.name == "Cookie":
		return invalid(field, "is the header Cookie", "use Cookie with the cookie's name")
	}
	return nil
}

// find returns the token that a request has in this place; empty for none, which is told apart from an empty one by ok.
func (l *Lookup) find(r *http.Request) (raw string, ok bool, err error) {
	switch l.place {
	case inHeader:
		return l.header(r.Header)
	case inCookie:
		return l.cookie(r)
	case inForm:
		return l.form(r)
	default:
		if r.URL.RawQuery == "" {
			return "", false, nil
		}
		return l.value(r.URL.Query())
	}
}

// header returns the text behind the scheme, whatever it is: judging it is the verifier's.
func (l *Lookup) header(h http.Header) (string, bool, error) {
	values := h[l.name] // both are canonical
	switch len(values) {
	case 0:
		return "", false, nil
	case 1:
	default:
		if l.name == "Authorization" {
			return "", false, ErrTwoTokens
		}
		return "", false, errTwoPlaces
	}
	if l.scheme == "" {
		raw := strings.Trim(values[0], " \t")
		return raw, raw != "", nil
	}
	// RFC 9110 §11.4: auth-scheme 1*SP token68. The scheme's case does not count (§11.1).
	scheme, text, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, l.scheme) {
		return "", false, nil
	}
	return strings.TrimLeft(text, " "), true, nil
}

func (l *Lookup) cookie(r *http.Request) (string, bool, error) {
	if r.Header["Cookie"] == nil {
		return "", false, nil
	}
	cookies := r.CookiesNamed(l.name)
	switch {
	case len(cookies) == 0, len(cookies) == 1 && cookies[0].Value == "": // cleared
		return "", false, nil
	case len(cookies) > 1: // another site of the same domain may have set one of them
		return "", false, errTwoPlaces
	}
	return cookies[0].Value, true, nil
}

// value returns the one value of a field that is not empty.
func (l *Lookup) value(values url.Values) (string, bool, error) {
	switch found := values[l.name]; {
	case len(found) == 0, len(found) == 1 && found[0] == "":
		return "", false, nil
	case len(found) > 1:
		return "", false, errTwoPlaces
	default:
		return found[0], true, nil
	}
}

// find returns the one token of a request, and where it was.
func (m *Middleware) find(r *http.Request) (raw string, at *Lookup, err error) {
	for n := range m.opts.Lookups {
		l := &m.opts.Lookups[n]
		found, ok, err := l.find(r)
		if err != nil {
			return "", nil, err
		}
		if !ok {
			continue
		}
		if at != nil {
			return "", nil, errTwoPlaces
		}
		raw, at = found, l
	}
	if at == nil {
		return "", nil, ErrNoToken
	}
	return raw, at, nil
}
