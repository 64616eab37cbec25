package endpoints

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net"
	"net/url"
	"slices"

	"github.com/jetonkit/jeton/store"
)

// Client is a client as it is registered (RFC 6749 §2).
type Client struct {
	// ID is the client_id: 1 to 256 bytes of printable ASCII (RFC 6749 App. A.1). Required.
	ID string
	// Secrets are those it may prove itself by: two while one is changed for another. Defaults to none.
	Secrets []SecretHash
	// Certificate is whom its TLS certificate must name (RFC 8705 §2.1). Defaults to nil, no certificate.
	Certificate *CertificateName
	// Public says that the client cannot keep a secret, a program on somebody's device for instance, and proves nothing. It
	// has neither Secrets nor Certificate. Defaults to false.
	Public bool
}

// CertificateName is what a certificate says of its holder: exactly one field is set, and compared exactly
// (RFC 8705 §2.1.2).
type CertificateName struct {
	// Subject is the distinguished name as [SubjectOf] writes it (RFC 4514).
	Subject string
	// DNS, URI, IP and Email are subject alternative names of that kind.
	DNS, URI, IP, Email string
}

// SubjectOf returns the subject of a certificate as [CertificateName] has it: the last part first, RFC 4514.
func SubjectOf(c *x509.Certificate) string {
	var name pkix.RDNSequence
	if rest, err := asn1.Unmarshal(c.RawSubject, &name); err != nil || len(rest) > 0 {
		return ""
	}
	return name.String() // c.Subject would bring the parts into another order
}

// names reports whether a certificate is the holder's.
func (n CertificateName) names(c *x509.Certificate) bool {
	switch {
	case n.Subject != "":
		return SubjectOf(c) == n.Subject
	case n.DNS != "":
		return slices.Contains(c.DNSNames, n.DNS)
	case n.URI != "":
		return slices.ContainsFunc(c.URIs, func(u *url.URL) bool { return u.String() == n.URI })
	case n.IP != "":
		ip := net.ParseIP(n.IP)
		return ip != nil && slices.ContainsFunc(c.IPAddresses, ip.Equal)
	case n.Email != "":
		return slices.Contains(c.EmailAddresses, n.Email)
	}
	return false
}

func (n CertificateName) check(field string) error {
	given := 0
	for _, text := range [...]string{n.Subject, n.DNS, n.URI, n.IP, n.Email} {
		if text != "" {
			given++
		}
	}
	if given != 1 {
		return invalid(field, fmt.Sprintf("names %d of Subject, DNS, URI, IP and Email", given),
			"name exactly one of them (RFC 8705 section 2.1.2)")
	}
	if n.IP != "" && net.ParseIP(n.IP) == nil {
		return invalid(field+".IP", "is no address", "write 192.0.2.1 or 2001:db8::1")
	}
	return nil
}

func (c Client) check(field string) error {
	switch {
	case c.ID == "" || len(c.ID) > store.MaxNameLen:
		return invalid(field+".ID", fmt.Sprintf("is %d bytes, the range is 1 to %d", len(c.ID), store.MaxNameLen),
			"give every client an id")
	case !isPrintable(c.ID):
		return invalid(field+".ID", "has a character that no client_id has", "use printable ASCII (RFC 6749 appendix A.1)")
	case c.Public && (len(c.Secrets) > 0 || c.Certificate != nil):
		return invalid(field+".Public", "is set beside Secrets or Certificate",
			"a client that has something to prove itself by is not public")
	case !c.Public && len(c.Secrets) == 0 && c.Certificate == nil:
		return invalid(field, "has nothing to prove itself by", "give it Secrets or Certificate, or say that it is Public")
	}
	for n, h := range c.Secrets {
		if h == (SecretHash{}) {
			return invalid(fmt.Sprintf("%s.Secrets[%d]", field, n), "is the zero hash",
				"make it by NewSecret, HashSecret or ParseSecretHash")
		}
	}
	if c.Certificate != nil {
		return c.Certificate.check(field + ".Certificate")
	}
	return nil
}

// isPrintable reports whether a text is of the characters of a client_id (RFC 6749 App. A.1).
func isPrintable(id string) bool {
	return !slices.ContainsFunc([]byte(id), func(b byte) bool { return b < 0x20 || b > 0x7e })
}

// Registry knows the clients. It is safe for concurrent use. [NewRegistry] makes one of a list; a database is another.
type Registry interface {
	// FindClient returns the client with exactly this id. A client that is not there is known = false and no error: an error
	// is an outage (503). It should take as long for an id that is not there. It is asked for ids of 1 to 256 bytes of
	// printable ASCII alone.
	FindClient(ctx context.Context, id string) (c Client, known bool, err error)
}

type registry map[string]Client

// NewRegistry makes a registry of a list that does not change. Bad input is a store.FieldError that names the client by its
// place.
func NewRegistry(clients ...Client) (Registry, error) {
	r := make(registry, len(clients))
	for n, c := range clients {
		field := fmt.Sprintf("clients[%d]", n)
		if err := c.check(field); err != nil {
			return nil, err
		}
		if _, taken := r[c.ID]; taken {
			return nil, invalid(field+".ID", "is that of another client", "give every client an id of its own")
		}
		c.Secrets = slices.Clone(c.Secrets)
		if c.Certificate != nil {
			name := *c.Certificate
			c.Certificate = &name
		}
		r[c.ID] = c
	}
	return r, nil
}

// FindClient looks into the list.
func (r registry) FindClient(_ context.Context, id string) (Client, bool, error) {
	c, ok := r[id]
	return c, ok, nil
}
