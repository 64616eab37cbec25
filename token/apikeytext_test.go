package token_test

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// textKeys are keys whose store nobody asks.
func textKeys(prefix string, seal, peppers []token.Secret) *token.APIKeys {
	s := must(memstore.New(&memstore.Options{Now: func() time.Time { return start }, SweepInterval: -1}))
	return must(token.NewAPIKeys(s, prefix, seal, &token.APIKeyOptions{Peppers: peppers}))
}

func keyVerifier(k ...*token.APIKeys) *token.Verifier {
	return must(token.NewVerifier(nil, &token.VerifierOptions{APIKeys: k, TouchInterval: -1}))
}

// payloadOf takes a good text apart.
func payloadOf(prefix, text string) []byte {
	return must(base64.RawURLEncoding.DecodeString(text[len(prefix)+1 : len(text)-6]))
}

// resum gives a text a right checksum, in place of the one it has.
func resum(text string) string {
	text = text[:len(text)-6]
	return text + token.ChecksumForTest(text)
}

// The vectors were computed by another program (HMAC, HKDF and AES-CTR of Python and OpenSSL; docs/design.md tells how), so
// that the format cannot change unseen.
func TestVectors(t *testing.T) {
	secret1 := must(token.NewSecret(1, []byte("0123456789abcdef0123456789abcdef")))
	secret7 := must(token.NewSecret(7, []byte("pepper: 32 bytes and some more...")))
	var zeros, counting [32]byte
	for n := range counting {
		counting[n] = byte(n)
	}
	for _, c := range []struct {
		name, prefix     string
		seal, peppers    []token.Secret
		random           [32]byte
		owner            store.Subject
		wantText, wantID string
	}{
		{
			"no pepper", "acme",
			[]token.Secret{secret1},
			nil, zeros, store.User("ann"),
			"acme_AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABSJZ0KdR6duF7q4HNkK8WJyG7mfZitdg0DeI5g", "AKRPcWcJxtWiVlxVV6RiOmckjFo_ooHkCIIi_RuDNsGo",
		},
		{
			"a pepper, a realm and an issuer", "acme_live",
			[]token.Secret{secret7, secret1},
			[]token.Secret{secret7},
			counting,
			store.Subject{Realm: "north", Issuer: "https://idp.example", Name: "bob"},
			"acme_live_AQcHAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh93QsUZor3NTP-cgIWCmzyPd3zXKvykGw1pW5hNY4XMdPqbltn2YA4b3RtQg8IDOw1nwJ15", "B4bgNn2D0A1dqDUqTx2tntGZkqRfyV8p3qyjgvKROLQV",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := textKeys(c.prefix, c.seal, c.peppers)
			text, id := token.EncodeKeyForTest(k, c.random, token.KeyHolder(c.owner))
			if text != c.wantText || id != c.wantID {
				t.Errorf("text and id are\n%s\n%s, want\n%s\n%s", text, id, c.wantText, c.wantID)
			}
			got := must(keyVerifier(k).Parse(t.Context(), c.wantText))
			if got.Owner() != c.owner || got.ID() != c.wantID || !got.ExpiresAt().IsZero() || !got.IssuedAt().IsZero() {
				t.Errorf("read as %v of %v", got, got.Owner())
			}
		})
	}
}

// GitHub publishes no vector; this one is CRC-32's own check value, 0xCBF43926, in base 62.
func TestChecksum(t *testing.T) {
	if got := token.ChecksumForTest("123456789"); got != "3jZRME" {
		t.Errorf("the checksum is %s", got)
	}
	if got := token.ChecksumForTest(""); got != "000000" {
		t.Errorf("the checksum of nothing is %s", got)
	}
}

// docs/api-keys.md tells scanners what to look for, and how long a key is.
func TestDocumentedForm(t *testing.T) {
	page := string(must(os.ReadFile("../docs/api-keys.md")))
	short := textKeys("acme", []token.Secret{secretOf(1)}, nil)
	long := textKeys(strings.Repeat("x", token.MaxPrefixLen), []token.Secret{secretOf(1)}, nil)
	name := strings.Repeat("x", store.MaxNameLen)
	ann, _ := token.EncodeKeyForTest(short, [32]byte{1}, token.KeyHolder(ann))
	longest, _ := token.EncodeKeyForTest(long, [32]byte{1}, store.Subject{Kind: store.KindKey, Realm: name, Issuer: name, Name: name})
	for what, want := range map[string]string{
		"the pattern":        "\n" + short.Pattern() + "\n",
		"the usual length":   fmt.Sprintf("has %d characters", len(ann)),
		"the longest length": fmt.Sprintf("possible %d,%d.", len(longest)/1000, len(longest)%1000),
	} {
		if !strings.Contains(strings.Join(strings.Fields(page), " "), strings.TrimSpace(want)) {
			t.Errorf("%s is not there: %s", what, want)
		}
	}
	if _, err := keyVerifier(long).Parse(t.Context(), longest); err != nil {
		t.Errorf("the longest key is refused: %v", err)
	}
}

