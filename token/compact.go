package token

import (
	"encoding/base64"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxBytes is the longest token that is looked at: 8 KiB.
const MaxBytes = 8 << 10

// segments is base64url without padding and without spare bits: one text for one value (RFC 7515 §2, RFC 4648 §3.5).
var segments = base64.RawURLEncoding.Strict()

// jws is a compact JWS (RFC 7515 §7.1), taken apart and not yet believed. It goes back to a pool; what outlives it, parsed, does not lie in its buffers, but for claims.custom.
type jws struct {
	headText string // the first part
	signed   string
	sig      []byte
	head     header
	memo     *headers
	seen     knownHeader // what memo knows of headText; zero: nothing
	key      *verifying  // the one that checked the signature; nil before
	parsed   *parsed
	claims   *claims // those of parsed

	payload, sigBuffer, custom []byte
}

var jwsPool = sync.Pool{New: func() any { return new(jws) }}

// decode takes a token apart: release it. memo may be nil.
func decode(raw string, memo *headers) (*jws, error) {
	j, ok := jwsPool.Get().(*jws)
	if !ok {
		j = new(jws)
	}
	payload, err := j.open(raw, memo)
	if err == nil {
		err = j.readClaims(payload)
	}
	if err != nil {
		j.release()
		return nil, err
	}
	return j, nil
}

// release gives the buffers back, and holds on to nothing of the token.
func (j *jws) release() {
	if j.claims != nil {
		j.claims.custom = nil
	}
	*j = jws{payload: j.payload[:0], sigBuffer: j.sigBuffer[:0], custom: j.custom[:0]}
	jwsPool.Put(j)
}

// open reads the parts of any JWS and returns the payload's text. Length first, before anything grows with it
// (CVE-2025-30204).
func (j *jws) open(raw string, memo *headers) (payload string, err error) {
	if len(raw) > MaxBytes {
		return "", &RefusedError{Err: ErrTooLong}
	}
	head, payload, sig, err := split(raw)
	if err != nil {
		return "", err
	}
	j.headText, j.signed, j.memo = head, raw[:len(head)+1+len(payload)], memo
	if j.seen = memo.find(head); j.seen.key != nil {
		j.head = j.seen.head
	} else if err := j.readHeader(head); err != nil {
		return "", err
	}
	if j.sigBuffer, err = appendSegment(j.sigBuffer[:0], sig); err != nil {
		return "", err
	}
	j.sig = j.sigBuffer
	return payload, nil
}

func (j *jws) readHeader(part string) error {
	text, err := appendSegment(nil, part)
	if err != nil {
		return err
	}
	return unmarshal(text, &j.head)
}

// readClaims reads a payload: by [claims.scan] what has the usual form, by the strict library all else.
func (j *jws) readClaims(part string) (err error) {
	if j.payload, err = appendSegment(j.payload[:0], part); err != nil {
		return err
	}
	j.parsed = new(parsed)
	j.claims = &j.parsed.claims
	if j.custom, err = j.claims.read(j.payload, j.custom[:0]); err != nil {
		return err
	}
	j.parsed.subject = j.claims.subject()
	return nil
}

// readOthers reads the payload anew where it has claims that mean something in our tokens alone, and is another issuer's.
func (j *jws) readOthers() (err error) {
	if !j.claims.private {
		return nil
	}
	*j.claims = claims{others: true}
	j.custom, err = j.claims.read(j.payload, j.custom[:0])
	return err
}

// read reads a payload's text. scratch is room for the custom claims, and comes back, grown.
func (c *claims) read(text, scratch []byte) ([]byte, error) {
	grown, ok := c.scan(string(text), scratch)
	if ok {
		return grown, nil
	}
	*c = claims{others: c.others}
	return scratch, unmarshal(text, c)
}

// split returns the three parts. What is in them is judged where each is decoded.
func split(raw string) (head, payload, sig string, err error) {
	head, rest, _ := strings.Cut(raw, ".")
	payload, sig, ok := strings.Cut(rest, ".")
	switch {
	case !ok:
		return "", "", "", refuse(ErrMalformed, "it has less than three parts")
	case strings.IndexByte(sig, '.') >= 0:
		return "", "", "", refuse(ErrMalformed, "it has more than three parts")
	case head == "" || sig == "":
		return "", "", "", refuse(ErrMalformed, "a part is empty")
	}
	return head, payload, sig, nil
}

// appendSegment decodes a part. The alphabet is that of RFC 8725bis alone, so that two readers never see two tokens: Go's
// decoder skips line breaks.
func appendSegment(to []byte, part string) ([]byte, error) {
	if strings.IndexByte(part, '\n') >= 0 || strings.IndexByte(part, '\r') >= 0 {
		return to, refuse(ErrMalformed, "it has a line break: trim it off")
	}
	at, n := len(to), segments.DecodedLen(len(part))
	to = slices.Grow(to, n)[:at+n]
	n, err := segments.Decode(to[at:], []byte(part))
	if err != nil {
		return to[:at], notBase64(part)
	}
	return to[:at+n], nil
}

// notBase64 tells the usual mistake from the others: the header's value in the place of the token.
func notBase64(part string) error {
	if strings.IndexByte(part, ' ') >= 0 {
		return refuse(ErrMalformed, "it has a space: cut the scheme Bearer off")
	}
	return refuse(ErrMalformed, "a part is not base64url")
}

// unmarshal reads a part's text. The library refuses names given twice, at any depth, invalid UTF-8 and whatever follows
// the value. What it says of the text is dropped: the text is a stranger's. What our own readers say is kept.
func unmarshal(text []byte, into json.UnmarshalerFrom) error {
	if tooDeep(text) {
		return refuse(ErrMalformed, "a part is nested too deep")
	}
	if err := json.Unmarshal(text, into); err != nil {
		if own := asRefused(err); own != nil {
			return own
		}
		return refuse(ErrMalformed, "a part is not strict JSON")
	}
	return nil
}

// maxDepth is how deep JSON may nest (RFC 8259 §9 leaves it to the reader). The library keeps a table of names for each open
// object: 8 KiB of braces would cost 250 KiB.
const maxDepth = 64

// tooDeep reports nesting beyond maxDepth. What is no JSON is the library's to refuse.
func tooDeep(text []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++ // what it escapes
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// header is what is read of a JOSE header. Keys in it (jwk, jku, x5u, x5c) are not.
type header struct{ alg, kid, typ string }

var headerNames = []string{
	"alg", "kid", "typ", "crit", "b64", "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "cty", "enc", "zip",
}

// UnmarshalJSONFrom reads a header.
func (h *header) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	return readObject(dec, func(name string, _ []byte) (err error) {
		switch name {
		case "alg":
			h.alg, err = readString(dec, name)
		case "kid":
			h.kid, err = readString(dec, name)
		case "typ":
			h.typ, err = readString(dec, name)
		case "crit", "b64":
			// We know no extension, so that whoever demands one is refused (RFC 7515 §4.1.11, RFC 7797 §6).
			return &RefusedError{Err: ErrCritical}
		default:
			if err := notVariant(name, headerNames); err != nil {
				return err
			}
			return dec.SkipValue()
		}
		return err
	})
}

// readObject reads an object member by member: the name, and how it was written.
func readObject(dec *jsontext.Decoder, member func(name string, written []byte) error) error {
	if open, err := dec.ReadToken(); err != nil {
		return err
	} else if open.Kind() != '{' {
		return refuse(ErrMalformed, "a part is not an object")
	}
	for dec.PeekKind() != '}' {
		written, err := dec.ReadValue() // at a name's place it reads the name
		if err != nil {
			return err
		}
		name, err := jsontext.AppendUnquote(nil, written)
		if err != nil {
			return err
		}
		if err := member(string(name), written); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

func readString(dec *jsontext.Decoder, name string) (string, error) {
	if dec.PeekKind() != '"' {
		return "", refuse(ErrMalformed, name+" is not a string")
	}
	t, err := dec.ReadToken()
	if err != nil {
		return "", err
	}
	return t.String(), nil
}

// notVariant refuses a name that differs from a known one in its case alone: other readers take it for the known one.
func notVariant(name string, known []string) error {
	if k := fold(name, known); k != "" && k != name {
		return refuse(ErrMalformed, "a name is "+k+" in another case")
	}
	return nil
}

// fold returns the known name that equals a name in whatever case; empty for none.
func fold(name string, known []string) string {
	i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(name, k) })
	if i < 0 {
		return ""
	}
	return known[i]
}
