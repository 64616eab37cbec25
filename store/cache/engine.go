package storecache

import (
	"fmt"
	"math"
	"sync"

	"github.com/dgraph-io/ristretto/v2"
)

// Engine keeps answers by a hash of what was asked. Nothing is asked of it but safety for concurrent use: it may drop,
// delay and reorder what it is given, and answer another key's value; the cache compares and judges each answer itself.
type Engine interface {
	// Get returns what is kept under a key.
	Get(key uint64) (*Answer, bool)
	// Set keeps an answer that takes so many bytes; false says that it was dropped.
	Set(key uint64, a *Answer, bytes int64) bool
	// Close ends the engine. Gets that are under way or come later answer nothing; no Set is or does.
	Close()
}

// doors is how many locks keep Gets out of a ristretto that closes, which would panic; one lock would be fought over.
const doors = 64

// ristrettoEngine is the default engine.
type ristrettoEngine struct {
	c      *ristretto.Cache[uint64, *Answer]
	doors  [doors]door
	closed bool // under every door's lock
}

// door is one lock, in a cache line of its own.
type door struct {
	sync.RWMutex
	_ [40]byte
}

func newRistretto(maxBytes int64) (Engine, error) {
	c, err := ristretto.NewCache(&ristretto.Config[uint64, *Answer]{
		NumCounters: max(1024, maxBytes/100), // some seven for each answer of the usual size, 3 bytes each
		MaxCost:     maxBytes,
		BufferItems: 64,
		// Answers tell their bytes with those of ristretto's books (entryBytes), so that MaxBytes is what it says.
		IgnoreInternalCost: true,
		// No answer has a TTL, so there is nothing to look for.
		TtlTickerDurationInSec: math.MaxInt32,
	})
	if err != nil {
		return nil, fmt.Errorf("jeton: cache: ristretto: %w", err)
	}
	return &ristrettoEngine{c: c}, nil
}

// Get implements Engine.
func (e *ristrettoEngine) Get(key uint64) (*Answer, bool) {
	d := &e.doors[key%doors]
	d.RLock()
	defer d.RUnlock()
	if e.closed {
		return nil, false
	}
	return e.c.Get(key)
}

// Set implements Engine.
func (e *ristrettoEngine) Set(key uint64, a *Answer, bytes int64) bool { return e.c.Set(key, a, bytes) }

// Close implements Engine.
func (e *ristrettoEngine) Close() {
	for i := range e.doors {
		e.doors[i].Lock()
		defer e.doors[i].Unlock()
	}
	if !e.closed {
		e.closed = true
		e.c.Close()
	}
}
