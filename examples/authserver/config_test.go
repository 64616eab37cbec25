package main

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const secretLine = "key: {secret: hunter2-hunter2-hunter2-hunter2-hunter2}\n"

// startFile runs a server by a file of a text.
func startFile(t *testing.T, text string) *instance {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "jeton.yaml", text)
	return serve(t, settings{file: filepath.Join(dir, "jeton.yaml"), accounts: filepath.Join(dir, "accounts.db"), adminPassword: password, hash: cheap()}, nil)
}

// What only the program knows is there whatever the file says: roles, their reader, the log of events, and a limit where
// the file has none.
func TestConfig(t *testing.T) {
	in := startFile(t, "store: {url: 'memory://'}\n"+secretLine+"issuer: {name: https://auth.example.com, access_ttl: 7m, limit: {max: 2}}\n")
	in.server.verifyPassword = alwaysRight
	first := in.login(t, "admin", password)
	if first.ExpiresIn != 7*60 {
		t.Errorf("a token lives %v, the file says 7m", time.Duration(first.ExpiresIn)*time.Second)
	}
	if roles := in.call(t, "GET", "/me", first.Access, "").want(t, 200, "").Roles; len(roles) != 1 || roles[0] != "admin" {
		t.Errorf("the admin's roles are %v", roles)
	}
	in.call(t, "GET", "/admin/users/admin/sessions", first.Access, "").want(t, 200, "")
	in.login(t, "admin", password)
	in.login(t, "admin", password) // beyond the file's limit
	in.call(t, "GET", "/me", first.Access, "").want(t, 401, "invalid_token")
	if log := in.log.String(); !strings.Contains(log, first.SessionID) {
		t.Errorf("the log has no events:\n%s", log)
	}

	unlimited := startFile(t, "store: {url: 'memory://'}\n"+secretLine+"issuer: {name: x}\n")
	unlimited.server.verifyPassword = alwaysRight
	oldest := unlimited.login(t, "admin", password)
	for range maxSessions {
		unlimited.login(t, "admin", password)
	}
	unlimited.call(t, "GET", "/me", oldest.Access, "").want(t, 401, "invalid_token")
}

// A file that cannot be served is told by its own lines and keys, without its secrets.
func TestConfigRefusals(t *testing.T) {
	for _, c := range []struct{ wrong, text, says string }{
		{"a typing mistake", "store: {ulr: 'memory://'}\n" + secretLine + "issuer: {name: x}\n", "jeton.yaml:1: store.ulr is unknown: the nearest key is store.url"},
		{"a store that is not there", "store: {url: 'bolt:///nowhere/at/all'}\n" + secretLine + "issuer: {name: x}\n", "jeton.yaml:1: store.url names a store that does not answer"},
		{
			"a public key alone",
			"store: {url: 'memory://'}\nkey: {algorithm: EdDSA, public_file: public.pem}\nissuer: {name: x}\n",
			"has only a public key, and this server makes tokens: give key.secret_file",
		},
	} {
		t.Run(c.wrong, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "public.pem", "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n")
			write(t, dir, "jeton.yaml", c.text)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // should it be served
			defer cancel()
			err := run(ctx, []string{"-addr", "127.0.0.1:0", "-config", filepath.Join(dir, "jeton.yaml"), "-accounts", filepath.Join(dir, "accounts.db")},
				func(string) string { return password }, io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "-store") {
				t.Errorf("says %v", err)
			}
		})
	}
}
