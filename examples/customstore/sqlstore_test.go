package sqlstore_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetonkit/jeton/conformance"
	sqlstore "github.com/jetonkit/jeton/examples/customstore"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/store/document"
	"github.com/jetonkit/jeton/storetest"
)

// TestConformance is all that the author of a store has to write: how to open one, open it again, and open it twice.
func TestConformance(t *testing.T) {
	dir := t.TempDir()
	clock := storetest.NewClock(time.Time{})
	var files atomic.Int64
	var paths sync.Map
	open := func(ctx context.Context, path string) (store.TokenStore, error) {
		s, err := sqlstore.Open(ctx, path, &document.Options{Now: clock.Now, MaxSkew: -1}) // the suite sets the clock back
		if err == nil {
			paths.Store(s, path)
		}
		return s, err
	}
	path := func(s store.TokenStore) string {
		p, _ := paths.Load(s)
		return fmt.Sprint(p)
	}
	conformance.Run(t, conformance.Harness{
		Clock: clock,
		Open: func(ctx context.Context) (store.TokenStore, error) {
			return open(ctx, filepath.Join(dir, fmt.Sprint(files.Add(1), ".db")))
		},
		Reopen: func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
			if err := s.Close(); err != nil {
				return nil, err
			}
			return open(ctx, path(s))
		},
		Second: func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) { return open(ctx, path(s)) },
	})
}

func TestURL(t *testing.T) {
	s, err := store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "tokens.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ping(t.Context(), s); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := store.Open(t.Context(), "sqlite:///x?y=z"); err == nil {
		t.Error("an unknown parameter was accepted")
	}
}
