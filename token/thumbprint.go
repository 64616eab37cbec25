package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"

	"github.com/go-json-experiment/json"
)

// Thumbprint returns the key's SHA-256 thumbprint (RFC 7638 §3, RFC 8037 §2) in base64url, 43 characters. A secret's would
// tell whether a guess of it is right: for HS256, HS384, HS512 and the zero key it is empty.
func (k VerifyKey) Thumbprint() string {
	if k.k == nil {
		return ""
	}
	return thumbprint(k.k.key.key)
}

func thumbprint(public any) string {
	m := membersOf(public)
	if m == nil {
		return ""
	}
	text, err := json.Marshal(m)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// members are the required members of a public JWK, in the order of RFC 7638 §3.3.
type members struct {
	Crv string `json:"crv,omitzero"`
	E   string `json:"e,omitzero"`
	Kty string `json:"kty"`
	N   string `json:"n,omitzero"`
	X   string `json:"x,omitzero"`
	Y   string `json:"y,omitzero"`
}

// membersOf is nil for a secret, which has none to publish.
func membersOf(public any) *members {
	text := base64.RawURLEncoding.EncodeToString
	switch k := public.(type) {
	case *rsa.PublicKey:
		return &members{Kty: "RSA", N: text(k.N.Bytes()), E: text(big.NewInt(int64(k.E)).Bytes())}
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			return nil
		}
		width := (len(point) - 1) / 2
		return &members{Kty: "EC", Crv: k.Params().Name, X: text(point[1 : 1+width]), Y: text(point[1+width:])}
	case ed25519.PublicKey:
		return &members{Kty: "OKP", Crv: "Ed25519", X: text(k)}
	}
	return nil
}
