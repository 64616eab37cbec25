package statuslist_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/jetonkit/jeton/revocation/statuslist"
	"github.com/jetonkit/jeton/store"
	boltstore "github.com/jetonkit/jeton/store/bolt"
)

// Over a durable store places are kept by the next process: nobody gets another's, and who asks again gets his own.
func TestPlacesSurviveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jeton.bolt")
	start := time.Now()
	takeAll := func() (refs []statuslist.Reference) {
		t.Helper()
		s := must(boltstore.Open(t.Context(), path, nil))(t)
		defer func() { check(t, s.Close()) }()
		places := must(statuslist.NewAllocator(s, listURI, &statuslist.AllocatorOptions{Size: 1024}))(t)
		for n := range 20 {
			refs = append(refs, must(places.Reference(t.Context(), store.Record{
				ID: fmt.Sprint("sid", n), Subject: store.User("ann"), Link: store.Link{byte(n), 1}, RotatedAt: start,
			}))(t))
		}
		return refs
	}
	first, second := takeAll(), takeAll()
	seen := map[uint64]bool{}
	for n, ref := range first {
		if ref != second[n] {
			t.Errorf("token %d had the place %d, and now %d", n, ref.Index, second[n].Index)
		}
		if seen[ref.Index] {
			t.Errorf("the place %d was given twice", ref.Index)
		}
		seen[ref.Index] = true
	}
}
