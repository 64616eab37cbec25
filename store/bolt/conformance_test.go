package boltstore_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/store"
	boltstore "github.com/jetonkit/jeton/store/bolt"
	"github.com/jetonkit/jeton/storetest"
)

// TestConformance holds the store to every rule, each on a file of its own.
func TestConformance(t *testing.T) {
	dir := t.TempDir()
	clock := storetest.NewClock(time.Time{})
	var files atomic.Int64
	var paths sync.Map // store -> path
	openAt := func(ctx context.Context, path string) (store.TokenStore, error) {
		s, err := boltstore.Open(ctx, path, &boltstore.Options{Now: clock.Now})
		if err != nil {
			return nil, err
		}
		paths.Store(s, path)
		return s, nil
	}
	conformance.Run(t, conformance.Harness{
		Clock: clock,
		Open: func(ctx context.Context) (store.TokenStore, error) {
			return openAt(ctx, filepath.Join(dir, fmt.Sprint(files.Add(1), ".db")))
		},
		Reopen: func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
			path, _ := paths.Load(s)
			if err := s.Close(); err != nil {
				return nil, err
			}
			return openAt(ctx, fmt.Sprint(path))
		},
	})
}
