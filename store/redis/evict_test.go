package redisstore_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
	"github.com/jetonkit/jeton/token"
)

// TestEviction fills a server that evicts: whatever it throws away, no revoked token lives again under Sessions, and what
// is still alive was never revoked. A denylist is refused on it.
func TestEviction(t *testing.T) {
	server := testenv.Redis(t, testenv.MaxMemory("6mb", "allkeys-lru"))
	s, err := redisstore.Open(t.Context(), "redis://"+server.Addr(), &redisstore.Options{Partitions: 16, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // it is a test's
	if s.Capabilities().NeverEvicts {
		t.Error("a server under allkeys-lru is said to evict nothing")
	}
	refused(t, s)

	type login struct {
		rec     store.Record
		revoked bool
	}
	var logins []login
	padding := map[string]string{"padding": strings.Repeat("x", 2000)}
	for i := 0; i < 60_000 && evicted(t, server) < 1000; i++ {
		subject := store.User(fmt.Sprint("user ", i))
		got, err := s.Issue(t.Context(), store.IssueRequest{Record: store.Record{
			ID: store.NewID(), Subject: subject, Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour), Metadata: padding,
		}})
		if err != nil {
			t.Fatal(err)
		}
		l := login{rec: got.Record}
		if l.revoked = i%3 == 0; l.revoked {
			r := store.Revocation{Subject: subject, All: true}
			if i%2 == 0 {
				r = store.Revocation{Subject: subject, IDs: []string{l.rec.ID}}
			}
			if err := s.Revoke(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		logins = append(logins, l)
	}
	if n := evicted(t, server); n < 1000 {
		t.Fatalf("the server evicted %d keys, which shows nothing", n)
	}
	alive, wrong := 0, 0
	for _, l := range logins {
		p := store.Presented{SessionID: l.rec.ID, Seq: l.rec.Seq}
		st, err := s.Lookup(t.Context(), l.rec.Subject, p.IDs()...)
		if err != nil {
			t.Fatal(err)
		}
		if st.Verdict(p).Alive {
			alive++
			if l.revoked {
				wrong++
			}
		}
	}
	t.Logf("%d logins, %d keys evicted, %d alive, revoked ones among them: %d", len(logins), evicted(t, server), alive, wrong)
	if wrong > 0 || alive == 0 {
		t.Error("a revoked token lives, or nothing does")
	}
}

// refused holds a verifier to what a denylist needs.
func refused(t *testing.T, s store.TokenStore) {
	t.Helper()
	key, err := token.HS256("k", []byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = token.NewVerifier([]token.TrustedIssuer{{Issuer: "https://example.com", Keys: key.VerifyKey(), Check: token.Denylist(s)}}, nil)
	if !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a denylist on a server that evicts: %v", err)
	}
}

func evicted(t *testing.T, server *testenv.RedisServer) int {
	t.Helper()
	n, err := strconv.Atoi(server.Info("evicted_keys"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
