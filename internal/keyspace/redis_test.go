package keyspace_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/store"
)

// tagsOf returns the tags of a keyspace, from the keys of its feeds.
func tagsOf(t *testing.T, partitions int) []string {
	t.Helper()
	k := keyspace.NewRedis("p:", partitions)
	if k.Partitions() != partitions {
		t.Fatalf("%d partitions, want %d", k.Partitions(), partitions)
	}
	tags := make([]string, partitions)
	for i := range tags {
		var ok bool
		if tags[i], ok = strings.CutPrefix(k.Feed(i), "p:{"); !ok {
			t.Fatalf("the feed's key is %q", k.Feed(i))
		}
		if tags[i], ok = strings.CutSuffix(tags[i], "}:f"); !ok {
			t.Fatalf("the feed's key is %q", k.Feed(i))
		}
	}
	return tags
}

// TestGoldenTags: tags are part of the keys for ever. Another one here means that nobody finds what was written before.
func TestGoldenTags(t *testing.T) {
	const sixteen = "1bz dlj 5nw 5j7 17p 130 h85 qsu fjl ng4 7l1 7hq 356 31v b3k 7ys"
	if got := strings.Join(tagsOf(t, 16), " "); got != sixteen {
		t.Errorf("the tags of 16 partitions are\n%s, want\n%s", got, sixteen)
	}
	for partitions, want := range map[int]string{64: "2f8132106389541c", 256: "1d6383c4a62eca1a"} {
		sum := sha256.Sum256([]byte(strings.Join(tagsOf(t, partitions), " ")))
		if got := hex.EncodeToString(sum[:8]); got != want {
			t.Errorf("the tags of %d partitions have the sum %s, want %s", partitions, got, want)
		}
	}
}

// TestTagsSpreadOverTheSlots: partition i begins the i-th part of a cluster's slots, so that masters get equal shares.
func TestTagsSpreadOverTheSlots(t *testing.T) {
	for _, partitions := range []int{16, 64, 256} {
		for i, tag := range tagsOf(t, partitions) {
			if got, want := int(keyspace.Slot(tag)), i*16384/partitions; got != want {
				t.Errorf("tag %q of partition %d of %d is in slot %d, want %d", tag, i, partitions, got, want)
			}
			if len(tag) > 5 || strings.Trim(tag, "0123456789abcdefghijklmnopqrstuvwxyz") != "" {
				t.Errorf("the tag %q is long, or could end a key's braces", tag)
			}
		}
	}
}

// TestSlot holds values that Redis documents or answers (CLUSTER KEYSLOT).
func TestSlot(t *testing.T) {
	for tag, want := range map[string]uint16{"123456789": 12739, "": 0, "a": 15495, "foo": 12182, "user1000": 3443} {
		if got := keyspace.Slot(tag); got != want {
			t.Errorf("%q is in slot %d, want %d", tag, got, want)
		}
	}
}

// TestGoldenRedisKeys: as TestGoldenTags, for whole keys.
func TestGoldenRedisKeys(t *testing.T) {
	d := store.User("ann").Digest()
	k, other := keyspace.NewRedis("jeton:", 64), keyspace.NewRedis("jeton:", 16)
	for got, want := range map[string]string{
		k.Ledger(d):     "jeton:{49n}:s:ayp4HvZkH70Ut3jH6dX8ZQ",
		other.Ledger(d): "jeton:{7hq}:s:ayp4HvZkH70Ut3jH6dX8ZQ",
		k.Feed(0):       "jeton:{" + tagsOf(t, 64)[0] + "}:f",
		k.Feed(63):      "jeton:{" + tagsOf(t, 64)[63] + "}:f",
		k.Space():       "jeton:space",
		k.Bell():        "jeton:bell",
		k.Ledgers():     "jeton:{*}:s:*",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if k.Space() != other.Space() || k.Bell() != other.Bell() {
		t.Error("what a process must find before it knows the partitions depends on them")
	}
}

// TestRedisKeysSayWhoseTheyAre: a ledger shares its partition's slot with the feed, and gives back its subject; no other
// key, and no other spelling of it, does.
func TestRedisKeysSayWhoseTheyAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := keyspace.NewRedis("p:", rapid.SampledFrom([]int{16, 64, 256}).Draw(t, "partitions"))
		d := store.Digest(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "digest"))
		key, part := k.Ledger(d), d.Partition(k.Partitions())
		if got, ok := k.Subject(key); !ok || got != d {
			t.Fatalf("the subject of %q is %v, %v", key, got, ok)
		}
		tag, _, _ := strings.Cut(k.Feed(part), "}")
		if !strings.HasPrefix(key, tag+"}:s:") {
			t.Fatalf("%q is not in the slot of %q", key, k.Feed(part))
		}
		for _, foreign := range []string{
			"q" + key[1:], key + "A", key[:len(key)-1], strings.Replace(key, "}:s:", "}:t:", 1), k.Feed(part), k.Space(), "",
			strings.Replace(key, "{", "{0", 1), key[:len(key)-22] + base64.StdEncoding.EncodeToString(d[:]), key + "\n",
		} {
			if got, ok := k.Subject(foreign); ok {
				t.Fatalf("%q is taken for a ledger of %v", foreign, got)
			}
		}
		last := key[len(key)-1]
		alike := key[:len(key)-1] + string(rune(last+1)) // the last of 22 characters has four unused bits
		if got, ok := k.Subject(alike); ok && got == d {
			t.Fatalf("%q is taken for %q", alike, key)
		}
	})
}

// TestGlob: a prefix stands for itself in a pattern.
func TestGlob(t *testing.T) {
	for text, want := range map[string]string{"jeton:": "jeton:", "": "", `a*b?c[d]e\f`: `a\*b\?c\[d\]e\\f`} {
		if got := keyspace.Glob(text); got != want {
			t.Errorf("%q is %q in a pattern, want %q", text, got, want)
		}
	}
	if got := keyspace.NewRedis("a*", 16).Ledgers(); got != `a\*{*}:s:*` {
		t.Errorf("the ledgers of the prefix a* are %q", got)
	}
}
