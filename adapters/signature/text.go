package signature

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Header is the header of a signed request. A request has one.
const Header = "Jeton-Signature"

const (
	headerVersion = "v2"
	textVersion   = "jeton-signature-v2"
	leastNonce    = 22 // 128 bits in base64url
	mostNonce     = 64
	mostDigits    = 11 // of a timestamp: until the year 5138
	hexDigest     = 64 // digits of a SHA-256
	words         = 6  // of the header
)

// call is what is signed of a request. It is only made of parts that the package's doc allows.
type call struct {
	audience, keyID, timestamp, nonce, method, target, bodyHash string
}

// text returns what the HMAC is made of. No part holds a line feed, so it tells the parts from each other.
func (c *call) text() string {
	return strings.Join([]string{
		textVersion, c.audience, c.keyID, c.timestamp, c.nonce, c.method, c.target, c.bodyHash,
	}, "\n")
}

// header returns the header's value.
func (c *call) header(mac string) string {
	return strings.Join([]string{headerVersion, c.keyID, c.timestamp, c.nonce, c.bodyHash, mac}, " ")
}

// parseHeader returns the parts of a call that the header tells, and the HMAC. There is one way only to write each.
func parseHeader(value string) (c call, mac string, ok bool) {
	part := strings.SplitN(value, " ", words+1)
	if len(part) != words || part[0] != headerVersion {
		return call{}, "", false
	}
	c = call{keyID: part[1], timestamp: part[2], nonce: part[3], bodyHash: part[4]}
	ok = isKeyID(c.keyID) && isTimestamp(c.timestamp) && isNonce(c.nonce) && isDigest(c.bodyHash) && isDigest(part[5])
	return c, part[5], ok
}

// received puts the method and the target of a request that came into a call, whatever a router has made of its URL.
func (c *call) received(r *http.Request) bool {
	if r.RequestURI == "" { // it came by a server that does not say it
		return c.sent(r)
	}
	return c.request(r.Method, r.RequestURI)
}

// sent puts the method and the target of a request that is being sent into a call. What its RequestURI says is another
// request's, which a gateway has had.
func (c *call) sent(r *http.Request) bool {
	return r.URL != nil && c.request(r.Method, r.URL.RequestURI())
}

func (c *call) request(method, target string) bool {
	c.method, c.target = method, originForm(target)
	if method == "" {
		c.method = http.MethodGet // as http.Client sends it
	}
	return visible(c.method) && visible(c.target)
}

// originForm returns a request target without the scheme and the authority that a client of a forward proxy writes before
// it (RFC 9112 §3.2.2).
func originForm(target string) string {
	if strings.HasPrefix(target, "/") {
		return target
	}
	scheme, rest, ok := strings.Cut(target, "://")
	if !ok || (!strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https")) {
		return target
	}
	at := strings.IndexAny(rest, "/?")
	switch {
	case at < 0:
		return "/"
	case rest[at] == '?':
		return "/" + rest[at:]
	}
	return rest[at:]
}

// visible reports whether a text is there and holds neither spaces nor control characters.
func visible(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) < 0
}

func isKeyID(s string) bool {
	return sized(s, 1, MaxKeyID) && all(s, func(b byte) bool { return isWord(b) || b == '.' })
}

func isNonce(s string) bool { return sized(s, leastNonce, mostNonce) && all(s, isWord) }

func isDigest(s string) bool {
	return len(s) == hexDigest && all(s, func(b byte) bool { return isDigit(b) || b >= 'a' && b <= 'f' })
}

func isTimestamp(s string) bool { return sized(s, 1, mostDigits) && s[0] != '0' && all(s, isDigit) }

// timeOf returns the time of what isTimestamp accepts.
func timeOf(timestamp string) time.Time {
	n, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return time.Time{} // before every window
	}
	return time.Unix(n, 0)
}

func sized(s string, least, most int) bool { return len(s) >= least && len(s) <= most }

func all(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

func isWord(b byte) bool {
	return isDigit(b) || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '_' || b == '-'
}
