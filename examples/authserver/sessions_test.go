package main

import (
	"slices"
	"sync"
	"testing"
)

// One user's day: log in on two devices, look, kick one out, refresh, log out.
func TestSessions(t *testing.T) {
	onEachStore(t, func(t *testing.T, in *instance) {
		laptop, phone := in.login(t, "admin", password), in.login(t, "ADMIN", password)
		if laptop.Type != "Bearer" || laptop.ExpiresIn < 890 || laptop.ExpiresIn > 900 || laptop.SessionID == "" {
			t.Fatalf("answered %s", laptop.body)
		}
		me := in.call(t, "GET", "/me", laptop.Access, "").want(t, 200, "")
		if me.Username != "admin" || !slices.Equal(me.Roles, []string{"admin"}) || me.SessionID != laptop.SessionID {
			t.Fatalf("answered %s", me.body)
		}
		list := in.call(t, "GET", "/sessions", laptop.Access, "").want(t, 200, "").Sessions
		if len(list) != 2 || list[0].ID != phone.SessionID || list[0].Current || list[1].ID != laptop.SessionID || !list[1].Current {
			t.Fatalf("lists %+v", list)
		}
		if s := list[0]; s.Class != "web" || s.IP != "127.0.0.1" || s.UserAgent != "Go-http-client/1.1" || !s.ExpiresAt.After(s.IssuedAt) || s.LastSeen.IsZero() {
			t.Errorf("lists %+v", s)
		}

		for range 2 { // ending an ended session is no error
			in.call(t, "DELETE", "/sessions/"+phone.SessionID, laptop.Access, "").want(t, 204, "")
		}
		in.call(t, "GET", "/me", phone.Access, "").want(t, 401, "invalid_token")
		in.refresh(t, phone.Refresh).want(t, 401, "invalid_token")
		in.call(t, "DELETE", "/sessions/AAAAAAAAAAAAAAAAAAAAAA", laptop.Access, "").want(t, 404, "not_found")

		next := in.refresh(t, laptop.Refresh).want(t, 200, "")
		if next.SessionID != laptop.SessionID || next.Refresh == laptop.Refresh {
			t.Error("a refresh is not the same session with a new token")
		}
		in.call(t, "GET", "/me", next.Access, "").want(t, 200, "")
		if n := len(in.call(t, "GET", "/sessions", next.Access, "").Sessions); n != 1 {
			t.Errorf("%d sessions are left, want 1", n)
		}

		in.call(t, "POST", "/auth/logout", next.Access, "").want(t, 204, "")
		in.call(t, "GET", "/me", next.Access, "").want(t, 401, "invalid_token")
		in.call(t, "GET", "/me", laptop.Access, "").want(t, 401, "invalid_token")
		in.refresh(t, next.Refresh).want(t, 401, "invalid_token")
	})
}

func TestLogOutEverywhereElse(t *testing.T) {
	onEachStore(t, func(t *testing.T, in *instance) {
		others := []*answer{in.login(t, "admin", password), in.login(t, "admin", password)}
		here := in.login(t, "admin", password)
		in.call(t, "DELETE", "/sessions", here.Access, "").want(t, 204, "")
		for _, o := range others {
			in.call(t, "GET", "/me", o.Access, "").want(t, 401, "invalid_token")
			in.refresh(t, o.Refresh).want(t, 401, "invalid_token")
		}
		in.call(t, "GET", "/me", here.Access, "").want(t, 200, "")
		in.refresh(t, here.Refresh).want(t, 200, "")
		in.call(t, "GET", "/me", in.login(t, "admin", password).Access, "").want(t, 200, "")
	})
}

// A session belongs to its user: nobody ends another's by knowing its id.
func TestSessionsOfOthersAreNotFound(t *testing.T) {
	onEachStore(t, func(t *testing.T, in *instance) {
		admin := in.login(t, "admin", password)
		in.addUser(t, admin.Access, "ann", "ann's password")
		ann := in.login(t, "ann", "ann's password")
		in.call(t, "DELETE", "/sessions/"+admin.SessionID, ann.Access, "").want(t, 404, "not_found")
		in.call(t, "DELETE", "/sessions", ann.Access, "").want(t, 204, "")
		in.call(t, "GET", "/me", admin.Access, "").want(t, 200, "")
	})
}

// Of 20 callers with one refresh token one rotates; within the replays allowed the others get the same successor, beyond
// them 409; and the session lives.
func TestTwentyRefreshesAtOnce(t *testing.T) {
	onEachStore(t, func(t *testing.T, in *instance) {
		first := in.login(t, "admin", password)
		answers := make([]*answer, 20)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() {
				var err error
				if answers[i], err = in.try(t.Context(), "POST", "/auth/refresh", "", object("refresh_token", first.Refresh)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
		successors := map[string]int{}
		for _, a := range answers {
			if a.status == 200 {
				successors[a.Refresh]++
				continue
			}
			a.want(t, 409, "replay_limit")
		}
		if len(successors) != 1 {
			t.Fatalf("got %d different successors, want 1", len(successors))
		}
		for successor, n := range successors {
			if n != 4 {
				t.Errorf("%d callers got it, want one and 3 replays", n)
			}
			in.refresh(t, successor).want(t, 200, "")
		}
		in.call(t, "GET", "/me", first.Access, "").want(t, 200, "")
		if n := len(in.call(t, "GET", "/sessions", first.Access, "").Sessions); n != 1 {
			t.Errorf("%d sessions, want 1", n)
		}
	})
}

// A refresh token older than the one before the current is stolen, or its owner's was: the session ends (RFC 9700 §4.14.2).
func TestReuseEndsTheSession(t *testing.T) {
	onEachStore(t, func(t *testing.T, in *instance) {
		first := in.login(t, "admin", password)
		second := in.refresh(t, first.Refresh).want(t, 200, "")
		third := in.refresh(t, second.Refresh).want(t, 200, "")
		reused := in.refresh(t, first.Refresh).want(t, 401, "invalid_token")
		if reused.Description != "refresh token was used before" {
			t.Errorf("says %q", reused.Description)
		}
		in.refresh(t, third.Refresh).want(t, 401, "invalid_token")
		in.call(t, "GET", "/me", third.Access, "").want(t, 401, "invalid_token")
	})
}

func TestTheOldestSessionGivesWay(t *testing.T) {
	in := start(t, t.TempDir(), "memory://", nil)
	in.server.verifyPassword = alwaysRight // a hundred hashes would take seconds
	first := in.login(t, "admin", password)
	for range maxSessions - 1 {
		in.login(t, "admin", password)
	}
	in.call(t, "GET", "/me", first.Access, "").want(t, 200, "")
	last := in.login(t, "admin", password)
	in.call(t, "GET", "/me", first.Access, "").want(t, 401, "invalid_token")
	if n := len(in.call(t, "GET", "/sessions", last.Access, "").Sessions); n != maxSessions {
		t.Errorf("%d sessions, want %d", n, maxSessions)
	}
}
