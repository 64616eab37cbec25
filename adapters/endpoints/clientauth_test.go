package endpoints_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/adapters/endpoints"
	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// TestClientAuth: RFC 6749 §2.3 and §3.2.1, seen through the token endpoint: 400 invalid_grant says that the client is
// proven, for the token is none.
func TestClientAuth(t *testing.T) {
	k := newKit(t, nil)
	s := serve(t, k.token(endpoints.TokenOptions{Clients: k.clients}))
	post := func(more string, changes ...change) answer { return post(t, s, grant("unknown")+more, changes...) }
	secret := url.QueryEscape(webSecret)
	plain := func(user, password string) change {
		return func(r *http.Request) { r.SetBasicAuth(user, password) }
	}
	for _, c := range []struct {
		name   string
		more   string
		as     change
		status int
		code   string
	}{
		{"§2.3.1: Basic, both parts form-urlencoded", "", plain("web", secret), 400, "invalid_grant"},
		{"RFC 9110 §11.1: the scheme's case does not count", "", func(r *http.Request) {
			plain("web", secret)(r)
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Basic", "bASIC", 1))
		}, 400, "invalid_grant"},
		{"§2.3.1: in the body", "&client_id=web&client_secret=" + secret, nil, 400, "invalid_grant"},
		{"§2.3.1: a secret that was not encoded", "", plain("web", webSecret), 401, "invalid_client"},
		{"a secret that does not decode", "", plain("web", "%zz"), 401, "invalid_client"},
		{"an id that does not decode", "", plain("%zz", secret), 401, "invalid_client"},
		{"another client's secret", "", plain("api", secret), 401, "invalid_client"},
		{"an empty secret", "", plain("web", ""), 401, "invalid_client"},
		{"an empty id", "", plain("", secret), 401, "invalid_client"},
		{"a secret of a mebibyte's share", "", plain("web", strings.Repeat("a", 2000)), 401, "invalid_client"},
		{"a public client with a secret", "", plain("app", secret), 401, "invalid_client"},
		{"a public client with a secret in the body", "&client_id=app&client_secret=x", nil, 401, "invalid_client"},
		{"a public client with a scheme that is not known", "&client_id=app", header("Authorization", "Bearer x"), 401, "invalid_client"},
		{"an unknown public client", "&client_id=nobody", nil, 401, "invalid_client"},
		{"a secret without an id", "&client_secret=" + secret, nil, 401, "invalid_client"},
		{"§2.3: two methods, both good", "&client_id=web&client_secret=" + secret, plain("web", secret), 400, "invalid_request"},
		{"§2.3: two methods, one wrong", "&client_id=web&client_secret=wrong", plain("web", secret), 400, "invalid_request"},
		{"two ids", "&client_id=web&client_id=api", plain("web", secret), 400, "invalid_request"},
		{"two secrets", "&client_id=web&client_secret=" + secret + "&client_secret=x", nil, 400, "invalid_request"},
		{"another id beside Basic", "&client_id=api", plain("web", secret), 400, "invalid_request"},
		{"two Authorization headers", "", func(r *http.Request) {
			plain("web", secret)(r)
			r.Header.Add("Authorization", "Basic eDp5")
		}, 400, "invalid_request"},
		{"Basic without anything", "", header("Authorization", "Basic"), 401, "invalid_client"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var changes []change
			if c.as != nil {
				changes = append(changes, c.as)
			}
			wantOAuth(t, post(c.more, changes...), c.status, c.code)
		})
	}
	t.Run("the same answer for a client that is not known", func(t *testing.T) {
		wrong, unknown := post("", plain("web", "wrong")), post("", plain("nobody", "wrong"))
		if wrong.body != unknown.body || wrong.status != unknown.status {
			t.Errorf("%s and %s", wrong.body, unknown.body)
		}
	})
}

