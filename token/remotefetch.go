package token

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/jetonkit/jeton/store"
)

// maxRedirects is how often a fetch follows one, on the same host.
const maxRedirects = 3

// RemoteError is a JWK set that could not be had. It matches [store.ErrUnavailable] and is no refusal of a token.
type RemoteError struct {
	// Place is scheme, host and path of what was asked for, without user and query.
	Place string
	// Problem is what went wrong.
	Problem string
	// Err is the cause; may be nil.
	Err error
}

// Error returns "jeton: keys at place: problem".
func (e *RemoteError) Error() string { return "jeton: keys at " + e.Place + ": " + e.Problem }

// Unwrap returns the cause.
func (e *RemoteError) Unwrap() error { return e.Err }

// Is makes it an outage.
func (e *RemoteError) Is(target error) bool { return target == store.ErrUnavailable }

// fetchable judges a URL that keys may come from. Its errors do not repeat it: it may hold a secret that is not ours.
func fetchable(field, raw string, allowHTTP bool) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, invalid(field, "is no URL with a host", "write https://host/path")
	case u.User != nil:
		return nil, invalid(field, "has a user or a password", "let RemoteOptions.Transport send what the server asks for")
	case u.Fragment != "":
		return nil, invalid(field, "has a fragment", "leave out what begins with #")
	case u.Scheme == "https", u.Scheme == "http" && (allowHTTP || loopback(u.Hostname())):
		return u, nil
	}
	return nil, invalid(field, "is not https", "use https; RemoteOptions.AllowHTTP is for networks where nobody listens")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// wellKnown are the places of an issuer's metadata, in the order in which they are asked.
func wellKnown(issuer *url.URL) []*url.URL {
	path := strings.TrimSuffix(issuer.EscapedPath(), "/")
	oidc, err := issuer.Parse(path + "/.well-known/openid-configuration")
	oauth, err2 := issuer.Parse("/.well-known/oauth-authorization-server" + path)
	if err != nil || err2 != nil {
		return nil // not with an escaped path
	}
	return []*url.URL{oidc, oauth}
}

// client sends requests with nothing but what this package puts into them: no cookies, no redirects to elsewhere.
func (o *RemoteOptions) client() *http.Client {
	transport := o.Transport
	if transport == nil {
		transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DisableKeepAlives:      true, // one request in minutes
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: 64 << 10,
			TLSHandshakeTimeout:    o.Timeout,
		}
	}
	return &http.Client{Transport: transport, CheckRedirect: func(to *http.Request, via []*http.Request) error {
		from := via[0].URL
		if len(via) > maxRedirects || to.URL.Scheme != from.Scheme || to.URL.Host != from.Host || to.URL.User != nil {
			return errRedirect
		}
		return nil
	}}
}

var errRedirect = errors.New("it redirects to another host or scheme, or without end")

// load fetches the set.
func (r *RemoteKeys) load(ctx context.Context) fetched {
	at := r.set
	if at == nil {
		var err error
		if at, err = r.discover(ctx); err != nil {
			return fetched{err: err}
		}
	}
	text, _, err := r.get(ctx, at, "application/jwk-set+json, application/json")
	if err != nil {
		return fetched{err: err}
	}
	set, err := ParseJWKS(text)
	if err != nil {
		why, _, _ := strings.Cut(err.Error(), "\n") // what was ignored comes behind
		return fetched{err: problem(at, "it is no JWK set of use here: "+why, nil)}
	}
	keys := set.keys
	if len(r.opts.Algorithms) > 0 {
		keys = keySet{}
		for _, k := range set.list {
			if slices.Contains(r.opts.Algorithms, k.k.alg.name) || slices.Contains(r.opts.Algorithms, k.k.alg.alias) {
				keys[k.KeyID()] = k
			}
		}
	}
	if len(keys) == 0 {
		return fetched{err: problem(at, "it has no key of an allowed algorithm", nil)}
	}
	return fetched{keys: keys}
}

// discover returns the jwks_uri of an issuer's metadata.
func (r *RemoteKeys) discover(ctx context.Context) (*url.URL, error) {
	for n, at := range r.metadata {
		text, missing, err := r.get(ctx, at, "application/json")
		if missing && n+1 < len(r.metadata) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var doc struct {
			Issuer string `json:"issuer"`
			JWKS   string `json:"jwks_uri"`
		}
		if tooDeep(text) || json.Unmarshal(text, &doc) != nil {
			return nil, problem(at, "its metadata are not one object of strict JSON", nil)
		}
		if doc.Issuer != r.issuer {
			return nil, problem(at, "its metadata are another issuer's", nil)
		}
		set, err := fetchable("jwks_uri", doc.JWKS, r.opts.AllowHTTP)
		if err != nil || (at.Scheme == "https" && set.Scheme != "https") {
			return nil, problem(at, "its metadata name no jwks_uri that may be fetched", nil)
		}
		return set, nil
	}
	return nil, &RemoteError{Place: "an issuer", Problem: "its URL leads to no metadata"}
}

// get reads what is at a URL, and reports whether it is known not to be there.
func (r *RemoteKeys) get(ctx context.Context, at *url.URL, accept string) (text []byte, missing bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), http.NoBody)
	if err != nil {
		return nil, false, problem(at, "it cannot be asked for", nil)
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("User-Agent", "jeton")
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, false, problem(at, unreached(err), err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, resp.StatusCode == http.StatusNotFound, problem(at, fmt.Sprintf("it answers with status %d", resp.StatusCode), nil)
	}
	text, err = io.ReadAll(io.LimitReader(resp.Body, MaxJWKSBytes+1))
	switch {
	case err != nil:
		return nil, false, problem(at, unreached(err), err)
	case len(text) > MaxJWKSBytes:
		return nil, false, problem(at, fmt.Sprintf("it is over %d bytes", MaxJWKSBytes), nil)
	}
	return text, false, nil
}

// unreached tells why in words that hold nothing of a URL.
func unreached(err error) string {
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, errRedirect):
		return errRedirect.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "it does not answer in time"
	case errors.As(err, &certificate):
		return "its certificate is not good here"
	case errors.As(err, &op):
		return "it cannot be reached: " + op.Error()
	}
	return "it cannot be reached"
}

// problem makes the error. Of a cause only the inner part is kept: net/http writes the whole URL around it. One that refuses a
// token, a transport's own for instance, is none here.
func problem(at *url.URL, text string, cause error) error {
	var outer *url.Error
	if errors.As(cause, &outer) {
		cause = outer.Err
	}
	if errors.Is(cause, ErrInvalidToken) {
		cause = nil
	}
	return &RemoteError{Place: placeOf(at), Problem: text, Err: cause}
}

// String names the place that is asked, without user and query.
func (r *RemoteKeys) String() string {
	if r.set != nil {
		return "keys at " + placeOf(r.set)
	}
	return "keys of " + r.issuer // a URL without user and query
}

// GoString is String, for %#v.
func (r *RemoteKeys) GoString() string { return r.String() }

// Format prints what String returns, whatever the verb: fmt would print the query under some.
func (r *RemoteKeys) Format(f fmt.State, _ rune) { printRedacted(f, r.String()) }

// placeOf is a URL as an error may name it.
func placeOf(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }
