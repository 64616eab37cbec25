package dsn_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/dsn"
	"github.com/jetonkit/jeton/store"
)

// pw stands for a password; no error may hold three of its characters.
const pw = "Hx7unter"

func parse(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestParams(t *testing.T) {
	for _, c := range []struct {
		rule, query string
		d           time.Duration
		n           int
	}{
		{"absent, both stay", "", 7 * time.Second, 7},
		{"given, both are set", "wait=90s&most=-3", 90 * time.Second, -3},
		{"escapes are undone", "wai%74=1%68&most=%31", time.Hour, 1},
		{"zero is a value", "wait=0s&most=0", 0, 0},
	} {
		t.Run(c.rule, func(t *testing.T) {
			d, n := 7*time.Second, 7
			p := dsn.Read(parse(t, "x://host?"+c.query))
			p.Duration("wait", &d)
			p.Int("most", &n)
			if err := p.Err(); err != nil || d != c.d || n != c.n {
				t.Errorf("%v, %d, %v; want %v, %d", d, n, err, c.d, c.n)
			}
		})
	}
}

func TestParamsRefused(t *testing.T) {
	for _, c := range []struct{ rule, rest, field, problem, remedy string }{
		{"an unknown parameter names the known", "?nope=" + pw, `the URL's parameter "nope"`, "unknown", "wait, most"},
		{"of several, the first by name, each time", "?zz=1&nope=1&oops=1", `the URL's parameter "nope"`, "unknown", "wait, most"},
		{"a parameter given twice", "?wait=1s&wait=2s", `the URL's parameter "wait"`, "more than once", "once"},
		{"a duration without a unit", "?wait=5", `the URL's parameter "wait"`, "does not parse", "90s"},
		{"an empty duration", "?wait=", `the URL's parameter "wait"`, "does not parse", "90s"},
		{"no number", "?most=" + pw, `the URL's parameter "most"`, "does not parse", "whole number"},
		{"a number too large", "?most=99999999999999999999", `the URL's parameter "most"`, "does not parse", "whole number"},
		{"a bad escape", "?wait=%zz" + pw, "URL", "do not parse", "escapes"},
		{"a semicolon", "?wait=1s;" + pw, "URL", "do not parse", "escapes"},
		{"another case is another name", "?Wait=1s", "a parameter of the URL", "unknown", "wait, most"},
		{"a name that may be the end of a password", "?" + pw + "@host/0", "a parameter of the URL", "unknown", "wait, most"},
		{"a fragment, which may be one too", "#" + pw + "@host/0", "URL", "fragment", "%23"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			for range 5 { // maps have no order
				var d time.Duration
				var n int
				p := dsn.Read(parse(t, "x://u:1"+c.rest))
				p.Duration("wait", &d)
				p.Int("most", &n)
				var f *store.FieldError
				if err := p.Err(); !errors.As(err, &f) || f.Field != c.field || !strings.Contains(f.Problem, c.problem) || !strings.Contains(f.Remedy, c.remedy) {
					t.Fatalf("%+v", f)
				}
				if strings.Contains(f.Error(), pw[:3]) {
					t.Errorf("the error tells the value: %v", f)
				}
			}
		})
	}
	t.Run("a store without parameters says so", func(t *testing.T) {
		if err := dsn.Read(parse(t, "x://?a=1")).Err(); err == nil || !strings.Contains(err.Error(), "there are no parameters") {
			t.Errorf("%v", err)
		}
	})
}
