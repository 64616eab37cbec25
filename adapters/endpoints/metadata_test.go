package endpoints_test

import (
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/adapters/endpoints"
	"github.com/jetonkit/jeton/token"
)

// TestMetadataPath: RFC 8414 §3.1, the well-known part comes between the host and the issuer's path.
func TestMetadataPath(t *testing.T) {
	const at = "/.well-known/oauth-authorization-server"
	for issuer, want := range map[string]string{
		"https://example.com": at, "https://example.com/": at, "https://example.com/issuer1": at + "/issuer1",
		"https://example.com/a/b/": at + "/a/b", "https://example.com:8443/a%20b": at + "/a%20b", "http://localhost:8080": at, "http://[::1]:80/x": at + "/x",
	} {
		if got := must(endpoints.NewMetadata(issuer, endpoints.MetadataOptions{})).Path(); got != want {
			t.Errorf("%s: %s, want %s", issuer, got, want)
		}
	}
}

// TestMetadata: RFC 8414 §2, every member by its name, and none of what is not there (§3.2).
func TestMetadata(t *testing.T) {
	m := must(endpoints.NewMetadata(issuerName, endpoints.MetadataOptions{
		JWKSURI: issuerName + "/jwks", AuthorizationEndpoint: issuerName + "/authorize", TokenEndpoint: issuerName + "/token",
		TokenAuth: []string{"none"}, RevocationEndpoint: issuerName + "/revoke", RevocationAuth: []string{"client_secret_basic"},
		IntrospectionEndpoint: issuerName + "/introspect", IntrospectionAuth: []string{"tls_client_auth"},
		GrantTypes: []string{"refresh_token", "authorization_code"}, ResponseTypes: []string{"code"}, CodeChallengeMethods: []string{"S256"},
		Scopes: []string{"read"}, Extra: map[string]any{"service_documentation": "https://docs.test"}, MaxAge: time.Minute,
	}))
	s := serve(t, m)
	got := get(t, s, m.Path())
	names := strings.Join(slices.Sorted(maps.Keys(got.json(t))), " ")
	want := "authorization_endpoint code_challenge_methods_supported grant_types_supported introspection_endpoint " +
		"introspection_endpoint_auth_methods_supported issuer jwks_uri response_types_supported revocation_endpoint " +
		"revocation_endpoint_auth_methods_supported scopes_supported service_documentation token_endpoint token_endpoint_auth_methods_supported"
	if names != want || got.header.Get("Content-Type") != "application/json" || got.header.Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("it has %s\n%v", names, got.header)
	}
	if again := get(t, s, m.Path(), header("If-None-Match", got.header.Get("Etag"))); again.status != http.StatusNotModified {
		t.Errorf("unchanged it answers %d", again.status)
	}
	wantOAuth(t, get(t, s, m.Path(), method(http.MethodPost)), 405, "invalid_request")
	bare := must(endpoints.NewMetadata(issuerName, endpoints.MetadataOptions{}))
	if got := get(t, serve(t, bare), ""); got.body != `{"issuer":"`+issuerName+`"}` {
		t.Errorf("of nothing it tells %s", got.body)
	}
	refresh := must(endpoints.NewMetadata(issuerName, endpoints.MetadataOptions{TokenEndpoint: issuerName + "/token"}))
	if got := get(t, serve(t, refresh), ""); !strings.Contains(got.body, `"grant_types_supported":["refresh_token"]`) {
		t.Errorf("§2: without grant_types_supported it would mean others: %s", got.body)
	}
}

