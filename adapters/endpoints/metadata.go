package endpoints

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// MetadataOptions are the members of an issuer's metadata (RFC 8414 §2). What is left out is not in them: a member of no
// elements must not be (§3.2). Every URL is https, or http on this machine where the issuer is.
type MetadataOptions struct {
	// JWKSURI is where the keys are (jwks_uri).
	JWKSURI string
	// AuthorizationEndpoint is another program's here (authorization_endpoint); it needs ResponseTypes.
	AuthorizationEndpoint string
	// TokenEndpoint is where tokens are refreshed (token_endpoint), and TokenAuth are the methods of its clients.
	TokenEndpoint string
	TokenAuth     []string
	// RevocationEndpoint is RFC 7009's (revocation_endpoint), and RevocationAuth are the methods of its clients.
	RevocationEndpoint string
	RevocationAuth     []string
	// IntrospectionEndpoint is RFC 7662's (introspection_endpoint), and IntrospectionAuth are the methods of its clients.
	IntrospectionEndpoint string
	IntrospectionAuth     []string
	// GrantTypes are what the token endpoint knows (grant_types_supported). Defaults to refresh_token where there is a
	// TokenEndpoint: left out it would mean authorization_code and implicit.
	GrantTypes []string
	// ResponseTypes are what the authorization endpoint knows (response_types_supported).
	ResponseTypes []string
	// CodeChallengeMethods are those of PKCE (code_challenge_methods_supported): S256.
	CodeChallengeMethods []string
	// Scopes are those that may be told (scopes_supported).
	Scopes []string
	// Extra are members of other standards, for instance service_documentation. Names that this package writes are refused.
	Extra map[string]any
	// MaxAge is how long readers and proxies may keep the metadata: 1 second to 24 hours. Defaults to 1 hour.
	MaxAge time.Duration
}

// Metadata publishes an issuer's metadata (RFC 8414 §3) by GET and HEAD. They stand at [Metadata.Path] of the issuer's host.
type Metadata struct {
	path, cache, etag string
	text              []byte
}

// wellKnown is the suffix of RFC 8414 §7.3.1.
const wellKnown = "/.well-known/oauth-authorization-server"

// NewMetadata makes the metadata of an issuer: the exact iss of its tokens, an https URL without query and fragment (§2);
// http is for localhost and other addresses of this machine. Bad input is a store.FieldError that names the field.
func NewMetadata(issuer string, o MetadataOptions) (*Metadata, error) {
	at, err := checkURL("issuer", issuer, true)
	if err != nil {
		return nil, err
	}
	if at.RawQuery != "" || at.ForceQuery {
		return nil, invalid("issuer", "has a query", "an issuer has none (RFC 8414 section 2)")
	}
	members, err := o.members(issuer, at.Scheme == "http")
	if err != nil {
		return nil, err
	}
	if o.MaxAge == 0 {
		o.MaxAge = time.Hour
	}
	if o.MaxAge < time.Second || o.MaxAge > 24*time.Hour {
		return nil, invalid("MetadataOptions.MaxAge", fmt.Sprintf("is %v, the range is 1s to 24h", o.MaxAge),
			"use 0 for the default of 1 hour")
	}
	text, err := json.Marshal(members)
	if err != nil {
		return nil, invalid("MetadataOptions.Extra", "does not marshal to JSON", "use plain values")
	}
	return &Metadata{
		path:  wellKnown + strings.TrimSuffix(at.EscapedPath(), "/"), // §3.1: between the host and the path
		cache: cacheFor(o.MaxAge), etag: etagOf(text), text: text,
	}, nil
}

// checkURL judges an address that others are sent to. plain allows http on this machine.
func checkURL(field, raw string, plain bool) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || u.User != nil:
		return nil, invalid(field, "is no URL with a host and without a user", "write https://host/path")
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return nil, invalid(field, "has a fragment", "leave out what begins with #")
	case u.Scheme == "https", u.Scheme == "http" && plain && loopback(u.Hostname()):
		return u, nil
	}
	return nil, invalid(field, "is not https", "use https; http is for this machine alone")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// members returns what the document says.
