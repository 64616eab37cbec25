// Authserver is a login server on the Jeton SDK: accounts with passwords in SQLite, sessions in any of Jeton's stores, a
// JSON API to log in, refresh, list sessions and kick one out.
//
//	go run ./examples/authserver
//	go run ./examples/authserver -store redis://localhost:6379
//	go run ./examples/authserver -config jeton.yaml
//
// It listens on 127.0.0.1:8080 and keeps its files in the working directory. The first start makes the user admin and
// prints a random password for it, unless AUTHSERVER_ADMIN_PASSWORD gives one. SIGHUP takes the keys of the file again.
// README.md has the API.
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

	_ "github.com/jetonkit/jeton/store/all"
)

// settings are what a start is told.
type settings struct {
	// addr is where to listen, host:port.
	addr string
	// file is the path of a configuration in place of store and key; empty for none.
	file string
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
	set, err := parse(args, stderr)
	if err != nil {
		return err
	}
	set.adminPassword = env("AUTHSERVER_ADMIN_PASSWORD")
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	s, err := open(ctx, set, stdout, log)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", set.addr)
	if err != nil {
		return errors.Join(fmt.Errorf("the address (-addr): %w", err), s.close())
	}
	if set.file != "" {
		s.onHangup(ctx, set.file)
	}
	log.Info("listening", "addr", listener.Addr().String(), "store", s.scheme)
	return errors.Join(s.serve(ctx, listener), s.close())
}

// errUsage is a command line that was refused; stderr has been told why.
var errUsage = errors.New("wrong usage")

func parse(args []string, stderr io.Writer) (settings, error) {
	set := settings{hash: strong()}
	flags := flag.NewFlagSet("authserver", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&set.addr, "addr", "127.0.0.1:8080", "listen on `host:port`")
	flags.StringVar(&set.file, "config", "", "take store, key and lifetimes from this YAML `file`, and from the environment; see docs/configuration.md")
	flags.StringVar(&set.store, "store", "bolt:jeton.bolt", "keep sessions in the store of this `URL`: bolt:file, bolt:///path/to/file, memory://, redis://host:6379/0,\n"+
		"rediss://, redis+cluster://host:7000, redis+sentinel://host:26379?master=name, memcache://host:11211")
	flags.StringVar(&set.accounts, "accounts", "accounts.db", "keep accounts in this SQLite `file`")
	flags.StringVar(&set.key, "key", "jeton.key", "sign tokens with the Ed25519 key in this PEM `file`")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return settings{}, err
		}
		return settings{}, errUsage
	}
	if why := conflict(flags); why != "" {
		fmt.Fprintln(stderr, "authserver:", why) //nolint:errcheck // the exit code tells it too
		return settings{}, errUsage
	}
	return set, nil
}

// conflict says what is wrong between the arguments; it is empty where nothing is.
func conflict(flags *flag.FlagSet) (why string) {
	if flags.NArg() > 0 {
		return fmt.Sprintf("%q is no flag", flags.Arg(0))
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	switch {
	case !given["config"]:
	case flags.Lookup("config").Value.String() == "":
		return "-config names no file: give one, or leave the flag out"
	case given["store"]:
		return "-config and -store both say where sessions are kept: leave -store out, and write its URL as store.url into the file"
	case given["key"]:
		return "-config and -key both say what tokens are signed with: leave -key out, and write its path as key.secret_file, with key.algorithm EdDSA, into the file"
	}
	return ""
}
