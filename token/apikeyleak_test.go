package token_test

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	boltstore "github.com/jetonkit/jeton/store/bolt"
	memcachestore "github.com/jetonkit/jeton/store/memcache"
	redisstore "github.com/jetonkit/jeton/store/redis"
	"github.com/jetonkit/jeton/token"
)

// window is how much of a key in a row is a leak: what a list shows is less.
const window = 12

// partOf returns a part of a key's text or payload that stands in some bytes; empty for none.
func partOf(raw, prefix string, in []byte) string {
	payload := payloadOf(prefix, raw)
	for _, whole := range [][]byte{
		[]byte(raw[len(prefix)+1+4:]), // the version and the beginning of no random bits are in every key
		payload[keyHead:],
		fmt.Appendf(nil, "%x", payload[keyHead:]),
		fmt.Appendf(nil, "%d", payload[keyHead:]),
	} {
		for at := 0; at+window <= len(whole); at++ {
			if bytes.Contains(in, whole[at:at+window]) {
				return fmt.Sprintf("%q", whole[at:at+window])
			}
		}
	}
	return ""
}

const keyHead = 3

// The test of the test: each form of a leak is found.
func TestPartOfFindsLeaks(t *testing.T) {
	k := textKeys("acme", []token.Secret{secretOf(1)}, nil)
	raw, _ := token.EncodeKeyForTest(k, [32]byte(secret), token.KeyHolder(ann))
	payload := payloadOf("acme", raw)
	for name, leak := range map[string]string{
		"the text": raw, "half of it": raw[40:], "its end": raw[len(raw)-window:], "the random bits": string(secret),
		"in hex": fmt.Sprintf("%x", payload), "as numbers": fmt.Sprintf("%d", payload),
	} {
		if partOf(raw, "acme", []byte("x"+leak+"x")) == "" {
			t.Errorf("%s is not found", name)
		}
	}
	if part := partOf(raw, "acme", []byte("acme_AQEA … "+raw[len(raw)-4:])); part != "" {
		t.Errorf("what a list shows is a leak: %s", part)
	}
}

// everyKey does all that can happen to API keys, and returns their texts, the errors and what a program may print.
func everyKey(t *testing.T, k *keyKit) (texts []string, errs []error, prints []any) {
	ctx := t.Context()
	raw, key := k.create(token.CreateOptions{Name: "job", Class: "ci", Scopes: []string{"a"}})
	b, second, err := k.keys.Create(ctx, ann, token.CreateOptions{})
	noErr(t, err)
	_, _, err = k.keys.Create(ctx, ann, token.CreateOptions{}) // beyond the bound
	errs = append(errs, err)
	got := must(k.ask(raw))
	info, _ := got.APIKey()
	session, _ := got.Session()
	for _, bad := range []string{raw + "x", resum(raw[:60] + string(raw[60]^1) + raw[61:]), raw[:50], resum("acme_live_B" + raw[11:])} {
		_, err := k.ask(bad)
		errs = append(errs, err)
		_, err = k.verifier.Parse(ctx, bad)
		errs = append(errs, err)
	}
	parsed := must(k.verifier.Parse(ctx, raw))
	list := must(k.keys.List(ctx, ann, store.Page{}))
	guard := must(k.keys.Begin(ctx, ann))
	noErr(t, k.keys.Revoke(ctx, ann, second.ID, "replaced"))
	_, err = k.ask(b.Reveal())
	errs = append(errs, err)
	noErr(t, k.revoker.Token(ctx, parsed, "leaked"))
	noErr(t, k.keys.RevokeAll(ctx, ann, "all"))
	_, err = k.ask(raw)
	_, _, late := k.keys.Create(ctx, ann, token.CreateOptions{Guard: guard})
	errs = append(errs, err, late)
	prints = []any{key, second, b, &b, got, info, session, parsed, list, guard, k.keys, token.CreateOptions{Guard: guard}}
	return []string{raw, b.Reveal()}, errs, prints
}

