package httpauth

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ruleSet is rules that were read.
type ruleSet struct {
	all []*compiled
	// mux finds the most specific rule that is no regular expression.
	mux *http.ServeMux
	// regexps are the others.
	regexps []*compiled
}

// maxOdd bounds, in bytes, the paths that are judged in several readings. Plain ones are as long as the server takes.
const maxOdd = 16 << 10

// denied is what a request needs that no rule meets.
var denied = Access{}.demand()

// newRuleSet reads rules, and refuses those that conflict.
func newRuleSet(rules []Rule, internal bool) (*ruleSet, error) {
	if len(rules) > maxRules {
		return nil, invalid("Options.Rules", fmt.Sprintf("are %d, the limit is %d", len(rules), maxRules),
			"let a prefix stand for several")
	}
	s := &ruleSet{mux: http.NewServeMux()}
	for n, r := range rules {
		field := fmt.Sprintf("Options.Rules[%d]", n)
		c, err := compile(field, r, internal)
		if err != nil {
			return nil, err
		}
		if c.regexp != nil {
			s.regexps = append(s.regexps, c)
		}
		for _, pattern := range c.patterns {
			if register(s.mux, pattern, c) != nil { // alone it could be read
				return nil, invalid(field, "conflicts with "+s.rival(c)+": requests may meet both, and neither is more specific",
					"let one say more of the path and at least as much of the methods, or less of both")
			}
		}
		s.all = append(s.all, c)
	}
	return s, nil
}

// rival names the rule that c conflicts with.
func (s *ruleSet) rival(c *compiled) string {
	for _, other := range s.all {
		mux := http.NewServeMux()
		for _, pattern := range slices.Concat(other.patterns, c.patterns) {
			if register(mux, pattern, c) != nil {
				return other.name
			}
		}
	}
	return "itself"
}

// find returns the rule that a mux has for a path; nil for none. A mux that would redirect has none.
func find(mux *http.ServeMux, method string, u *url.URL) *compiled {
	h, _ := mux.Handler(&http.Request{Method: method, URL: u})
	c, _ := h.(*compiled)
	return c
}

// judge returns what a request needs. It is [ErrAmbiguousPath] where that hangs on who reads the path, and where
// finding out would take too long.
func (s *ruleSet) judge(r *http.Request) (*demand, error) {
	if !strings.HasPrefix(r.URL.Path, "/") { // "*", and the authority of CONNECT
		return nil, ErrAmbiguousPath
	}
	if isPlain(r.URL) {
		h, _ := s.mux.Handler(r)
		c, _ := h.(*compiled)
		if len(s.regexps) == 0 {
			if c == nil {
				return &denied, nil
			}
			return &c.demand, nil
		}
		return together(s.with(c, r.Method, r.URL.Path)), nil
	}
	if len(r.URL.Path)+len(r.URL.RawPath) > maxOdd { // a mebibyte takes a third of a second, and 100 MiB
		return nil, ErrAmbiguousPath
	}
	readings := readingsOf(r.URL)
	first := s.met(r.Method, readings[0])
	for _, other := range readings[1:] {
		if !slices.Equal(first, s.met(r.Method, other)) {
			return nil, ErrAmbiguousPath
		}
	}
	return together(first), nil
}

// met returns the rules that count for one reading of a path.
func (s *ruleSet) met(method string, r reading) []*compiled {
	return s.with(find(s.mux, method, r.url), method, r.text)
}

// with returns a rule, unless it is nil, and the regular expressions that meet the path.
func (s *ruleSet) with(c *compiled, method, path string) []*compiled {
	var met []*compiled
	if c != nil {
		met = append(met, c)
	}
	for _, r := range s.regexps {
		if r.meets(method, path) {
			met = append(met, r)
		}
	}
	return met
}

// together returns all that these rules ask for.
func together(rules []*compiled) *demand {
	switch len(rules) {
	case 0:
		return &denied
	case 1:
		return &rules[0].demand
	}
	all := rules[0].demand
	for _, r := range rules[1:] {
		all = all.and(r.demand)
	}
	return &all
}
