package keyspace_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/store"
)

// zeros is the 22-character form of 16 zero bytes, and the ids that a careless decoder takes for it.
const zeros = "AAAAAAAAAAAAAAAAAAAAAA"

// trickyIDs are pairwise different ids; some would share a field if forms were not told apart.
var trickyIDs = map[string]string{
	"canonical base64url of 22":         zeros,
	"the same but for its unused bits":  "AAAAAAAAAAAAAAAAAAAAAB",
	"the same with all unused bits":     "AAAAAAAAAAAAAAAAAAAAAP",
	"its 16 bytes":                      strings.Repeat("\x00", 16),
	"padded to 24":                      zeros + "==",
	"a line feed inside, 22 long":       "AAAAAAAAAA\nAAAAAAAAAAA",
	"a carriage return inside, 22 long": "AAAAAAAAAA\rAAAAAAAAAAA",
	"a line feed at the end, 22 long":   "AAAAAAAAAAAAAAAAAAAAA\n",
	"a line feed behind it":             zeros + "\n",
	"a line feed before it":             "\n" + zeros,
	"a CR and LF amid it":               "AAAAAAAAAAA\r\nAAAAAAAAAAA",
	"22 of the standard alphabet":       "AAAAAAAAAAAAAAAAAAAA++",
	"22 of the URL alphabet":            "AAAAAAAAAAAAAAAAAAAA--",
	"21 characters":                     zeros[:21],
	"23 characters":                     zeros + "A",
	"one byte":                          "A",
	"the digest of another, as 16":      string(digestOf("session-1")),
	"that other":                        "session-1",
	"the digest of another, as base64":  base64.RawURLEncoding.EncodeToString(digestOf("session-1")),
	"a field, 17 bytes":                 "r" + strings.Repeat("\x00", 16),
	"a type byte and a short id":        "rsession-1",
	"15 bytes":                          strings.Repeat("\x00", 15),
	"17 bytes":                          strings.Repeat("\x00", 17),
	"the longest":                       strings.Repeat("\xff", store.MaxNameLen),
}

func digestOf(id string) []byte { d := store.DigestID(id); return d[:] }

func TestNoTwoIDsShareAField(t *testing.T) {
	held := map[keyspace.Field]string{}
	for what, id := range trickyIDs {
		f := keyspace.FieldOf(id)
		if other, taken := held[f]; taken {
			t.Errorf("%q (%s) has the field of %q", id, what, other)
		}
		held[f] = id
	}
	t.Run("whatever they are", func(t *testing.T) {
		near := rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]byte("AB-_+/=\r\n\x00")), 14, 24), func(b []byte) string { return string(b) })
		rapid.Check(t, func(t *rapid.T) {
			a, b := near.Draw(t, "a"), near.Draw(t, "b")
			if a != b && keyspace.FieldOf(a) == keyspace.FieldOf(b) {
				t.Fatalf("%q and %q share a field", a, b)
			}
		})
	})
}

func TestAFieldHoldsItsIDOrItsDigest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := string(rapid.SliceOfN(rapid.Byte(), 1, 30).Draw(t, "id"))
		f := keyspace.FieldOf(id)
		got, held := f.ID()
		switch {
		case held && got != id:
			t.Fatalf("the field of %q holds %q", id, got)
		case !held && !bytes.Equal(f[1:], digestOf(id)):
			t.Fatalf("the field of %q is no digest of it", id)
		case len(id) == 16 && !held:
			t.Fatal("an id of 16 bytes needs no hash")
		}
	})
	for range 100 {
		id := store.NewID()
		if got, held := keyspace.FieldOf(id).ID(); !held || got != id {
			t.Fatalf("the field of NewID's %q holds %q, %v", id, got, held)
		}
	}
}

func TestTheZeroFieldIsNobodys(t *testing.T) {
	for what, id := range trickyIDs {
		if keyspace.FieldOf(id)[0] == 0 {
			t.Errorf("%s has a field that could be a head's", what)
		}
	}
	if id, held := (keyspace.Field{}).ID(); held {
		t.Errorf("the zero field holds %q", id)
	}
}

// TestGolden: fields and checks are stored. Another value here means that nobody finds what was written before.
func TestGolden(t *testing.T) {
	for id, want := range map[string]string{
		zeros:                      "74" + strings.Repeat("00", 16),
		strings.Repeat("\x00", 16): "72" + strings.Repeat("00", 16),
		"session-1":                "6868e88b0d96d606f94d61e9c91e8d6dbe",
		"once":                     "683801403f58d92f8da685ff1ad3ded093",
	} {
		f := keyspace.FieldOf(id)
		if got := hex.EncodeToString(f[:]); got != want {
			t.Errorf("the field of %q is %s, want %s", id, got, want)
		}
	}
	sum := keyspace.Check(store.User("ann").Digest(), keyspace.FieldOf("session-1"))
	if got, want := hex.EncodeToString(sum[:]), "49dc92d95ad322a6"; got != want {
		t.Errorf("the check of ann's session-1 is %s, want %s", got, want)
	}
}

func TestACheckTellsSubjectsAndFieldsApart(t *testing.T) {
	seen := map[[8]byte]string{}
	for _, name := range []string{"ann", "bob"} {
		for what, id := range trickyIDs {
			sum := keyspace.Check(store.User(name).Digest(), keyspace.FieldOf(id))
			if other, taken := seen[sum]; taken {
				t.Errorf("%s: %s has the check of %s", name, what, other)
			}
			seen[sum] = name + ": " + what
		}
	}
}