// TestSecretsChange: two are good while one is changed for another.
func TestSecretsChange(t *testing.T) {
	old, oldHash := endpoints.NewSecret()
	next, nextHash := endpoints.NewSecret()
	r := must(endpoints.NewRegistry(endpoints.Client{ID: "web", Secrets: []endpoints.SecretHash{must(endpoints.ParseSecretHash(oldHash.String())), nextHash}}))
	m := endpoints.SecretBasic(r)
	for secret, want := range map[string]error{old: nil, next: nil, next + "x": endpoints.ErrInvalidClient} {
		req := httptest.NewRequest(http.MethodPost, "/", nil)
		basic("web", secret)(req)
		if id, err := m.Authenticate(req); !errors.Is(err, want) || (err == nil) != (id == "web") {
			t.Errorf("%q, %v", id, err)
		}
	}
	if len(old) != 43 || old == next || strings.Contains(oldHash.String(), old) {
		t.Errorf("a secret of %d characters, hash %s", len(old), oldHash)
	}
}

func TestSecretsThatAreRefused(t *testing.T) {
	for _, text := range []string{"", "too short", strings.Repeat("a", 40), strings.Repeat("ab", 600)} {
		_, err := endpoints.HashSecret(text)
		wantField(t, err, "secret")
	}
	for _, text := range []string{"", "sha256:", "sha256:AAAA", "md5:" + strings.Repeat("A", 43), "sha256:" + strings.Repeat("A", 44), "sha256:" + strings.Repeat("!", 43)} {
		_, err := endpoints.ParseSecretHash(text)
		wantField(t, err, "hash")
	}
}

func TestNewRegistryRefuses(t *testing.T) {
	_, hash := endpoints.NewSecret()
	good := endpoints.Client{ID: "a", Public: true}
	for field, c := range map[string]endpoints.Client{
		"clients[1].ID":             {ID: "", Public: true},
		"clients[1].ID ":            {ID: "a", Public: true},
		"clients[1].ID  ":           {ID: "ü", Public: true},
		"clients[1].ID   ":          {ID: strings.Repeat("a", 257), Public: true},
		"clients[1]":                {ID: "b"},
		"clients[1].Public":         {ID: "b", Public: true, Secrets: []endpoints.SecretHash{hash}},
		"clients[1].Secrets[1]":     {ID: "b", Secrets: []endpoints.SecretHash{hash, {}}},
		"clients[1].Certificate":    {ID: "b", Certificate: &endpoints.CertificateName{}},
		"clients[1].Certificate ":   {ID: "b", Certificate: &endpoints.CertificateName{DNS: "a", Email: "b"}},
		"clients[1].Certificate.IP": {ID: "b", Certificate: &endpoints.CertificateName{IP: "here"}},
	} {
		_, err := endpoints.NewRegistry(good, c)
		wantField(t, err, strings.TrimSpace(field))
	}
}

func TestNewClientAuthRefuses(t *testing.T) {
	r := must(endpoints.NewRegistry())
	for _, methods := range [][]endpoints.Method{
		nil,
		{nil},
		{endpoints.SecretBasic(nil)},
		{endpoints.Signed("x", nil)},
		{endpoints.SecretBasic(r), endpoints.SecretBasic(r)},
		{endpoints.Public(r), endpoints.Public(r)},
	} {
		_, err := endpoints.NewClientAuth(methods...)
		wantField(t, err, "methods")
	}
}

// registryFunc is a registry in a test.
type registryFunc func(id string) (endpoints.Client, bool, error)

func (f registryFunc) FindClient(_ context.Context, id string) (endpoints.Client, bool, error) {
	return f(id)
}

