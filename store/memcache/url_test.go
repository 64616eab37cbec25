package memcachestore_test

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	memcachestore "github.com/jetonkit/jeton/store/memcache"
	"github.com/jetonkit/jeton/token"
)

// refused holds a verifier to what a denylist needs.
func refused(t *testing.T, s store.TokenStore) {
	t.Helper()
	key, err := token.HS256("k", []byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = token.NewVerifier([]token.TrustedIssuer{{Issuer: "https://example.com", Keys: key.VerifyKey(), Check: token.Denylist(s)}}, nil)
	if !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a denylist on a server that evicts: %v", err)
	}
}

func TestURL(t *testing.T) {
	for _, c := range []struct {
		rule, url string
		servers   []string
		check     func(o *memcachestore.Options) bool
	}{
		{"a host", "memcache://cache", []string{"cache:11211"}, nil},
		{"a port", "memcache://cache:12", []string{"cache:12"}, nil},
		{"a slash at the end", "memcache://cache:12/", []string{"cache:12"}, nil},
		{"an address of IPv6", "memcache://[::1]", []string{"[::1]:11211"}, nil},
		{"a socket", "memcache:///run/m%20c.sock", []string{"/run/m c.sock"}, nil},
		{"several", "memcache://a?servers=b:1,c,/run/d.sock,[::1]:2", []string{"a:11211", "b:1", "c:11211", "/run/d.sock", "[::1]:2"}, nil},
		{"settings", "memcache://a?prefix=p:&pool=9&timeout=2s&max_token_life=48h&max_marks=7&max_skew=5s", []string{"a:11211"}, func(o *memcachestore.Options) bool {
			return o.Prefix == "p:" && o.Pool == 9 && o.Timeout == 2*time.Second && o.MaxTokenLife == 48*time.Hour && o.MaxMarks == 7 && o.MaxSkew == 5*time.Second
		}},
		{"TLS", "memcache://a?tls=true&server_name=n", []string{"a:11211"}, func(o *memcachestore.Options) bool {
			return o.TLS != nil && o.TLS.ServerName == "n" && o.TLS.MinVersion == tls.VersionTLS12
		}},
		{"no TLS", "memcache://a?tls=false", []string{"a:11211"}, func(o *memcachestore.Options) bool { return o.TLS == nil }},
	} {
		t.Run(c.rule, func(t *testing.T) {
			u, err := url.Parse(c.url)
			if err != nil {
				t.Fatal(err)
			}
			servers, o, err := memcachestore.Parse(u, nil)
			if err != nil || !slices.Equal(servers, c.servers) || (c.check != nil && !c.check(o)) {
				t.Errorf("%q, %+v, %v", servers, o, err)
			}
		})
	}
}

