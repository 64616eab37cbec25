package revocation

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/jetonkit/jeton/store"
)

// crowd draws keys that crowd: few homes, few tags, so that searches run over and wrap.
func crowd(t *rapid.T) key {
	at := rapid.SampledFrom([]uint64{0, 1 << 62, 1<<63 - 1, 1 << 63, 1<<64 - 1}).Draw(t, "home")
	return key{at, rapid.Uint64Range(0, 40).Draw(t, "b")*0x80 + rapid.Uint64Range(0, 1).Draw(t, "tag")}
}

// TestTable: a table holds what a map does, through growth and the loss of what has ended.
func TestTable(t *testing.T) {
	const life = 300
	rapid.Check(t, func(t *rapid.T) {
		now := uint64(1000)
		tab, model := newTable(1), map[key]uint64{}
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				k, v := crowd(t), now+rapid.Uint64Range(0, 50).Draw(t, "ends")
				if at := tab.find(k); at != nil {
					at.v.Store(v)
				} else {
					if tab.full() {
						tab = tab.kept(0, life, 1) // nothing has ended by then
					}
					tab.add(k, v)
				}
				model[k] = v
			},
			"time": func(t *rapid.T) { now += rapid.Uint64Range(0, 60).Draw(t, "seconds") },
			"sweep": func(*rapid.T) {
				tab = tab.kept(now, life, 0)
				for k, v := range model {
					if v < now {
						delete(model, k)
					}
				}
			},
			"": func(t *rapid.T) {
				if tab.used != len(model) {
					t.Fatalf("the table holds %d, the map %d", tab.used, len(model))
				}
				for k, v := range model {
					if at := tab.find(k); at == nil || at.v.Load() != v {
						t.Fatalf("%v is lost", k)
					}
				}
				if k := crowd(t); tab.find(k) != nil {
					if _, ok := model[k]; !ok {
						t.Fatalf("%v was never there", k)
					}
				}
			},
		})
	})
}

// TestTableFull: a table fills to seven of eight places and no further, and what is not there is still found missing.
func TestTableFull(t *testing.T) {
	for _, n := range []int{0, 1, 5, 6, 100, 1000} {
		tab := newTable(n)
		for i := uint64(0); !tab.full(); i++ {
			tab.add(key{i * 0x9e3779b97f4a7c15, i}, i)
		}
		if tab.used < n || tab.used*8 > len(tab.slots)*7 {
			t.Errorf("a table for %d is full at %d of %d places", n, tab.used, len(tab.slots))
		}
		if tab.find(key{1, 1 << 20}) != nil {
			t.Error("found what was never added")
		}
	}
}

// TestReadersWhileItGrows: a reader finds what was there when it began, while the writer adds, replaces tables, and moves
// long heads.
func TestReadersWhileItGrows(t *testing.T) {
	var at atomic.Pointer[table]
	at.Store(newTable(1))
	var added atomic.Uint64
	keyOf := func(i uint64) key { return key{i * 0x9e3779b97f4a7c15, i} }
	headOf := func(i uint64) head { return head{cut: i, floor: i + 1, until: 1 << 40} }
	var all sync.WaitGroup
	const n = 20_000
	for range 2 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's
			for {
				upTo := added.Load()
				if upTo == n {
					return
				}
				if upTo == 0 {
					continue
				}
				i := r.Uint64N(upTo)
				tab := at.Load()
				s := tab.find(keyOf(i))
				if s == nil {
					t.Errorf("%d is lost", i)
					return
				}
				if h := tab.head(s.v.Load()); h != headOf(i) {
					t.Errorf("%d is %+v", i, h)
					return
				}
			}
		})
	}
	for i := range uint64(n) {
		tab := at.Load()
		if tab.full() {
			tab = tab.kept(0, 0, 1)
			at.Store(tab)
		}
		h := headOf(i)
		tab.add(keyOf(i), h.word(tab))
		added.Store(i + 1)
	}
	all.Wait()
}

// TestKeys: keys are different for different subjects and ids, and in each view.
func TestKeys(t *testing.T) {
	one, other := newSeeds(), newSeeds()
	a, b := store.DigestID("a"), store.DigestID("b")
	seen := map[key]string{}
	for name, k := range map[string]key{
		"a": one.key(&a, &store.Digest{}), "b": one.key(&b, &store.Digest{}), "a's b": one.key(&a, &b), "b's a": one.key(&b, &a),
		"a's a": one.key(&a, &a), "another view's a's b": other.key(&a, &b),
	} {
		if was, ok := seen[k]; ok {
			t.Errorf("%s and %s meet", name, was)
		}
		seen[k] = name
	}
	for half := 0; half < 16; half += 8 { // each half of a digest counts
		c := b
		binary.LittleEndian.PutUint64(c[half:], 7)
		if one.key(&a, &b) == one.key(&a, &c) || one.key(&b, &a) == one.key(&c, &a) {
			t.Errorf("the digest's bytes from %d on do not count", half)
		}
	}
}
