package redisstore_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// The largest figures of docs/operating-redis.md, in bytes per session at ten sessions per user.
const (
	mostBare     = 120
	mostDetailed = 320 // with 120 bytes of metadata
)

// TestBytesPerSession measures a server's memory before and after 20,000 sessions, and beside it the scheme that the seeds
// use: a key for each token, and a list of them for each user.
func TestBytesPerSession(t *testing.T) {
	const users, each = 2000, 10
	detail := map[string]string{"ip": "203.0.113.77", "ua": strings.Repeat("Mozilla/5.0 ", 8), "os": "Linux 6"} // 120 bytes
	measure := func(name string, write func(ctx context.Context, client *redis.Client, from, to int) error) float64 {
		server := testenv.Redis(t)
		client := redis.NewClient(&redis.Options{Addr: server.Addr(), ContextTimeoutEnabled: true})
		defer client.Close()                                            //nolint:errcheck // it is a test's
		if err := write(t.Context(), client, 0, users/10); err != nil { // what connections and feeds take is no session's
			t.Fatalf("%s: %v", name, err)
		}
		before := usedMemory(t, server)
		if err := write(t.Context(), client, users/10, users); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := float64(usedMemory(t, server)-before) / (users * 9 / 10 * each)
		t.Logf("%s: %.0f bytes a session", name, got)
		return got
	}
	sessions := func(metadata map[string]string) func(context.Context, *redis.Client, int, int) error {
		return func(ctx context.Context, client *redis.Client, from, to int) error {
			s, err := redisstore.New(ctx, client, nil)
			if err != nil {
				return err
			}
			return crowd(from, to, func(u int) error {
				for range each {
					_, err := s.Issue(ctx, store.IssueRequest{Record: store.Record{
						ID: store.NewID(), Subject: store.User(uuid(u)), Link: store.NewLink(),
						ExpiresAt: time.Now().Add(720 * time.Hour), Metadata: metadata,
					}})
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	bare := measure("jeton", sessions(nil))
	detailed := measure("jeton, 120 bytes of metadata", sessions(detail))
	measure("the seeds' scheme, a 320-byte token and 120 bytes of metadata", func(ctx context.Context, client *redis.Client, from, to int) error {
		return crowd(from, to, func(u int) error {
			for i := range each {
				token := fmt.Sprintf("%0320d", u*each+i)
				pipe := client.Pipeline()
				pipe.Set(ctx, "token:"+token, strings.Repeat("x", 120), time.Hour)
				pipe.RPush(ctx, "token_list:"+uuid(u), token)
				if _, err := pipe.Exec(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if bare > mostBare || detailed > mostDetailed {
		t.Errorf("%.0f and %.0f bytes, the targets are %d and %d", bare, detailed, mostBare, mostDetailed)
	}
}

// uuid returns a name as long as most systems' user ids.
func uuid(n int) string { return fmt.Sprintf("%08d-0000-4000-8000-000000000000", n) }

// crowd runs do for from up to to, 16 at a time, and returns an error of one.
func crowd(from, to int, do func(int) error) error {
	var all sync.WaitGroup
	errs := make(chan error, 16)
	for w := range 16 {
		all.Go(func() {
			for i := from + w; i < to; i += 16 {
				if err := do(i); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

func usedMemory(t *testing.T, server *testenv.RedisServer) int {
	t.Helper()
	n, err := strconv.Atoi(server.Info("used_memory"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
