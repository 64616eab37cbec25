package endpoints

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
)

const nameBasic = "client_secret_basic"

// method is a Method by its parts.
type method struct {
	name string
	// lacks names what the constructor was not given; empty where nothing is missing.
	lacks string
	ask   func(*http.Request) (string, error)
}

// lacking returns what, where it is missing.
func lacking(what string, missing bool) string {
	if missing {
		return what
	}
	return ""
}

// Name returns the name.
func (m method) Name() string { return m.name }

// Authenticate asks.
func (m method) Authenticate(r *http.Request) (string, error) { return m.ask(r) }

// SecretBasic is client_secret_basic: id and secret in the Authorization header, each form-urlencoded before they are joined
// (RFC 6749 §2.3.1, App. B). Secrets are compared in constant time, and a client that is not known takes as long as a wrong
// secret.
func SecretBasic(clients Registry) Method {
	return method{nameBasic, lacking("clients", clients == nil), func(r *http.Request) (string, error) {
		scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Basic") {
			return "", ErrNoCredentials
		}
		id, secret, ok := r.BasicAuth()
		id, err := url.QueryUnescape(id)
		secret, err2 := url.QueryUnescape(secret)
		if !ok || err != nil || err2 != nil {
			return "", ErrInvalidClient
		}
		return bySecret(r, clients, id, secret)
	}}
}

// SecretPost is client_secret_post: client_id and client_secret in the body (RFC 6749 §2.3.1, which does not recommend it).
func SecretPost(clients Registry) Method {
	return method{"client_secret_post", lacking("clients", clients == nil), func(r *http.Request) (string, error) {
		secret := r.PostForm.Get("client_secret")
		if secret == "" {
			return "", ErrNoCredentials
		}
		return bySecret(r, clients, r.PostForm.Get("client_id"), secret)
	}}
}

// findClient asks a registry for an id that a client can have. Any other is not known: what strangers send, a mebibyte or a text
// that a database cannot hold, must not become a question, and an outage, of the registry.
func findClient(r *http.Request, clients Registry, id string) (Client, bool, error) {
	if id == "" || len(id) > store.MaxNameLen || !isPrintable(id) {
		return Client{}, false, nil
	}
	return clients.FindClient(r.Context(), id)
}

func bySecret(r *http.Request, clients Registry, id, secret string) (string, error) {
	c, known, err := findClient(r, clients, id)
	if err != nil {
		return "", err
	}
	if !known {
		c = Client{}
	}
	if len(secret) > maxSecret || !anySecret(secret, c.Secrets) || !known {
		return "", ErrInvalidClient
	}
	return id, nil
}

// Certificate is tls_client_auth (RFC 8705 §2.1): client_id in the body, and a certificate of the connection that names the
// client as it is registered. The server must verify certificates itself: tls.VerifyClientCertIfGiven or stricter. A header
// is not looked at, whoever sent it. A client without a registered name does not use this method, certificate or not.
func Certificate(clients Registry) Method {
	return method{"tls_client_auth", lacking("clients", clients == nil), func(r *http.Request) (string, error) {
		id := r.PostForm.Get("client_id")
		if id == "" || r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || len(r.TLS.VerifiedChains[0]) == 0 {
			return "", ErrNoCredentials
		}
		c, known, err := findClient(r, clients, id)
		switch {
		case err != nil:
			return "", err
		case !known || c.Certificate == nil:
			return "", ErrNoCredentials
		case !c.Certificate.names(r.TLS.VerifiedChains[0][0]):
			return "", ErrInvalidClient
		}
		return id, nil
	}}
}

// Signed is a method of the caller's, for instance a verifier of signed requests: verify returns the id of the client whose
// signature a request has. name is its name in metadata, empty for none. Give one where it is the only method: metadata that
// name none mean client_secret_basic (RFC 8414 §2).
//
// verify returns [ErrNoCredentials], or an [httpauth.Refusal] with the code missing_signature, for a request without a
// signature. An error that matches [ErrInvalidClient], or whose method HTTPStatus() int says 400 to 499, refuses the client;
// any other is an outage (503). So errors of package signature are good as they are. The body of r can be read.
func Signed(name string, verify func(r *http.Request) (clientID string, err error)) Method {
	return method{name, lacking("verify", verify == nil), func(r *http.Request) (string, error) {
		id, err := verify(r)
		var told interface{ HTTPStatus() int }
		switch refused := httpauth.Refusal(nil); {
		case errors.As(err, &refused) && refused.Code() == httpauth.CodeMissingSignature:
			return "", errors.Join(ErrNoCredentials, err)
		case errors.As(err, &told) && told.HTTPStatus() >= 400 && told.HTTPStatus() <= 499:
			return "", errors.Join(ErrInvalidClient, err)
		}
		return id, err
	}}
}

// Public is the method none (RFC 7591 §2) for clients that are registered as public: client_id in the body says which it is,
// and nothing proves it. It counts only where a request uses no other method.
func Public(clients Registry) Method {
	return method{nameNone, lacking("clients", clients == nil), func(r *http.Request) (string, error) {
		id := r.PostForm.Get("client_id")
		if id == "" {
			return "", ErrNoCredentials
		}
		c, known, err := findClient(r, clients, id)
		switch {
		case err != nil:
			return "", err
		case !known || !c.Public:
			return "", ErrInvalidClient
		}
		return id, nil
	}}
}
