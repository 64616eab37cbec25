package main

import (
	"testing"
)

func TestAdmin(t *testing.T) {
	onEachStore(t, func(t *testing.T, in *instance) {
		admin := in.login(t, "admin", password)
		made := in.call(t, "POST", "/users", admin.Access, object("username", "Ann", "password", "ann's password")).want(t, 201, "")
		if made.Username != "ann" || len(made.Roles) != 0 {
			t.Errorf("made %s", made.body)
		}
		in.call(t, "POST", "/users", admin.Access, object("username", "ann", "password", "another one")).want(t, 409, "exists")
		in.call(t, "POST", "/users", admin.Access, `{"username":"root","password":"root's password","admin":true}`).want(t, 201, "")
		if roles := in.call(t, "GET", "/me", in.login(t, "root", "root's password").Access, "").Roles; len(roles) != 1 || roles[0] != "admin" {
			t.Errorf("root's roles are %v", roles)
		}

		one, two, three := in.login(t, "ann", "ann's password"), in.login(t, "ann", "ann's password"), in.login(t, "ann", "ann's password")
		list := in.call(t, "GET", "/admin/users/Ann/sessions", admin.Access, "").want(t, 200, "").Sessions
		if len(list) != 3 || list[0].ID != three.SessionID || list[0].Current {
			t.Fatalf("lists %+v", list)
		}
		in.call(t, "DELETE", "/admin/users/ann/sessions/"+one.SessionID, admin.Access, "").want(t, 204, "")
		in.call(t, "GET", "/me", one.Access, "").want(t, 401, "invalid_token")
		in.call(t, "GET", "/me", two.Access, "").want(t, 200, "")
		in.call(t, "DELETE", "/admin/users/ann/sessions/AAAAAAAAAAAAAAAAAAAAAA", admin.Access, "").want(t, 404, "not_found")
		in.call(t, "DELETE", "/admin/users/ann/sessions", admin.Access, "").want(t, 204, "")
		for _, a := range []*answer{two, three} {
			in.call(t, "GET", "/me", a.Access, "").want(t, 401, "invalid_token")
			in.refresh(t, a.Refresh).want(t, 401, "invalid_token")
		}
		in.call(t, "GET", "/me", admin.Access, "").want(t, 200, "")
		if n := len(in.call(t, "GET", "/admin/users/ann/sessions", admin.Access, "").want(t, 200, "").Sessions); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		in.call(t, "GET", "/admin/users/nobody/sessions", admin.Access, "").want(t, 404, "not_found")
		in.call(t, "GET", "/me", in.login(t, "ann", "ann's password").Access, "").want(t, 200, "")
	})
}

func TestAdminRoutesAreForAdmins(t *testing.T) {
	in := start(t, t.TempDir(), "memory://", nil)
	admin := in.login(t, "admin", password)
	in.addUser(t, admin.Access, "ann", "ann's password")
	ann := in.login(t, "ann", "ann's password")
	for _, route := range [][2]string{
		{"POST", "/users"},
		{"GET", "/admin/users/admin/sessions"},
		{"DELETE", "/admin/users/admin/sessions"},
		{"DELETE", "/admin/users/admin/sessions/" + admin.SessionID},
	} {
		in.call(t, route[0], route[1], ann.Access, object("username", "eve", "password", "eve's password")).want(t, 403, "forbidden")
		in.call(t, route[0], route[1], "", "").want(t, 401, "missing_token")
	}
	in.call(t, "GET", "/me", admin.Access, "").want(t, 200, "")
	in.call(t, "POST", "/auth/login", "", object("username", "eve", "password", "eve's password")).want(t, 401, "invalid_credentials")
}

// Roles are asked for at each refresh: a token from before a change is the last with the old ones.
func TestRolesFollowTheAccount(t *testing.T) {
	in := start(t, t.TempDir(), "memory://", nil)
	admin := in.login(t, "admin", password)
	in.exec(t, "UPDATE accounts SET admin = 0")
	next := in.refresh(t, admin.Refresh).want(t, 200, "")
	in.call(t, "GET", "/admin/users/admin/sessions", next.Access, "").want(t, 403, "forbidden")
}

// A user who is disabled or deleted neither logs in nor refreshes, and is told no more than anybody.
func TestAUserWhoIsGone(t *testing.T) {
	for name, sql := range map[string]string{
		"disabled": "UPDATE accounts SET disabled = 1 WHERE name = 'ann'", "deleted": "DELETE FROM accounts WHERE name = 'ann'",
	} {
		t.Run(name, func(t *testing.T) {
			in := start(t, t.TempDir(), "memory://", nil)
			admin := in.login(t, "admin", password)
			in.addUser(t, admin.Access, "ann", "ann's password")
			ann := in.login(t, "ann", "ann's password")
			in.exec(t, sql)
			in.refresh(t, ann.Refresh).want(t, 401, "invalid_token")
			in.call(t, "POST", "/auth/login", "", object("username", "ann", "password", "ann's password")).want(t, 401, "invalid_credentials")
			// The sessions can be seen and ended although the account is gone.
			if n := len(in.call(t, "GET", "/admin/users/ann/sessions", admin.Access, "").want(t, 200, "").Sessions); n != 1 {
				t.Errorf("%d sessions, want 1", n)
			}
			in.call(t, "DELETE", "/admin/users/ann/sessions", admin.Access, "").want(t, 204, "")
			in.call(t, "GET", "/me", ann.Access, "").want(t, 401, "invalid_token")
		})
	}
}

func (in *instance) exec(t *testing.T, sql string) {
	t.Helper()
	_, err := in.server.accounts.db.ExecContext(t.Context(), sql)
	check(t, err)
}
