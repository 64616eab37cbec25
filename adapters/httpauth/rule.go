package httpauth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Rule says what the requests to some paths need. Exactly one of Path, Prefix, Pattern and Regexp says which paths:
//
//	{Path: "/login", Methods: []string{"POST"}, Mode: httpauth.Public}
//	{Prefix: "/v1/public", Mode: httpauth.Public}             // and never /v1/publicX
//	{Pattern: "GET /articles/{id}", Mode: httpauth.Optional}  // as http.ServeMux has it
//	{Regexp: `/v[0-9]+/status`, Example: "/v1/status", Mode: httpauth.Public}
//	{Prefix: "/admin", Scopes: []string{"admin"}, MaxAge: 5 * time.Minute}
//
// Of the first three kinds the most specific one counts, by the precedence of [http.ServeMux]; two of which neither is more
// specific are refused by [New]. A Regexp adds to them: a request that it meets needs what it asks for besides what the
// other rule asks for, so that no regular expression can open what another rule closes. What no rule meets is Required.
type Rule struct {
	// Path is one path, letter for letter, as it is after percent-decoding: a trailing slash counts. It begins with a slash.
	Path string
	// Prefix is a path and everything below it: "/v1/public" meets itself, "/v1/public/" and "/v1/public/x", but not
	// "/v1/publicX". A trailing slash does not count.
	Prefix string
	// Pattern is a pattern of net/http without a host: "[METHOD ]/path", with {name}, {name...} and {$}.
	Pattern string
	// Regexp is a regular expression of package regexp that the whole decoded path must match, whether it is anchored or
	// not. A dot meets line breaks too. It needs an Example.
	Regexp string
	// Example is a path that the rule is there for. [Middleware.CheckMux] and [Middleware.CheckRoutes] ask whether it is
	// served. Required for Regexp; defaults to a path made from the others.
	Example string
	// Methods are those that the rule is for; GET stands for HEAD too, as in net/http. Defaults to the one in the Pattern,
	// or to all.
	Methods []string
	// Mode says who may pass; see [Access] for it and the rest. Defaults to Required.
	Mode Mode
	// Scopes are those that a token needs. Defaults to none.
	Scopes []string
	// MaxAge is how long ago the user may have been asked for credentials. Defaults to any time ago.
	MaxAge time.Duration
	// ACR are the ways of authentication that will do. Defaults to any.
	ACR []string
}

func (r *Rule) access() Access {
	return Access{Mode: r.Mode, Scopes: r.Scopes, MaxAge: r.MaxAge, ACR: r.ACR}
}

// maxRules is how many rules there may be: each regular expression is tried on each request.
const maxRules = 1000

// compiled is a rule that was read. As an http.Handler it is what the rules' ServeMux finds.
type compiled struct {
	demand
	// name says which rule it is, in errors.
	name string
	// patterns are those for net/http; empty for a regular expression.
	patterns []string
	regexp   *regexp.Regexp
	methods  []string
	// examples are paths that it meets.
	examples []string
	// alone holds the patterns of this rule and of no other.
	alone *http.ServeMux
	// root is a rule for everything below /.
	root bool
}

// ServeHTTP is there to be found by a ServeMux, and is not called.
func (*compiled) ServeHTTP(http.ResponseWriter, *http.Request) {}

// compile reads the rule of a field.
func compile(field string, r Rule, internal bool) (*compiled, error) {
	access := r.access()
	if err := access.check(field, internal); err != nil {
		return nil, err
	}
	c := &compiled{demand: access.demand(), methods: slices.Clone(r.Methods)}
	kinds := 0
	for _, text := range []string{r.Path, r.Prefix, r.Pattern, r.Regexp} {
		if text != "" {
			kinds++
			c.name = fmt.Sprintf("%s (%s)", field, strings.TrimSpace(strings.Join(r.Methods, ",")+" "+text))
		}
	}
	if kinds != 1 {
		return nil, invalid(field, "says its paths in none or several ways", "set one of Path, Prefix, Pattern and Regexp")
	}
	for n, method := range r.Methods {
		if !isToken(method) {
			return nil, invalid(fmt.Sprintf("%s.Methods[%d]", field, n), "is no method", `use a name like "GET"`)
		}
		if method != strings.ToUpper(method) { // get is another method than GET (RFC 9110 §9.1), and would guard nothing
			return nil, invalid(fmt.Sprintf("%s.Methods[%d]", field, n), "has small letters", `use a name like "GET"`)
		}
		if slices.Contains(r.Methods[:n], method) {
			return nil, invalid(fmt.Sprintf("%s.Methods[%d]", field, n), "is there twice", "name each method once")
		}
	}
	if err := c.read(field, r); err != nil {
		return nil, err
	}
	return c, c.exemplify(field, r.Example)
}