// TestURLsRefused: what cannot be meant is bad input, with the field and what to do; no error tells a value.
func TestURLsRefused(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ rule, url, field, remedy string }{
		{"no server", "memcache://", "URL", "memcache://host:11211"},
		{"opaque", "memcache:host", "URL", "memcache://host:11211"},
		{"a port alone", "memcache://:11211", "URL", "memcache://host:11211"},
		{"port 0", "memcache://a:0", "URL", "memcache://host:11211"},
		{"a port too high", "memcache://a:70000", "URL", "memcache://host:11211"},
		{"a user", "memcache://u:Hx7unter@a", "URL", "private network"},
		{"a host and a path", "memcache://a/run/socket", "URL", "three slashes"},
		{"a fragment", "memcache://a#Hx7unter", "URL", "%23"},
		{"an unknown parameter", "memcache://a?nope=Hx7unter", `the URL's parameter "nope"`, "servers, tls, ca"},
		{"a parameter twice", "memcache://a?pool=1&pool=2", `the URL's parameter "pool"`, "once"},
		{"no number", "memcache://a?pool=x", `the URL's parameter "pool"`, "whole number"},
		{"a server without a port's number", "memcache://a?servers=b:x", `the URL's parameter "servers"`, "servers=host2:11211"},
		{"an empty server", "memcache://a?servers=b,,c", `the URL's parameter "servers"`, "servers=host2:11211"},
		{"a server twice", "memcache://a?servers=b,a", "servers", "name each once"},
		{"the pool too large", "memcache://a?pool=1001", "Options.Pool", "default of 6"},
		{"a negative pool", "memcache://a?pool=-1", "Options.Pool", "default of 6"},
		{"a timeout too short", "memcache://a?timeout=1ms", "Options.Timeout", "default of 3s"},
		{"a prefix with a space", "memcache://a?prefix=a+b", "Options.Prefix", "short name"},
		{"a prefix that ends the line", "memcache://a?prefix=a%0d%0aflush_all", "Options.Prefix", "short name"},
		{"a prefix too long", "memcache://a?prefix=" + strings.Repeat("p", 65), "Options.Prefix", "short name"},
		{"a token life too long", "memcache://a?max_token_life=721h", "Options.MaxTokenLife", "default of 24h"},
		{"too many marks", "memcache://a?max_marks=4097", "Options.MaxMarks", "default of 256"},
		{"a CA without TLS", "memcache://a?ca=/x", `the URL's parameter "ca"`, "tls=true"},
		{"a server name without TLS", "memcache://a?server_name=x", `the URL's parameter "server_name"`, "tls=true"},
		{"a CA that is not there", "memcache://a?tls=true&ca=/nowhere", `the URL's parameter "ca"`, "check path"},
		{"a CA without a certificate", "memcache://a?tls=true&ca=" + empty, `the URL's parameter "ca"`, "CA's certificate"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s, err := store.Open(t.Context(), c.url)
			var f *store.FieldError
			if s != nil || !errors.As(err, &f) || f.Field != c.field || !strings.Contains(f.Remedy, c.remedy) {
				t.Fatalf("%v", err)
			}
			if strings.Contains(err.Error(), "Hx7") {
				t.Errorf("the error tells a value: %v", err)
			}
		})
	}
	t.Run("too many servers, or none", func(t *testing.T) {
		for _, servers := range [][]string{nil, make([]string, 65), {""}, {"relative/path"}, {"/"}} {
			_, err := memcachestore.New(t.Context(), servers, nil)
			told(t, err, store.ErrInvalid, "servers")
		}
	})
	t.Run("a URL that does not parse", func(t *testing.T) {
		_, err := memcachestore.Open(t.Context(), "memcache://%zz", nil)
		told(t, err, store.ErrInvalid, "does not parse")
	})
}

// answering listens and answers the first bytes of each connection with a text, "hang up" and "nothing" apart.
func answering(t *testing.T, answer string) string {
	t.Helper()
	return testenv.Stranger(t, func(c net.Conn) {
		if answer == "hang up" {
			return
		}
		if answer != "nothing" {
			_, _ = c.Read(make([]byte, 1000))
			_, _ = c.Write([]byte(answer))
		}
		<-t.Context().Done()
	})
}

// TestOpenRefusesServers: each wrong server is told in one line that says what to do.
func TestOpenRefusesServers(t *testing.T) {
	plain, small := testenv.SharedMemcached(t), testenv.SharedMemcached(t, "-I", "8k", "-o", "slab_chunk_max=4096")
	noCAS := testenv.SharedMemcached(t, "-C")
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	gone, closed := answering(t, "nothing"), testenv.Nobody(t)
	for _, c := range []struct {
		rule, addr, query string
		is                error
		words             []string
	}{
		{"a closed port", closed, "", store.ErrUnavailable, []string{"cannot connect to 127.0.0.1:", "start the server"}},
		{"a socket that is not there", "/nowhere.sock", "", store.ErrUnavailable, []string{"cannot connect to /nowhere.sock", "start the server"}},
		{"a name that does not resolve", "cache.jeton.invalid:1", "", store.ErrUnavailable, []string{"does not resolve", "check the host"}},
		{"a web server", web.Listener.Addr().String(), "", store.ErrUnavailable, []string{"does not speak as memcached does"}},
		{"Redis", answering(t, "-ERR unknown command 'stats', with args beginning with: 'settings' \r\n"), "", store.ErrUnavailable, []string{"does not speak as memcached does"}},
		{"one that repeats what it gets", answering(t, "stats settings\r\n"), "", store.ErrUnavailable, []string{"does not speak as memcached does"}},
		{"one that answers without end", answering(t, strings.Repeat("x", 10_000)), "", store.ErrUnavailable, []string{"does not speak as memcached does"}},
		{"a proxy that knows no settings", answering(t, "END\r\n"), "", store.ErrUnavailable, []string{"does not speak as memcached does"}},
		{"one that wants a login", answering(t, "CLIENT_ERROR unauthenticated\r\n"), "", store.ErrUnavailable, []string{"wants a user", "-Y"}},
		{"one with too many connections", answering(t, "ERROR Too many open connections\r\n"), "", store.ErrUnavailable, []string{"raise -c"}},
		{"one that hangs up", answering(t, "hang up"), "", store.ErrUnavailable, []string{"127.0.0.1"}},
		{"one that says nothing", gone, "?timeout=100ms", store.ErrUnavailable, []string{"did not answer in time", "tls"}},
		{"TLS to a plain port", plain.Addr(), "?tls=true&timeout=500ms", store.ErrUnavailable, []string{"tls"}},
		{"no compare-and-swap", noCAS.Addr(), "", store.ErrUnavailable, []string{"-C", "start it without"}},
		{"values too small", small.Addr(), "", store.ErrUnavailable, []string{"item_size_max is 8192", "-I 1m"}},
		{"the second of two", plain.Addr(), "?servers=" + closed, store.ErrUnavailable, []string{"cannot connect to " + closed}},
		{"one server by two names", plain.Addr(), "?servers=localhost:" + strings.TrimPrefix(plain.Addr(), "127.0.0.1:") + "&prefix=twice:", store.ErrInvalid, []string{"number 2 of 2", "number 1 of 2"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			began := time.Now()
			s, err := store.Open(t.Context(), "memcache://"+c.addr+c.query)
			if s != nil {
				_ = s.Close()
			}
			told(t, err, c.is, c.words...)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q is more than a line", err)
			}
		})
	}
}