// TestRegistryInAnOutage: nobody is refused because the clients could not be looked up, and what it returns beside "not
// known" proves nothing.
func TestRegistryInAnOutage(t *testing.T) {
	k := newKit(t, nil)
	hash := must(endpoints.HashSecret(webSecret))
	known, err := false, error(nil)
	r := registryFunc(func(id string) (endpoints.Client, bool, error) {
		return endpoints.Client{ID: id, Secrets: []endpoints.SecretHash{hash}, Public: true}, known, err
	})
	clients := must(endpoints.NewClientAuth(endpoints.SecretBasic(r), endpoints.SecretPost(r), endpoints.Public(r)))
	s := serve(t, k.token(endpoints.TokenOptions{Clients: clients}))
	ask := func(status int, code string) {
		t.Helper()
		wantOAuth(t, post(t, s, grant("unknown"), asWeb), status, code)
		wantOAuth(t, post(t, s, grant("unknown", "client_id", "web", "client_secret", webSecret)), status, code)
		wantOAuth(t, post(t, s, grant("unknown", "client_id", "web")), status, code)
	}
	ask(401, "invalid_client")
	err = errors.New("the database is down")
	ask(503, "temporarily_unavailable")
	byCertificate := httptest.NewRequest(http.MethodPost, "/", nil)
	byCertificate.PostForm = url.Values{"client_id": {"web"}}
	byCertificate.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{{}}}}
	if _, got := endpoints.Certificate(r).Authenticate(byCertificate); !errors.Is(got, err) {
		t.Errorf("a certificate: %v", got)
	}
	known, err = true, nil
	ask(400, "invalid_grant")
}

// nameless is a method none that names nobody.
type nameless struct{ endpoints.Method }

func (nameless) Name() string { return "none" }

func (nameless) Authenticate(*http.Request) (string, error) { return "", nil }

// TestAPublicClientWithoutAName: what was issued to no client, an API key, is not a client's that has no name.
func TestAPublicClientWithoutAName(t *testing.T) {
	k := newKit(t, nil)
	clients := must(endpoints.NewClientAuth(endpoints.SecretBasic(k.registry), nameless{}))
	s := serve(t, must(endpoints.NewRevocation(k.issuer, k.verifier, k.revoker, clients, nil)))
	key, _, err := k.apiKeys.Create(t.Context(), ann, token.CreateOptions{})
	noErr(t, err)
	if wantOAuth(t, post(t, s, f("token", key.Reveal())), 401, "invalid_client"); !k.alive(key.Reveal()) {
		t.Error("it was ended")
	}
}

// TestNoClientHasThisID: a registry, a database for instance, is not asked for what no client is called. One that cannot read
// such a text would be an outage that any stranger makes.
func TestNoClientHasThisID(t *testing.T) {
	k := newKit(t, nil)
	asked := ""
	r := registryFunc(func(id string) (endpoints.Client, bool, error) {
		asked = id
		return endpoints.Client{}, false, errors.New("invalid byte sequence")
	})
	clients := must(endpoints.NewClientAuth(endpoints.SecretBasic(r), endpoints.SecretPost(r), endpoints.Public(r)))
	s := serve(t, k.token(endpoints.TokenOptions{Clients: clients}))
	for _, id := range []string{"", "a\x00", "a\r\nb", "ä", "\xff", strings.Repeat("a", 257)} {
		wantOAuth(t, post(t, s, grant("unknown"), basic(id, webSecret)), 401, "invalid_client")
		wantOAuth(t, post(t, s, grant("unknown", "client_id", id, "client_secret", webSecret)), 401, "invalid_client")
		wantOAuth(t, post(t, s, grant("unknown", "client_id", id)), 401, "invalid_client")
		byCertificate := httptest.NewRequest(http.MethodPost, "/", nil)
		byCertificate.PostForm = url.Values{"client_id": {id}}
		byCertificate.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{{}}}}
		if _, got := endpoints.Certificate(r).Authenticate(byCertificate); !errors.Is(got, endpoints.ErrNoCredentials) || asked != "" {
			t.Errorf("%.20q: by certificate %v; asked for %.20q", id, got, asked)
		}
	}
	wantOAuth(t, post(t, s, grant("unknown", "client_id", strings.Repeat("~", 256))), 503, "temporarily_unavailable")
}

