// Package archtest holds which package may import what, as data in one place: [Table].
//
// Its tests hold the real packages to the table, and `go run ./internal/archtest/gen` writes the
// depguard rules of .golangci.yaml from it, so that an editor says the same as the tests.
package archtest

// Module is the root module. A path in the table is below it unless its first element holds a dot, as a library's does.
const Module = "github.com/jetonkit/jeton"

// AnyLibrary as an import allows everything outside this repository.
const AnyLibrary = "*"

// Row says what the files of one package may import beyond the standard library. Tests (_test.go) are free.
type Row struct {
	// Package is a path below the root module, "." for its root, "x/..." for x and everything below it.
	Package string
	// Imports are paths below the root module ("x/..." for a subtree), libraries with all that is below
	// them, or AnyLibrary. A "x/..." package may import its own subtree without saying so.
	Imports []string
	// TestSupport marks what only tests link: it may import test libraries, and no other row may import it.
	TestSupport bool
	// Reason is shown to whoever breaks the row.
	Reason string
}

// Libraries that more than one row, or a test, names.
const (
	btree      = "github.com/tidwall/btree"
	bbolt      = "go.etcd.io/bbolt"
	golangJWT  = "github.com/golang-jwt/jwt/v5"
	strictJS   = "github.com/go-json-experiment/json"
	ristretto  = "github.com/dgraph-io/ristretto/v2"
	gobreaker  = "github.com/sony/gobreaker/v2"
	xsync      = "golang.org/x/sync"
	goRedis    = "github.com/redis/go-redis/v9"
	gomemc     = "github.com/bradfitz/gomemcache"
	goYAML     = "go.yaml.in/yaml/v3"
	otel       = "go.opentelemetry.io/otel"
	gin        = "github.com/gin-gonic/gin"
	echo4      = "github.com/labstack/echo/v4"
	echo5      = "github.com/labstack/echo/v5"
	grpc       = "google.golang.org/grpc"
	genproto   = "google.golang.org/genproto/googleapis/rpc"
	protobuf   = "google.golang.org/protobuf"
	ginkgo     = "github.com/onsi/ginkgo/v2"
	gomega     = "github.com/onsi/gomega"
	rapid      = "pgregory.net/rapid"
	porcupine  = "github.com/anishathalye/porcupine"
	goleak     = "go.uber.org/goleak"
	wycheproof = "github.com/c2sp/wycheproof"
)

// TestLibraries are linked by tests and by TestSupport rows only.
var TestLibraries = []string{"testing", ginkgo, gomega, rapid, porcupine, goleak, wycheproof}

// Foreign is what a program that wants an embedded store must not be given with it: clients of
// servers, frameworks, telemetry. Each was seen to force its version on users of a one-module layout.
var Foreign = []string{
	goRedis, gomemc, otel, gin, "github.com/labstack/echo", grpc,
	"github.com/gomodule/redigo", "github.com/redis/rueidis", "github.com/valkey-io/valkey-go",
	"github.com/go-chi/chi", "github.com/gofiber/fiber", "github.com/gorilla/mux",
}

