package main

import (
	"net/http"
	"strings"
	"testing"
)

// Each case names what is wrong; the answer names the field, and nothing has changed.
func TestBadInput(t *testing.T) {
	in := start(t, t.TempDir(), "memory://", nil)
	in.server.verifyPassword = alwaysRight
	admin := in.login(t, "admin", password)
	long := strings.Repeat("x", 300)
	login := func(name, pw string) string { return object("username", name, "password", pw) }

	for _, c := range []struct {
		wrong, method, path, bearer, body string
		status                            int
		code, says                        string
	}{
		{"no body", "POST", "/auth/login", "", "", 400, "invalid_request", "body"},
		{"no JSON", "POST", "/auth/login", "", "username=admin", 400, "invalid_request", "byte 0"},
		{"an array", "POST", "/auth/login", "", "[]", 400, "invalid_request", "body"},
		{"null", "POST", "/auth/login", "", "null", 400, "invalid_request", "username"},
		{"more after the object", "POST", "/auth/login", "", login("admin", password) + "{}", 400, "invalid_request", "one JSON object"},
		{"an unknown field", "POST", "/auth/login", "", `{"username":"admin","password":"x","remember":true}`, 400, "invalid_request", "/remember"},
		{"a field twice", "POST", "/auth/login", "", `{"username":"admin","username":"eve","password":"x"}`, 400, "invalid_request", "once"},
		{"a field in another case", "POST", "/auth/login", "", `{"Username":"admin","password":"x"}`, 400, "invalid_request", "/Username"},
		{"a field of another type", "POST", "/auth/login", "", `{"username":1,"password":"x"}`, 400, "invalid_request", "/username"},
		{"broken UTF-8", "POST", "/auth/login", "", "{\"username\":\"\xff\",\"password\":\"x\"}", 400, "invalid_request", "byte"},
		{"deep nesting", "POST", "/auth/login", "", strings.Repeat("[", 15000), 400, "invalid_request", "body"},
		{"a body of 16 KiB and more", "POST", "/auth/login", "", login("admin", strings.Repeat("x", maxBody)), 413, "invalid_request", "16384 bytes"},
		{"no username", "POST", "/auth/login", "", `{"password":"x"}`, 400, "invalid_request", "username"},
		{"a username of 65 bytes", "POST", "/auth/login", "", login(strings.Repeat("x", 65), "x"), 400, "invalid_request", "username is 65 bytes, the limit is 64"},
		{"a username with a blank", "POST", "/auth/login", "", login("ad min", "x"), 400, "invalid_request", "username"},
		{"a username with a NUL", "POST", "/auth/login", "", login("admin\x00", "x"), 400, "invalid_request", "username"},
		{"a username with a line break", "POST", "/auth/login", "", login("admin\n", "x"), 400, "invalid_request", "username"},
		{"a username of two dots", "POST", "/auth/login", "", login("..", "x"), 400, "invalid_request", "username"},
		{"no password", "POST", "/auth/login", "", `{"username":"admin"}`, 400, "invalid_request", "password"},
		{"a password of 257 bytes", "POST", "/auth/login", "", login("admin", long[:257]), 400, "invalid_request", "password is 257 bytes, the limit is 256"},
		{"no refresh token", "POST", "/auth/refresh", "", "{}", 400, "invalid_request", "refresh_token"},
		{"no token of ours to refresh", "POST", "/auth/refresh", "", object("refresh_token", "rubbish"), 401, "invalid_token", "malformed"},
		{"an access token to refresh", "POST", "/auth/refresh", "", object("refresh_token", admin.Access), 401, "invalid_token", "type"},
		{"a refresh token as access token", "GET", "/me", admin.Refresh, "", 401, "invalid_token", "type"},
		{"no token", "GET", "/me", "", "", 401, "missing_token", "Bearer"},
		{"a token of 9 KiB", "GET", "/me", strings.Repeat("x", 9<<10), "", 401, "invalid_token", "long"},
		{"a new user without password", "POST", "/users", admin.Access, object("username", "eve"), 400, "invalid_request", "password"},
		{"a new password of 7 characters", "POST", "/users", admin.Access, login("eve", "äöüäöüä"), 400, "invalid_request", "password has 7 characters, the least is 8"},
		{"a new name with a slash", "POST", "/users", admin.Access, login("a/b", password), 400, "invalid_request", "username"},
		{"a short new password", "POST", "/me/password", admin.Access, object("current_password", password, "new_password", "short"), 400, "invalid_request", "new_password"},
		{"no current password", "POST", "/me/password", admin.Access, object("new_password", newPassword), 400, "invalid_request", "current_password"},
		{"a session id of 300 bytes", "DELETE", "/sessions/" + long, admin.Access, "", 404, "not_found", "session"},
		{"a session id of other bytes", "DELETE", "/sessions/%ff%00", admin.Access, "", 404, "not_found", "session"},
		{"a name that is none", "DELETE", "/admin/users/a%2Fb/sessions", admin.Access, "", 400, "invalid_request", "name"},
		{"a long name", "GET", "/admin/users/" + long + "/sessions", admin.Access, "", 400, "invalid_request", "name"},
		{"no such path", "GET", "/nothing", admin.Access, "", 404, "not_found", "nothing here"},
		{"a path that is not clean", "GET", "//nothing", admin.Access, "", 404, "not_found", "nothing here"},
		{"another method", "PUT", "/me", admin.Access, "", 405, "method_not_allowed", "Allow"},
	} {
		t.Run(c.wrong, func(t *testing.T) {
			a := in.call(t, c.method, c.path, c.bearer, c.body).want(t, c.status, c.code)
			if !strings.Contains(a.Description, c.says) {
				t.Errorf("says %q, and not %q", a.Description, c.says)
			}
			if c.status == http.StatusMethodNotAllowed && a.header.Get("Allow") != "GET, HEAD" {
				t.Errorf("Allow is %q", a.header.Get("Allow"))
			}
		})
	}
	if list := in.call(t, "GET", "/sessions", admin.Access, "").want(t, 200, "").Sessions; len(list) != 1 {
		t.Errorf("%d sessions, want 1", len(list))
	}
}