func (o MetadataOptions) members(issuer string, plain bool) (map[string]any, error) {
	out := map[string]any{"issuer": issuer}
	for _, u := range [...]struct{ member, field, at string }{
		{"jwks_uri", "JWKSURI", o.JWKSURI},
		{"authorization_endpoint", "AuthorizationEndpoint", o.AuthorizationEndpoint},
		{"token_endpoint", "TokenEndpoint", o.TokenEndpoint},
		{"revocation_endpoint", "RevocationEndpoint", o.RevocationEndpoint},
		{"introspection_endpoint", "IntrospectionEndpoint", o.IntrospectionEndpoint},
	} {
		if u.at == "" {
			continue
		}
		if _, err := checkURL("MetadataOptions."+u.field, u.at, plain); err != nil {
			return nil, err
		}
		out[u.member] = u.at
	}
	if len(o.GrantTypes) == 0 && o.TokenEndpoint != "" {
		o.GrantTypes = []string{grantRefresh}
	}
	if err := o.lists(out); err != nil {
		return nil, err
	}
	if o.AuthorizationEndpoint != "" && len(o.ResponseTypes) == 0 {
		return nil, invalid("MetadataOptions.ResponseTypes", "is empty beside an AuthorizationEndpoint",
			"name what it knows: code")
	}
	return out, o.extra(out)
}

// lists adds the members that are lists, where there is what they are of.
func (o MetadataOptions) lists(out map[string]any) error {
	for _, l := range [...]struct {
		member, field, of string
		texts             []string
	}{
		{"token_endpoint_auth_methods_supported", "TokenAuth", "token_endpoint", o.TokenAuth},
		{"revocation_endpoint_auth_methods_supported", "RevocationAuth", "revocation_endpoint", o.RevocationAuth},
		{"introspection_endpoint_auth_methods_supported", "IntrospectionAuth", "introspection_endpoint", o.IntrospectionAuth},
		{"grant_types_supported", "GrantTypes", "", o.GrantTypes},
		{"response_types_supported", "ResponseTypes", "", o.ResponseTypes},
		{"code_challenge_methods_supported", "CodeChallengeMethods", "", o.CodeChallengeMethods},
		{"scopes_supported", "Scopes", "", o.Scopes},
	} {
		switch {
		case len(l.texts) == 0:
			continue
		case slices.Contains(l.texts, ""):
			return invalid("MetadataOptions."+l.field, "has an empty text", "leave it out")
		case l.of != "" && out[l.of] == nil:
			return invalid("MetadataOptions."+l.field, "is of an endpoint that is not given", "give the endpoint too, or neither")
		}
		out[l.member] = slices.Clone(l.texts)
	}
	return nil
}

// knownMembers are written by this package alone.
var knownMembers = []string{
	"issuer", "jwks_uri", "authorization_endpoint", "token_endpoint", "revocation_endpoint", "introspection_endpoint",
	"token_endpoint_auth_methods_supported", "revocation_endpoint_auth_methods_supported",
	"introspection_endpoint_auth_methods_supported",
	"grant_types_supported", "response_types_supported", "code_challenge_methods_supported", "scopes_supported",
}

func (o MetadataOptions) extra(out map[string]any) error {
	for name := range o.Extra {
		if name == "" || slices.Contains(knownMembers, name) {
			return invalid("MetadataOptions.Extra", "has a name that is empty, or has a field of its own", "set the field")
		}
	}
	maps.Copy(out, o.Extra)
	return nil
}

// Path returns where the metadata have to stand on the issuer's host: the well-known place before the issuer's own path
// (RFC 8414 §3.1), for instance /.well-known/oauth-authorization-server/tenant of https://example.com/tenant.
func (m *Metadata) Path() string { return m.path }

// ServeHTTP answers the metadata.
func (m *Metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if reads(w, r) {
		servePublic(w, r, "application/json", m.cache, m.etag, m.text)
	}
}
