package main

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

func alwaysRight(context.Context, string, string) (bool, error) { return true, nil }

const (
	newPassword = "another password"
	change      = `{"current_password":"` + password + `","new_password":"` + newPassword + `"}`
)

func TestAPasswordChangeEndsTheOtherSessions(t *testing.T) {
	onEachStore(t, func(t *testing.T, in *instance) {
		other, here := in.login(t, "admin", password), in.login(t, "admin", password)
		in.call(t, "POST", "/me/password", here.Access, object("current_password", "wrong", "new_password", newPassword)).want(t, 403, "wrong_password")
		in.call(t, "GET", "/me", other.Access, "").want(t, 200, "")

		in.call(t, "POST", "/me/password", here.Access, change).want(t, 204, "")
		in.call(t, "GET", "/me", other.Access, "").want(t, 401, "invalid_token")
		in.refresh(t, other.Refresh).want(t, 401, "invalid_token")
		in.call(t, "GET", "/me", here.Access, "").want(t, 200, "")
		in.refresh(t, here.Refresh).want(t, 200, "")
		in.call(t, "POST", "/auth/login", "", object("username", "admin", "password", password)).want(t, 401, "invalid_credentials")
		in.login(t, "admin", newPassword)
	})
}

// The guard: a login that has checked the old password when the new one is set must not live on it.
func TestALoginUnderWayFailsWhenThePasswordChanges(t *testing.T) {
	onEachStore(t, func(t *testing.T, in *instance) {
		here := in.login(t, "admin", password)
		checked, goOn := in.holdNextCheck(t)
		done := make(chan *answer, 1)
		go func() {
			a, err := in.try(context.WithoutCancel(t.Context()), "POST", "/auth/login", "", object("username", "admin", "password", password))
			if err != nil {
				t.Error(err)
			}
			done <- a
		}()
		<-checked
		in.call(t, "POST", "/me/password", here.Access, change).want(t, 204, "")
		goOn()
		if late := <-done; late != nil {
			late.want(t, 409, "conflict")
		}
		if n := len(in.call(t, "GET", "/sessions", here.Access, "").want(t, 200, "").Sessions); n != 1 {
			t.Errorf("%d sessions, want the one that changed the password", n)
		}
		in.login(t, "admin", newPassword)
	})
}

// holdNextCheck lets the next check of a password stop after it has been made, until goOn is called.
func (in *instance) holdNextCheck(t *testing.T) (checked chan struct{}, goOn func()) {
	t.Helper()
	checked, release := make(chan struct{}), make(chan struct{})
	goOn = sync.OnceFunc(func() { close(release) })
	t.Cleanup(goOn) // before the server is stopped, which would wait for it
	var held atomic.Bool
	in.server.verifyPassword = func(ctx context.Context, encoded, pw string) (bool, error) {
		ok, err := in.server.hasher.verify(ctx, encoded, pw)
		if held.CompareAndSwap(false, true) {
			close(checked)
			<-release
		}
		return ok, err
	}
	return checked, goOn
}

// Of two changes at once that checked the same old password one wins.
func TestTwoPasswordChangesAtOnce(t *testing.T) {
	in := start(t, t.TempDir(), "memory://", nil)
	here := in.login(t, "admin", password)
	checked, goOn := in.holdNextCheck(t)
	done := make(chan *answer, 1)
	go func() {
		a, err := in.try(context.WithoutCancel(t.Context()), "POST", "/me/password", here.Access,
			object("current_password", password, "new_password", "a third password"))
		if err != nil {
			t.Error(err)
		}
		done <- a
	}()
	<-checked
	in.call(t, "POST", "/me/password", here.Access, change).want(t, 204, "")
	goOn()
	if late := <-done; late != nil {
		late.want(t, 409, "conflict")
	}
	in.login(t, "admin", newPassword)
}

var _ store.TokenStore = (*unwilling)(nil)

// unwilling is a store that revokes nothing while it is told to.
type unwilling struct {
	store.TokenStore
	err error
}

