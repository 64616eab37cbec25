package token

import (
	"context"
	"fmt"
	"slices"
	"unsafe"

	"github.com/jetonkit/jeton/store"
)

// NoteForTest asks for a touch as a verification does that found a session alive.
func (v *Verifier) NoteForTest(to Toucher, subject store.Subject, a Answer) {
	v.seen.note(to, subject, a, v.begin().now)
}

// TouchForTest is a Toucher.
type TouchForTest func(context.Context, store.TouchRequest) error

// Touch calls it.
func (f TouchForTest) Touch(ctx context.Context, r store.TouchRequest) error { return f(ctx, r) }

// SuccessorIDForTest is the jti of a record's token.
func SuccessorIDForTest(rec store.Record, typ string) string { return successorID(rec, typ) }

// VerifyForTest checks a bare signature, for vectors that are no JWTs.
func VerifyForTest(k VerifyKey, alg, signed string, sig []byte) error {
	return k.verify(alg, signed, sig)
}

// BearerForTest wraps a text that a test made.
func BearerForTest(text string) Bearer { return newBearer(text) }

// EncodeKeyForTest makes a key's text and id of known random bits.
func EncodeKeyForTest(k *APIKeys, random [32]byte, owner store.Subject) (text, id string) {
	return k.encode(random, owner)
}

// SealKeyForTest makes a key's text around any sealed bytes, as somebody with our secret could.
func SealKeyForTest(k *APIKeys, plain []byte) string {
	payload := append([]byte{keyFormat, k.seal, k.pepper}, make([]byte, randomSize)...)
	return KeyTextForTest(k.prefix, k.seals[k.seal].seal(payload, k.bound(payload), plain))
}

// KeyTextForTest wraps any payload as a key's text, with a right checksum.
func KeyTextForTest(prefix string, payload []byte) string {
	text := prefix + "_" + segments.EncodeToString(payload)
	return text + checksum(text)
}

// ChecksumForTest is the checksum of a text.
func ChecksumForTest(text string) string { return checksum(text) }

// ScanForTest reads a payload, ours or others', by the scanner alone and by the strict library alone. It reports whether the
// scanner knew it, and whether both read the same.
func ScanForTest(text []byte, others bool) (scanned bool, difference string) {
	fast, strict := claims{others: others}, claims{others: others}
	if _, scanned = fast.scan(string(text), nil); !scanned {
		return false, ""
	}
	if err := unmarshal(text, &strict); err != nil {
		return true, "the library refuses it: " + err.Error()
	}
	fast.aud = slices.Clone(fast.aud) // it lies in few
	fast.few, strict.few = [2]string{}, [2]string{}
	a, b := fmt.Sprintf("%#v ", fast.noted), fmt.Sprintf("%#v ", strict.noted)
	fast.noted, strict.noted = nil, nil
	if a, b := a+fmt.Sprintf("%#v", fast), b+fmt.Sprintf("%#v", strict); a != b {
		return true, a + " is not " + b
	}
	return true, ""
}

// VerifyJWSForTest judges a compact JWS as tokens are judged, up to its claims: vectors are no JWTs.
func VerifyJWSForTest(ctx context.Context, keys KeySet, raw string) ([]byte, error) {
	j := new(jws)
	payload, err := j.open(raw, nil)
	if err != nil {
		return nil, err
	}
	if err := j.authentic(ctx, &expected{keys: keys, anyS: true}); err != nil {
		return nil, err
	}
	return appendSegment(nil, payload)
}

// SignForTest makes a bare signature.
func SignForTest(k SigningKey, text string) ([]byte, error) { return k.sign(text) }

// WeakForTest makes a key that no constructor makes.
func WeakForTest(kid, alg string, key any) VerifyKey {
	a := algorithms[alg]
	if secret, ok := key.([]byte); ok {
		key = newHMACKey(secret, a.hash)
	}
	return VerifyKey{&verifying{kid: kid, alg: a, key: &material{key}}}
}

// HeadersForTest is how many headers a verifier remembers.
func (v *Verifier) HeadersForTest() int {
	all := v.headers.known.Load()
	if all == nil {
		return 0
	}
	return len(*all)
}

// SignatureSizeForTest is how long a key's signatures are said to be.
func SignatureSizeForTest(k SigningKey) int { return k.VerifyKey().signatureSize() }

// RefreshKeysForTest is a ring as its issuers see it.
func RefreshKeysForTest(r *Keyring) KeySet { return r.refreshKeys() }

// MaxForeignSkewForTest is the largest Foreign.Skew.
const MaxForeignSkewForTest = maxForeignSkew

// HoldsForTest reports whether a remembered header is a part of this very text, and so keeps all of it.
func (v *Verifier) HoldsForTest(raw string) bool {
	from := uintptr(unsafe.Pointer(unsafe.StringData(raw)))
	for text := range *v.headers.known.Load() {
		if at := uintptr(unsafe.Pointer(unsafe.StringData(text))); from <= at && at < from+uintptr(len(raw)) {
			return true
		}
	}
	return false
}

// KnownForTest is how many tokens a verifier knows.
func (v *Verifier) KnownForTest() int {
	n := 0
	for i := range v.known.shards {
		sets := v.known.shards[i].sets.Load()
		if sets == nil {
			continue
		}
		for j := range *sets {
			for k := range (*sets)[j] {
				if (*sets)[j][k].entry.Load() != nil {
					n++
				}
			}
		}
	}
	return n
}

// KnownBytesForTest is how much the tokens that a verifier knows are said to take, with the table, and whether that is what
// stands in it.
func (v *Verifier) KnownBytesForTest() (bytes int64, right bool) {
	right = true
	for i := range v.known.shards {
		s := &v.known.shards[i]
		s.mu.Lock()
		var sum int64
		if sets := s.sets.Load(); sets != nil {
			bytes += int64(v.known.slots) * int64(unsafe.Sizeof(slot{}))
			for j := range *sets {
				for k := range (*sets)[j] {
					if e := (*sets)[j][k].entry.Load(); e != nil {
						sum += int64(e.bytes)
					}
				}
			}
		}
		bytes += sum
		right = right && sum == s.bytes && sum <= v.known.most
		s.mu.Unlock()
	}
	return bytes, right
}
