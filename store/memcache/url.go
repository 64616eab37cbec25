package memcachestore

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jetonkit/jeton/internal/dsn"
	"github.com/jetonkit/jeton/store"
)

func init() {
	store.Register(scheme, store.Driver{Open: func(ctx context.Context, u *url.URL) (store.TokenStore, error) {
		s, err := openURL(ctx, u, nil)
		if err != nil {
			return nil, err
		}
		return s, nil
	}})
}

// Open opens the keyspace that a URL names. A setting that stands in the URL and in o is taken from the URL. The forms are
//
//	memcache://host:11211                       one server; without a port it is 11211
//	memcache:///path/to/socket                  one on this machine
//	memcache://host?servers=host2:11211,host3   several, each host:port, a host, or the path of a socket
//
// with the parameters tls (true or false), ca (a file of certificates to trust instead of the system's), server_name (the
// name in the servers' certificates), prefix, pool, timeout, max_token_life, max_marks, max_skew, which are those of
// [Options].
func Open(ctx context.Context, rawURL string, o *Options) (*Store, error) {
	u, err := url.Parse(rawURL)
	if err != nil { // the error repeats the URL, which may hold what it should not
		return nil, malformed("does not parse", "write it as memcache://host:11211, with escapes where needed")
	}
	return openURL(ctx, u, o)
}

func openURL(ctx context.Context, u *url.URL, o *Options) (*Store, error) {
	servers, options, err := Parse(u, o)
	if err != nil {
		return nil, err
	}
	return New(ctx, servers, options)
}

// Parse returns the servers and the options that a URL asks for, over what o says. See [Open] for the forms.
func Parse(u *url.URL, o *Options) ([]string, *Options, error) {
	var options Options
	if o != nil {
		options = *o
	}
	first, err := firstServer(u)
	if err != nil {
		return nil, nil, err
	}
	servers, err := parameters(u, first, &options)
	if err != nil {
		return nil, nil, err
	}
	return servers, &options, nil
}

func malformed(problem, remedy string) error {
	return &store.FieldError{Field: "URL", Problem: problem, Remedy: remedy}
}

// firstServer reads what stands before the parameters.
func firstServer(u *url.URL) (string, error) {
	path := strings.TrimSuffix(u.Path, "/")
	switch {
	case u.Scheme != scheme:
		return "", malformed("has an unknown scheme", "begin it with memcache")
	case u.User != nil:
		return "", malformed("names a user, and this client cannot log in", "remove it; keep the servers on a private network, or use TLS")
	case u.Opaque != "" || (u.Host == "" && path == ""):
		return "", malformed("names no server", "write memcache://host:11211, or memcache:///path/to/socket")
	case u.Host != "" && path != "":
		return "", malformed("has a host and a path", "write memcache://host:11211, or memcache:///path/to/socket with three slashes")
	case u.Host == "":
		return path, nil
	}
	port := u.Port()
	if port == "" {
		port = defaultPort
	}
	addr := net.JoinHostPort(u.Hostname(), port)
	if !isAddr(addr) {
		return "", malformed("has no host, or a port that is none", "write memcache://host:11211")
	}
	return addr, nil
}

const defaultPort = "11211"

// isAddr reports whether a text is host:port.
func isAddr(text string) bool {
	host, port, err := net.SplitHostPort(text)
	n, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil && host != "" && n > 0 && !strings.ContainsAny(host, "/ \r\n")
}

// isSocket reports whether a text is the path of a unix socket.
func isSocket(text string) bool { return filepath.IsAbs(text) && text != "/" }

func parameters(u *url.URL, first string, o *Options) ([]string, error) {
	p := dsn.Read(u)
	more, ca, name, secure := "", "", "", o.TLS != nil
	p.Text("servers", &more)
	p.Bool("tls", &secure)
	p.Text("ca", &ca)
	p.Text("server_name", &name)
	p.Text("prefix", &o.Prefix)
	p.Int("pool", &o.Pool)
	p.Duration("timeout", &o.Timeout)
	p.Duration("max_token_life", &o.MaxTokenLife)
	p.Int("max_marks", &o.MaxMarks)
	p.Duration("max_skew", &o.MaxSkew)
	if err := p.Err(); err != nil {
		return nil, err
	}
	servers, err := withMore(first, more)
	if err != nil {
		return nil, err
	}
	return servers, o.secure(secure, ca, name)
}

// withMore appends what the parameter servers names.
func withMore(first, more string) ([]string, error) {
	servers := []string{first}
	if more == "" {
		return servers, nil
	}
	for text := range strings.SplitSeq(more, ",") {
		if !isSocket(text) && !strings.Contains(text, ":") && text != "" {
			text = net.JoinHostPort(text, defaultPort)
		}
		if !isSocket(text) && !isAddr(text) {
			return nil, dsn.Wrong("servers", "has a part that is no server", "write servers=host2:11211,/path/to/socket")
		}
		servers = append(servers, text)
	}
	return servers, nil
}

// secure sets up TLS as the URL says, over what the options had.
func (o *Options) secure(on bool, ca, name string) error {
	if !on {
		o.TLS = nil
		if ca != "" || name != "" {
			return dsn.Wrong(map[bool]string{true: "ca", false: "server_name"}[ca != ""], "is for TLS, and the connections have none", "add tls=true")
		}
		return nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.TLS != nil {
		config = o.TLS.Clone()
	}
	if name != "" {
		config.ServerName = name
	}
	o.TLS = config
	if ca == "" {
		return nil
	}
	var err error
	config.RootCAs, err = dsn.Authorities(ca)
	return err
}
