package signature

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/jetonkit/jeton/store"
)

const (
	defaultMaxBody = 1 << 20
	mostMaxBody    = 256 << 20
	mostAudience   = 128
)

// SignerOptions are what a [Signer] may be told.
type SignerOptions struct {
	// MaxBody is the largest body in bytes that is kept in memory to be signed, because its request has no GetBody: 1 byte to
	// 256 MiB. A body with GetBody is read twice and not kept, whatever its size. Defaults to 1 MiB.
	MaxBody int64
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Signer signs requests to one audience with the first of its keys. It is safe for concurrent use.
type Signer struct {
	keys     *Keys
	audience string
	opts     SignerOptions
}

// NewSigner makes a signer. audience is the name of whoever is called, as its verifier has it: 1 to 128 bytes of printable
// ASCII without spaces. o may be nil. Errors are of type [store.FieldError].
func NewSigner(keys *Keys, audience string, o *SignerOptions) (*Signer, error) {
	s := &Signer{keys: keys, audience: audience}
	if o != nil {
		s.opts = *o
	}
	if err := check(keys, audience); err != nil {
		return nil, err
	}
	if s.opts.Now == nil {
		s.opts.Now = time.Now
	}
	return s, fillMaxBody("SignerOptions.MaxBody", &s.opts.MaxBody)
}

func check(keys *Keys, audience string) error {
	if keys.load() == nil {
		return invalid("keys", "has no key", "make it by NewKeys")
	}
	ascii := all(audience, func(b byte) bool { return b > ' ' && b < 0x7f })
	if !sized(audience, 1, mostAudience) || !ascii {
		return invalid("audience", fmt.Sprintf("is not 1 to %d bytes of printable ASCII without spaces", mostAudience),
			"name the service that is called, alike on both sides")
	}
	return nil
}

func fillMaxBody(field string, n *int64) error {
	if *n == 0 {
		*n = defaultMaxBody
	}
	if *n < 0 || *n > mostMaxBody {
		return invalid(field, fmt.Sprintf("is %d, the range is 1 to %d", *n, mostMaxBody), "use 0 for the default of 1 MiB")
	}
	return nil
}

// Sign puts the signature's header into a request that is about to be sent, in the place of one that may be there. The
// request may be sent once: a nonce counts once. Its body and GetBody still give all bytes afterwards. The error is a
// [*Error] of ReasonTooLarge or ReasonMalformed, or the body's own.
func (s *Signer) Sign(r *http.Request) error {
	key := s.keys.load().inOrder[0]
	c := call{
		audience: s.audience, keyID: key.ID(),
		timestamp: strconv.FormatInt(s.opts.Now().Unix(), 10),
		nonce:     store.NewID(), // 128 random bits
	}
	if !c.sent(r) || !isTimestamp(c.timestamp) {
		return refuse(ReasonMalformed, nil)
	}
	var err error
	if c.bodyHash, err = s.hashBody(r); err != nil {
		return err
	}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Set(Header, c.header(key.mac(c.text())))
	return nil
}

// hashBody returns the hash of the body's bytes, and leaves a body with all of them.
func (s *Signer) hashBody(r *http.Request) (string, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return hashOf(nil), nil
	}
	if r.GetBody == nil {
		return s.keepBody(r)
	}
	again, err := r.GetBody()
	if err != nil {
		return "", fmt.Errorf("jeton: signature: getting the body: %w", err)
	}
	defer again.Close()
	h := sha256.New()
	if _, err := io.Copy(h, again); err != nil {
		return "", fmt.Errorf("jeton: signature: reading the body: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// keepBody reads the body into memory.
func (s *Signer) keepBody(r *http.Request) (string, error) {
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, s.opts.MaxBody+1))
	if err != nil {
		return "", fmt.Errorf("jeton: signature: reading the body: %w", err)
	}
	if int64(len(body)) > s.opts.MaxBody {
		return "", refuse(ReasonTooLarge, nil)
	}
	r.ContentLength = int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return bodyOf(body), nil }
	r.Body = bodyOf(body)
	return hashOf(body), nil
}

func bodyOf(body []byte) io.ReadCloser {
	if len(body) == 0 {
		return http.NoBody
	}
	return io.NopCloser(bytes.NewReader(body))
}

func hashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// NewTransport returns a transport that signs each request and sends it by base; nil is [http.DefaultTransport].
//
// It signs every request that it is given but for those that redirects led to another scheme, host or port, and from there
// back: they go out without a signature. The caller's request is not changed. A call that is to be tried again must go
// through the transport again: what arrived once is refused.
func NewTransport(s *Signer, base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return &transport{s, base}
}

type transport struct {
	signer *Signer
	base   http.RoundTripper
}

// RoundTrip signs a copy of the request and sends it.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	if strayed(r) {
		out.Header.Del(Header)
	} else if err := t.signer.Sign(out); err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // the error that counts is the one before
		}
		return nil, err
	}
	return t.base.RoundTrip(out)
}

// strayed reports whether redirects led a request to elsewhere than the first of them was sent to, now or before: who is
// elsewhere must not choose what is signed.
func strayed(r *http.Request) bool {
	for to := r; to.Response != nil && to.Response.Request != nil; {
		from := to.Response.Request
		if from.URL.Scheme != to.URL.Scheme || from.URL.Host != to.URL.Host {
			return true
		}
		to = from
	}
	return false
}
