package document_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/store/document"
)

// slow is a KV whose calls take a time each, as over a network. Half of it passes before the answer is made.
type slow struct {
	document.KV
	call time.Duration
}

func (k slow) Load(ctx context.Context, key string) ([]byte, any, error) {
	time.Sleep(k.call / 2)
	defer time.Sleep(k.call / 2)
	return k.KV.Load(ctx, key)
}

func (k slow) CompareAndSwap(ctx context.Context, key string, tag any, value []byte, expires time.Time) (bool, error) {
	time.Sleep(k.call / 2)
	defer time.Sleep(k.call / 2)
	return k.KV.CompareAndSwap(ctx, key, tag, value, expires)
}

// TestCrowd: many writers of one subject get through on a slow KV, in a time that grows with their number and the KV's, and
// not with how often they meet. The time is synctest's, so it is the waiting alone.
func TestCrowd(t *testing.T) {
	for _, c := range []struct {
		call           time.Duration
		writers, turns int
		most           time.Duration
	}{
		{0, 32, 1, time.Second},
		{5 * time.Millisecond, 2, 1, 500 * time.Millisecond},
		{5 * time.Millisecond, 32, 1, 2 * time.Second},
		{5 * time.Millisecond, 32, 17, 10 * time.Second}, // the largest crowd of the conformance suite
		{50 * time.Millisecond, 32, 1, 10 * time.Second},
	} {
		t.Run(fmt.Sprintf("%d writers, %d turns, %v a call", c.writers, c.turns, c.call), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := document.New(t.Context(), slow{newDisk(), c.call}, store.Capabilities{}, nil)
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				var writers sync.WaitGroup
				for w := range c.writers {
					writers.Go(func() {
						for i := range c.turns {
							if _, err := s.Issue(t.Context(), issue("ann", fmt.Sprint(w, "-", i))); err != nil {
								t.Errorf("writer %d, turn %d, after %v: %v", w, i, time.Since(start), err)
								return
							}
						}
					})
				}
				writers.Wait()
				took := time.Since(start)
				t.Log(took)
				if took > c.most {
					t.Errorf("%v is too long, want at most %v", took, c.most)
				}
			})
		})
	}
}