// read reads the paths of a rule.
func (c *compiled) read(field string, r Rule) error {
	switch {
	case r.Path != "":
		if err := plain(field+".Path", r.Path); err != nil {
			return err
		}
		exact := escape(r.Path)
		if strings.HasSuffix(exact, "/") {
			exact += "{$}"
		}
		c.patterns, c.examples = c.each(exact), []string{r.Path}
	case r.Prefix != "":
		if err := plain(field+".Prefix", r.Prefix); err != nil {
			return err
		}
		prefix := strings.TrimSuffix(r.Prefix, "/")
		c.root = prefix == ""
		if !c.root {
			c.patterns, c.examples = c.each(escape(prefix)), []string{prefix}
		}
		c.patterns = append(c.patterns, c.each(escape(prefix)+"/")...)
		c.examples = append(c.examples, prefix+"/")
	case r.Pattern != "":
		return c.readPattern(field+".Pattern", r)
	default:
		if _, err := regexp.Compile(r.Regexp); err != nil { // alone: "a)|(b" would get out of the anchors
			return invalid(field+".Regexp", "is no regular expression of package regexp", "mend it: "+printable(err.Error()))
		}
		re, err := regexp.Compile(`\A(?s:` + r.Regexp + `)\z`) // a line break in a path ends nothing
		if err != nil {
			return invalid(field+".Regexp", "cannot be anchored", "simplify it: "+printable(err.Error()))
		}
		c.regexp = re
	}
	return c.single(field)
}

func (c *compiled) readPattern(field string, r Rule) error {
	method, path, found := strings.Cut(r.Pattern, " ")
	if !found {
		method, path = "", r.Pattern
	}
	path = strings.TrimLeft(path, " \t")
	switch {
	case method != "" && len(r.Methods) > 0:
		return invalid(field, "has a method, and so has Methods", "name the methods in one place")
	case method != strings.ToUpper(method):
		return invalid(field, "has a method of small letters", `write "GET /path"`)
	case !strings.HasPrefix(path, "/"):
		return invalid(field, "has a host, or does not begin with a slash",
			`write "/path" or "METHOD /path": who asks chooses the host`)
	case method != "":
		c.methods = []string{method}
	}
	c.root = path == "/"
	c.patterns, c.examples = c.each(path), []string{samplePath(path)}
	return c.single(field)
}

// each returns a pattern for each method.
func (c *compiled) each(path string) []string {
	if len(c.methods) == 0 {
		return []string{path}
	}
	var patterns []string
	for _, method := range c.methods {
		patterns = append(patterns, method+" "+path)
	}
	return patterns
}

// single puts the rule's patterns into a mux of their own, which also tells whether they can be read.
func (c *compiled) single(field string) error {
	c.alone = http.NewServeMux()
	for _, pattern := range c.patterns {
		if err := register(c.alone, pattern, c); err != nil {
			return invalid(field, "is no pattern of net/http: "+err.Error(),
				`see http.ServeMux: "[METHOD ]/path/{name}/{rest...}"`)
		}
	}
	return nil
}

// exemplify judges the example, and takes it in place of those made up.
func (c *compiled) exemplify(field, example string) error {
	switch {
	case example == "" && c.regexp != nil:
		return invalid(field+".Example", "is missing",
			"give a path that the regular expression is there for: the start-up check asks for it")
	case example == "":
		return nil
	}
	if err := plain(field+".Example", example); err != nil {
		return err
	}
	c.examples = []string{example}
	if !c.meets(c.method(), example) {
		return invalid(field+".Example", "is not met by the rule", "give a path that the rule is there for")
	}
	return nil
}

// method is one that the rule is for.
func (c *compiled) method() string {
	if len(c.methods) == 0 {
		return http.MethodGet
	}
	return c.methods[0]
}

// meets reports whether the rule, were it alone, would meet a request.
func (c *compiled) meets(method, path string) bool {
	if c.regexp != nil {
		return c.forMethod(method) && c.regexp.MatchString(path)
	}
	return find(c.alone, method, &url.URL{Path: path}) != nil
}

// forMethod reports whether the rule is for a method. GET stands for HEAD, as in net/http.
func (c *compiled) forMethod(method string) bool {
	return len(c.methods) == 0 || slices.Contains(c.methods, method) ||
		(method == http.MethodHead && slices.Contains(c.methods, http.MethodGet))
}

// plain refuses a path that no canonical request has.
func plain(field, path string) error {
	switch {
	case !strings.HasPrefix(path, "/"):
		return invalid(field, "does not begin with a slash", `write "/path"`)
	case !isClean(path) || strings.ContainsFunc(path, func(r rune) bool { return r < 0x20 || r == 0x7f || r == ';' }):
		return invalid(field, "has an empty segment, a dot segment, a backslash, a semicolon or a control character",
			"write it as requests should have it")
	}
	return nil
}

// escape returns a path as a pattern that means it letter for letter.
func escape(path string) string {
	segments := strings.Split(path, "/")
	for n := range segments {
		segments[n] = url.PathEscape(segments[n])
	}
	return strings.Join(segments, "/")
}

// register registers a pattern. net/http panics at one that it cannot read, and at one that conflicts with another.
func register(mux *http.ServeMux, pattern string, h http.Handler) (err error) {
	defer func() {
		if said := recover(); said != nil {
			err = errors.New(printable(fmt.Sprint(said)))
		}
	}()
	mux.Handle(pattern, h)
	return nil
}

// isToken reports whether a text is a token of HTTP (RFC 9110 §5.6.2): a method, a scheme, the name of a header or a cookie.
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return r <= 0x20 || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}
