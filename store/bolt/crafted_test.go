package boltstore_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/jetonkit/jeton/store"
	boltstore "github.com/jetonkit/jeton/store/bolt"
)

// populous makes a file whose trees have branches, with free pages, and returns its bytes.
func populous(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.db")
	s, err := boltstore.Open(t.Context(), path, quiet)
	must(t, err)
	var wg sync.WaitGroup
	for u := range 150 {
		wg.Go(func() {
			if _, err := s.Issue(t.Context(), issue(fmt.Sprint("user-", u), "id")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	must(t, s.Revoke(t.Context(), store.Revocation{Subject: store.User("user-1"), All: true}))
	must(t, s.Close())
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

// TestCraftedPages: pages that lead back, or that are free and in use, are told before anything follows or overwrites them.
func TestCraftedPages(t *testing.T) {
	const size, header = 4096, 16
	sound := populous(t)
	flags := func(b []byte, page int) uint16 { return binary.NativeEndian.Uint16(b[page*size+8:]) }
	crafted := 0
	for page := 2; page*size < len(sound); page++ {
		at := page*size + header
		switch flags(sound, page) {
		case 0x01:
			b := bytes.Clone(sound)
			binary.NativeEndian.PutUint64(b[at+8:], uint64(page)) // the first child is the branch itself
			crafted += refused(t, b, "a branch that leads to itself")
		case 0x10:
			for leaf := 2; leaf*size < len(sound); leaf++ {
				if flags(sound, leaf) != 0x02 || binary.NativeEndian.Uint16(sound[page*size+10:]) == 0 {
					continue
				}
				b := bytes.Clone(sound)
				binary.NativeEndian.PutUint64(b[at:], uint64(leaf))
				crafted += refused(t, b, "a leaf on the list of free pages")
			}
		}
	}
	if crafted < 3 {
		t.Errorf("%d crafted files were refused: the test shows little", crafted)
	}
	t.Logf("%d crafted files were refused", crafted)
}

// refused opens a file that must be ErrCorrupt, or whose change fell on a page that is not in use any more; it returns how
// many were refused.
func refused(t *testing.T, b []byte, what string) int {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.db")
	must(t, os.WriteFile(path, b, 0o600))
	s, err := boltstore.Open(t.Context(), path, quiet)
	if err == nil {
		must(t, s.Close())
		return 0
	}
	if !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("%s: %v, want ErrCorrupt", what, err)
	}
	return 1
}

// TestCraftedFeed: a feed from which an event is missing, in the middle or at the end, is ErrCorrupt.
func TestCraftedFeed(t *testing.T) {
	for name, which := range map[string]int{"in the middle": 2, "at the end": 4} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			s, err := boltstore.Open(t.Context(), path, quiet)
			must(t, err)
			for range 4 {
				must(t, s.Revoke(t.Context(), store.Revocation{Subject: store.User("ann"), All: true}))
			}
			must(t, s.Close())
			db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
			must(t, err)
			must(t, db.Update(func(tx *bbolt.Tx) error {
				b := tx.Bucket([]byte("jeton.feed"))
				n := 0
				return b.ForEach(func(k, _ []byte) error {
					if n++; n == which+1 {
						return b.Delete(k)
					}
					return nil
				})
			}))
			must(t, db.Close())
			if _, err := boltstore.Open(t.Context(), path, quiet); !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("got %v, want ErrCorrupt", err)
			}
		})
	}
}