// Limits are allowed up to their end.
func TestLongestInput(t *testing.T) {
	in := start(t, t.TempDir(), "memory://", nil)
	admin := in.login(t, "admin", password)
	name, pw := strings.Repeat("n", maxName), strings.Repeat("p", maxPassword)
	in.addUser(t, admin.Access, name, pw)
	in.addUser(t, admin.Access, "a.b_c-d@e+f", "12345678")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, in.root+"/api/v1/auth/login", strings.NewReader(object("username", name, "password", pw)))
	check(t, err)
	r.Header.Set("User-Agent", strings.Repeat("ä", 1000))
	response, err := in.http.Do(r)
	check(t, err)
	check(t, response.Body.Close())
	list := in.call(t, "GET", "/admin/users/"+name+"/sessions", admin.Access, "").want(t, 200, "").Sessions
	if response.StatusCode != 200 || len(list) != 1 || list[0].UserAgent != strings.Repeat("ä", maxDeviceBytes/2) {
		t.Errorf("answered %d, sessions %+v", response.StatusCode, list)
	}
}

// With the store or the accounts gone nobody is logged out and nobody is let in: everything is 503.
func TestOutage(t *testing.T) {
	for name, breakIt := range map[string]func(*server) error{
		"store": func(s *server) error { return s.stack.Store.Close() }, "accounts": func(s *server) error { return s.accounts.close() },
	} {
		t.Run(name, func(t *testing.T) {
			in := start(t, t.TempDir(), "bolt://DIR/jeton.bolt", nil)
			admin := in.login(t, "admin", password)
			in.call(t, "GET", "/healthz", "", "").want(t, 200, "")
			check(t, breakIt(in.server))

			in.call(t, "GET", "/healthz", "", "").want(t, 503, "temporarily_unavailable")
			in.call(t, "POST", "/auth/login", "", object("username", "admin", "password", password)).want(t, 503, "temporarily_unavailable")
			in.refresh(t, admin.Refresh).want(t, 503, "temporarily_unavailable")
			in.call(t, "POST", "/me/password", admin.Access, change).want(t, 503, "temporarily_unavailable")
			if name == "accounts" { // tokens do not need them
				in.call(t, "GET", "/me", admin.Access, "").want(t, 200, "")
				return
			}
			for _, route := range [][2]string{
				{"GET", "/me"},
				{"GET", "/sessions"},
				{"DELETE", "/sessions"},
				{"DELETE", "/sessions/" + admin.SessionID},
				{"POST", "/auth/logout"},
				{"DELETE", "/admin/users/admin/sessions"},
			} {
				in.call(t, route[0], route[1], admin.Access, "").want(t, 503, "temporarily_unavailable")
			}
			in.call(t, "GET", "/me", "", "").want(t, 401, "missing_token")
			in.call(t, "GET", "/me", "rubbish", "").want(t, 401, "invalid_token")
		})
	}
}
