package httpauth_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

var proxies = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("127.0.0.1/32"),
}

// Each case names the rule that it is there for.
func TestClientAddress(t *testing.T) {
	v := newFixture(t).verifier
	const proto = "X-Forwarded-Proto"
	for _, c := range []struct {
		rule, header, peer string
		sent               []string // name, value, …
		ip                 string
		secure             bool
	}{
		{
			"a client that is no proxy is believed nothing", "", "203.0.113.9:1",
			[]string{"X-Forwarded-For", "198.51.100.1", proto, "https"},
			"203.0.113.9", false,
		},
		{"a proxy without the header is the client", "", "10.0.0.1:1", nil, "10.0.0.1", false},
		{
			"a proxy names its client", "", "10.0.0.1:1",
			[]string{"X-Forwarded-For", "198.51.100.1", proto, "https"},
			"198.51.100.1", true,
		},
		{
			"what the client wrote in front does not count", "", "10.0.0.1:1",
			[]string{"X-Forwarded-For", "1.2.3.4, 198.51.100.1"},
			"198.51.100.1", false,
		},
		{
			"a client cannot write a trusted address in front of itself", "", "10.0.0.1:1",
			[]string{"X-Forwarded-For", "10.9.9.9, 198.51.100.1"},
			"198.51.100.1", false,
		},
		{
			"proxies in a row", "", "10.0.0.1:1",
			[]string{"X-Forwarded-For", "198.51.100.1, 10.0.0.3, 10.0.0.2"},
			"198.51.100.1", false,
		},
		{
			"lines of the header are one list", "", "10.0.0.1:1",
			[]string{"X-Forwarded-For", "198.51.100.1", "X-Forwarded-For", "10.0.0.2"},
			"198.51.100.1", false,
		},
		{"only proxies", "", "10.0.0.1:1", []string{"X-Forwarded-For", "10.0.0.3, 10.0.0.2"}, "10.0.0.3", false},
		{
			"rubbish ends the search", "", "10.0.0.1:1",
			[]string{"X-Forwarded-For", "198.51.100.1, rubbish, 10.0.0.2"},
			"10.0.0.2", false,
		},
		{"an empty element ends the search", "", "10.0.0.1:1", []string{"X-Forwarded-For", "198.51.100.1,"}, "10.0.0.1", false},
		{"an address with a port", "", "10.0.0.1:1", []string{"X-Forwarded-For", "198.51.100.1:555"}, "198.51.100.1", false},
		{"IPv6", "", "[fd00::1]:1", []string{"X-Forwarded-For", "2001:db8::7"}, "2001:db8::7", false},
		{"IPv6 with a port", "", "[fd00::1]:1", []string{"X-Forwarded-For", "[2001:db8::7]:80"}, "2001:db8::7", false},
		{
			"IPv4 within IPv6", "", "[::ffff:10.0.0.1]:1",
			[]string{"X-Forwarded-For", "::ffff:198.51.100.1"},
			"198.51.100.1", false,
		},
		{"a zone is no part of an address", "", "[fe80::1%eth0]:1", nil, "fe80::1", false},
		{
			"a Unix socket has no address", "", "@",
			[]string{"X-Forwarded-For", "198.51.100.1", proto, "https"},
			"invalid IP", false,
		},
		{
			"the other header is not believed", "", "10.0.0.1:1",
			[]string{"Forwarded", "for=198.51.100.1;proto=https"},
			"10.0.0.1", false,
		},
		{"http is not secure", "", "10.0.0.1:1", []string{proto, "http"}, "10.0.0.1", false},
		{"one hop without TLS is not secure", "", "10.0.0.1:1", []string{proto, "https, http"}, "10.0.0.1", false},
		{
			"what the client wrote in front does not make it secure", "", "10.0.0.1:1",
			[]string{proto, "https", proto, "http"},
			"10.0.0.1", false,
		},
		{"each hop by TLS", "", "10.0.0.1:1", []string{proto, "https,HTTPS"}, "10.0.0.1", true},

		{
			"RFC 7239", "Forwarded", "10.0.0.1:1",
			[]string{"Forwarded", `for=198.51.100.1;proto=https;by=10.0.0.1`},
			"198.51.100.1", true,
		},
		{
			"RFC 7239 in other letters", "Forwarded", "10.0.0.1:1",
			[]string{"Forwarded", `Proto=HTTPS; FOR="198.51.100.1:99"`},
			"198.51.100.1", true,
		},
		{
			"RFC 7239 with IPv6", "Forwarded", "10.0.0.1:1",
			[]string{"Forwarded", `for="[2001:db8::7]:80"`},
			"2001:db8::7", false,
		},
		{
			"RFC 7239, what the client wrote does not count", "Forwarded", "10.0.0.1:1",
			[]string{"Forwarded", `for=1.2.3.4;proto=https, for=198.51.100.1;proto=http`},
			"198.51.100.1",
			false,
		},
		{
			"RFC 7239, a hidden client", "Forwarded", "10.0.0.1:1",
			[]string{"Forwarded", `for=_hidden;proto=https`},
			"10.0.0.1", false,
		},
		{
			"RFC 7239, the other header is not believed", "Forwarded", "10.0.0.1:1",
			[]string{"X-Forwarded-For", "198.51.100.1", proto, "https"},
			"10.0.0.1", false,
		},
	} {
		t.Run(c.rule, func(t *testing.T) {
			m := must(httpauth.New(v, &httpauth.Options{
				TrustedProxies: proxies, ForwardedHeader: c.header, Rules: []httpauth.Rule{{Prefix: "/", Mode: httpauth.Public}},
			}))(t)
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = c.peer
			for n := 0; n < len(c.sent); n += 2 {
				r.Header.Add(c.sent[n], c.sent[n+1])
			}
			got, ok := m.Admit(httptest.NewRecorder(), r)
			if !ok {
				t.Fatal("refused")
			}
			if ip := httpauth.ClientIP(got.Context()); ip.String() != c.ip || ip != m.ClientIP(r) {
				t.Errorf("the address is %v, want %s", ip, c.ip)
			}
			if httpauth.Secure(got.Context()) != c.secure {
				t.Errorf("secure is %v", !c.secure)
			}
		})
	}
}

