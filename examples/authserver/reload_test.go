package main

import (
	"encoding/base64"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// SIGHUP changes the keys under a running server: the tokens from before stay good, and the next ones are by the new key. A
// file with a mistake changes nothing.
func TestReloadOnHangup(t *testing.T) {
	dir := t.TempDir()
	file := func(keys string) {
		write(t, dir, "jeton.yaml", "store: {url: 'memory://'}\nissuer: {name: x}\n"+keys)
	}
	const before, after = "{id: before, secret: hunter2-hunter2-hunter2-hunter2-hunter2}", "{id: after, secret: hunter2-hunter2-hunter2-hunter2-another}"
	file("key: " + before + "\nnext_keys: [" + after + "]\n")
	p := launch(t, dir, password, "-config", filepath.Join(dir, "jeton.yaml"))
	old := p.login(t, "admin", password)
	hangup := func(says string) {
		t.Helper()
		check(t, p.cmd.Process.Signal(syscall.SIGHUP))
		waitFor(t, func() bool { return strings.Contains(p.stderr.String(), says) })
	}
	hangup("keys are those of the file")
	file("key: " + after + "\n")
	hangup("previous_keys lacks the key")
	file("key: " + after + "\nprevious_keys: [" + before + "]\n")
	hangup(`"kid":"after"`)
	p.call(t, "GET", "/me", old.Access, "").want(t, 200, "")
	fresh := p.login(t, "admin", password)
	header, _, _ := strings.Cut(fresh.Access, ".")
	if text, err := base64.RawURLEncoding.DecodeString(header); err != nil || !strings.Contains(string(text), `"kid":"after"`) {
		t.Errorf("the header is %s, %v", text, err)
	}
	p.call(t, "GET", "/me", fresh.Access, "").want(t, 200, "")
	if strings.Contains(p.stderr.String(), "hunter2") {
		t.Error("the log has a secret")
	}
}
