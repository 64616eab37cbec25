package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// claims are what our access tokens carry besides those of package token.
type claims struct {
	// Roles are those of RFC 9068 §2.2.3.1: "admin", or none.
	Roles []string `json:"roles"`
}

func rolesOf(a account) claims {
	if a.admin {
		return claims{Roles: []string{"admin"}}
	}
	return claims{Roles: []string{}}
}

// claims is asked at login and at each refresh, so that roles are never older than an access token, and a user who is gone
// gets no more of them.
func (s *server) claims(ctx context.Context, session store.Record) (any, error) {
	a, err := s.accounts.find(ctx, session.Subject.Name)
	if errors.Is(err, errNoAccount) || (err == nil && a.disabled) {
		return nil, fmt.Errorf("%w: its user is gone", token.ErrInvalidToken)
	}
	if err != nil {
		return nil, err
	}
	return rolesOf(a), nil
}

// tokens is the answer to a login and a refresh: RFC 6749 §5.1 and the session's id.
type tokens struct {
	token.Response
	SessionID string `json:"session_id"`
}

func replyTokens(w http.ResponseWriter, pair token.Pair) error {
	return reply(w, http.StatusOK, tokens{pair.Response(), pair.Session.ID})
}

// wrongLogin is the one answer to every wrong login, so that nobody learns which names there are.
func wrongLogin() error {
	return failure(http.StatusUnauthorized, "invalid_credentials", "username or password is wrong")
}

// login begins a session. The guard comes before the password is read: if everything of the user is revoked from then on,
// as a change of the password does, the login fails with a conflict instead of living on the old password.
func (s *server) login(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	if err := read(w, r, &in); err != nil {
		return err
	}
	name, err := checkName("username", in.Username)
	if err != nil {
		return err
	}
	if err := checkPassword("password", in.Password); err != nil {
		return err
	}
	subject := store.User(name)
	guard, err := s.stack.Issuer.Begin(r.Context(), subject)
	if err != nil {
		return err
	}
	ok, err := s.checkLogin(r.Context(), name, in.Password)
	if err != nil {
		return err
	}
	if !ok {
		// The name as a hash: people type their password into the wrong field.
		s.log.WarnContext(r.Context(), "login refused", "subject", subject.Digest().String(), "ip", ip(r))
		return wrongLogin()
	}
	pair, err := s.stack.Issuer.Login(r.Context(), subject, token.LoginOptions{Guard: guard, Class: "web", Metadata: device(r)})
	if err != nil {
		return err
	}
	return replyTokens(w, pair)
}

// checkLogin reports whether a name and a password belong together, after the same work whether there is such a user or not.
func (s *server) checkLogin(ctx context.Context, name, password string) (bool, error) {
	a, err := s.accounts.find(ctx, name)
	if err != nil && !errors.Is(err, errNoAccount) {
		return false, err
	}
	ok, err := s.verifyPassword(ctx, a.password, password)
	return ok && !a.disabled, err
}

// refresh takes a refresh token and answers its successors.
func (s *server) refresh(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		RefreshToken string `json:"refresh_token"`
	}
	if err := read(w, r, &in); err != nil {
		return err
	}
	if in.RefreshToken == "" {
		return badRequest("refresh_token is missing")
	}
	pair, err := s.stack.Issuer.Refresh(r.Context(), in.RefreshToken, token.RefreshOptions{})
	if err != nil {
		return err
	}
	return replyTokens(w, pair)
}

// logout ends the session of the request, with its refresh token.
func (s *server) logout(w http.ResponseWriter, r *http.Request) error {
	t := caller(r)
	return ended(w, s.stack.Revoker.Session(r.Context(), t.Subject(), t.SessionID(), "logout"))
}

// changePassword sets a new password and then ends every other session, in this order: a login that read the old password
// meets the revocation, and one that begins after it reads the new password.
func (s *server) changePassword(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Current string `json:"current_password"`
		New     string `json:"new_password"`
	}
	if err := read(w, r, &in); err != nil {
		return err
	}
	if err := errors.Join(checkPassword("current_password", in.Current), checkNewPassword("new_password", in.New)); err != nil {
		return err
	}
	checked, err := s.checkCurrent(r.Context(), caller(r), in.Current)
	if err != nil {
		return err
	}
	hash, err := s.hasher.hash(r.Context(), in.New)
	if err != nil {
		return err
	}
	return ended(w, s.replacePassword(r.Context(), caller(r), checked, hash))
}

// checkCurrent returns the hash of the password that a user of a session knows.
func (s *server) checkCurrent(ctx context.Context, t *token.Token, password string) (hash string, err error) {
	a, err := s.accounts.find(ctx, t.Subject().Name)
	if errors.Is(err, errNoAccount) {
		return "", &token.RefusedError{Err: token.ErrUnknownSession}
	}
	if err != nil {
		return "", err
	}
	ok, err := s.verifyPassword(ctx, a.password, password)
	if err == nil && !ok {
		err = failure(http.StatusForbidden, "wrong_password", "current_password is wrong")
	}
	return a.password, err
}

// replacePassword does the two steps of a change. A client that hangs up between them does not stop the second.
func (s *server) replacePassword(ctx context.Context, t *token.Token, checked, hash string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := s.accounts.setPassword(ctx, t.Subject().Name, checked, hash)
	if errors.Is(err, errChanged) {
		return failure(http.StatusConflict, "conflict", "the password was changed by another request")
	}
	if err != nil {
		return err
	}
	const reason = "password changed"
	err = s.stack.Revoker.Others(ctx, t.Subject(), t.SessionID(), reason)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrRevoked) {
		// The caller's own session has ended meanwhile. The others must end all the same.
		err = s.stack.Revoker.Subject(ctx, t.Subject(), reason)
	}
	if err != nil {
		return fmt.Errorf("the password was changed, the other sessions may live: %w", err)
	}
	return nil
}
