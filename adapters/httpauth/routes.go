package httpauth

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// CheckRoutes is the start-up check: each of [Options.Rules] must meet one of these routes, or there is an error that names
// the rule. A rule for a path that was renamed protects, or opens, nothing.
//
// A route is "METHOD /path" or, for all methods, "/path". Its wildcards are written as in net/http ("{id}", "{rest...}", a
// trailing slash), Gin or Echo (":id", "*rest"). A route for everything, as that of a single-page application, meets rules
// for everything alone: else it would hide what is to be found. An unreadable route is a [store.FieldError].
func (m *Middleware) CheckRoutes(routes ...string) error {
	read, err := readRoutes(routes)
	if err != nil {
		return err
	}
	for _, c := range m.rules.all {
		if !slices.ContainsFunc(read, c.meetsRoute) {
			return c.stray()
		}
	}
	return nil
}

// CheckMux is CheckRoutes for a ServeMux, which does not tell its routes: it asks whether each rule's Example is served.
// Give the rules an Example where the path itself, or one made from the pattern, is not. Rules have no hosts, and patterns may:
// name those hosts, so that they are asked for too.
func (m *Middleware) CheckMux(mux *http.ServeMux, hosts ...string) error {
	hosts = append([]string{""}, hosts...) // patterns without a host
	for _, c := range m.rules.all {
		if !slices.ContainsFunc(c.examples, func(path string) bool {
			return slices.ContainsFunc(hosts, func(host string) bool { return c.served(mux, host, path) })
		}) {
			return c.stray()
		}
	}
	return nil
}

// Unruled returns those of the routes that no rule meets, which are Required for that. They are written as for CheckRoutes.
func (m *Middleware) Unruled(routes ...string) ([]string, error) {
	read, err := readRoutes(routes)
	if err != nil {
		return nil, err
	}
	var unruled []string
	for n, r := range read {
		if !slices.ContainsFunc(m.rules.all, func(c *compiled) bool { return c.meetsRoute(r) }) {
			unruled = append(unruled, routes[n])
		}
	}
	return unruled, nil
}

// stray is a rule that meets no route.
func (c *compiled) stray() error {
	return invalid(c.name, "meets no route", "mend its path, give an Example that is served, or remove it")
}

// served reports whether a mux has a route for an example at a host, other than one for everything.
func (c *compiled) served(mux *http.ServeMux, host, path string) bool {
	for _, method := range c.tries() {
		r := &http.Request{Method: method, Host: host, URL: &url.URL{Path: path}}
		_, pattern := mux.Handler(r)
		if pattern == "" || !serves(pattern, r) {
			continue
		}
		if _, route, found := strings.Cut(pattern, " "); found {
			pattern = route
		}
		if c.root || !isRoot(pattern[strings.Index(pattern, "/"):]) {
			return true
		}
	}
	return false
}

// serves reports whether a pattern serves a request itself, and does not send "/a" to "/a/", which other rules judge.
func serves(pattern string, r *http.Request) bool {
	mux := http.NewServeMux()
	mux.Handle(pattern, mux)
	h, _ := mux.Handler(r)
	return h == mux
}

// tries are the methods to try: those of the rule, or the usual ones.
func (c *compiled) tries() []string {
	if len(c.methods) > 0 {
		return c.methods
	}
	return []string{
		http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions,
	}
}

// route is one that was read.
type route struct {
	method string // empty: all
	sample string // a path that it serves
	mux    *http.ServeMux
	root   bool
}

// meetsRoute reports whether some request meets both the rule and the route: one of those that can be made of what both say.
func (c *compiled) meetsRoute(r route) bool {
	if r.root && !c.root {
		return false
	}
	paths := []string{r.sample}
	for _, example := range c.examples {
		paths = append(paths, example, overlay(example, r.sample))
	}
	methods := c.tries()
	if r.method != "" && c.forMethod(r.method) {
		methods = []string{r.method}
	} else if r.method != "" {
		return false
	}
	for _, method := range methods {
		for _, path := range paths {
			if c.meets(method, path) && r.serves(path) {
				return true
			}
		}
	}
	return false
}

// overlay returns a path that begins as one and goes on as another: a prefix within a route that is longer.
func overlay(path, sample string) string {
	begin, rest := strings.Split(strings.TrimSuffix(path, "/"), "/"), strings.Split(sample, "/")
	if len(rest) <= len(begin) {
		return path
	}
	return strings.Join(slices.Concat(begin, rest[len(begin):]), "/")
}

// serves reports whether the route, were it alone, would serve a path.
func (r route) serves(path string) bool {
	h, _ := r.mux.Handler(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}})
	return h == r.mux
}

func readRoutes(routes []string) ([]route, error) {
	read := make([]route, 0, len(routes))
	for n, text := range routes {
		method, path, found := strings.Cut(text, " ")
		if !found {
			method, path = "", text
		}
		path = standard(path)
		r := route{method: method, sample: samplePath(path), mux: http.NewServeMux(), root: isRoot(path)}
		if err := register(r.mux, path, r.mux); err != nil || !strings.HasPrefix(path, "/") {
			return nil, invalid(fmt.Sprintf("routes[%d]", n), "is no route that can be read",
				`write "METHOD /path/{id}" or "METHOD /path/:id"`)
		}
		read = append(read, r)
	}
	return read, nil
}

func isRoot(path string) bool {
	return path == "/" || (strings.HasPrefix(path, "/{") && strings.HasSuffix(path, "...}") && strings.Count(path, "/") == 1)
}

// standard turns the wildcards of Gin and Echo into net/http's. One within a segment becomes one for the whole segment.
func standard(path string) string {
	segments := strings.Split(path, "/")
	for n, segment := range segments {
		switch {
		case strings.HasPrefix(segment, "{"):
		case strings.Contains(segment, "*"):
			segments[n] = fmt.Sprintf("{w%d...}", n)
			return strings.Join(segments[:n+1], "/")
		case strings.Contains(segment, ":"):
			segments[n] = fmt.Sprintf("{w%d}", n)
		default:
			segments[n] = url.PathEscape(segment)
		}
	}
	return strings.Join(segments, "/")
}

// samplePath returns a path that a pattern of net/http meets.
func samplePath(path string) string {
	segments := strings.Split(path, "/")
	for n, segment := range segments {
		switch {
		case segment == "{$}":
			segments[n] = ""
		case strings.HasPrefix(segment, "{"):
			segments[n] = "x"
		default:
			if text, err := url.PathUnescape(segment); err == nil {
				segments[n] = text
			}
		}
	}
	return strings.Join(segments, "/")
}