func TestNothingTellsAnAPIKey(t *testing.T) {
	pepper := secretOf(3)
	k := newKeyKit(t, setup{}, token.APIKeyOptions{MaxPerOwner: 2, Peppers: []token.Secret{pepper}})
	texts, errs, prints := everyKey(t, k)
	var told bytes.Buffer
	level := &slog.HandlerOptions{Level: slog.LevelDebug}
	all := append(k.made.list(), k.events.list()...)
	for _, e := range all {
		for _, h := range []slog.Handler{slog.NewJSONHandler(&told, level), slog.NewTextHandler(&told, level)} {
			token.LogEvents(slog.New(h))(t.Context(), e)
		}
		told.WriteString(printed(e))
	}
	for _, err := range errs {
		if err == nil {
			t.Error("an error is missing")
		}
		fmt.Fprintf(&told, "%v %+v %#v %q\n", err, err, err, err)
	}
	for _, v := range append(prints, pepper, &pepper, struct{ s token.Secret }{pepper}, []token.Secret{pepper}) {
		told.WriteString(printed(v))
		if text, err := stdjson.Marshal(v); err == nil {
			told.Write(text)
		}
	}
	for _, raw := range texts {
		if part := partOf(raw, keyPrefix, told.Bytes()); part != "" {
			t.Errorf("a part of a key is told: %s", part)
		}
	}
	for _, s := range []int{1, 3} {
		text := strings.Repeat(string(rune('A'+s)), 31)
		for _, form := range []string{text, fmt.Sprintf("%x", text), strings.Trim(fmt.Sprintf("%d", []byte(text)), "[]")} {
			if strings.Contains(told.String(), form) {
				t.Errorf("the secret %d is told", s)
			}
		}
	}
	for _, typ := range []token.EventType{
		token.EventKeyCreated, token.EventKeyRefused, token.EventVerified, token.EventRefused, token.EventRevoked,
	} {
		if !strings.Contains(told.String(), "jeton: "+string(typ)) {
			t.Errorf("nothing is logged of %s", typ)
		}
	}
}

func TestAKeyIsLoggedWithoutItsOwner(t *testing.T) {
	k := newKeyKit(t, setup{}, token.APIKeyOptions{})
	_, key, err := k.keys.Create(t.Context(), store.User("ann@example"), token.CreateOptions{Name: "job", Metadata: map[string]string{"x": "+1 555"}})
	noErr(t, err)
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("made", "key", key)
	if text := b.String(); strings.Contains(text, "@") || strings.Contains(text, "+1") || !strings.Contains(text, "key.name=job") {
		t.Errorf("logged as %s", text)
	}
}

func TestEventsOfKeysSayWhoAndWhy(t *testing.T) {
	k := newKeyKit(t, setup{}, token.APIKeyOptions{})
	raw, key := k.create(token.CreateOptions{Class: "ci"})
	must(k.ask(raw))
	noErr(t, k.keys.Revoke(t.Context(), ann, key.ID, "replaced"))
	_, _ = k.ask(raw)
	_, _ = k.ask(raw + "x")
	noErr(t, k.keys.RevokeAll(t.Context(), ann, "gone"))
	holder := token.KeyHolder(ann)
	for name, c := range map[string]struct{ got, want []token.Event }{
		"the keys": {k.made.list(), []token.Event{
			{Type: token.EventKeyCreated, Subject: holder, TokenID: key.ID, Class: "ci"},
			{Type: token.EventRevoked, Subject: holder, TokenID: key.ID, Scope: token.ScopeToken, Reason: "replaced"},
			{Type: token.EventRevoked, Subject: holder, Scope: token.ScopeSubject, Reason: "gone"},
		}},
		"the verifier": {k.events.list(), []token.Event{
			{Type: token.EventVerified, Subject: holder, TokenID: key.ID, Class: "ci"},
			{Type: token.EventRefused, Subject: holder, TokenID: key.ID, Reason: "revoked"},
			{Type: token.EventRefused, Reason: "malformed"},
		}},
	} {
		if len(c.got) != len(c.want) {
			t.Fatalf("%s: %d events, want %d", name, len(c.got), len(c.want))
		}
		for n, e := range c.got {
			e.Err, e.Time = nil, c.want[n].Time
			if e != c.want[n] {
				t.Errorf("%s: event %d is\n%+v, want\n%+v", name, n, e, c.want[n])
			}
		}
	}
}

// Every store keeps keys alike, and none of them a part of one.
func TestKeysOnEveryStore(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) (store.TokenStore, func() []byte){
		"memory": func(t *testing.T) (store.TokenStore, func() []byte) {
			return newMemory(t, time.Now), nil
		},
		"bolt":     onBolt,
		"redis":    onRedis,
		"memcache": onMemcache,
	} {
		t.Run(name, func(t *testing.T) {
			s, bytes := open(t)
			life(t, s, bytes)
		})
	}
}

func onBolt(t *testing.T) (store.TokenStore, func() []byte) {
	path := filepath.Join(t.TempDir(), "keys.db")
	s := must(boltstore.Open(t.Context(), path, nil))
	t.Cleanup(func() { noErr(t, s.Close()) })
	return s, func() []byte {
		noErr(t, s.Close())
		return must(os.ReadFile(path))
	}
}

