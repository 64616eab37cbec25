package httpauth

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"

	"github.com/jetonkit/jeton/token"
)

var (
	errNoCertificate    = errors.New("the connection has no client certificate")
	errOtherCertificate = errors.New("the token is bound to another key than the connection's certificate")
)

// confirmed refuses a token that is bound to a key which its sender has not proven to have.
func (m *Middleware) confirmed(r *http.Request, t *token.Token) error {
	if _, bound := t.Confirmation(); !bound {
		return nil
	}
	if m.opts.Confirm == nil {
		return &token.RefusedError{Err: token.ErrUnconfirmed}
	}
	err := m.opts.Confirm(r, t)
	own := (*Failure)(nil)
	switch {
	case err == nil || errors.As(err, &own):
		return err
	case provesNothing(err):
		return outage(err)
	}
	return fmt.Errorf("%w: %w", &token.RefusedError{Err: token.ErrUnconfirmed}, err)
}

// ConfirmCertificate is an [Options.Confirm] for tokens that are bound to a client certificate (x5t#S256, RFC 8705 §3), and to
// nothing else: it must be that of the connection. The server must ask for one (tls.RequestClientCert or stricter); who signed
// it does not count, the handshake proves its key. A header in which a proxy hands one on is not looked at.
func ConfirmCertificate(r *http.Request, t *token.Token) error {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return errNoCertificate
	}
	sum := sha256.Sum256(r.TLS.PeerCertificates[0].Raw)
	own := token.Confirmation{CertificateThumbprint: base64.RawURLEncoding.EncodeToString(sum[:])}
	if bound, _ := t.Confirmation(); bound != own {
		return errOtherCertificate
	}
	return nil
}