// TestSigned: a verifier of signatures as it comes, and what its errors mean.
func TestSigned(t *testing.T) {
	k := newKit(t, nil)
	clients := must(endpoints.NewClientAuth(endpoints.SecretBasic(k.registry), endpoints.Signed("", func(r *http.Request) (string, error) {
		body, err := io.ReadAll(r.Body)
		switch sig := r.Header.Get("Signature"); {
		case err != nil || sig == "":
			return "", endpoints.ErrNoCredentials
		case sig == "401":
			return "", statusError(401)
		case sig == "503":
			return "", statusError(503)
		case sig == "refused":
			return "", endpoints.ErrInvalidClient
		case sig == "down":
			return "", store.ErrUnavailable
		case sig == "nobody":
			return "", nil
		case sig == "own":
			return "", &httpauth.Failure{Status: 418, Code: "teapot"}
		case sig != string(body):
			return "", endpoints.ErrInvalidClient
		}
		return "web", nil
	})))
	s := serve(t, k.token(endpoints.TokenOptions{Clients: clients}))
	for sig, want := range map[string]struct {
		status int
		code   string
	}{
		grant("unknown"): {400, "invalid_grant"}, // the body is there to be signed, and to be read after that
		"wrong":          {401, "invalid_client"}, "401": {401, "invalid_client"}, "refused": {401, "invalid_client"},
		"nobody": {401, "invalid_client"}, "503": {503, "temporarily_unavailable"}, "down": {503, "temporarily_unavailable"},
		"own": {418, "teapot"}, "": {401, "invalid_client"},
	} {
		wantOAuth(t, post(t, s, grant("unknown"), header("Signature", sig)), want.status, want.code)
	}
	wantOAuth(t, post(t, s, grant("unknown"), header("Signature", grant("unknown")), asWeb), 400, "invalid_request")
	if names := clients.Names(); len(names) != 1 || names[0] != "client_secret_basic" {
		t.Errorf("the metadata name %q", names)
	}
}

type statusError int

func (e statusError) Error() string   { return "refused" }
func (e statusError) HTTPStatus() int { return int(e) }

