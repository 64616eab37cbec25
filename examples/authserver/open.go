package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/config"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

const (
	// issuerName is the iss of our tokens, unless a file says another. A service with a public address uses that.
	issuerName = "urn:jeton:authserver"
	// adminName is the account that the first start makes.
	adminName = "admin"
	// maxSessions is how many sessions a user may have, unless a file says another number; a login beyond it ends the oldest.
	maxSessions = 100
)

// server is the program: what it stands on, and what it makes of it.
type server struct {
	log      *slog.Logger
	accounts *accounts
	stack    *config.Stack
	auth     *httpauth.Middleware
	hasher   *hasher
	// scheme is that of the store's URL, the rest of which may hold a password.
	scheme string
	// verifyPassword is hasher.verify. It is a field so that a test can hold a login between its steps.
	verifyPassword func(ctx context.Context, encoded, password string) (bool, error)
}

// open opens all that the server stands on. The store comes before the accounts: where it is a file, its lock keeps a
// second process out of them.
func open(ctx context.Context, set settings, stdout io.Writer, log *slog.Logger) (_ *server, err error) {
	s := &server{log: log, hasher: newHasher(set.hash, runtime.GOMAXPROCS(0))}
	s.verifyPassword = s.hasher.verify
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := s.build(ctx, set); err != nil {
		return nil, err
	}
	if s.accounts, err = openAccounts(ctx, set.accounts); err != nil {
		return nil, fmt.Errorf("the accounts (-accounts) do not open: %w", err)
	}
	if err := s.firstStart(ctx, set.adminPassword, stdout); err != nil {
		return nil, err
	}
	s.auth, err = httpauth.New(s.stack.Verifier, &httpauth.Options{Realm: "authserver"})
	return s, err
}

// build makes store, issuer, verifier and revoker, from the file if there is one, else from the flags.
func (s *server) build(ctx context.Context, set settings) error {
	cfg, err := set.load(ctx)
	if err != nil {
		return err
	}
	s.program(cfg)
	s.scheme, _, _ = strings.Cut(cfg.Store.URL.Reveal(), ":")
	switch s.stack, err = cfg.Build(ctx); {
	case err != nil && set.file == "":
		return fmt.Errorf("the store (-store): %w", err) // the rest is ours, or has been checked
	case err != nil:
		return err
	case s.stack.Issuer == nil:
		return fmt.Errorf("%s has only a public key, and this server makes tokens: give key.secret_file", set.file)
	}
	return nil
}

// load returns what the file says, or the flags.
func (set settings) load(ctx context.Context) (*config.Config, error) {
	if set.file != "" {
		return config.Load(ctx, set.file)
	}
	key, err := loadKey(set.key)
	if err != nil {
		return nil, fmt.Errorf("the signing key (-key): %w", err)
	}
	return &config.Config{Store: config.Store{URL: config.NewSecret(set.store)}, Key: key, IssuerName: issuerName}, nil
}

// program adds what only this program knows: no file has it, or the file says nothing of it.
func (s *server) program(cfg *config.Config) {
	cfg.Events = token.LogEvents(s.log)
	cfg.Issuer.Claims = s.claims
	cfg.Verifier.Extra = token.ExtraOf[claims]()
	if cfg.Issuer.Limit == (store.Limit{}) {
		cfg.Issuer.Limit.Max = maxSessions
	}
}

// firstStart makes the admin where there is no account yet.
func (s *server) firstStart(ctx context.Context, password string, stdout io.Writer) error {
	var announce func() error
	if password == "" {
		random := make([]byte, 18)
		_, _ = rand.Read(random) // never fails
		password = base64.RawURLEncoding.EncodeToString(random)
		announce = func() error {
			_, err := fmt.Fprintf(stdout, "The password of %s is %s\nIt is not shown again.\n", adminName, password)
			return err
		}
	} else if err := checkNewPassword("AUTHSERVER_ADMIN_PASSWORD", password); err != nil {
		return err
	}
	return s.accounts.first(ctx, announce, func() (account, error) {
		hash, err := s.hasher.hash(ctx, password)
		return account{name: adminName, password: hash, admin: true}, err
	})
}

// close ends what open has opened, in the reverse order. What was not opened is nil.
func (s *server) close() error {
	var errs []error
	if s.accounts != nil {
		errs = append(errs, s.accounts.close())
	}
	if s.stack != nil {
		errs = append(errs, s.stack.Close())
	}
	return errors.Join(errs...)
}