// Table is every package of the repository, those of later issues too. No two rows match one package.
var Table = []Row{
	{Package: ".", Reason: "the root is documentation: it has no code to import anything for"},

	{
		Package: "store",
		Imports: []string{"internal/age"},
		Reason:  "the contract stands on the standard library, so implementing it costs nobody a dependency",
	},
	backend("store/memory", btree),
	backend("store/bolt", bbolt),
	backend("store/redis", goRedis),
	backend("store/document"),
	backend("store/memcache", "store/document", gomemc),
	{
		Package: "store/all",
		Imports: []string{"store/memory", "store/bolt", "store/redis", "store/memcache"},
		Reason:  "it registers every backend and does nothing else",
	},
	layer("store/cache", ristretto),
	layer("store/breaker", gobreaker),
	{
		Package: "store/observe",
		Imports: []string{"store", xsync, otel},
		Reason:  "a layer of its own module, so that nobody else gets OpenTelemetry; the root's internals may change under a module released apart",
	},

	{Package: "internal/age", Reason: "the contract stands on it, so it stands on the standard library alone"},
	{Package: "internal/spread", Reason: "counts for whoever is asked by all at once, on the standard library alone"},
	internal("internal/ledger", "pure rules of one subject's ledger"),
	internal("internal/keyspace", "the only place that builds keys"),
	internal("internal/wire", "the only place that knows stored bytes"),
	internal("internal/verbs", "what an embedded store's verbs share"),
	internal("internal/bell", "wakes who waits for a change in this process"),
	internal("internal/dsn", "the parameters of store URLs"),
	{
		Package: "internal/follow",
		Imports: []string{"store"},
		Reason:  "the one feed reader, for the cache and the view: it knows the contract only",
	},

	{Package: "revocation", Imports: []string{"store", "internal/age", "internal/follow"}, Reason: "a view follows a feed, whatever the backend"},
	{
		Package: "revocation/statuslist",
		Imports: []string{"store", "internal/follow", "revocation", "token"},
		Reason:  "publishes the view as a signed list",
	},
	{
		Package: "token",
		Imports: []string{"store", "revocation", "internal/age", "internal/spread", golangJWT, strictJS},
		Reason:  "tokens know the contract, never a backend or a framework",
	},

	{Package: "adapters/httpauth", Imports: []string{"token", "store"}, Reason: "all the logic of the adapters, on net/http types"},
	{Package: "adapters/signature", Imports: []string{"store"}, Reason: "signed calls need a store for single use, not tokens"},
	{
		Package: "adapters/endpoints",
		Imports: []string{"adapters/httpauth", "adapters/signature", "token", "store", "revocation", "revocation/statuslist"},
		Reason:  "ready handlers over everything below them, never a backend",
	},
	framework("adapters/ginauth", gin),
	framework("adapters/echoauth", echo5),
	framework("adapters/echov4auth", echo4),
	framework("adapters/grpcauth", grpc, genproto, protobuf),
	{
		Package:     "adapters/httpauth/httpauthtest",
		Imports:     []string{"adapters/httpauth", "token", "store", "store/memory"},
		TestSupport: true,
		Reason:      "one table of cases for every adapter: it must not know one",
	},
	harness("adapters/parity/..."),

	{
		Package: "config",
		Imports: []string{"store", "store/cache", "store/breaker", "token", "revocation", goYAML},
		Reason:  "never a backend: the program imports the one it wants, or store/all",
	},
	{Package: "internal/configdoc", Imports: []string{"config"}, Reason: "writes the schema and the page of package config"},

	{Package: "storetest", Imports: []string{"store", "store/memory"}, TestSupport: true, Reason: "fakes over the memory store"},
	{
		Package:     "conformance",
		Imports:     []string{"store", "storetest", ginkgo, gomega, rapid, porcupine, goleak},
		TestSupport: true,
		Reason:      "one behaviour for every backend: it must not know one",
	},
	{
		Package:     "internal/harness",
		Imports:     []string{"store", "store/memory", "store/redis", "conformance", "storetest", "internal/testenv"},
		TestSupport: true,
		Reason:      "what the suite runs on, for tests and ruledoc; two backends to put beneath a layer, and no client of others",
	},
	{
		Package:     "internal/ruledoc",
		Imports:     []string{"store", "store/bolt", "store/memcache", "store/document", "store/cache", "store/breaker", "conformance", "storetest", "internal/harness", "internal/testenv"},
		TestSupport: true,
		Reason:      "runs the suite on every store for docs/conformance.md, which conformance itself must not know",
	},
	{Package: "internal/testenv/...", TestSupport: true, Reason: "starts real servers for tests; a backend's tests import it, so it imports no package of ours"},
	{Package: "internal/archtest/...", TestSupport: true, Reason: "judges the other packages from outside"},

	program("cmd/jeton/..."),
	program("examples/..."),
	harness("bench/..."),
	harness("faults/..."),
}

func backend(pkg string, own ...string) Row {
	return Row{
		Package: pkg,
		Imports: append([]string{"store", "internal/..."}, own...),
		Reason:  "a backend knows the contract, the internals and its one client; never tokens or another backend",
	}
}

func layer(pkg string, own ...string) Row {
	return Row{
		Package: pkg,
		Imports: append([]string{"store", "internal/...", xsync}, own...),
		Reason:  "a layer works over any store: never a backend or another layer",
	}
}

func internal(pkg, what string) Row {
	return Row{Package: pkg, Imports: []string{"store", "internal/..."}, Reason: what + ": no library, nothing above store"}
}

func framework(pkg string, libs ...string) Row {
	return Row{
		Package: pkg,
		Imports: append([]string{"adapters/httpauth", "token"}, libs...),
		Reason:  "thin: a framework adapter translates for httpauth, in a module of its own",
	}
}

// public is what a user of the SDK can import too.
var public = []string{"store/...", "revocation/...", "token", "config", "adapters/..."}

func program(pkg string) Row {
	return Row{
		Package: pkg,
		Imports: append([]string{AnyLibrary}, public...),
		Reason:  "a program shows what users can do, and they cannot import internal packages",
	}
}

func harness(pkg string) Row {
	return Row{
		Package:     pkg,
		Imports:     append([]string{AnyLibrary, "internal/...", "storetest", "conformance"}, public...),
		TestSupport: true,
		Reason:      "measures and breaks the rest; nothing depends on it",
	}
}