// TestCertificates: RFC 8705 §2.1, over TLS: the subject or one alternative name, exactly, of a certificate that the server
// verified; a header never.
func TestCertificates(t *testing.T) {
	ca := newAuthority(t)
	leaf := ca.sign(t, &x509.Certificate{
		Subject:  pkix.Name{CommonName: "web", Organization: []string{"Shop, Inc."}, Country: []string{"DE"}},
		DNSNames: []string{"web.shop.test"}, EmailAddresses: []string{"web@shop.test"},
		IPAddresses: []net.IP{net.ParseIP("2001:db8::1")}, URIs: []*url.URL{must(url.Parse("spiffe://shop.test/web"))},
	})
	subject := endpoints.SubjectOf(leaf.Leaf)
	if subject != `CN=web,O=Shop\, Inc.,C=DE` {
		t.Errorf("the subject is written %s", subject)
	}
	stranger := newAuthority(t).sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "web"}, DNSNames: []string{"web.shop.test"}})
	for _, c := range []struct {
		name   string
		client endpoints.CertificateName
		cert   *tls.Certificate
		id     string
		status int
		code   string
	}{
		{"subject", endpoints.CertificateName{Subject: subject}, leaf, "web", 400, "invalid_grant"},
		{"SAN DNS", endpoints.CertificateName{DNS: "web.shop.test"}, leaf, "web", 400, "invalid_grant"},
		{"SAN URI", endpoints.CertificateName{URI: "spiffe://shop.test/web"}, leaf, "web", 400, "invalid_grant"},
		{"SAN IP", endpoints.CertificateName{IP: "2001:db8:0::1"}, leaf, "web", 400, "invalid_grant"},
		{"SAN email", endpoints.CertificateName{Email: "web@shop.test"}, leaf, "web", 400, "invalid_grant"},
		{"another subject", endpoints.CertificateName{Subject: "CN=web"}, leaf, "web", 401, "invalid_client"},
		{"another DNS name", endpoints.CertificateName{DNS: "shop.test"}, leaf, "web", 401, "invalid_client"},
		{"a DNS name in capitals", endpoints.CertificateName{DNS: "WEB.shop.test"}, leaf, "web", 401, "invalid_client"},
		{"another URI", endpoints.CertificateName{URI: "spiffe://shop.test/"}, leaf, "web", 401, "invalid_client"},
		{"another IP", endpoints.CertificateName{IP: "2001:db8::2"}, leaf, "web", 401, "invalid_client"},
		{"another email", endpoints.CertificateName{Email: "shop.test"}, leaf, "web", 401, "invalid_client"},
		{"no certificate", endpoints.CertificateName{DNS: "web.shop.test"}, nil, "web", 401, "invalid_client"},
		{"no client_id", endpoints.CertificateName{DNS: "web.shop.test"}, leaf, "", 401, "invalid_client"},
		{"a client without one", endpoints.CertificateName{DNS: "web.shop.test"}, leaf, "api", 401, "invalid_client"},
		{"a certificate that nobody verified", endpoints.CertificateName{DNS: "web.shop.test"}, stranger, "web", 401, "invalid_client"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, nil)
			registry := must(endpoints.NewRegistry(
				endpoints.Client{ID: "web", Certificate: &c.client},
				endpoints.Client{ID: "api", Secrets: []endpoints.SecretHash{must(endpoints.HashSecret(apiSecret))}},
			))
			clients := must(endpoints.NewClientAuth(endpoints.Certificate(registry), endpoints.SecretPost(registry)))
			s := httptest.NewUnstartedServer(k.token(endpoints.TokenOptions{Clients: clients}))
			s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
			if c.cert != stranger {
				s.TLS.ClientAuth, s.TLS.ClientCAs = tls.VerifyClientCertIfGiven, ca.pool
			}
			s.StartTLS()
			t.Cleanup(s.Close)
			if c.cert != nil {
				transport, ok := s.Client().Transport.(*http.Transport)
				if !ok {
					t.Fatal("the client has another transport")
				}
				transport.TLSClientConfig.Certificates = []tls.Certificate{*c.cert}
			}
			form := grant("unknown", "client_id", c.id)
			got := post(t, s, form, header("X-SSL-Client-S-DN", subject), header("X-Forwarded-Client-Cert", "DNS=web.shop.test"))
			wantOAuth(t, got, c.status, c.code)
			if c.status == 401 && !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Client ") {
				t.Errorf("it asks for %q, which is no method here", got.header.Get("WWW-Authenticate"))
			}
		})
	}
}

// TestSubjectOf: the parts in the certificate's own order; another order is another name.
func TestSubjectOf(t *testing.T) {
	country, common := pkix.AttributeTypeAndValue{Type: []int{2, 5, 4, 6}, Value: "DE"}, pkix.AttributeTypeAndValue{Type: []int{2, 5, 4, 3}, Value: "web"}
	for want, name := range map[string]pkix.RDNSequence{
		"CN=web,C=DE": {{country}, {common}}, "C=DE,CN=web": {{common}, {country}}, "C=DE+CN=web": {{country, common}},
	} {
		leaf := newAuthority(t).sign(t, &x509.Certificate{RawSubject: must(asn1.Marshal(name))})
		if got := endpoints.SubjectOf(leaf.Leaf); got != want {
			t.Errorf("%s is written %s", want, got)
		}
	}
	if got := endpoints.SubjectOf(&x509.Certificate{RawSubject: []byte{1}}); got != "" {
		t.Errorf("what does not read is written %s", got)
	}
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key := signingKey("authority")
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA " + rand.Text()}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	cert := must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))))
	a := &authority{cert, x509.NewCertPool()}
	a.pool.AddCert(cert)
	return a
}

func (a *authority) sign(t *testing.T, template *x509.Certificate) *tls.Certificate {
	t.Helper()
	template.SerialNumber, template.NotAfter = big.NewInt(2), time.Now().Add(time.Hour)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	key := signingKey("leaf")
	der := must(x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), signingKey("authority")))
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: must(x509.ParseCertificate(der))}
}
