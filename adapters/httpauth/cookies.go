package httpauth

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jetonkit/jeton/token"
)

// maxCookie is what every browser keeps of a cookie: name and value together, in bytes (RFC 6265bis §5.7).
const maxCookie = 4096

// CookieOptions are what [Cookies] may be told. The zero value is the safe one.
type CookieOptions struct {
	// Access is the name of the access token's cookie. Names with the prefix __Host- are for one host alone: no other host
	// of the domain can set them. Defaults to "__Host-access"; to "access" with Insecure.
	Access string
	// Refresh is the name of the refresh token's cookie. Defaults to "__Host-refresh"; to "__Secure-refresh" with a
	// RefreshPath, which __Host- does not allow; to "refresh" with Insecure.
	Refresh string
	// RefreshPath is the path that the refresh token is sent to, and no other. Defaults to all, "/".
	RefreshPath string
	// SameSite says whether browsers send the cookies with what other sites ask. None is for pages that are shown within
	// others. Defaults to Lax: with links that lead here, and not else.
	SameSite http.SameSite
	// Insecure lets browsers send the cookies without TLS, for development. Defaults to false.
	Insecure bool
}

// Cookies keeps a pair of tokens in two cookies that scripts cannot read (HttpOnly), sent over TLS alone (Secure) and to
// one host alone. It is made by [NewCookies] and safe for concurrent use.
type Cookies struct{ opts CookieOptions }

// NewCookies makes the two cookies. o may be nil. Bad input is a [store.FieldError].
func NewCookies(o *CookieOptions) (*Cookies, error) {
	c := new(Cookies)
	if o != nil {
		c.opts = *o
	}
	c.opts.fill()
	if err := c.opts.check(); err != nil {
		return nil, err
	}
	return c, nil
}

func (o *CookieOptions) fill() {
	host, secure := "__Host-", "__Secure-"
	if o.Insecure {
		host, secure = "", ""
	}
	if o.Access == "" {
		o.Access = host + "access"
	}
	if o.RefreshPath == "" {
		o.RefreshPath = "/"
	}
	if o.Refresh == "" && o.RefreshPath == "/" {
		o.Refresh = host + "refresh"
	}
	if o.Refresh == "" {
		o.Refresh = secure + "refresh"
	}
	if o.SameSite == 0 {
		o.SameSite = http.SameSiteLaxMode
	}
}

func (o *CookieOptions) check() error {
	for n, name := range []string{o.Access, o.Refresh} {
		field := []string{"CookieOptions.Access", "CookieOptions.Refresh"}[n]
		lower := strings.ToLower(name)
		switch {
		case !isToken(name):
			return invalid(field, "is no name of a cookie", "use ASCII letters, digits, dashes and underscores")
		case o.Insecure && (strings.HasPrefix(lower, "__host-") || strings.HasPrefix(lower, "__secure-")):
			return invalid(field, "has a prefix that browsers refuse without TLS",
				"leave Insecure false, or use another name")
		case strings.HasPrefix(lower, "__host-") && name == o.Refresh && o.RefreshPath != "/":
			return invalid(field, "begins with __Host-, which browsers refuse with a path",
				"use __Secure-, or leave RefreshPath empty")
		}
	}
	switch {
	case o.Access == o.Refresh:
		return invalid("CookieOptions.Refresh", "is the access token's cookie", "give it another name")
	case o.SameSite < http.SameSiteLaxMode || o.SameSite > http.SameSiteNoneMode:
		return invalid("CookieOptions.SameSite", fmt.Sprintf("is %d", o.SameSite), "use Lax, Strict or None")
	case o.SameSite == http.SameSiteNoneMode && o.Insecure:
		return invalid("CookieOptions.SameSite", "is None, which browsers refuse without TLS",
			"use Lax, or leave Insecure false")
	}
	if strings.ContainsFunc(o.RefreshPath, func(r rune) bool { return r <= 0x20 || r >= 0x7f }) {
		return invalid("CookieOptions.RefreshPath", "has a character that browsers do not compare as it stands",
			"use ASCII without spaces, or percent-encode it")
	}
	return plain("CookieOptions.RefreshPath", o.RefreshPath)
}

// Lookup finds the access token's cookie, for [Options.Lookups].
func (c *Cookies) Lookup() Lookup { return Cookie(c.opts.Access) }

// Set sends a pair to the browser: each cookie lasts as long as its token, and caches keep neither. A token that is too
// large for a cookie (4096 bytes with its name) is a [store.FieldError], and then none is set; a pair without a refresh
// token clears that cookie.
func (c *Cookies) Set(w http.ResponseWriter, p token.Pair) error {
	access := c.cookie(c.opts.Access, p.Access.Reveal(), "/", p.AccessExpiresAt)
	refresh := c.cookie(c.opts.Refresh, p.Refresh.Reveal(), c.opts.RefreshPath, p.Session.ExpiresAt)
	for n, cookie := range []*http.Cookie{access, refresh} {
		field := []string{"Pair.Access", "Pair.Refresh"}[n]
		if size := len(cookie.Name) + len(cookie.Value); size > maxCookie {
			return invalid(field, fmt.Sprintf("is %d bytes with its cookie's name, the limit is %d", size, maxCookie),
				"put fewer claims into the token")
		}
	}
	send(w, access, refresh)
	return nil
}

// Clear makes the browser forget both tokens. It does not end the session: that is the Revoker's.
func (c *Cookies) Clear(w http.ResponseWriter) {
	send(w, c.cookie(c.opts.Access, "", "/", time.Time{}), c.cookie(c.opts.Refresh, "", c.opts.RefreshPath, time.Time{}))
}

// Refresh returns the refresh token that came in its cookie, for token.Issuer.Refresh. The error is [ErrNoToken],
// [ErrTwoTokens], or [ErrCrossOrigin] as for any cookie; [Middleware.WriteError] answers all of them.
func (c *Cookies) Refresh(m *Middleware, r *http.Request) (string, error) {
	at := Cookie(c.opts.Refresh)
	raw, ok, err := at.find(r)
	switch {
	case err != nil:
		return "", err
	case !ok:
		return "", ErrNoToken
	}
	if err := m.sameOrigin(r, &at); err != nil {
		return "", err
	}
	return raw, nil
}

// cookie makes a cookie; one without a value is one to forget.
func (c *Cookies) cookie(name, value, path string, expires time.Time) *http.Cookie {
	cookie := &http.Cookie{
		Name: name, Value: value, Path: path, Expires: expires,
		HttpOnly: true, Secure: !c.opts.Insecure, SameSite: c.opts.SameSite,
	}
	if value == "" {
		cookie.Expires, cookie.MaxAge = time.Time{}, -1
	}
	return cookie
}

func send(w http.ResponseWriter, cookies ...*http.Cookie) {
	w.Header().Set("Cache-Control", "no-store")
	for _, cookie := range cookies {
		http.SetCookie(w, cookie)
	}
}
