package redisstore_test

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// TestMadeAnew: a keyspace is lost, and a process with other settings makes it anew. Whoever was there before must notice,
// or each of the two would revoke what the other does not see.
func TestMadeAnew(t *testing.T) {
	server := testenv.Redis(t)
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	open := func(partitions int) *redisstore.Store {
		s, err := redisstore.Open(t.Context(), "redis://"+server.Addr(), &redisstore.Options{Partitions: partitions, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	ann := store.User("ann")
	before, alike := open(16), open(16)
	if _, err := before.Lookup(t.Context(), ann); err != nil {
		t.Fatal(err)
	}
	server.Do("FLUSHALL")
	eventually(t, "the settings are made anew by who finds them gone", func() bool {
		if _, err := alike.Lookup(t.Context(), ann); err != nil {
			t.Fatal(err)
		}
		return server.Do("EXISTS", "jeton:space") == int64(1)
	})
	if _, err := before.Lookup(t.Context(), ann); err != nil {
		t.Errorf("with the same settings: %v", err)
	}
	server.Do("FLUSHALL")
	other := open(0)
	var err error
	eventually(t, "a process with other settings is noticed", func() bool {
		_, err = before.Lookup(t.Context(), ann)
		return err != nil
	})
	for verb, err := range map[string]error{
		"Lookup": err,
		"Revoke": before.Revoke(t.Context(), store.Revocation{Subject: ann, All: true}),
		"Poll":   errOf(before.Poll(t.Context(), 0, store.Position{})),
		"Listen": before.Listen(t.Context(), func(store.Bell) {}),
		"Health": before.Health(t.Context()),
		"Ping":   before.Ping(t.Context()),
	} {
		if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "open the store again") {
			t.Errorf("%s on a keyspace of others: %v", verb, err)
		}
	}
	if err := other.Revoke(t.Context(), store.Revocation{Subject: ann, All: true}); err != nil {
		t.Errorf("the new one: %v", err)
	}
}

func errOf(_ store.Batch, err error) error { return err }

// TestStatedSettings: where the server may evict the keyspace's settings, unusual ones must be stated by every process.
func TestStatedSettings(t *testing.T) {
	server := testenv.Redis(t, testenv.MaxMemory("100mb", "allkeys-lru"))
	for _, tt := range []struct {
		rule, prefix string
		make, then   redisstore.Options
		field        string
	}{
		{"the usual ones need not be", "a:", redisstore.Options{}, redisstore.Options{}, ""},
		{"partitions", "b:", redisstore.Options{Partitions: 256}, redisstore.Options{}, "Options.Partitions"},
		{"partitions, stated", "c:", redisstore.Options{Partitions: 256}, redisstore.Options{Partitions: 256}, ""},
		{"a token life", "d:", redisstore.Options{MaxTokenLife: time.Hour}, redisstore.Options{}, "Options.MaxTokenLife"},
		{"a token life, stated", "e:", redisstore.Options{MaxTokenLife: time.Hour}, redisstore.Options{MaxTokenLife: time.Hour}, ""},
	} {
		var err error
		for _, o := range []redisstore.Options{tt.make, tt.then} {
			o.Prefix, o.Logger = tt.prefix, slog.New(slog.NewTextHandler(io.Discard, nil))
			var s *redisstore.Store
			if s, err = redisstore.Open(t.Context(), "redis://"+server.Addr(), &o); err == nil {
				_ = s.Close()
			}
		}
		var field *store.FieldError
		if got := errors.As(err, &field); got != (tt.field != "") || (got && field.Field != tt.field) {
			t.Errorf("%s: %v, want an error of %q", tt.rule, err, tt.field)
		}
	}
}