// TestKeyTexts: each is refused before the store is asked, by one rule.
func TestKeyTexts(t *testing.T) {
	k := must(token.NewAPIKeys(newMemory(t, time.Now), "acme", []token.Secret{secretOf(1), secretOf(3)},
		&token.APIKeyOptions{Peppers: []token.Secret{secretOf(2)}, Unpeppered: true}))
	good, _ := token.EncodeKeyForTest(k, [32]byte{1, 2, 3}, token.KeyHolder(store.Subject{Realm: "north", Name: "anne"}))
	changed := func(change func(p []byte) []byte) string {
		return token.KeyTextForTest("acme", change(payloadOf("acme", good)))
	}
	set := func(at int, to byte) string {
		return changed(func(p []byte) []byte { p[at] = to; return p })
	}
	spare := func(n int) string { // sets the spare bits of the last character, where there are any
		b := []byte(good)
		const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		b[len(b)-7] = digits[strings.IndexByte(digits, b[len(b)-7])^n]
		return resum(string(b))
	}
	if len(payloadOf("acme", good))%3 == 0 {
		t.Fatal("the text has no spare bits to set")
	}
	for _, c := range []struct {
		rule, raw string
		want      error
	}{
		{"the prefix alone", "acme_", token.ErrMalformed},
		{"too short", "acme_" + strings.Repeat("A", 80), token.ErrMalformed},
		{"too long", "acme_" + strings.Repeat("A", 1105), token.ErrTooLong},
		{"far too long", "acme_" + strings.Repeat("A", 1<<20), token.ErrTooLong},
		{"no checksum", good[:len(good)-6], token.ErrMalformed},
		{"a wrong checksum", good[:len(good)-6] + "000000", token.ErrMalformed},
		{"a checksum in another case", good[:len(good)-6] + strings.ToLower(good[len(good)-6:]), token.ErrMalformed},
		{"one more character", good + "A", token.ErrMalformed},
		{"a line break behind", good + "\n", token.ErrMalformed},
		{"a space behind", good + " ", token.ErrMalformed},
		{"padding", resum(good[:len(good)-6] + "=" + "000000"), token.ErrMalformed},
		{"a line break inside", resum(good[:20] + "\n" + good[20:]), token.ErrMalformed},
		{"a carriage return inside", resum(good[:20] + "\r" + good[20:]), token.ErrMalformed},
		{"a zero byte inside", resum(good[:20] + "\x00" + good[21:]), token.ErrMalformed},
		{"characters of the other base64", resum(good[:20] + "+/" + good[22:]), token.ErrMalformed},
		{"a letter that is not ASCII", resum(good[:20] + "é" + good[22:]), token.ErrMalformed},
		{"spare bits", spare(1), token.ErrMalformed},
		{"format 0", set(0, 0), token.ErrMalformed},
		{"format 2", set(0, 2), token.ErrMalformed},
		{"a seal of version 0", set(1, 0), token.ErrKey},
		{"a seal that is not listed", set(1, 2), token.ErrKey},
		{"another seal that is listed", set(1, 3), token.ErrSignature},
		{"a pepper that is not listed", set(2, 1), token.ErrKey},
		{"the pepper taken off", set(2, 0), token.ErrSignature},
		{"another random byte", set(3, 0xff), token.ErrSignature},
		{"the last random byte", set(34, 0xff), token.ErrSignature},
		{"another tag", set(35, 0), token.ErrSignature},
		{"another owner", set(51, 0), token.ErrSignature},
		{"an owner cut short", changed(func(p []byte) []byte { return p[:len(p)-1] }), token.ErrSignature},
		{"a longer owner", changed(func(p []byte) []byte { return append(p, 0) }), token.ErrSignature},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if c.raw == good {
				t.Fatal("nothing was changed")
			}
			got, err := keyVerifier(k).Parse(t.Context(), c.raw)
			wantErr(t, err, c.want)
			if got != nil {
				t.Error("there is a token with the error")
			}
		})
	}
	if _, err := keyVerifier(k).Parse(t.Context(), good); err != nil {
		t.Errorf("the good text is refused: %v", err)
	}
}

