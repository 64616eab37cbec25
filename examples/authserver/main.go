// Authserver is a login server on the Jeton SDK: accounts with passwords in SQLite, sessions in any of Jeton's stores, a
// JSON API to log in, refresh, list sessions and kick one out.
//
//	go run ./examples/authserver
//
// It listens on 127.0.0.1:8080 and keeps its files in the working directory. The first start makes the user admin and
// prints a random password for it, unless AUTHSERVER_ADMIN_PASSWORD gives one. README.md has the API.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	_ "github.com/jetonkit/jeton/store/bolt"
	_ "github.com/jetonkit/jeton/store/memcache"
	_ "github.com/jetonkit/jeton/store/memory"
	_ "github.com/jetonkit/jeton/store/redis"
)

// config is what a start is told.
type config struct {
	// addr is where to listen, host:port.
	addr string
	// store is the URL of the session store.
	store string
	// accounts and key are the paths of the account database and of the signing key; both are made if they are not there.
	accounts, key string
	// adminPassword is the password of the first account; empty: a random one, printed.
	adminPassword string
	// hash is what new password hashes are made with.
	hash parameters
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the default handling is back: a second one ends the program at once.
	context.AfterFunc(ctx, stop)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "authserver:", err)
		os.Exit(1)
	}
}

// run starts the server and returns when ctx has ended and all is closed.
func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) error {
	cfg, err := parse(args, stderr)
	if err != nil {
		return err
	}
	cfg.adminPassword = env("AUTHSERVER_ADMIN_PASSWORD")
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	s, err := open(ctx, cfg, stdout, log)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.addr)
	if err != nil {
		return errors.Join(err, s.close())
	}
	log.Info("listening", "addr", listener.Addr().String(), "store", scheme(cfg.store))
	return errors.Join(s.serve(ctx, listener), s.close())
}

// errUsage is a command line that was refused; the flag package has said why.
var errUsage = errors.New("wrong usage")

func parse(args []string, stderr io.Writer) (config, error) {
	cfg := config{hash: strong()}
	flags := flag.NewFlagSet("authserver", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&cfg.addr, "addr", "127.0.0.1:8080", "listen on `host:port`")
	flags.StringVar(&cfg.store, "store", "bolt:jeton.bolt", "keep sessions in the store of this `URL`: bolt:file, bolt:///path/to/file, memory://, redis://host:6379/0, memcache://host:11211")
	flags.StringVar(&cfg.accounts, "accounts", "accounts.db", "keep accounts in this SQLite `file`")
	flags.StringVar(&cfg.key, "key", "jeton.key", "sign tokens with the Ed25519 key in this PEM `file`")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return config{}, err
		}
		return config{}, errUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "authserver: %q is no flag\n", flags.Arg(0)) //nolint:errcheck // the exit code tells it too
		return config{}, errUsage
	}
	return cfg, nil
}
