// Resourceserver is an API in a process of its own that accepts the access tokens of a login server elsewhere. It has the
// issuer's public keys and a Redis account that can read the revocations and nothing else: it cannot make a token, change a
// session or see one. A request costs it no round trip.
//
//	go run ./examples/oauthserver -store redis://localhost:6379 # somebody who makes tokens, and in another terminal:
//	curl -sS http://127.0.0.1:8082/oauth2/jwks.json >jwks.json
//	RESOURCESERVER_FEED='redis://jeton-follower:password@localhost:6379' \
//	go run ./examples/resourceserver -issuer http://127.0.0.1:8082
//
// GET /hello wants a token, GET /readyz says whether the server can judge one. docs/local-view.md goes through it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
	_ "github.com/jetonkit/jeton/store/redis"
	"github.com/jetonkit/jeton/token"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	addr := flag.String("addr", "127.0.0.1:8081", "listen on this `address`")
	issuer := flag.String("issuer", "", "accept the tokens of this `issuer`")
	keys := flag.String("keys", "jwks.json", "check signatures by the public keys of this `file`")
	stale := flag.Duration("max-stale", 0, "how late a revocation may be heard of; 0 is 2s")
	flag.Parse()
	if err := run(ctx, *addr, *issuer, *keys, os.Getenv("RESOURCESERVER_FEED"), *stale); err != nil {
		fmt.Fprintln(os.Stderr, "resourceserver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr, issuer, keys, feedURL string, stale time.Duration) (err error) {
	feed, err := store.OpenFeed(ctx, feedURL)
	if err != nil {
		return fmt.Errorf("RESOURCESERVER_FEED: %w", err)
	}
	defer func() { err = errors.Join(err, feed.Close()) }()
	wait, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	view, err := revocation.Open(wait, feed, &revocation.Options{MaxStale: stale})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, view.Close()) }()

	text, err := os.ReadFile(keys)
	if err != nil {
		return fmt.Errorf("-keys: %w", err)
	}
	set, err := token.ParseJWKS(text)
	if err != nil {
		return fmt.Errorf("-keys: %w", err)
	}
	verifier, err := token.NewVerifier([]token.TrustedIssuer{
		{Issuer: issuer, Keys: set, Check: token.Local(view, nil)},
	}, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, verifier.Close()) }()
	auth, err := httpauth.New(verifier, nil)
	if err != nil {
		return err
	}
	return serve(ctx, addr, routes(auth, view))
}

func routes(auth *httpauth.Middleware, view *revocation.View) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /hello", auth.Required(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, _ := httpauth.Token(r.Context())
		_, _ = fmt.Fprintln(w, "hello,", t.Subject().Name)
	})))
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := view.Ready(); err != nil { // let the load balancer ask another
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		lag, _ := view.Lag()
		_, _ = fmt.Fprintln(w, "ready, at most", lag.Round(time.Millisecond), "behind")
	})
	return mux
}

// serve answers until ctx ends.
func serve(ctx context.Context, addr string, h http.Handler) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	fmt.Println("listening on", listener.Addr())
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return server.Shutdown(last)
}
