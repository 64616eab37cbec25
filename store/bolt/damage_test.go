package boltstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	boltstore "github.com/jetonkit/jeton/store/bolt"
)

// fixture is a file with every kind of state, and what must be seen in it.
type fixture struct {
	bytes []byte
	want  map[string]string // subject/id -> what seen tells
}

// quiet are the options of a store that does nothing by itself.
var quiet = &boltstore.Options{SweepInterval: -1, Timeout: time.Second}

func newFixture(t *testing.T) fixture {
	t.Helper()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "fixture.db")
	s, err := boltstore.Open(ctx, path, quiet)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string][]string{}
	for u := range 12 {
		name := fmt.Sprintf("user-%d", u)
		for n := range 6 {
			id := store.NewID()
			if n == 5 {
				id = fmt.Sprintf("an id that has to be hashed, %d of %d", n, u)
			}
			req := issue(name, id)
			req.Record.Metadata = map[string]string{"agent": "test/1.0"}
			if _, err := s.Issue(ctx, req); err != nil {
				t.Fatal(err)
			}
			ids[name] = append(ids[name], id)
		}
	}
	for u, r := range []store.Revocation{
		{IDs: ids["user-0"][:2], Reason: "logout"}, {All: true}, {Others: &store.Others{Keep: ids["user-2"][0]}}, {IDs: []string{"a token"}},
	} {
		r.Subject = store.User(fmt.Sprintf("user-%d", u))
		if err := s.Revoke(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	f := fixture{want: map[string]string{}}
	for name, list := range ids {
		for _, id := range append(list, "a token") {
			if f.want[name+"/"+id], err = seen(ctx, s, name, id); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if f.bytes, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return f
}

// seen tells all that a lookup says, but for its time.
func seen(ctx context.Context, s store.TokenStore, name, id string) (string, error) {
	st, err := s.Lookup(ctx, store.User(name), id)
	if err != nil {
		return "", err
	}
	e := st.Entries[0]
	e.Record.Link = store.Link{}
	return fmt.Sprint(st.Cut, st.CutTime, st.Floor, st.Keep, st.KeptCut, e.Status, e.Reason, e.Record), nil
}

// check opens damaged bytes and reports whether the damage was told; what is told otherwise must be true.
func (f fixture) check(t *testing.T, bytes []byte, what string) (told bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "damaged.db")
	if err := os.WriteFile(path, bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := boltstore.Open(t.Context(), path, quiet)
	if err != nil {
		if !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: open: %v, want ErrCorrupt", what, err)
		}
		return true
	}
	defer s.Close() //nolint:errcheck // a damaged file may fail to close
	for key, want := range f.want {
		var name, id string
		for i := range key {
			if key[i] == '/' {
				name, id = key[:i], key[i+1:]
				break
			}
		}
		got, err := seen(t.Context(), s, name, id)
		var e *store.Error
		switch {
		case err == nil && got != want:
			t.Errorf("%s: accepted: %s\n got %s\nwant %s", what, key, got, want)
		case err != nil && !errors.Is(err, store.ErrCorrupt):
			t.Errorf("%s: %v, want ErrCorrupt", what, err)
		case err != nil && (!errors.As(err, &e) || e.Subject != store.User(name).Digest()):
			t.Errorf("%s: the error lacks the subject's digest: %v", what, err)
		}
		told = told || err != nil
	}
	return told
}

// TestFlippedBits flips one bit at a time all over the file, mostly where there is something: an error or the truth, never
// another verdict, never a panic.
func TestFlippedBits(t *testing.T) {
	f := newFixture(t)
	const rounds = 1000
	var used []int
	for i, c := range f.bytes {
		if c != 0 {
			used = append(used, i)
		}
	}
	r := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	told := 0
	for range rounds {
		b := append([]byte(nil), f.bytes...)
		at, bit := used[r.IntN(len(used))], r.IntN(8)
		if r.IntN(8) == 0 {
			at = r.IntN(len(b))
		}
		b[at] ^= 1 << bit
		if f.check(t, b, fmt.Sprintf("bit %d of byte %d of %d", bit, at, len(b))) {
			told++
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("flips %d, told %d, accepted corruptions 0; the others fell on free space", rounds, told)
	if told < rounds/20 {
		t.Errorf("only %d of %d flips were told: the test shows nothing", told, rounds)
	}
}

// TestTruncated cuts the file short at every page and between.
func TestTruncated(t *testing.T) {
	f := newFixture(t)
	for n := 0; n < len(f.bytes); n += 1024 {
		if n == 0 {
			continue // an empty file is a new one
		}
		f.check(t, f.bytes[:n], fmt.Sprintf("cut to %d of %d bytes", n, len(f.bytes)))
	}
}

// TestForeignFile: a file that is no bolt file, or another program's, is refused and left alone.
func TestForeignFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "foreign.db")
	text := []byte("this is somebody's letter, not a database, and it must stay as it is\n")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := boltstore.Open(t.Context(), path, nil)
	if !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != string(text) {
		t.Errorf("the file was changed: %q, %v", got, err)
	}
}
