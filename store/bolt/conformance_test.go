package boltstore_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/internal/harness"
	"github.com/jetonkit/jeton/store"
	boltstore "github.com/jetonkit/jeton/store/bolt"
	"github.com/jetonkit/jeton/storetest"
)

// TestConformance holds the store to every rule, each on a file of its own.
func TestConformance(t *testing.T) {
	dir := t.TempDir()
	clock := storetest.NewClock(time.Time{})
	var serial atomic.Int64
	places := harness.Places[string]{
		Fresh: func() string { return filepath.Join(dir, fmt.Sprint(serial.Add(1), ".db")) },
		Open: func(ctx context.Context, path string) (store.TokenStore, error) {
			return boltstore.Open(ctx, path, &boltstore.Options{Now: clock.Now})
		},
	}
	h := places.Harness(clock)
	h.Second = nil // one process at a time has a file open
	conformance.Run(t, h)
}
