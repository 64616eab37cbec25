package statuslist

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jetonkit/jeton/token"
)

const (
	maxRedirects = 3
	longestURI   = 2048
)

var errRedirect = errors.New("it redirects to another host or scheme, or without end")

// fetchable judges a URI that a list may come from. Where it begins like a trusted one, it must not lead elsewhere: no
// user, no query, and no dots that a server would take as "one up".
func (c *Consumer) fetchable(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || u.Opaque != "" || u.User != nil || len(uri) > longestURI {
		return false
	}
	if u.Fragment != "" || u.RawQuery != "" || u.ForceQuery || strings.ContainsAny(u.Path, "\\\x00") {
		return false
	}
	dots := func(part string) bool { return part == "." || part == ".." }
	if slices.ContainsFunc(strings.Split(u.Path, "/"), dots) {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && (c.opts.AllowHTTP || loopback(u.Hostname()))
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// client sends requests without cookies, and follows redirects on the same host.
func (o *ConsumerOptions) client() *http.Client {
	return &http.Client{Transport: o.Transport, CheckRedirect: func(to *http.Request, via []*http.Request) error {
		from := via[0].URL
		if len(via) > maxRedirects || to.URL.Scheme != from.Scheme || to.URL.Host != from.Host || to.URL.User != nil {
			return errRedirect
		}
		return nil
	}}
}

// fetch asks for a list. old is the last one, which may have expired; nil for none.
func (c *Consumer) fetch(ctx context.Context, s *Source, uri string, old *fetched) (*fetched, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, http.NoBody)
	if err != nil {
		return nil, &FetchError{Problem: "it cannot be asked for"}
	}
	req.Header.Set("Accept", MediaType)
	asked := c.opts.Now() // not when it came: it may have been on its way for long
	good := old != nil && asked.Before(old.end)
	conditional := good && old.etag != ""
	if conditional {
		req.Header.Set("If-None-Match", old.etag)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, &FetchError{unreached(err), err}
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotModified && conditional {
		return old.again(asked), nil
	}
	raw, err := c.body(resp)
	if err != nil {
		return nil, err
	}
	next, err := c.read(ctx, s, uri, raw)
	if err != nil {
		return nil, err
	}
	if old != nil && next.iat.Before(old.iat) {
		switch {
		case !next.list.equal(old.list):
			return nil, &FetchError{Problem: "it is older than the one before"}
		case good: // another of several publishers has signed it before, and says the same
			return old.again(asked), nil
		}
		next.iat = old.iat
	}
	next.etag = resp.Header.Get("ETag")
	return next.again(asked), nil
}

// body returns the text of an answer.
func (c *Consumer) body(resp *http.Response) (string, error) {
	if resp.StatusCode != http.StatusOK {
		return "", &FetchError{Problem: fmt.Sprintf("it answers with status %d", resp.StatusCode)}
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != MediaType {
		return "", &FetchError{Problem: "it is of another media type"}
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, int64(c.opts.MaxBytes)+1)) // the transport has unzipped it
	switch {
	case err != nil:
		return "", &FetchError{unreached(err), err}
	case len(raw) > c.opts.MaxBytes:
		return "", &FetchError{Problem: "it is longer than ConsumerOptions.MaxBytes"}
	}
	return string(raw), nil
}

// unreached tells why in words that hold nothing of a URL.
func unreached(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, errRedirect):
		return errRedirect.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "it does not come in time"
	}
	return "it cannot be reached"
}

// readClaims are a list's as they are read; nil is what is not there.
type readClaims struct {
	Issuer   *string    `json:"iss"`
	Subject  string     `json:"sub"`
	IssuedAt *int64     `json:"iat"`
	Expires  *int64     `json:"exp"`
	TTL      *float64   `json:"ttl"`
	List     *listClaim `json:"status_list"`
}

// problem returns what the claims lack whatever the time is; empty for nothing.
func (r *readClaims) problem(s *Source, uri string) string {
	switch {
	case r.Subject != uri:
		return "its sub is another uri"
	case r.Issuer != nil && *r.Issuer != s.Issuer:
		return "its iss is another issuer"
	case r.IssuedAt == nil || *r.IssuedAt < 1 || *r.IssuedAt > latest:
		return "its iat is missing or no time"
	case r.Expires != nil && (*r.Expires < 1 || *r.Expires > latest):
		return "its exp is no time"
	case r.TTL != nil && *r.TTL <= 0:
		return "its ttl is not above zero"
	case r.List == nil:
		return "its status_list is missing"
	}
	return ""
}

// read judges a status list token (draft §8.3, steps 3 to 5).
func (c *Consumer) read(ctx context.Context, s *Source, uri, raw string) (*fetched, error) {
	var claims readClaims
	if err := token.VerifyClaims(ctx, s.Keys, listType, raw, c.opts.MaxBytes, &claims); err != nil {
		return nil, &FetchError{"its signature, type or form is not good: " + cmp.Or(token.Code(err), "no answer"), err}
	}
	if problem := claims.problem(s, uri); problem != "" {
		return nil, &FetchError{Problem: problem}
	}
	now := c.opts.Now()
	f := &fetched{ttl: c.opts.TTL, iat: time.Unix(*claims.IssuedAt, 0)}
	if f.iat.After(now.Add(c.opts.Leeway)) {
		return nil, &FetchError{Problem: "its iat is in the future"}
	}
	if claims.Expires != nil {
		if f.exp = time.Unix(*claims.Expires, 0); !now.Before(f.exp) {
			return nil, &FetchError{Problem: "it has expired"}
		}
		f.ttl = maxTTL
	}
	if claims.TTL != nil {
		f.ttl = max(minTTL, time.Duration(min(*claims.TTL, maxTTL.Seconds())*float64(time.Second)))
	}
	var err error
	if f.list, err = Decode(claims.List.Bits, claims.List.List, c.opts.MaxInflated); err != nil {
		return nil, &FetchError{"it does not decode", err}
	}
	return f, nil
}

// latest is the last second that a claim may name: the end of the year 9999.
const latest = 253_402_300_799

// again returns the list as it counts when it was asked for at a time.
func (f *fetched) again(at time.Time) *fetched {
	out := *f
	out.fresh = at.Add(f.ttl)
	out.end = out.fresh
	if !f.exp.IsZero() {
		out.end = f.exp
		if out.fresh.After(f.exp) {
			out.fresh = f.exp
		}
	}
	return &out
}
