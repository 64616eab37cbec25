package archtest

import (
	"slices"
	"strings"
	"testing"
)

// bad is a repository in which each package breaks one rule, or is a near miss that breaks none.
func bad(path string, imports ...string) []Package {
	return []Package{{ImportPath: absolute(path), Imports: imports, Deps: imports}}
}

func TestCheckImportsFindsWhatTheTableForbids(t *testing.T) {
	for name, tc := range map[string]struct {
		graph []Package
		want  string // "" for no finding
	}{
		"store on a library":                  {bad("store", bbolt), "store imports go.etcd.io/bbolt"},
		"store on an internal package":        {bad("store", absolute("internal/ledger")), "store imports internal/ledger"},
		"store on the standard library":       {bad("store", "context", "crypto/sha256"), ""},
		"backend on its client":               {bad("store/bolt", bbolt, absolute("store"), absolute("internal/wire")), ""},
		"backend on another's client":         {bad("store/bolt", goRedis), "store/bolt imports github.com/redis"},
		"backend on another backend":          {bad("store/redis", absolute("store/memory")), "store/redis imports store/memory"},
		"backend on tokens":                   {bad("store/memory", absolute("token")), "store/memory imports token"},
		"library with the same beginning":     {bad("store/bolt", bbolt+"x"), "store/bolt imports go.etcd.io/bboltx"},
		"package below an allowed library":    {bad("store/bolt", bbolt+"/errors"), ""},
		"layer on a backend":                  {bad("store/cache", absolute("store/bolt")), "store/cache imports store/bolt"},
		"token on a backend":                  {bad("token", absolute("store/memory")), "token imports store/memory"},
		"config on a backend":                 {bad("config", absolute("store/redis")), "config imports store/redis"},
		"conformance on a backend":            {bad("conformance", absolute("store/memory")), "conformance imports store/memory"},
		"framework adapter on another":        {bad("adapters/ginauth", echo4), "adapters/ginauth imports github.com/labstack/echo/v4"},
		"echo v5 is not echo v4":              {bad("adapters/echov4auth", echo5), "adapters/echov4auth imports github.com/labstack/echo/v5"},
		"the root imports something":          {bad(".", absolute("store")), ". imports store"},
		"something imports the root":          {bad("token", Module), "token imports ."},
		"example on any library":              {bad("examples/authserver", "modernc.org/sqlite", absolute("store/bolt"), absolute("examples/authserver/web")), ""},
		"example on an internal package":      {bad("examples/authserver/web", absolute("internal/dsn")), "examples/authserver/web imports internal/dsn"},
		"package without a row":               {bad("store/etcd"), "store/etcd: no row"},
		"package below a row without \"...\"": {bad("store/bolt/page"), "store/bolt/page: no row"},
		"somebody else's package":             {[]Package{{ImportPath: "example.com/store", Imports: []string{bbolt}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, CheckImports(Table, tc.graph), tc.want)
		})
	}
}

func TestCheckTestLibrariesFindsThemAtAnyDistance(t *testing.T) {
	for name, tc := range map[string]struct {
		graph []Package
		want  string
	}{
		"testing":                         {bad("token", "testing"), "token links testing"},
		"a package below testing":         {bad("token", "testing/fstest"), "token links testing/fstest"},
		"Gomega":                          {bad("store/memory", gomega+"/types"), "store/memory links github.com/onsi/gomega/types"},
		"the fakes":                       {bad("cmd/jeton", absolute("storetest")), "cmd/jeton links storetest"},
		"a test server's starter":         {bad("store/redis", absolute("internal/testenv")), "store/redis links internal/testenv"},
		"through somebody else":           {[]Package{{ImportPath: absolute("token"), Imports: []string{"example.com/x"}, Deps: []string{"example.com/x", rapid}}}, "token links pgregory.net/rapid"},
		"conformance may":                 {bad("conformance", "testing", gomega, absolute("storetest")), ""},
		"a package of a test harness may": {bad("faults/partition", "testing"), ""},
		"a name that only begins so":      {bad("token", "testingx"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, CheckTestLibraries(Table, tc.graph), tc.want)
		})
	}
}

func TestCheckDepsFindsForeignLibraries(t *testing.T) {
	forbidden := slices.Concat(Foreign, TestLibraries)
	expect(t, CheckDeps(bad("store/bolt", bbolt, "net/http"), "store/bolt", forbidden), "")
	expect(t, CheckDeps(bad("store/memory"), "store/bolt", forbidden), "store/bolt: no such package")
	for _, lib := range []string{goRedis + "/internal/pool", gin, echo4, otel + "/trace", grpc + "/codes", "testing", goleak} {
		expect(t, CheckDeps(bad("store/bolt", bbolt, lib), "store/bolt", forbidden), "store/bolt links "+lib)
	}
}

func TestCheckTableFindsItsFlaws(t *testing.T) {
	for name, tc := range map[string]struct {
		table []Row
		want  string
	}{
		"no reason":             {[]Row{{Package: "a"}}, "a: a row says why"},
		"the same twice":        {[]Row{{Package: "a", Reason: "r"}, {Package: "a", Reason: "r"}}, "a and a match"},
		"a tree over a package": {[]Row{{Package: "a/b", Reason: "r"}, {Package: "a/...", Reason: "r"}}, "a/b and a/... match"},
		"a void import":         {[]Row{{Package: "a", Imports: []string{"b/...", "b/c"}, Reason: "r"}}, "a: b/c is part of b/..."},
		"neighbours":            {[]Row{{Package: "a", Reason: "r"}, {Package: "ab/...", Reason: "r"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, CheckTable(tc.table), tc.want)
		})
	}
}

// expect wants exactly one finding that begins with want, or none for "".
func expect(t *testing.T, got []string, want string) {
	t.Helper()
	if want == "" && len(got) == 0 {
		return
	}
	if want == "" || len(got) != 1 || !strings.HasPrefix(got[0], want) {
		t.Errorf("findings %q, want one that begins with %q", got, want)
	}
}
