package redisstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
)

func session(id string) store.Record {
	return store.Record{ID: id, Subject: store.User("ann"), Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour)}
}

// TestFunctions: the library comes by itself, and a write never depends on it.
func TestFunctions(t *testing.T) {
	libraries := func(server *testenv.RedisServer) int {
		all, _ := server.Do("FUNCTION", "LIST").([]any)
		return len(all)
	}
	works := func(t *testing.T, s store.TokenStore) {
		t.Helper()
		r := session(store.NewID())
		issueTo(t, s, r)
		if err := s.Revoke(t.Context(), store.Revocation{Subject: r.Subject, All: true}); err != nil {
			t.Error(err)
		}
		st, err := s.Lookup(t.Context(), r.Subject, r.ID)
		if err != nil || st.Entries[0].Status == store.Live {
			t.Errorf("after all were revoked: %v, %v", st.Entries, err)
		}
	}
	t.Run("a library that is gone is loaded again", func(t *testing.T) {
		server := testenv.Redis(t)
		var e ear
		s := openedAt(t, server.URL(), e.options(testenv.Prefix(t)))
		works(t, s)
		if n := libraries(server); n != 1 {
			t.Errorf("%d libraries, want one", n)
		}
		server.Do("FUNCTION", "FLUSH")
		works(t, s)
		if n := libraries(server); n != 1 || strings.Contains(e.text(), "WARN") {
			t.Errorf("%d libraries, want one; heard %s", n, e.text())
		}
	})
	t.Run("a library of another release is left alone", func(t *testing.T) {
		server := testenv.Redis(t)
		server.Do("FUNCTION", "LOAD", "#!lua name=jeton_0123456789abcdef\nredis.register_function('jeton_0123456789abcdef_issue', function() return 'other' end)")
		var e ear
		works(t, openedAt(t, server.URL(), e.options(testenv.Prefix(t))))
		if got := server.Do("FCALL", "jeton_0123456789abcdef_issue", "0"); libraries(server) != 2 || got != "other" {
			t.Errorf("%d libraries, and the other says %q", libraries(server), got)
		}
	})
	for rule, denied := range map[string][]string{
		"a user who may not call functions writes by scripts": {"-fcall"},
		"a user who may not load them writes by scripts":      {"-function|load"},
	} {
		t.Run(rule, func(t *testing.T) {
			w := newACLWorld(t)
			w.server.Do("FUNCTION", "FLUSH")
			var e ear
			s, err := w.as(t, "~* &* +@all "+strings.Join(denied, " "), &e)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.everything(t.Context(), s); err != nil {
				t.Error(err)
			}
			if strings.Count(e.text(), "WARN") != 1 || !strings.Contains(e.text(), "allow FCALL and FUNCTION LOAD") {
				t.Errorf("heard %s", e.text())
			}
			if n := libraries(w.server); n != 0 {
				t.Errorf("%d libraries", n)
			}
		})
	}
	t.Run("a full server that has no library still revokes", func(t *testing.T) {
		server := testenv.Redis(t)
		var e ear
		s := openedAt(t, server.URL(), e.options(testenv.Prefix(t)))
		issueTo(t, s, session("s"))
		server.Do("FUNCTION", "FLUSH")
		server.Do("CONFIG", "SET", "maxmemory", "1")
		if err := s.Revoke(t.Context(), store.Revocation{Subject: store.User("ann"), All: true}); err != nil {
			t.Errorf("revoke: %v", err)
		}
		_, err := s.Issue(t.Context(), store.IssueRequest{Record: session("t")})
		told(t, err, store.ErrUnavailable, "OOM")
		server.Do("CONFIG", "SET", "maxmemory", "0")
		issueTo(t, s, session("t"))
		if n := libraries(server); n != 1 || strings.Contains(e.text(), "WARN") {
			t.Errorf("%d libraries once there is room, want one; heard %s", n, e.text())
		}
	})
}
