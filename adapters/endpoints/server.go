package endpoints

import (
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/jetonkit/jeton/token"
)

// The places below an issuer where [Server.Register] puts its endpoints.
const (
	TokenPath         = "/oauth2/token"
	RevocationPath    = "/oauth2/revoke"
	IntrospectionPath = "/oauth2/introspect"
	JWKSPath          = "/oauth2/jwks.json"
)

// Server is an issuer with its endpoints. Those that are nil are neither there nor in its metadata.
type Server struct {
	// Issuer is the exact iss of the tokens, an https URL; http on this machine. The token.Issuer of each endpoint must have it
	// as its name. Required.
	Issuer        string
	Token         *Token
	Revocation    *Revocation
	Introspection *Introspection
	JWKS          *JWKS
	// Metadata are more members. The addresses of the endpoints above and the methods of their clients are filled in where they
	// are empty.
	Metadata MetadataOptions
}

// Register puts the endpoints on a mux, each below the issuer's path, and the metadata at their well-known place. The mux
// must get requests with the paths that clients send. Bad input is a store.FieldError, and nothing is on the mux then; a
// pattern that the mux has already panics, as ServeMux.Handle does.
func (s Server) Register(mux *http.ServeMux) error {
	at, err := checkURL("Server.Issuer", s.Issuer, true)
	if err != nil {
		return err
	}
	if p := at.EscapedPath(); p != "" && p != "/" && path.Clean(p) != strings.TrimSuffix(p, "/") {
		return invalid("Server.Issuer", "has a path that no request has once it is cleaned", "leave out double slashes and dots")
	}
	if err := s.checkIssuers(); err != nil {
		return err
	}
	base, below := strings.TrimSuffix(s.Issuer, "/"), strings.TrimSuffix(at.EscapedPath(), "/")
	o, handlers := s.Metadata, map[string]http.Handler{}
	if s.Token != nil {
		handlers[TokenPath] = s.Token
		fill(&o.TokenEndpoint, base+TokenPath, &o.TokenAuth, s.Token.opts.Clients, true)
	}
	if s.Revocation != nil {
		handlers[RevocationPath] = s.Revocation
		fill(&o.RevocationEndpoint, base+RevocationPath, &o.RevocationAuth, s.Revocation.clients, true)
	}
	if s.Introspection != nil {
		handlers[IntrospectionPath] = s.Introspection
		fill(&o.IntrospectionEndpoint, base+IntrospectionPath, &o.IntrospectionAuth, s.Introspection.clients, false)
	}
	if s.JWKS != nil {
		handlers[JWKSPath] = s.JWKS
		fill(&o.JWKSURI, base+JWKSPath, new([]string), nil, false)
	}
	metadata, err := NewMetadata(s.Issuer, o)
	if err != nil {
		return err
	}
	for place, h := range handlers {
		mux.Handle(below+place, h)
	}
	mux.Handle(metadata.Path(), metadata)
	return nil
}

// checkIssuers refuses endpoints of tokens that have another iss than the metadata say: who follows the standards refuses them
// (RFC 8414 §3.3, RFC 9068 §4), and finds no keys for them.
func (s Server) checkIssuers() error {
	issuers := map[string]*token.Issuer{}
	if s.Token != nil {
		issuers["Server.Token"] = s.Token.issuer
	}
	if s.Revocation != nil {
		issuers["Server.Revocation"] = s.Revocation.issuer
	}
	if s.Introspection != nil && s.Introspection.opts.RefreshTokens != nil {
		issuers["Server.Introspection"] = s.Introspection.opts.RefreshTokens
	}
	for _, field := range slices.Sorted(maps.Keys(issuers)) {
		if issuers[field].Name() != s.Issuer {
			return invalid(field, "is of an issuer with another name than Server.Issuer",
				"give both the same, letter for letter: the iss of the tokens")
		}
	}
	return nil
}

// fill sets an address and the methods of its clients where they are empty. Without client authentication all are public.
func fill(at *string, address string, methods *[]string, clients *ClientAuth, public bool) {
	if *at == "" {
		*at = address
	}
	if len(*methods) > 0 {
		return
	}
	if clients == nil {
		*methods = []string{nameNone}
		return
	}
	*methods = slices.DeleteFunc(clients.Names(), func(name string) bool { return name == nameNone && !public })
}