func onRedis(t *testing.T) (store.TokenStore, func() []byte) {
	r := testenv.Redis(t)
	s := must(redisstore.Open(t.Context(), r.URL(), nil))
	t.Cleanup(func() { noErr(t, s.Close()) })
	return s, func() []byte { return dumpOf(t, r) }
}

func onMemcache(t *testing.T) (store.TokenStore, func() []byte) {
	m := testenv.Memcached(t)
	s := must(memcachestore.Open(t.Context(), "memcache://"+m.Addr(), nil))
	t.Cleanup(func() { noErr(t, s.Close()) })
	return s, nil
}

// dumpOf returns everything that a Redis server holds.
func dumpOf(t *testing.T, r *testenv.RedisServer) []byte {
	var b bytes.Buffer
	keys, _ := r.Do("KEYS", "*").([]any)
	for _, key := range keys {
		key := fmt.Sprint(key)
		var value any
		switch typ := fmt.Sprint(r.Do("TYPE", key)); typ {
		case "hash":
			value = r.Do("HGETALL", key)
		case "stream":
			value = r.Do("XRANGE", key, "-", "+")
		case "string":
			value = r.Do("GET", key)
		default:
			t.Errorf("%s is a %s", key, typ)
		}
		fmt.Fprintln(&b, key, value)
	}
	return b.Bytes()
}

// life takes keys through their lives on a store, and looks into what it keeps.
func life(t *testing.T, s store.TokenStore, stored func() []byte) {
	ctx := t.Context()
	asked := 0
	counted := &altered{TokenStore: s, lookup: func(context.Context) error { asked++; return nil }}
	keys := must(token.NewAPIKeys(counted, "acme", []token.Secret{secretOf(1)}, &token.APIKeyOptions{
		Peppers: []token.Secret{secretOf(2)}, MaxPerOwner: 2,
	}))
	v := must(token.NewVerifier(nil, &token.VerifierOptions{APIKeys: []*token.APIKeys{keys}}))
	owner := store.Subject{Realm: "north\x00", Issuer: "https://idp.example", Name: "ann\xff"}
	first, key, err := keys.Create(ctx, owner, token.CreateOptions{Name: "job", Class: "ci", Scopes: []string{"a", "b"}, Metadata: map[string]string{"x": "y"}})
	noErr(t, err)
	second, _, err := keys.Create(ctx, owner, token.CreateOptions{})
	noErr(t, err)
	_, _, err = keys.Create(ctx, owner, token.CreateOptions{})
	wantErr(t, err, store.ErrLimit)
	for time.Since(key.CreatedAt) < 2*time.Millisecond { // stores keep the time of a use in milliseconds
		runtime.Gosched()
	}
	got := must(v.Verify(ctx, first.Reveal()))
	info, _ := got.APIKey()
	if asked != 1 || got.Owner() != owner || info.Name != "job" || info.Class != "ci" || !got.HasScopes("a", "b") || info.Metadata["x"] != "y" ||
		info.LastFour != first.Reveal()[len(first.Reveal())-4:] || !info.LastSeen.IsZero() {
		t.Errorf("after %d lookups the key is %+v", asked, info)
	}
	noErr(t, v.Close()) // it waits for the touch
	list := must(keys.List(ctx, owner, store.Page{})).Items
	if len(list) != 2 || list[1].ID != key.ID || list[1].LastSeen.IsZero() || !list[0].LastSeen.IsZero() {
		t.Errorf("the list is %+v", list)
	}
	noErr(t, must(token.NewRevoker(s, nil)).Subject(ctx, owner, "log out everywhere"))
	must(v.Verify(ctx, first.Reveal()))
	noErr(t, keys.Revoke(ctx, owner, key.ID, "replaced"))
	_, err = v.Verify(ctx, first.Reveal())
	wantErr(t, err, token.ErrRevoked)
	must(v.Verify(ctx, second.Reveal()))
	noErr(t, keys.RevokeAll(ctx, owner, "left"))
	_, err = v.Verify(ctx, second.Reveal())
	wantErr(t, err, token.ErrRevoked)
	third, _, err := keys.Create(ctx, owner, token.CreateOptions{})
	noErr(t, err)
	must(v.Verify(ctx, third.Reveal()))
	if stored == nil {
		return
	}
	at := stored()
	if !bytes.Contains(at, []byte("jeton.last4")) {
		t.Fatal("what is stored is not found") // the test would see nothing
	}
	for _, b := range []token.Bearer{first, second, third} {
		if part := partOf(b.Reveal(), "acme", at); part != "" {
			t.Errorf("the store holds %s", part)
		}
	}
}
