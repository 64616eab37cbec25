package storecache

import "testing"

// TestClosedEngine: a Get that comes after Close answers nothing and waits for nobody, and closing twice is nothing. Kills
// doors that stay locked, and an engine that panics.
func TestClosedEngine(t *testing.T) {
	e, err := newRistretto(MinBytes)
	if err != nil {
		t.Fatal(err)
	}
	for key := range uint64(2 * doors) {
		e.Set(key, &Answer{}, 1)
	}
	for range 2 {
		e.Close()
		for key := range uint64(2 * doors) {
			if a, ok := e.Get(key); ok || a != nil {
				t.Errorf("%d is answered", key)
			}
		}
	}
}