func TestNobodyIsTrustedByDefault(t *testing.T) {
	m := newFixture(t).middleware(t, nil)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "127.0.0.1:1"
	r.Header.Set("X-Forwarded-For", "198.51.100.1")
	r.Header.Set("X-Forwarded-Proto", "https")
	if ip := m.ClientIP(r); ip != netip.MustParseAddr("127.0.0.1") || m.Secure(r) {
		t.Errorf("the address is %v", ip)
	}
	if r.TLS = new(tls.ConnectionState); !m.Secure(r) {
		t.Error("TLS is not secure")
	}
	if httpauth.ClientIP(t.Context()).IsValid() || httpauth.Secure(t.Context()) {
		t.Error("a context without a request has a client")
	}
}

// The verifier's events can tell where a refused token came from.
func TestEventsKnowTheClient(t *testing.T) {
	var at netip.Addr
	key := must(token.HS256("k1", []byte("0123456789abcdef0123456789abcdef")))(t)
	v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: key.VerifyKey(), Check: anybody{}}},
		&token.VerifierOptions{TouchInterval: -1, Events: func(ctx context.Context, e token.Event) {
			if e.Type == token.EventRefused {
				at = httpauth.ClientIP(ctx)
			}
		}}))(t)
	m := must(httpauth.New(v, nil))(t)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "203.0.113.9:1"
	r.Header.Set("Authorization", "Bearer rubbish")
	m.Required(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
	if at != netip.MustParseAddr("203.0.113.9") {
		t.Errorf("the address is %v", at)
	}
}

func TestNewRefusesBadProxies(t *testing.T) {
	v := newFixture(t).verifier
	for _, c := range []struct {
		field string
		o     httpauth.Options
	}{
		{"Options.TrustedProxies[0]", httpauth.Options{TrustedProxies: []netip.Prefix{{}}}},
		{
			"Options.TrustedProxies[1]",
			httpauth.Options{TrustedProxies: []netip.Prefix{proxies[0], netip.MustParsePrefix("0.0.0.0/0")}},
		},
		{"Options.TrustedProxies[0]", httpauth.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("::/0")}}},
		{
			"Options.TrustedProxies[0]",
			httpauth.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}},
		},
		{"Options.ForwardedHeader", httpauth.Options{ForwardedHeader: "X-Real-IP"}},
	} {
		var field *store.FieldError
		if _, err := httpauth.New(v, &c.o); !errors.As(err, &field) || field.Field != c.field {
			t.Errorf("%+v: got %v", c.o, err)
		}
	}
}
