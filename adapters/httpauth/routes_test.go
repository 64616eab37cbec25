package httpauth_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
)

var someRoutes = []string{
	"POST /login", "GET /v1/public/docs", "GET /items/{id}", "/files/{path...}", "GET /users/:id/edit",
	"GET /static/*filepath", "GET /echo/*", "PURGE /cache", "GET /tree/", "GET /", "GET /a b",
}

// Each rule alone, and whether some route of the list is met.
func TestRulesMeetRoutes(t *testing.T) {
	v := newFixture(t).verifier
	for _, c := range []struct {
		rule httpauth.Rule
		ok   bool
	}{
		{httpauth.Rule{Path: "/login"}, true},
		{httpauth.Rule{Path: "/login", Methods: []string{"POST"}}, true},
		{httpauth.Rule{Path: "/login", Methods: []string{"GET"}}, false},
		{httpauth.Rule{Path: "/logn"}, false},
		{httpauth.Rule{Path: "/login/"}, false},
		{httpauth.Rule{Prefix: "/login"}, true},
		{httpauth.Rule{Prefix: "/v1/public"}, true},
		{httpauth.Rule{Prefix: "/v1/public/docs/"}, true},
		{httpauth.Rule{Prefix: "/v1/publi"}, false},
		{httpauth.Rule{Path: "/v1/public"}, false},
		{httpauth.Rule{Path: "/items/7"}, true},
		{httpauth.Rule{Path: "/items/7", Methods: []string{"HEAD"}}, false}, // gin and echo serve none
		{httpauth.Rule{Pattern: "GET /items/{name}"}, true},
		{httpauth.Rule{Pattern: "DELETE /items/{id}"}, false},
		{httpauth.Rule{Pattern: "/items/{id}/{part}"}, false},
		{httpauth.Rule{Prefix: "/files"}, true},
		{httpauth.Rule{Path: "/files/a/b"}, true},
		{httpauth.Rule{Path: "/users/7/edit"}, true},
		{httpauth.Rule{Pattern: "/users/{id}/edit"}, true},
		{httpauth.Rule{Prefix: "/users/7"}, true},
		{httpauth.Rule{Path: "/users/7"}, false},
		{httpauth.Rule{Prefix: "/static/css"}, true},
		{httpauth.Rule{Path: "/echo/x/y"}, true},
		{httpauth.Rule{Path: "/cache"}, true},
		{httpauth.Rule{Path: "/cache", Methods: []string{"PURGE"}}, true},
		{httpauth.Rule{Path: "/cache", Methods: []string{"GET"}}, false},
		{httpauth.Rule{Path: "/tree/x"}, true},
		{httpauth.Rule{Path: "/a b"}, true},
		{httpauth.Rule{Regexp: `/items/[0-9]+`, Example: "/items/12"}, true},
		{httpauth.Rule{Regexp: `/item/[0-9]+`, Example: "/item/12"}, false},
		{httpauth.Rule{Prefix: "/"}, true},
		{httpauth.Rule{Path: "/nowhere"}, false}, // though GET / of net/http would serve it
	} {
		m := must(httpauth.New(v, &httpauth.Options{Rules: []httpauth.Rule{c.rule}}))(t)
		err := m.CheckRoutes(someRoutes...)
		var field *store.FieldError
		text := c.rule.Path + c.rule.Prefix + c.rule.Pattern + c.rule.Regexp
		switch {
		case c.ok && err != nil:
			t.Errorf("%+v: %v", c.rule, err)
		case !c.ok && (!errors.As(err, &field) || !strings.Contains(field.Field, "Options.Rules[0] (") || !strings.Contains(field.Field, text)):
			t.Errorf("%+v meets no route, and the check says %v", c.rule, err)
		}
	}
}

func TestRoutesThatCannotBeRead(t *testing.T) {
	m := newFixture(t).middleware(t, nil)
	for _, route := range []string{"", "GET", "GET x", "GET /{a", "GET /a/{b}{c}"} {
		var field *store.FieldError
		if err := m.CheckRoutes("GET /", route); !errors.As(err, &field) || field.Field != "routes[1]" {
			t.Errorf("%q: got %v", route, err)
		}
		if _, err := m.Unruled(route); !errors.As(err, &field) {
			t.Errorf("%q: got %v", route, err)
		}
	}
}

