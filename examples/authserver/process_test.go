package main

import (
	"bufio"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What was acknowledged when the program is killed holds when it starts again: the living live, the dead are dead.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	type ended struct{ pair *answer }
	var live *answer
	var dead []ended
	rounds := 5
	for round := range rounds {
		p := launch(t, dir, password)
		if live != nil {
			p.call(t, "GET", "/me", live.Access, "").want(t, 200, "")
			live = p.refresh(t, live.Refresh).want(t, 200, "")
		} else {
			live = p.login(t, "admin", password)
		}
		for _, d := range dead {
			p.call(t, "GET", "/me", d.pair.Access, "").want(t, 401, "invalid_token")
			p.refresh(t, d.pair.Refresh).want(t, 401, "invalid_token")
		}
		out, kicked := p.login(t, "admin", password), p.login(t, "admin", password)
		p.call(t, "POST", "/auth/logout", out.Access, "").want(t, 204, "")
		p.call(t, "DELETE", "/sessions/"+kicked.SessionID, live.Access, "").want(t, 204, "")
		dead = append(dead, ended{out}, ended{kicked})
		if round == rounds-1 {
			other := p.login(t, "admin", password)
			p.call(t, "POST", "/me/password", live.Access, change).want(t, 204, "")
			dead = append(dead, ended{other})
		}
		p.kill(t)
	}
	p := launch(t, dir, password)
	p.call(t, "GET", "/me", live.Access, "").want(t, 200, "")
	p.login(t, "admin", newPassword)
	for _, d := range dead {
		p.call(t, "GET", "/me", d.pair.Access, "").want(t, 401, "invalid_token")
	}
}

func TestStopping(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			dir := t.TempDir()
			p := launch(t, dir, password)
			before := p.login(t, "admin", password)
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(p.root, "http://"))
			check(t, err)
			defer conn.Close() //nolint:errcheck // all was read
			check(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
			// A login whose body is asked for is one that a handler waits for.
			body := object("username", "admin", "password", password)
			_, err = conn.Write([]byte("POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: " +
				strconv.Itoa(len(body)) + "\r\n\r\n"))
			check(t, err)
			answer := bufio.NewReader(conn)
			if line, err := answer.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
				t.Fatal(line, err)
			}
			_, err = answer.ReadString('\n')
			check(t, err)

			check(t, p.cmd.Process.Signal(signal))
			waitFor(t, func() bool { return strings.Contains(p.stderr.String(), `"stopping"`) })
			if _, err := p.try(t.Context(), "GET", "/healthz", "", ""); err == nil {
				t.Error("it takes new connections")
			}
			_, err = conn.Write([]byte(body))
			check(t, err)
			if line, err := answer.ReadString('\n'); err != nil || !strings.Contains(line, "200 OK") {
				t.Errorf("the request under way got %q %v", line, err)
			}
			if err := p.wait(); err != nil {
				t.Errorf("it ended with %v\n%s", err, p.stderr)
			}
			// SQLite removes its side files when the last connection is closed in order.
			if _, err := os.Stat(filepath.Join(dir, "accounts.db-wal")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the accounts were not closed: %v", err)
			}
			// The store's file is free, and has the sessions.
			again := launch(t, dir, password)
			again.call(t, "GET", "/me", before.Access, "").want(t, 200, "")
			again.refresh(t, before.Refresh).want(t, 200, "")
		})
	}
}

// The first start prints a password that works, once; and no file can be read by others.
func TestFirstStart(t *testing.T) {
	dir := t.TempDir()
	p := launch(t, dir, "")
	found := regexp.MustCompile(`^The password of admin is (\S+)\n`).FindStringSubmatch(p.stdout.String())
	if len(found) != 2 || len(found[1]) < 24 {
		t.Fatalf("printed %q", p.stdout)
	}
	p.login(t, "admin", found[1])
	if strings.Contains(p.stderr.String(), found[1]) {
		t.Error("the password is in the log")
	}
	p.kill(t)
	p = launch(t, dir, "")
	if got := p.stdout.String(); got != "" {
		t.Errorf("printed %q again", got)
	}
	p.login(t, "admin", found[1])
	for _, name := range []string{"accounts.db", "accounts.db-wal", "accounts.db-shm", "jeton.bolt", "jeton.key"} {
		info, err := os.Stat(filepath.Join(dir, name))
		check(t, err)
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %v", name, mode)
		}
	}
}

// Wherever the program writes, no token and no password is found, not even in part.
func TestNothingSecretIsKept(t *testing.T) {
	dir := t.TempDir()
	p := launch(t, dir, password)
	secrets := map[string]string{"admin's": password, "new": newPassword, "ann's": "ann's own password", "wrong": "a wrong password"}
	keep := func(name string, a *answer) *answer {
		for kind, raw := range map[string]string{"access token": a.Access, "refresh token": a.Refresh} {
			parts := strings.Split(raw, ".")
			if len(parts) != 3 {
				t.Fatalf("no JWT: %q", raw)
			}
			secrets[name+" "+kind+", payload"], secrets[name+" "+kind+", signature"] = parts[1], parts[2]
		}
		return a
	}
	one, two := keep("one", p.login(t, "admin", password)), keep("two", p.login(t, "admin", password))
	next := keep("next", p.refresh(t, one.Refresh).want(t, 200, ""))
	p.refresh(t, one.Refresh).want(t, 200, "") // a replay
	p.addUser(t, next.Access, "ann", secrets["ann's"])
	ann := keep("ann", p.login(t, "ann", secrets["ann's"]))
	p.call(t, "POST", "/me/password", next.Access, change).want(t, 204, "")
	p.call(t, "GET", "/me", two.Access, "").want(t, 401, "invalid_token")
	p.refresh(t, two.Refresh).want(t, 401, "invalid_token")
	p.call(t, "POST", "/auth/login", "", object("username", "admin", "password", secrets["wrong"])).want(t, 401, "invalid_credentials")
	p.call(t, "POST", "/auth/login", "", object("username", secrets["wrong"], "password", "x")).want(t, 400, "invalid_request")
	p.call(t, "GET", "/me", ann.Access+"x", "").want(t, 401, "invalid_token")
	p.call(t, "POST", "/auth/logout", ann.Access, "").want(t, 204, "")
	p.kill(t)

	texts := map[string]string{"stdout": p.stdout.String(), "stderr": p.stderr.String()}
	files, err := os.ReadDir(dir)
	check(t, err)
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		check(t, err)
		texts[f.Name()] = string(b)
	}
	// The search must be able to find: what is there is seen.
	if !strings.Contains(texts["jeton.bolt"], next.SessionID) && !strings.Contains(texts["jeton.bolt"], "Go-http-client") {
		t.Error("the store's file holds nothing of the sessions: the search reads the wrong file")
	}
	if !strings.Contains(texts["accounts.db"]+texts["accounts.db-wal"], "$argon2id$v=19$m=19456,t=2,p=1$") || !strings.Contains(texts["stderr"], next.SessionID) {
		t.Error("accounts or log hold nothing: the search reads the wrong files")
	}
	for where, text := range texts {
		for name, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %s", where, name)
			}
		}
	}
}
