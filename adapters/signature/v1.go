package signature

import "net/http"

// The headers of version 1. Its signature is the HMAC-SHA256 of "nonce=…&timestamp=…", in lower-case hexadecimal.
const (
	headerV1Signature = "X-Signature"
	headerV1Timestamp = "X-Timestamp"
	headerV1Nonce     = "X-Nonce"
	mostNonceV1       = 128
)

func hasV1(h http.Header) bool {
	return len(h.Values(headerV1Signature))+len(h.Values(headerV1Timestamp))+len(h.Values(headerV1Nonce)) > 0
}

// proveV1 judges all of a request of version 1 but its nonce.
func (v *Verifier) proveV1(r *http.Request) (proven, error) {
	var value [3]string
	for n, name := range [...]string{headerV1Signature, headerV1Timestamp, headerV1Nonce} {
		var err error
		if value[n], err = one(r.Header, name); err != nil {
			return proven{}, err
		}
	}
	mac, timestamp, nonce := value[0], value[1], value[2]
	if !isDigest(mac) || !isTimestamp(timestamp) || !isNonceV1(nonce) {
		return proven{}, refuse(ReasonMalformed, nil)
	}
	text := "nonce=" + nonce + "&timestamp=" + timestamp
	// In one order, so that a call has one key though two have one secret: its nonce is kept with the key's id.
	for _, key := range v.opts.AllowV1.load().inOrder {
		if key.signed(text, mac) {
			p := proven{key.ID(), "signature/v1", nonce, timeOf(timestamp)} // the audience is not signed: once for all of them
			return p, v.timely(p.at)
		}
	}
	return proven{}, refuse(ReasonSignature, nil)
}

// isNonceV1 takes what callers of version 1 send. Without & the text tells the nonce from the timestamp.
func isNonceV1(s string) bool {
	return sized(s, 1, mostNonceV1) && all(s, func(b byte) bool { return b > ' ' && b < 0x7f && b != '&' })
}