func TestUnruled(t *testing.T) {
	m := newFixture(t).middleware(t, &httpauth.Options{Rules: []httpauth.Rule{
		{Path: "/login", Methods: []string{"POST"}}, {Prefix: "/v1"}, {Pattern: "GET /items/{id}"}, {Prefix: "/files"},
	}})
	want := []string{"GET /users/:id/edit", "GET /static/*filepath", "GET /echo/*", "PURGE /cache", "GET /tree/", "GET /", "GET /a b"}
	if got := must(m.Unruled(someRoutes...))(t); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCheckMux(t *testing.T) {
	v := newFixture(t).verifier
	mux := http.NewServeMux()
	for _, pattern := range []string{"POST /login", "/v1/public/docs/", "GET /items/{id}", "/", "REPORT /calendar"} {
		mux.Handle(pattern, http.NotFoundHandler())
	}
	for _, c := range []struct {
		rule httpauth.Rule
		ok   bool
	}{
		{httpauth.Rule{Path: "/login"}, true},
		{httpauth.Rule{Path: "/login", Methods: []string{"GET"}}, false},
		{httpauth.Rule{Path: "/logn"}, false},
		{httpauth.Rule{Prefix: "/v1/public/docs"}, true},
		{httpauth.Rule{Prefix: "/v1/public"}, false},
		{httpauth.Rule{Prefix: "/v1/public", Example: "/v1/public/docs/x"}, true},
		{httpauth.Rule{Pattern: "GET /items/{name}"}, true},
		{httpauth.Rule{Pattern: "DELETE /items/{name}"}, false},
		{httpauth.Rule{Path: "/calendar", Methods: []string{"REPORT"}}, true},
		{httpauth.Rule{Prefix: "/"}, true},
		{httpauth.Rule{Pattern: "/"}, true},
	} {
		m := must(httpauth.New(v, &httpauth.Options{Rules: []httpauth.Rule{c.rule}}))(t)
		if err := m.CheckMux(mux); (err == nil) != c.ok {
			t.Errorf("%+v: got %v", c.rule, err)
		}
	}
}

// Patterns of a host are found where the host is named, and a route for everything of a host counts for nothing either.
func TestCheckMuxOfHosts(t *testing.T) {
	v := newFixture(t).verifier
	mux := http.NewServeMux()
	for _, pattern := range []string{"admin.test/users", "GET api.test/items/{id}", "api.test/", "/login"} {
		mux.Handle(pattern, http.NotFoundHandler())
	}
	for _, c := range []struct {
		rule  httpauth.Rule
		hosts []string
		ok    bool
	}{
		{httpauth.Rule{Path: "/login"}, nil, true},
		{httpauth.Rule{Path: "/login"}, []string{"api.test"}, true},
		{httpauth.Rule{Path: "/users"}, nil, false},
		{httpauth.Rule{Path: "/users"}, []string{"admin.test"}, true},
		{httpauth.Rule{Path: "/users"}, []string{"api.test", "admin.test"}, true},
		{httpauth.Rule{Path: "/users"}, []string{"api.test"}, false}, // though api.test/ would serve it
		{httpauth.Rule{Path: "/users/"}, []string{"admin.test"}, false},
		{httpauth.Rule{Pattern: "GET /items/{id}"}, []string{"api.test"}, true},
		{httpauth.Rule{Pattern: "PUT /items/{id}"}, []string{"api.test"}, false},
		{httpauth.Rule{Prefix: "/"}, []string{"api.test"}, true},
	} {
		m := must(httpauth.New(v, &httpauth.Options{Rules: []httpauth.Rule{c.rule}}))(t)
		if err := m.CheckMux(mux, c.hosts...); (err == nil) != c.ok {
			t.Errorf("%+v at %v: got %v", c.rule, c.hosts, err)
		}
	}
}
