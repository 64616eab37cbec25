package token

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// noted are custom claims that this package has a reader for, as they were written; empty for one that is not there. They
// are read when somebody asks.
type noted [len(notedNames)]string

const (
	notedScope = iota
	notedScp
	notedParty
	notedAuthTime
	notedACR
	notedAMR
	notedConfirmation
	notedEvents
	notedAccessHash
	notedCodeHash
	notedKind
)

var notedNames = [...]string{
	notedScope:        "scope",
	notedScp:          "scp",
	notedParty:        "azp",
	notedAuthTime:     "auth_time",
	notedACR:          "acr",
	notedAMR:          "amr",
	notedConfirmation: "cnf",
	notedEvents:       "events",
	notedAccessHash:   "at_hash",
	notedCodeHash:     "c_hash",
	notedKind:         "typ",
}

// note keeps a custom claim that has a reader. Most tokens have none, and no room for them.
func (c *claims) note(name, value string) {
	if len(name) > len("auth_time") {
		return
	}
	if i := slices.Index(notedNames[:], name); i >= 0 {
		if c.noted == nil {
			c.noted = new(noted)
		}
		c.noted[i] = value
	}
}

// written returns a claim as it was written; empty where it was not there.
func (n *noted) written(i int) string {
	if n == nil {
		return ""
	}
	return n[i]
}

// text reads a claim that is a text; empty for any other.
func (n *noted) text(i int) string {
	var text string
	if n.written(i) == "" || json.Unmarshal([]byte(n.written(i)), &text) != nil {
		return ""
	}
	return text
}

// texts reads a claim that is a text of words, or a list of texts; nil for any other.
func (n *noted) texts(i int) []string {
	if text := n.text(i); text != "" {
		return strings.FieldsFunc(text, func(r rune) bool { return r == ' ' }) // and at nothing else (RFC 6749 §3.3)
	}
	var list []string
	if json.Unmarshal([]byte(n.written(i)), &list) != nil {
		return nil
	}
	return list
}

// other reports whether a token that another issuer made is none for access, whatever its header says: a logout token tells
// of an event (OpenID Connect Back-Channel Logout §2.4), an ID token has the hash of what came with it (OpenID Connect Core
// §3.3.2.11), and Keycloak says it in a claim.
func (n *noted) other() bool {
	return n.written(notedEvents) != "" || n.written(notedAccessHash) != "" || n.written(notedCodeHash) != "" ||
		slices.Contains([]string{"ID", "Refresh", "Offline", "Logout"}, n.text(notedKind))
}

// scopes reads a token's scopes, and whether it says anything of them. Okta and Microsoft write scp.
func (n *noted) scopes() (scopes []string, said bool) {
	for _, i := range []int{notedScope, notedScp} {
		if n.written(i) != "" {
			return n.texts(i), true
		}
	}
	return nil, false
}

// AuthTime returns when the user was asked for credentials (auth_time, RFC 9068 §2.2.1): step-up compares it with now. It is
// false for a token that does not say it, or says it in no time that there is, and for an API key.
func (t *Token) AuthTime() (at time.Time, said bool) {
	n, err := strconv.ParseInt(t.claims.noted.written(notedAuthTime), 10, 64)
	if err != nil || n <= 0 || n > maxDate {
		return time.Time{}, false
	}
	return time.Unix(n, 0).UTC(), true
}

// ACR returns how well the user was authenticated (acr, RFC 9068 §2.2.1); empty where the token does not say it.
func (t *Token) ACR() string { return t.claims.noted.text(notedACR) }

// AMR returns by what means the user was authenticated (amr, RFC 9068 §2.2.1, RFC 8176); nil where the token does not say it.
func (t *Token) AMR() []string { return t.claims.noted.texts(notedAMR) }

// Confirmation names the key that the sender of a token must prove to have (cnf, RFC 7800 §3.1).
type Confirmation struct {
	// KeyThumbprint is the RFC 7638 thumbprint of a DPoP key (jkt, RFC 9449 §6.1); empty if there is none.
	KeyThumbprint string `json:"jkt"`
	// CertificateThumbprint is the SHA-256 thumbprint of a client certificate (x5t#S256, RFC 8705 §3.1); empty if there is none.
	CertificateThumbprint string `json:"x5t#S256"`
	// KeyID names a key (kid, RFC 7800 §3.4); empty if there is none.
	KeyID string `json:"kid"`
}

// Confirmation returns the key that a token is bound to, and whether it is bound. The proof is not checked here: who accepts
// a bound token must ask for it, of one that is bound to nothing that is known here too. Package httpauth does, by Options.Confirm.
func (t *Token) Confirmation() (c Confirmation, bound bool) {
	written := t.claims.noted.written(notedConfirmation)
	if written == "" { // as nearly all are, whom httpauth asks with each request: they cost no memory
		return Confirmation{}, false
	}
	return confirmationOf(written), true
}

// confirmationOf returns what is known of a claim cnf.
func confirmationOf(written string) Confirmation {
	var c Confirmation
	if json.Unmarshal([]byte(written), &c) != nil {
		return Confirmation{}
	}
	return c
}
