package config_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/jetonkit/jeton/config"
	"github.com/jetonkit/jeton/store"
	_ "github.com/jetonkit/jeton/store/memory" // each store to choose from
	"github.com/jetonkit/jeton/token"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "jeton")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "jeton.yaml")
	file := `
store: {url: "memory://"}
key: {secret: 32 random bytes from your secrets}
issuer: {name: https://example.com, access_ttl: 10m}
`
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		log.Fatal(err)
	}

	cfg, err := config.Load(ctx, path)
	if err != nil {
		log.Fatal(err) // every mistake, one on a line
	}
	fmt.Println(cfg)
	stack, err := cfg.Build(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer stack.Close()

	pair, err := stack.Issuer.Login(ctx, store.User("ann"), token.LoginOptions{Class: "web"})
	if err != nil {
		log.Fatal(err)
	}
	t, err := stack.Verifier.Verify(ctx, pair.Access.Reveal())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("hello,", t.Subject().Name)
	// Output:
	// config(store.url="memory:(redacted)" key.secret="(redacted)" issuer.name="https://example.com" issuer.access_ttl="10m")
	// hello, ann
}

// What no file can give, a program puts into the Config between Load and Build: here the roles in its tokens, and a limit
// where the file has none.
func ExampleConfig() {
	ctx := context.Background()
	cfg := &config.Config{ // or what config.Load returned
		Store:      config.Store{URL: config.NewSecret("memory://")},
		Key:        config.Key{Secret: config.NewSecret("32 random bytes from your secrets")},
		IssuerName: "https://example.com",
	}
	type claims struct {
		Roles []string `json:"roles"`
	}
	cfg.Issuer.Claims = func(_ context.Context, session store.Record) (any, error) {
		return claims{Roles: []string{"friend of " + session.Subject.Name}}, nil // from your database
	}
	cfg.Verifier.Extra = token.ExtraOf[claims]()
	cfg.Events = func(_ context.Context, e token.Event) { fmt.Println("event:", e.Type) }
	if cfg.Issuer.Limit == (store.Limit{}) {
		cfg.Issuer.Limit.Max = 10
	}

	stack, err := cfg.Build(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer stack.Close()
	pair, err := stack.Issuer.Login(ctx, store.User("ann"), token.LoginOptions{})
	if err != nil {
		log.Fatal(err)
	}
	t, err := stack.Verifier.Verify(ctx, pair.Access.Reveal())
	if err != nil {
		log.Fatal(err)
	}
	extra, _ := token.Extra[claims](t)
	fmt.Println(extra.Roles)
	// Output:
	// event: login
	// event: verified
	// [friend of ann]
}
