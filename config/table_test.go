package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// TestTable holds each entry to what the reader takes for granted. Killed mutants: a duration's field that is a number; an
// alias of two keys; a key without a default.
func TestTable(t *testing.T) {
	types := map[kind]reflect.Type{
		textKind: reflect.TypeFor[string](), secretKind: reflect.TypeFor[Secret](), choiceKind: reflect.TypeFor[string](),
		durationKind: reflect.TypeFor[time.Duration](), numberKind: reflect.TypeFor[int](), listKind: reflect.TypeFor[[]string](),
		flagKind: reflect.TypeFor[bool](), keysKind: reflect.TypeFor[[]Key](), timeKind: reflect.TypeFor[time.Time](),
	}
	seen := map[string]bool{}
	for n := range table {
		e := &table[n]
		for _, name := range append([]string{e.path, e.env()}, aliasNames(e)...) {
			if name != "" && seen[name] {
				t.Errorf("%s is taken twice", name)
			}
			seen[name] = true
		}
		if e.doc == "" || e.def == "" || e.example == "" {
			t.Errorf("%s has no doc, default or example", e.path)
		}
		if e.fileOf != "" {
			continue
		}
		want := types[e.kind]
		if e.path == "issuer.limit.policy" {
			want = reflect.TypeFor[store.Policy]()
		}
		if got := reflect.TypeOf(e.field(&Config{})).Elem(); got != want {
			t.Errorf("%s is kept in a %v, want a %v", e.path, got, want)
		}
		if e.kind == durationKind && (e.longest <= e.shortest || (e.off && e.shortest != 0)) {
			t.Errorf("%s has the range %v to %v", e.path, e.shortest, e.longest)
		}
	}
}

func aliasNames(e *entry) []string {
	var names []string
	for _, a := range e.aliases {
		names = append(names, a.name)
	}
	return names
}

// TestEveryOptionHasAKey: an option that package token gets has a key, or is known to be a program's alone.
func TestEveryOptionHasAKey(t *testing.T) {
	program := []string{
		"Events", "APIKeys", "Issuers", "Wrap", "Breaker.OnChange", "View.Logger", "Issuer.Claims", "Issuer.Keys", "Issuer.Events", "Issuer.Now", "Verifier.Extra",
		"Verifier.VerifierOptions.APIKeys", "Verifier.VerifierOptions.Events", "Verifier.VerifierOptions.Now",
		"Revoker.Events", "Revoker.Now",
	}
	var c Config
	known := map[any]bool{}
	for n := range table {
		if table[n].fileOf == "" {
			known[table[n].field(&c)] = true
		}
	}
	known[retiredAt.field(&c)] = true
	groups := []reflect.Type{
		reflect.TypeFor[Store](), reflect.TypeFor[Cache](), reflect.TypeFor[Breaker](), reflect.TypeFor[View](), reflect.TypeFor[Key](), reflect.TypeFor[Verifier](), reflect.TypeFor[store.Limit](),
		reflect.TypeFor[token.IssuerOptions](), reflect.TypeFor[token.VerifierOptions](), reflect.TypeFor[token.RevokerOptions](),
	}
	var walk func(name string, v reflect.Value)
	walk = func(name string, v reflect.Value) {
		for i := range v.NumField() {
			f, name := v.Type().Field(i), strings.TrimPrefix(name+"."+v.Type().Field(i).Name, ".")
			switch {
			case !f.IsExported() || slices.Contains(program, name):
			case slices.Contains(groups, f.Type):
				walk(name, v.Field(i))
			case !known[v.Field(i).Addr().Interface()]:
				t.Errorf("Config.%s has no key", name)
			}
		}
	}
	walk("", reflect.ValueOf(&c).Elem())
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"url", "url", 0},
		{"ulr", "url", 1},
		{"ur", "url", 1},
		{"urll", "url", 1},
		{"uri", "url", 1},
		{"", "abc", 3},
		{"abc", "", 3},
		{"kitten", "sitting", 3},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// TestShown: an error repeats an unknown name only where it cannot be a secret that is good, which has 32 bytes.
func TestShown(t *testing.T) {
	for name, want := range map[string]string{
		"acess_ttl":                        "acess_ttl",
		"a.b-c":                            "a.b-c",
		"":                                 "a key",
		"a b":                              "a key",
		"p@ss":                             "a key",
		strings.Repeat("x", 31):            strings.Repeat("x", 31),
		strings.Repeat("x", 32):            "a key",
		"JETON_ISSUER_LIMIT_MAX_PER_CLAS":  "JETON_ISSUER_LIMIT_MAX_PER_CLAS",
		"JETON_ISSUER_LIMIT_MAX_PER_CLASX": "JETON_ISSUER_LIMIT_MAX_PER_CLASX",
	} {
		if got := shown(name); got != want {
			t.Errorf("%q is shown as %q", name, got)
		}
	}
}

// TestRedisHosts: what is no host is not made a URL of.
func TestRedisHosts(t *testing.T) {
	for _, host := range []string{"u@h", "h/0", "h?a=b", "h#a", "[::1]", "h:6379", "a b"} {
		t.Chdir(t.TempDir())
		_, err := load(t.Context(), "", []string{"REDIS_HOST=" + host, "JWT_SECRET=" + secret, "JETON_ISSUER_NAME=x"})
		if err == nil || !strings.Contains(err.Error(), "REDIS_HOST is not a host's name") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// TestUnquote: the values of a .env file.
func TestUnquote(t *testing.T) {
	for _, c := range []struct {
		rule, text, value string
		closed            bool
	}{
		{"bare", `a b`, `a b`, true},
		{"bare with a comment", `a #b`, `a`, true},
		{"a comment behind a tab", "a\t#b", `a`, true},
		{"a # within is no comment", `a#b`, `a#b`, true},
		{"nothing but a comment", `# b`, ``, true},
		{"nothing", ``, ``, true},
		{"double", `"a # b" # c`, `a # b`, true},
		{"escapes in double", `"a\n\"\\\$"`, "a\n\"\\$", true},
		{"single is literal", `'a\n"'`, `a\n"`, true},
		{"not closed", `"a`, ``, false},
		{"closed by an escape only", `"a\"`, ``, false},
		{"a tail", `"a" b`, `a`, false},
	} {
		if value, closed := unquote(c.text); closed != c.closed || (closed && value != c.value) {
			t.Errorf("%s: %q, %t", c.rule, value, closed)
		}
	}
}

// TestSchemesAreKnown: every scheme of our backends says what it can give, so that Load tells before anything is opened.
func TestSchemesAreKnown(t *testing.T) {
	for _, name := range store.Schemes() {
		if _, ok := schemes[name]; !ok && !strings.HasPrefix(name, "test-") {
			t.Errorf("nothing is known of the scheme %s", name)
		}
	}
}
