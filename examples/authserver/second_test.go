package main

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// TestSecondProcess: what a second process over the same store sees, on each store: nothing of the first one's sessions, all
// of them and their end at once, or an error that says why it may not start.
func TestSecondProcess(t *testing.T) {
	for _, place := range places {
		t.Run(place.scheme, func(t *testing.T) {
			t.Parallel()
			dir, url := t.TempDir(), place.url(t)
			one := launch(t, dir, password, "-store", url)
			here := one.login(t, "admin", password)
			if place.second == refused {
				path, err := binary()
				check(t, err)
				cmd := exec.Command(path, "-addr", "127.0.0.1:0", "-store", url)
				cmd.Dir = dir
				out, err := cmd.CombinedOutput()
				var exit *exec.ExitError
				if !errors.As(err, &exit) || exit.ExitCode() != 1 || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), "another process has open") {
					t.Errorf("ended with %v, says %s", err, out)
				}
				one.call(t, "GET", "/me", here.Access, "").want(t, 200, "")
				return
			}
			two := launch(t, dir, password, "-store", url)
			there := two.login(t, "admin", password)
			if place.second == alone {
				two.call(t, "GET", "/me", here.Access, "").want(t, 401, "invalid_token")
				one.call(t, "GET", "/me", there.Access, "").want(t, 401, "invalid_token")
				return
			}
			two.call(t, "GET", "/me", here.Access, "").want(t, 200, "")
			if n := len(one.call(t, "GET", "/sessions", here.Access, "").want(t, 200, "").Sessions); n != 2 {
				t.Errorf("the first lists %d sessions, want 2", n)
			}
			two.call(t, "DELETE", "/sessions/"+here.SessionID, there.Access, "").want(t, 204, "")
			one.call(t, "GET", "/me", here.Access, "").want(t, 401, "invalid_token")
			one.refresh(t, here.Refresh).want(t, 401, "invalid_token")
			next := one.refresh(t, there.Refresh).want(t, 200, "")
			two.call(t, "GET", "/me", next.Access, "").want(t, 200, "")
		})
	}
}