func TestNewMetadataRefuses(t *testing.T) {
	for issuer, why := range map[string]string{
		"": "none", "example.com": "no scheme", "http://example.com": "http", "https://example.com?x=1": "a query", "https://example.com?": "an empty query",
		"https://example.com#f": "a fragment", "https://example.com#": "an empty fragment", "https://user@example.com": "a user", "https:example.com": "no host",
		"ftp://example.com": "another scheme", "http://127.0.0.1.example.com": "nearly this machine", "https://exa mple.com": "no URL",
	} {
		_, err := endpoints.NewMetadata(issuer, endpoints.MetadataOptions{})
		if err == nil {
			t.Errorf("§2: %s is taken: %s", why, issuer)
			continue
		}
		wantField(t, err, "issuer")
	}
	for field, o := range map[string]endpoints.MetadataOptions{
		"JWKSURI":               {JWKSURI: "http://example.com/jwks"},
		"JWKSURI ":              {JWKSURI: "http://localhost/jwks"}, // the issuer is https
		"TokenEndpoint":         {TokenEndpoint: "/token"},
		"TokenAuth":             {TokenAuth: []string{"none"}},
		"TokenAuth ":            {TokenEndpoint: issuerName, TokenAuth: []string{""}},
		"RevocationAuth":        {RevocationAuth: []string{"none"}},
		"IntrospectionAuth":     {IntrospectionAuth: []string{"none"}},
		"RevocationEndpoint":    {RevocationEndpoint: "https://u:p@example.com"},
		"IntrospectionEndpoint": {IntrospectionEndpoint: "https://example.com/#x"},
		"AuthorizationEndpoint": {AuthorizationEndpoint: "x"},
		"ResponseTypes":         {AuthorizationEndpoint: issuerName + "/authorize"},
		"Extra":                 {Extra: map[string]any{"issuer": "https://evil.test"}},
		"Extra ":                {Extra: map[string]any{"x": math.Inf(1)}},
		"Extra  ":               {Extra: map[string]any{"": 1}},
		"MaxAge":                {MaxAge: -1},
	} {
		_, err := endpoints.NewMetadata(issuerName, o)
		wantField(t, err, "MetadataOptions."+strings.TrimSpace(field))
	}
}

// TestMetadataOfThisMachine: http, for an issuer that is there too.
func TestMetadataOfThisMachine(t *testing.T) {
	_, err := endpoints.NewMetadata("http://localhost:1", endpoints.MetadataOptions{JWKSURI: "http://127.0.0.1:2/jwks"})
	noErr(t, err)
	_, err = endpoints.NewMetadata("http://localhost:1", endpoints.MetadataOptions{JWKSURI: "http://example.com/jwks"})
	wantField(t, err, "MetadataOptions.JWKSURI")
}

// TestServer: all endpoints on a mux, found by their metadata; our own reader of other issuers' metadata finds the keys.
func TestServer(t *testing.T) {
	for _, path := range []string{"", "/tenant/a", "/%7Bx%7D"} {
		t.Run("at "+path, func(t *testing.T) {
			mux := http.NewServeMux()
			s := serve(t, mux)
			issuer := s.URL + path
			k := newKitOf(t, issuer, nil)
			keys := must(endpoints.PublicKeys(k.key.VerifyKey()))
			noErr(t, endpoints.Server{
				Issuer: issuer, Token: must(endpoints.NewToken(k.issuer, &endpoints.TokenOptions{Clients: k.clients})),
				Revocation:    must(endpoints.NewRevocation(k.issuer, k.verifier, k.revoker, k.clients, nil)),
				Introspection: must(endpoints.NewIntrospection(k.verifier, k.clients, nil)), JWKS: must(endpoints.NewJWKS(keys, nil)),
				Metadata: endpoints.MetadataOptions{Scopes: []string{"read"}},
			}.Register(mux))
			doc := get(t, s, "/.well-known/oauth-authorization-server"+path).json(t)
			for name, want := range map[string]string{
				"issuer": issuer, "token_endpoint": issuer + endpoints.TokenPath, "revocation_endpoint": issuer + endpoints.RevocationPath,
				"introspection_endpoint": issuer + endpoints.IntrospectionPath, "jwks_uri": issuer + endpoints.JWKSPath,
			} {
				if doc[name] != want {
					t.Errorf("%s is %v, want %s", name, doc[name], want)
				}
			}
			methods := func(name string) string {
				var out []string
				list, _ := doc[name+"_endpoint_auth_methods_supported"].([]any)
				for _, one := range list {
					text, _ := one.(string)
					out = append(out, text)
				}
				return strings.Join(out, " ")
			}
			if methods("token") != "client_secret_basic client_secret_post none" || methods("revocation") != methods("token") ||
				methods("introspection") != "client_secret_basic client_secret_post" {
				t.Errorf("the methods are %v", doc)
			}
			found := must(token.NewDiscoveredKeys(issuer, nil))
			if key, err := found.FindKey(t.Context(), "k1"); err != nil || key.Thumbprint() != k.key.VerifyKey().Thumbprint() {
				t.Errorf("NewDiscoveredKeys finds %v, %v", key, err)
			}
			p := k.login(ann)
			for at, form := range map[string]string{
				endpoints.RevocationPath: f("token", "unknown"), endpoints.IntrospectionPath: f("token", p.Access.Reveal()), endpoints.TokenPath: grant(p.Refresh.Reveal()),
			} {
				if got := post(t, s, form, asWeb, func(r *http.Request) { r.URL = must(url.Parse(issuer + at)) }); got.status != 200 {
					t.Errorf("%s answers %d %s", at, got.status, got.body)
				}
			}
		})
	}
}

