package statuslist_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/revocation/statuslist"
	"github.com/jetonkit/jeton/store"
)

const mib = 1 << 20

// vector is an example of the draft: a list and what it says. Places that it does not name are 0.
type vector struct {
	Name     string           `json:"name"`
	Bits     int              `json:"bits"`
	List     string           `json:"lst"`
	Size     uint64           `json:"size"`
	Statuses map[string]uint8 `json:"statuses"`
}

func vectors(t testing.TB) (all []vector) {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestVectors(t *testing.T) {
	all := vectors(t)
	if len(all) != 6 {
		t.Fatalf("%d vectors, want the draft's 6", len(all))
	}
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			l := must(statuslist.Decode(v.Bits, v.List, mib))(t)
			if l.Len() != v.Size || l.Bits() != v.Bits {
				t.Fatalf("%d places of %d bits", l.Len(), l.Bits())
			}
			same := must(statuslist.NewList(v.Bits, int(v.Size)))(t)
			named := 0
			for i := range l.Len() {
				got, err := l.Get(i)
				if err != nil {
					t.Fatal(err)
				}
				if got == 0 {
					continue
				}
				named++
				if want := v.Statuses[strconv.FormatUint(i, 10)]; uint8(got) != want {
					t.Fatalf("place %d is %v, want %d", i, got, want)
				}
				check(t, same.Set(i, got))
			}
			for _, s := range v.Statuses {
				if s != 0 {
					named--
				}
			}
			if named != 0 {
				t.Errorf("%d places are missing", -named)
			}
			// Another compressor may write another text; it reads the same.
			back := must(statuslist.Decode(v.Bits, must(same.Encode())(t), mib))(t)
			for i, s := range v.Statuses {
				if got := must(back.Get(must(strconv.ParseUint(i, 10, 64))(t)))(t); uint8(got) != s || back.Len() != l.Len() {
					t.Fatalf("place %s is %v after encoding, want %d", i, got, s)
				}
			}
		})
	}
}

// What is written is read, and nothing beside it changes.
func TestSetAndGet(t *testing.T) {
	for _, bits := range []int{1, 2, 4, 8} {
		l := must(statuslist.NewList(bits, 100))(t)
		want := make([]statuslist.Status, l.Len())
		for range 2000 {
			i := rand.N(l.Len())
			want[i] = statuslist.Status(rand.N(1 << bits))
			if err := l.Set(i, want[i]); err != nil {
				t.Fatal(err)
			}
		}
		for i, s := range want {
			if got := must(l.Get(uint64(i)))(t); got != s {
				t.Fatalf("%d bits: place %d is %v, want %v", bits, i, got, s)
			}
		}
		if s, err := l.Get(l.Len()); !errors.Is(err, statuslist.ErrIndex) || s == statuslist.Valid {
			t.Errorf("%d bits: behind the end is %v, %v", bits, s, err)
		}
		if _, err := l.Get(1<<64 - 1); !errors.Is(err, statuslist.ErrIndex) {
			t.Errorf("%d bits: the largest index is %v", bits, err)
		}
		if err := l.Set(l.Len(), 1); !errors.Is(err, statuslist.ErrIndex) {
			t.Errorf("%d bits: %v", bits, err)
		}
		if bits < 8 {
			if err := l.Set(0, 1<<bits); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%d bits: a status of more bits is %v", bits, err)
			}
		}
	}
	for _, n := range []int{-1, 0, statuslist.MaxSize + 1} {
		if _, err := statuslist.NewList(1, n); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("a list of %d: %v", n, err)
		}
	}
	for _, bits := range []int{-1, 0, 3, 5, 16} {
		if _, err := statuslist.NewList(bits, 8); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
}

func pack(t testing.TB, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

var b64 = base64.RawURLEncoding.EncodeToString

func TestHostileLists(t *testing.T) {
	good := pack(t, []byte{0xb9, 0xa3})
	sum := bytes.Clone(good)
	sum[len(sum)-1] ^= 1
	for _, c := range []struct {
		rule string
		bits int
		lst  string
		want error // nil: it is good
	}{
		{"good", 1, b64(good), nil},
		{"as long as allowed", 1, b64(pack(t, make([]byte, 1000))), nil},
		{"longer unpacked", 1, b64(pack(t, make([]byte, 1001))), statuslist.ErrMalformed},
		{"a bomb", 1, b64(pack(t, make([]byte, 8*mib))), statuslist.ErrMalformed},
		{"three bits", 3, b64(good), store.ErrInvalid},
		{"no bits", 0, b64(good), store.ErrInvalid},
		{"empty text", 1, "", statuslist.ErrMalformed},
		{"an empty list", 1, b64(pack(t, nil)), statuslist.ErrMalformed},
		{"padded", 1, base64.URLEncoding.EncodeToString(good), statuslist.ErrMalformed},
		{"of the other alphabet", 1, "eNo+/A", statuslist.ErrMalformed},
		{"with a line break", 1, b64(good)[:4] + "\n" + b64(good)[4:], statuslist.ErrMalformed},
		{"with spare bits", 1, "eNrbuRgAAhcBXR", statuslist.ErrMalformed},
		{"raw deflate", 1, b64(good[2 : len(good)-4]), statuslist.ErrMalformed},
		{"cut off", 1, b64(good[:len(good)-2]), statuslist.ErrMalformed},
		{"a wrong checksum", 1, b64(sum), statuslist.ErrMalformed},
		{"something behind", 1, b64(append(bytes.Clone(good), 0)), statuslist.ErrMalformed},
		{"not packed", 1, b64([]byte{0xb9, 0xa3}), statuslist.ErrMalformed},
	} {
		t.Run(c.rule, func(t *testing.T) {
			l, err := statuslist.Decode(c.bits, c.lst, 1000)
			if !errors.Is(err, c.want) || (err == nil) != (l != nil) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// What is over the bound is not held, though a few bytes inflate to it.
func TestABombIsNotHeld(t *testing.T) {
	bomb := b64(pack(t, make([]byte, 8*mib)))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := statuslist.Decode(1, bomb, 1000); !errors.Is(err, statuslist.ErrMalformed) {
		t.Error(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > mib {
		t.Errorf("%d bytes were made for %d of text", n, len(bomb))
	}
}

// FuzzDecode: whatever comes, a list is whole, within bounds, and reads the same after it was written.
func FuzzDecode(f *testing.F) {
	for _, v := range vectors(f)[:3] {
		f.Add(v.Bits, v.List)
	}
	f.Add(1, b64(pack(f, make([]byte, 5000))))
	f.Fuzz(func(t *testing.T, bits int, lst string) {
		const most = 4096
		l, err := statuslist.Decode(bits, lst, most)
		if err != nil {
			return
		}
		if n := l.Len() * uint64(bits) / 8; n < 1 || n > most {
			t.Fatalf("%d bytes", n)
		}
		text, err := l.Encode()
		if err != nil || strings.ContainsAny(text, "=\n") {
			t.Fatal(text, err)
		}
		back, err := statuslist.Decode(bits, text, most)
		if err != nil || back.Len() != l.Len() {
			t.Fatal(err)
		}
		for i := range l.Len() {
			a, err := l.Get(i)
			b, err2 := back.Get(i)
			if a != b || err != nil || err2 != nil || int(a) >= 1<<bits {
				t.Fatalf("place %d: %v, %v, %v, %v", i, a, b, err, err2)
			}
		}
	})
}