// TestKeyspace: processes that would not fit together are told when they open.
func TestKeyspace(t *testing.T) {
	a, b := testenv.SharedMemcached(t, "-m", "65").Addr(), testenv.SharedMemcached(t, "-m", "66").Addr()
	prefix := testenv.Prefix(t)
	opened(t, &memcachestore.Options{Prefix: prefix, MaxTokenLife: 48 * time.Hour}, a, b)
	for _, c := range []struct {
		rule    string
		servers []string
		life    time.Duration
		words   []string
	}{
		{"the same", []string{a, b}, 48 * time.Hour, nil},
		{"another order", []string{b, a}, 48 * time.Hour, []string{"servers", "the same order"}},
		{"fewer", []string{a}, 48 * time.Hour, []string{"servers", "number 1 of 1", "number 1 of 2"}},
		{"another token life", []string{a, b}, time.Hour, []string{"MaxTokenLife", "is 1h0m0s, the keyspace was made with 48h0m0s", "in every process"}},
		{"no token life, which is another one after a loss", []string{a, b}, 0, []string{"MaxTokenLife", "is 24h0m0s", "in every process"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s, err := memcachestore.New(t.Context(), c.servers, &memcachestore.Options{Prefix: prefix, MaxTokenLife: c.life})
			if c.words != nil {
				told(t, err, store.ErrInvalid, c.words...)
				return
			}
			if err != nil || s.Capabilities().MaxTokenLife != c.life {
				t.Fatal(err)
			}
			if err := errors.Join(store.Ping(t.Context(), s), s.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTLSAndSockets: the store speaks TLS, and through a unix socket. What ends both stands in front of a plain server.
func TestTLSAndSockets(t *testing.T) {
	m := testenv.SharedMemcached(t)
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS() // for its certificate
	defer web.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	writeCertificate(t, ca, web.Certificate().Raw)
	secure := forward(t, m.Addr(), func() (net.Listener, error) {
		return tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: web.TLS.Certificates})
	})
	socket := forward(t, m.Addr(), func() (net.Listener, error) {
		return net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	})
	for _, c := range []struct {
		rule, url string
		words     []string // of the error; nil where it opens
	}{
		{"TLS", "memcache://" + secure + "?tls=true&ca=" + ca, nil},
		{"TLS with a name of the certificate", "memcache://" + secure + "?tls=true&server_name=example.com&ca=" + ca, nil},
		{"a socket", "memcache://" + socket, nil},
		{"another name", "memcache://" + secure + "?tls=true&server_name=other.invalid&ca=" + ca, []string{"certificate", "server_name"}},
		{"an unknown CA", "memcache://" + secure + "?tls=true", []string{"certificate", "ca"}},
		{"no TLS where there is", "memcache://" + secure + "?timeout=300ms", []string{"tls parameter"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s, err := store.Open(t.Context(), c.url+map[bool]string{true: "&", false: "?"}[strings.Contains(c.url, "?")]+"prefix="+url.QueryEscape(testenv.Prefix(t)))
			if c.words != nil {
				told(t, err, store.ErrUnavailable, c.words...)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close() //nolint:errcheck // it is a test's
			if rec := login(t, s, store.User("ann")); !alive(t, s, rec, false) {
				t.Error("a session is lost")
			}
		})
	}
}
