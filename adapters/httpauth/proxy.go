package httpauth

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientIP returns the address of the client whose request has this context, as [Middleware.ClientIP] finds it. It is for
// handlers behind [Middleware.Protect] and the gates, and for VerifierOptions.Events. The zero Addr means that it is not
// known.
func ClientIP(ctx context.Context) netip.Addr {
	c, _ := ctx.Value(callKey{}).(*call)
	if c == nil {
		return netip.Addr{}
	}
	return c.auth.ClientIP(c.request)
}

// Secure reports whether the client whose request has this context came by TLS, as [Middleware.Secure] finds it.
func Secure(ctx context.Context) bool {
	c, _ := ctx.Value(callKey{}).(*call)
	return c != nil && c.auth.Secure(c.request)
}

// ClientIP returns the address of the client of a request: that of its connection, unless it is one of
// [Options.TrustedProxies]. Then the last address of the forwarding header that is not trusted counts: what proxies of ours
// wrote, and not what the client sent them. A header that does not read ends the search at what is known. The zero Addr
// means that the connection has none, as on a Unix socket.
func (m *Middleware) ClientIP(r *http.Request) netip.Addr {
	addr, _ := m.client(r)
	return addr
}

// Secure reports whether the client came by TLS: to this process, or, as trusted proxies say, to the first of them.
func (m *Middleware) Secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	peer := remote(r)
	if !m.trusts(peer) {
		return false
	}
	if m.opts.ForwardedHeader == "Forwarded" {
		_, proto := m.client(r)
		return strings.EqualFold(proto, "https")
	}
	said := strings.Split(strings.Join(r.Header["X-Forwarded-Proto"], ","), ",")
	return !slices.ContainsFunc(said, func(proto string) bool { return !strings.EqualFold(strings.TrimSpace(proto), "https") })
}

// client walks from the connection towards the client for as long as addresses are trusted, and returns the last one that it
// came to, with the protocol that was said of it.
func (m *Middleware) client(r *http.Request) (addr netip.Addr, proto string) {
	addr = remote(r)
	rest := strings.Join(r.Header[m.opts.ForwardedHeader], ",")
	for m.trusts(addr) && rest != "" {
		at := lastUnquoted(rest, ',')
		hop := rest[at+1:]
		rest = rest[:max(at, 0)]
		next, said := m.hop(strings.TrimSpace(hop))
		if !next.IsValid() {
			break
		}
		addr, proto = next, said
	}
	return addr, proto
}

func (m *Middleware) trusts(addr netip.Addr) bool {
	return addr.IsValid() && slices.ContainsFunc(m.opts.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// remote is the address of the connection.
func remote(r *http.Request) netip.Addr { return address(r.RemoteAddr) }

// address reads an address with or without a port; IPv6 with brackets or, without a port, without.
func address(text string) netip.Addr {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

// hop reads one element of the forwarding header.
func (m *Middleware) hop(text string) (addr netip.Addr, proto string) {
	if m.opts.ForwardedHeader != "Forwarded" {
		return address(text), ""
	}
	// RFC 7239 §4: pairs with semicolons between; for, by, host, proto. Names have no case, values may be quoted.
	for seen := map[string]bool{}; text != ""; {
		at := lastUnquoted(text, ';')
		name, value, _ := strings.Cut(strings.TrimSpace(text[at+1:]), "=")
		text = text[:max(at, 0)]
		if name = strings.ToLower(name); seen[name] && name != "" { // each at most once
			return netip.Addr{}, ""
		}
		seen[name] = true
		value = strings.Trim(value, `"`)
		switch name {
		case "for":
			addr = address(value) // "unknown" and "_hidden" are none
		case "proto":
			proto = value
		}
	}
	return addr, proto
}

// lastUnquoted returns where a text has its last separator that is not within quotes; -1 for nowhere. It goes backwards: what
// stands last is what our proxies wrote, with quotes in pairs, and the host that they quote is the client's choice.
func lastUnquoted(text string, separator byte) int {
	quoted := false
	for n := len(text) - 1; n >= 0; n-- {
		switch {
		case text[n] == '"' && !isEscaped(text, n):
			quoted = !quoted
		case text[n] == separator && !quoted:
			return n
		}
	}
	return -1
}

// isEscaped reports whether an odd number of backslashes stands before a place.
func isEscaped(text string, at int) bool {
	before := text[:at]
	return (len(before)-len(strings.TrimRight(before, `\`)))%2 == 1
}

// checkProxies judges and fills in what is said of proxies.
func (o *Options) checkProxies() error {
	for n, p := range o.TrustedProxies {
		field := fmt.Sprintf("Options.TrustedProxies[%d]", n)
		switch {
		case !p.IsValid():
			return invalid(field, "is no prefix", `use netip.MustParsePrefix("10.0.0.0/8")`)
		case p.Addr().Is4In6():
			return invalid(field, "is IPv4 written as IPv6", "write it as IPv4")
		case p.Bits() == 0:
			return invalid(field, "trusts everybody, so that every client could choose its address",
				"name your proxies' networks")
		}
	}
	switch o.ForwardedHeader {
	case "":
		o.ForwardedHeader = "X-Forwarded-For"
	case "X-Forwarded-For", "Forwarded":
	default:
		return invalid("Options.ForwardedHeader", "is neither X-Forwarded-For nor Forwarded",
			"use the one that your proxies write")
	}
	return nil
}
