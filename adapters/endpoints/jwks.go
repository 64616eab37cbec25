package endpoints

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/token"
)

// KeySource returns a public JWK set: a [token.Keyring], or [PublicKeys] of keys that do not change. It is safe for
// concurrent use, and asked for every request.
type KeySource interface {
	JWKS() ([]byte, error)
}

var _ KeySource = (*token.Keyring)(nil)

type publicKeys []byte

// PublicKeys is the set of keys that do not change while the program runs. A secret of HS256, HS384 or HS512 is refused, as
// token.MarshalJWKS does. Errors are of type store.FieldError.
func PublicKeys(keys ...token.VerifyKey) (KeySource, error) {
	text, err := token.MarshalJWKS(keys...)
	if err != nil {
		return nil, err
	}
	return publicKeys(text), nil
}

// JWKS returns the set.
func (k publicKeys) JWKS() ([]byte, error) { return k, nil }

// JWKSOptions are what a [JWKS] may be told.
type JWKSOptions struct {
	// MaxAge is how long readers and proxies may keep the set: 1 second to 24 hours. Keep it, with what readers wait besides
	// (token.RemoteOptions.Interval), below the time that a next key is published before it signs, and remember that a removed
	// key is good elsewhere for as long. Defaults to 5 minutes.
	MaxAge time.Duration
	// Failed is told when the set cannot be had. It must not block. Defaults to nobody.
	Failed func(error)
}

const defaultJWKSAge = 5 * time.Minute

// JWKS publishes a JWK set (RFC 7517 §5) by GET and HEAD, with an ETag and a Cache-Control. It never publishes a secret or a
// private key: a source that has one is refused as a whole, at the start and with each change (503).
type JWKS struct {
	source KeySource
	opts   JWKSOptions
	cache  string
	last   atomic.Pointer[publishedSet]
}

// publishedSet is a text that was found to be public.
type publishedSet struct {
	text []byte
	etag string
}

// NewJWKS makes an endpoint of a source that has a public key now. o may be nil. Bad input is a store.FieldError.
func NewJWKS(source KeySource, o *JWKSOptions) (*JWKS, error) {
	if err := required(given{"source", source == nil}); err != nil {
		return nil, err
	}
	e := &JWKS{source: source}
	if o != nil {
		e.opts = *o
	}
	if e.opts.MaxAge == 0 {
		e.opts.MaxAge = defaultJWKSAge
	}
	if e.opts.MaxAge < time.Second || e.opts.MaxAge > 24*time.Hour {
		return nil, invalid("JWKSOptions.MaxAge", fmt.Sprintf("is %v, the range is 1s to 24h", e.opts.MaxAge),
			"use 0 for the default of 5 minutes")
	}
	e.cache = cacheFor(e.opts.MaxAge)
	if _, err := e.set(); err != nil {
		return nil, err
	}
	return e, nil
}

// cacheFor lets anybody keep an answer that is everybody's.
func cacheFor(age time.Duration) string {
	return "public, max-age=" + strconv.Itoa(int(age.Seconds()))
}

// set returns the set as it is now.
func (e *JWKS) set() (*publishedSet, error) {
	text, err := e.source.JWKS()
	if err != nil {
		return nil, err
	}
	if last := e.last.Load(); last != nil && bytes.Equal(last.text, text) {
		return last, nil
	}
	if _, err := token.ParseJWKS(text); err != nil { // refuses what is private
		return nil, err
	}
	set := &publishedSet{bytes.Clone(text), etagOf(text)}
	e.last.Store(set)
	return set, nil
}

func etagOf(text []byte) string {
	sum := sha256.Sum256(text)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

// ServeHTTP answers the set.
func (e *JWKS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !reads(w, r) {
		return
	}
	set, err := e.set()
	if err != nil {
		if e.opts.Failed != nil {
			e.opts.Failed(err)
		}
		noStore(w.Header())
		w.Header().Set("Retry-After", "1")
		httpauth.WriteJSON(w, r, outage(err))
		return
	}
	servePublic(w, r, "application/jwk-set+json", e.cache, set.etag, set.text)
}

// reads reports whether a request only reads, and refuses all others.
func reads(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	noStore(w.Header())
	w.Header().Set("Allow", "GET, HEAD")
	httpauth.WriteJSON(w, r, refusal(http.StatusMethodNotAllowed, httpauth.CodeInvalidRequest, "use GET", nil))
	return false
}

// servePublic answers what anybody may read and keep: conditional requests and HEAD too.
func servePublic(w http.ResponseWriter, r *http.Request, kind, cache, etag string, text []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", cache)
	h.Set("Etag", etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}
