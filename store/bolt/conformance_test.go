package boltstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/internal/harness"
	"github.com/jetonkit/jeton/store"
	boltstore "github.com/jetonkit/jeton/store/bolt"
)

// TestConformance holds the store to every rule, each on a file of its own.
func TestConformance(t *testing.T) {
	h := harness.Files(t, func(ctx context.Context, path string, now func() time.Time) (store.TokenStore, error) {
		return boltstore.Open(ctx, path, &boltstore.Options{Now: now})
	})
	conformance.Run(t, h)
}
