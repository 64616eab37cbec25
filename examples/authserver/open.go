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
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

const (
	// issuerName is the iss of our tokens. A service with a public address uses that.
	issuerName = "urn:jeton:authserver"
	// adminName is the account that the first start makes.
	adminName = "admin"
	// maxSessions is how many sessions a user may have; a login beyond it ends the oldest.
	maxSessions = 100
)

// server is the program: what it stands on, and what it makes of it.
type server struct {
	log      *slog.Logger
	accounts *accounts
	store    store.TokenStore
	issuer   *token.Issuer
	verifier *token.Verifier
	revoker  *token.Revoker
	auth     *httpauth.Middleware
	hasher   *hasher
	// verifyPassword is hasher.verify. It is a field so that a test can hold a login between its steps.
	verifyPassword func(ctx context.Context, encoded, password string) (bool, error)
}

// open opens all that the server stands on. The store comes first: where it is a file, its lock keeps a second process
// out before anything else is touched.
func open(ctx context.Context, cfg config, stdout io.Writer, log *slog.Logger) (_ *server, err error) {
	s := &server{log: log, hasher: newHasher(cfg.hash, runtime.GOMAXPROCS(0))}
	s.verifyPassword = s.hasher.verify
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.store, err = store.Open(ctx, cfg.store); err != nil {
		return nil, fmt.Errorf("the store (-store) does not open: %w", err)
	}
	if s.accounts, err = openAccounts(ctx, cfg.accounts); err != nil {
		return nil, fmt.Errorf("the accounts (-accounts) do not open: %w", err)
	}
	if err := s.firstStart(ctx, cfg.adminPassword, stdout); err != nil {
		return nil, err
	}
	key, err := loadKey(cfg.key)
	if err != nil {
		return nil, fmt.Errorf("the signing key (-key): %w", err)
	}
	return s, s.build(key)
}

// build makes the three of package token, and the middleware.
func (s *server) build(key token.SigningKey) (err error) {
	events := token.LogEvents(s.log)
	s.issuer, err = token.NewIssuer(s.store, issuerName, key, &token.IssuerOptions{
		Limit:  store.Limit{Max: maxSessions},
		Claims: s.claims,
		Events: events,
	})
	if err != nil {
		return err
	}
	s.verifier, err = token.NewVerifier([]token.TrustedIssuer{{
		Issuer: issuerName,
		Keys:   key.VerifyKey(),
		Check:  token.Sessions(s.store),
		Extra:  token.ExtraOf[claims](),
	}}, &token.VerifierOptions{Events: events})
	if err != nil {
		return err
	}
	if s.revoker, err = token.NewRevoker(s.store, &token.RevokerOptions{Events: events}); err != nil {
		return err
	}
	s.auth, err = httpauth.New(s.verifier, &httpauth.Options{Realm: "authserver"})
	return err
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
	if s.verifier != nil {
		errs = append(errs, s.verifier.Close()) // it still writes last-seen times into the store
	}
	if s.accounts != nil {
		errs = append(errs, s.accounts.close())
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	return errors.Join(errs...)
}

// scheme returns the scheme of a store's URL, the rest of which may hold a password.
func scheme(url string) string {
	name, _, _ := strings.Cut(url, ":")
	return name
}
