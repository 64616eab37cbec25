package token

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxBytes is the longest token that is looked at: 8 KiB.
const MaxBytes = 8 << 10

// segments is base64url without padding and without spare bits: one text for one value (RFC 7515 §2, RFC 4648 §3.5).
var segments = base64.RawURLEncoding.Strict()

// jws is a compact JWS (RFC 7515 §7.1), taken apart and not yet believed.
type jws struct {
	signed string
	sig    []byte
	head   header
	claims *claims
}

// decode takes a token apart. Length first, before anything grows with it (CVE-2025-30204).
func decode(raw string) (*jws, error) {
	if len(raw) > MaxBytes {
		return nil, &RefusedError{Err: ErrTooLong}
	}
	head, payload, sig, err := split(raw)
	if err != nil {
		return nil, err
	}
	j := &jws{signed: raw[:len(head)+1+len(payload)], claims: new(claims)}
	if err := unmarshal(head, &j.head); err != nil {
		return nil, err
	}
	if err := unmarshal(payload, j.claims); err != nil {
		return nil, err
	}
	if j.sig, err = segments.DecodeString(sig); err != nil {
		return nil, refuse(ErrMalformed, "a part is not base64url")
	}
	return j, nil
}

// split returns the three parts. It reads each byte once and allows those of RFC 8725bis alone, so that two readers never
// see two tokens: base64 decoders skip line breaks.
func split(raw string) (head, payload, sig string, err error) {
	var dots [2]int
	n := 0
	for i := range len(raw) {
		switch c := raw[i]; {
		case c == '.':
			if n == len(dots) {
				return "", "", "", refuse(ErrMalformed, "it has more than three parts")
			}
			dots[n] = i
			n++
		case !isBase64URL(c):
			return "", "", "", refuse(ErrMalformed, "it has a character that no token has")
		}
	}
	if n < len(dots) {
		return "", "", "", refuse(ErrMalformed, "it has less than three parts")
	}
	head, payload, sig = raw[:dots[0]], raw[dots[0]+1:dots[1]], raw[dots[1]+1:]
	if head == "" || payload == "" || sig == "" {
		return "", "", "", refuse(ErrMalformed, "a part is empty")
	}
	return head, payload, sig, nil
}

func isBase64URL(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// unmarshal decodes a part. The library refuses names given twice, at any depth, invalid UTF-8 and whatever follows the
// value. What it says of the text is dropped: the text is a stranger's. What our own readers say is kept.
func unmarshal(part string, into json.UnmarshalerFrom) error {
	text, err := segments.DecodeString(part)
	if err != nil {
		return refuse(ErrMalformed, "a part is not base64url")
	}
	if err := json.Unmarshal(text, into); err != nil {
		if own := asRefused(err); own != nil {
			return own
		}
		return refuse(ErrMalformed, "a part is not strict JSON")
	}
	return nil
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