// Every single bit of a key's payload is proven.
func TestEveryBitIsProven(t *testing.T) {
	k := textKeys("acme", []token.Secret{secretOf(1)}, nil)
	text, _ := token.EncodeKeyForTest(k, [32]byte{9}, token.KeyHolder(ann))
	v := keyVerifier(k)
	payload := payloadOf("acme", text)
	for bit := range len(payload) * 8 {
		payload[bit/8] ^= 1 << (bit % 8)
		if _, err := v.Parse(t.Context(), token.KeyTextForTest("acme", payload)); !errors.Is(err, token.ErrInvalidToken) {
			t.Errorf("with bit %d flipped: %v", bit, err)
		}
		payload[bit/8] ^= 1 << (bit % 8)
	}
}

// A tag is proven whole: of some thousand guesses none passes.
func TestGuessedTags(t *testing.T) {
	k := textKeys("acme", []token.Secret{secretOf(1)}, nil)
	text, _ := token.EncodeKeyForTest(k, [32]byte{0xff}, token.KeyHolder(ann))
	v := keyVerifier(k)
	payload := payloadOf("acme", text)
	for n := range uint16(1 << 13) {
		binary.BigEndian.PutUint16(payload[3:], n) // other random bits, and so another tag
		if _, err := v.Parse(t.Context(), token.KeyTextForTest("acme", payload)); !errors.Is(err, token.ErrSignature) {
			t.Fatalf("guess %d: %v", n, err)
		}
	}
}

// What is sealed is still read strictly: a secret that leaked must not reach the store with what no store takes.
func TestOddOwners(t *testing.T) {
	k := textKeys("acme", []token.Secret{secretOf(1)}, nil)
	v := keyVerifier(k)
	long := strings.Repeat("x", 257)
	for rule, plain := range map[string]string{
		"no name":                        "\x00\x01r\x00\x00",
		"a name of 257 bytes":            "\x00\x00\x00\x00" + long,
		"a realm of 257 bytes":           "\x01\x01" + long + "\x00\x00ann",
		"an issuer of 257 bytes":         "\x00\x00\x01\x01" + long + "ann",
		"a realm longer than the rest":   "\x00\x09ann\x00\x00",
		"an issuer longer than the rest": "\x00\x00\x00\x09ann",
		"nothing behind the realm":       "\x00\x03annan",
		"one byte behind the realm":      "\x00\x02an\x00",
		"lengths of 65535":               "\xff\xff\xff\xffann",
	} {
		t.Run(rule, func(t *testing.T) {
			if got, err := v.Parse(t.Context(), token.SealKeyForTest(k, []byte(plain))); got != nil || !errors.Is(err, token.ErrMalformed) {
				t.Errorf("read as %v: %v", got, err)
			}
		})
	}
	if got := must(v.Parse(t.Context(), token.SealKeyForTest(k, []byte("\x00\x01r\x00\x00ann")))); got.Owner() != (store.Subject{Realm: "r", Name: "ann"}) {
		t.Errorf("a good owner is read as %v", got.Owner())
	}
}

// The text tells nothing of its owner, and no two keys have a part in common behind the version, but for the format.
func TestTextsShowNoOwner(t *testing.T) {
	k := newKeyKit(t, setup{}, token.APIKeyOptions{})
	seen := map[string]int{}
	for n := range 50 {
		b, _, err := k.keys.Create(t.Context(), store.User("ann@example"), token.CreateOptions{})
		noErr(t, err)
		payload := payloadOf(keyPrefix, b.Reveal())
		for at := 3; at+8 <= len(payload); at += 8 {
			seen[string(payload[at:at+8])]++
		}
		if strings.Contains(string(payload), "ann@") {
			t.Fatalf("key %d shows its owner", n)
		}
	}
	for part, n := range seen {
		if n > 1 {
			t.Errorf("%d keys share %x", n, part)
		}
	}
}

func subjects() *rapid.Generator[store.Subject] {
	text := rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 0, 6), rapid.SliceOfN(rapid.Byte(), 0, 256))
	return rapid.Custom(func(t *rapid.T) store.Subject {
		s := store.Subject{Kind: store.KindKey, Realm: string(text.Draw(t, "realm")), Issuer: string(text.Draw(t, "issuer"))}
		s.Name = string(rapid.SliceOfN(rapid.Byte(), 1, 256).Draw(t, "name"))
		return s
	})
}

