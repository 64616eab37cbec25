package all_test

import (
	"slices"
	"testing"

	"github.com/jetonkit/jeton/store"
	_ "github.com/jetonkit/jeton/store/all"
)

// TestSchemes: every scheme that the docs name opens a backend.
func TestSchemes(t *testing.T) {
	want := []string{"bolt", "memcache", "memory", "redis", "redis+cluster", "redis+sentinel", "rediss"}
	if got := store.Schemes(); !slices.Equal(got, want) {
		t.Errorf("registered are %v, want %v", got, want)
	}
}