// Revoke fails, or revokes.
func (u *unwilling) Revoke(ctx context.Context, r store.Revocation) error {
	if u.err != nil {
		return u.err
	}
	return u.TokenStore.Revoke(ctx, r)
}

// The password is written first: were it the other way round, a login between the two would read the old one, and no
// revocation would follow. And the answer tells that the revocation is missing.
func TestAPasswordChangeWithoutItsRevocation(t *testing.T) {
	down := &unwilling{err: &store.Error{Op: "revoke", Err: store.ErrUnavailable}}
	in := start(t, t.TempDir(), "memory://", func(s *server) {
		down.TokenStore = s.stack.Store
		var err error
		s.stack.Revoker, err = token.NewRevoker(down, nil)
		check(t, err)
	})
	other, here := in.login(t, "admin", password), in.login(t, "admin", password)
	in.call(t, "POST", "/me/password", here.Access, change).want(t, 503, "temporarily_unavailable")
	in.call(t, "DELETE", "/sessions", here.Access, "").want(t, 503, "temporarily_unavailable")
	in.login(t, "admin", newPassword)
	if !strings.Contains(in.log.String(), "the password was changed, the other sessions may live") {
		t.Error("the log does not tell what is missing")
	}
	down.err = nil
	in.call(t, "DELETE", "/sessions", here.Access, "").want(t, 204, "")
	in.call(t, "GET", "/me", other.Access, "").want(t, 401, "invalid_token")
}

// A session that ends while its user changes the password cannot be kept; the others end all the same.
func TestAPasswordChangeFromASessionThatEnds(t *testing.T) {
	in := start(t, t.TempDir(), "memory://", nil)
	other, here := in.login(t, "admin", password), in.login(t, "admin", password)
	tok, err := in.server.stack.Verifier.Verify(t.Context(), here.Access)
	check(t, err)
	check(t, in.server.stack.Revoker.Session(t.Context(), tok.Subject(), tok.SessionID(), "meanwhile"))
	a, err := in.server.accounts.find(t.Context(), "admin")
	check(t, err)
	check(t, in.server.replacePassword(t.Context(), tok, a.password, in.server.hasher.nobody))
	in.call(t, "GET", "/me", other.Access, "").want(t, 401, "invalid_token")
}

// A client that hangs up after its token was checked stops nothing.
func TestHangingUpDoesNotStopARevocation(t *testing.T) {
	in := start(t, t.TempDir(), "memory://", nil)
	other, here := in.login(t, "admin", password), in.login(t, "admin", password)
	tok, err := in.server.stack.Verifier.Verify(t.Context(), here.Access)
	check(t, err)
	a, err := in.server.accounts.find(t.Context(), "admin")
	check(t, err)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	check(t, in.server.replacePassword(gone, tok, a.password, in.server.hasher.nobody))
	in.call(t, "GET", "/me", other.Access, "").want(t, 401, "invalid_token")
	check(t, in.server.stack.Revoker.Session(gone, tok.Subject(), tok.SessionID(), "logout"))
	in.call(t, "GET", "/me", here.Access, "").want(t, 401, "invalid_token")
}

// A name that nobody has costs a hash like any other, and is answered alike.
func TestNobodyLearnsWhichNamesThereAre(t *testing.T) {
	in := start(t, t.TempDir(), "memory://", nil)
	hashes := 0
	in.server.verifyPassword = func(ctx context.Context, encoded, pw string) (bool, error) {
		hashes++
		return in.server.hasher.verify(ctx, encoded, pw)
	}
	wrong := in.call(t, "POST", "/auth/login", "", object("username", "admin", "password", "wrong")).want(t, 401, "invalid_credentials")
	nobody := in.call(t, "POST", "/auth/login", "", object("username", "nobody", "password", "wrong")).want(t, 401, "invalid_credentials")
	if wrong.body != nobody.body || hashes != 2 {
		t.Errorf("%d hashes, answers %s and %s", hashes, wrong.body, nobody.body)
	}
}