// TestKeyTextsRoundTrip: any owner, secrets and random bits make a text of the alphabet that reads back as them, and as
// nothing under any other secret, prefix or pepper.
func TestKeyTextsRoundTrip(t *testing.T) {
	one, two := secretOf(1), secretOf(2)
	sets := []*token.APIKeys{
		textKeys("acme", []token.Secret{one}, nil),
		textKeys("acme", []token.Secret{two, one}, []token.Secret{one}),
		textKeys("acme", []token.Secret{one, two}, []token.Secret{two, one}),
	}
	all := must(token.NewAPIKeys(newMemory(t, time.Now), "acme", []token.Secret{one, two},
		&token.APIKeyOptions{Peppers: []token.Secret{one, two}, Unpeppered: true}))
	ids := map[string]string{}
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom(sets).Draw(t, "keys")
		owner := subjects().Draw(t, "owner")
		random := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "random"))
		text, id := token.EncodeKeyForTest(k, random, owner)
		if strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" || len(text) > 1110 {
			t.Fatalf("the text is %q", text)
		}
		for _, reader := range []*token.APIKeys{k, all} {
			got, err := keyVerifier(reader).Parse(t.Context(), text)
			if err != nil || got.Subject() != owner || got.ID() != id {
				t.Fatalf("read as %v: %v", got, err)
			}
		}
		if other, taken := ids[id]; (taken && other != text) || len(id) != 44 {
			t.Fatalf("two texts have the id %s", id)
		}
		ids[id] = text
		again, _ := token.EncodeKeyForTest(k, random, owner)
		if again != text {
			t.Fatal("one key has two texts")
		}
	})
}

// FuzzOpaque: any text is refused or is the one text of the key that it names, and never a panic; no text speaks of an outage.
func FuzzOpaque(f *testing.F) {
	k := textKeys("acme", []token.Secret{secretOf(1), secretOf(2)}, []token.Secret{secretOf(1)})
	plain := textKeys("acme", []token.Secret{secretOf(2)}, nil)
	for _, owner := range []store.Subject{ann, {Realm: "north", Issuer: "https://idp.example", Name: "\x00"}, {Name: strings.Repeat("x", 256)}} {
		for _, k := range []*token.APIKeys{k, plain} {
			text, _ := token.EncodeKeyForTest(k, [32]byte{1}, token.KeyHolder(owner))
			f.Add(text)
			f.Add(string(payloadOf("acme", text)))
			f.Add(text[:len(text)-6])
		}
	}
	for _, seed := range []string{"", "acme_", "acme_\n", "acme", "acme_" + strings.Repeat("A", 90), "a.b.c"} {
		f.Add(seed)
	}
	v := keyVerifier(k)
	f.Fuzz(func(t *testing.T, text string) {
		// As it is, and behind each of the gates: the prefix, the checksum, the alphabet.
		for _, raw := range []string{text, "acme_" + text, "acme_" + text + token.ChecksumForTest("acme_"+text), token.KeyTextForTest("acme", []byte(text))} {
			got, err := v.Verify(t.Context(), raw)
			if got != nil || !errors.Is(err, token.ErrInvalidToken) {
				t.Fatalf("the store holds no key, and the answer is %v, %v", got, err)
			}
			parsed, err := v.Parse(t.Context(), raw)
			if (parsed == nil) == (err == nil) || err != nil && !errors.Is(err, token.ErrInvalidToken) {
				t.Fatalf("the answer is %v, %v", parsed, err)
			}
			if parsed != nil {
				only(t, k, raw, parsed)
			}
		}
	})
}

// only checks that a text that was read is the one that its parts make.
func only(t *testing.T, k *token.APIKeys, raw string, got *token.Token) {
	payload := payloadOf("acme", raw)
	if token.KeyTextForTest("acme", payload) != raw {
		t.Fatalf("%q is another text of the same key", raw)
	}
	if err := got.Subject().Check(); err != nil || got.Subject().Kind != store.KindKey {
		t.Fatalf("read as %v: %v", got.Subject(), err)
	}
	if payload[1] != 1 || payload[2] != 1 { // not by the current secrets: k would write another text
		return
	}
	if text, id := token.EncodeKeyForTest(k, [32]byte(payload[3:35]), got.Subject()); text != raw || id != got.ID() {
		t.Fatalf("its parts make another text")
	}
}
