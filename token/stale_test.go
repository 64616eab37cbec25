package token_test

import (
	"sync/atomic"
	"time"

	"github.com/jetonkit/jeton/store"
)

// stampFor is a stamp that nothing but time ends.
func stampFor(d time.Duration) store.Stamp {
	return store.NewStamp(store.StampSource{Gen: new(atomic.Uint64), Epoch: new(atomic.Uint64), At: time.Now(), MaxAge: d})
}
