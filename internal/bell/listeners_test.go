package bell

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/jetonkit/jeton/store"
)

// TestNobodyIsLeftBehind: whoever stopped listening is forgotten.
func TestNobodyIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Bell
		ctx, cancel := context.WithCancel(t.Context())
		for range 3 {
			go func() { _ = b.Listen(ctx, func(store.Bell) {}) }()
		}
		synctest.Wait()
		if len(b.listeners) != 3 {
			t.Errorf("%d listeners", len(b.listeners))
		}
		cancel()
		synctest.Wait()
		if len(b.listeners) != 0 {
			t.Errorf("%d listeners are left", len(b.listeners))
		}
	})
}