// TestServerOfAnotherIssuer: RFC 8414 §3.3, metadata whose issuer is not the iss of the tokens are of no use to anybody.
func TestServerOfAnotherIssuer(t *testing.T) {
	k := newKit(t, nil)
	refresh := must(endpoints.NewToken(k.issuer, nil))
	revocation := must(endpoints.NewRevocation(k.issuer, k.verifier, k.revoker, k.clients, nil))
	introspection := must(endpoints.NewIntrospection(k.verifier, k.clients, &endpoints.IntrospectionOptions{RefreshTokens: k.issuer}))
	for field, s := range map[string]endpoints.Server{
		"Server.Token": {Token: refresh}, "Server.Revocation": {Revocation: revocation}, "Server.Introspection": {Introspection: introspection},
	} {
		for _, name := range []string{issuerName + "/", "https://other.test"} {
			s.Issuer = name
			mux := http.NewServeMux()
			wantField(t, s.Register(mux), field)
			if got := get(t, serve(t, mux), "/.well-known/oauth-authorization-server"); got.status != 404 {
				t.Errorf("%s: something is on the mux all the same", field)
			}
		}
		s.Issuer = issuerName
		noErr(t, s.Register(http.NewServeMux()))
	}
}

// TestServerOfSome: what is not there is not in the metadata.
func TestServerOfSome(t *testing.T) {
	k := newKit(t, nil)
	mux := http.NewServeMux()
	noErr(t, endpoints.Server{Issuer: issuerName, Token: must(endpoints.NewToken(k.issuer, nil))}.Register(mux))
	s := serve(t, mux)
	names := strings.Join(slices.Sorted(maps.Keys(get(t, s, "/.well-known/oauth-authorization-server").json(t))), " ")
	if names != "grant_types_supported issuer token_endpoint token_endpoint_auth_methods_supported" {
		t.Errorf("it has %s", names)
	}
	mux = http.NewServeMux()
	noErr(t, endpoints.Server{
		Issuer: issuerName, Token: must(endpoints.NewToken(k.issuer, nil)),
		Metadata: endpoints.MetadataOptions{TokenEndpoint: issuerName + "/elsewhere", TokenAuth: []string{"private_key_jwt"}},
	}.Register(mux))
	doc := get(t, serve(t, mux), "/.well-known/oauth-authorization-server").body
	if !strings.Contains(doc, `"`+issuerName+`/elsewhere"`) || !strings.Contains(doc, `["private_key_jwt"]`) {
		t.Errorf("what was given is not told: %s", doc)
	}
	if got := get(t, s, endpoints.JWKSPath); got.status != 404 {
		t.Errorf("keys that are not there answer %d", got.status)
	}
	for _, bad := range []string{"", "http://example.com", "http://192.0.2.1", "http://[2001:db8::1]", "https://example.com//x", "https://example.com/a/../b"} {
		wantField(t, endpoints.Server{Issuer: bad}.Register(http.NewServeMux()), "Server.Issuer")
	}
	wantField(t, endpoints.Server{Issuer: "https://example.com?x"}.Register(http.NewServeMux()), "issuer")
}
