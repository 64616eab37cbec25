package signature_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/adapters/signature"
	"github.com/jetonkit/jeton/store"
)

// Bad input, by the field that its error names.
func TestBadInput(t *testing.T) {
	w := newWorld(t, signature.Options{})
	k := key(t, "a", 1)
	newKey := func(id string, secret []byte) error { _, err := signature.NewKey(id, secret); return err }
	newKeys := func(keys ...signature.Key) error { _, err := signature.NewKeys(keys...); return err }
	signer := func(keys *signature.Keys, audience string, limit int64) error {
		_, err := signature.NewSigner(keys, audience, &signature.SignerOptions{MaxBody: limit})
		return err
	}
	verifier := func(o signature.Options) error {
		_, err := signature.NewVerifier(w.store, w.keys, audience, &o)
		return err
	}
	on := func(can store.Capabilities, o signature.Options) error {
		s := *w.newStore(t)
		s.can = &can
		_, err := signature.NewVerifier(&s, w.keys, audience, &o)
		return err
	}
	_, noStore := signature.NewVerifier(nil, w.keys, audience, nil)
	_, noKeys := signature.NewVerifier(w.store, nil, audience, nil)
	for _, c := range []struct {
		rule  string
		err   error
		field string // empty: no error
	}{
		{"a key", newKey("A-z_0.9", seeded(1)), ""},
		{"a key without id", newKey("", seeded(1)), "id"},
		{"a key id too long", newKey(strings.Repeat("a", 65), seeded(1)), "id"},
		{"a key id with a space", newKey("a b", seeded(1)), "id"},
		{"a key id with a line feed", newKey("a\n", seeded(1)), "id"},
		{"a key too short", newKey("a", seeded(1)[:31]), "secret"},
		{"a key of nothing", newKey("a", nil), "secret"},
		{"a key that nobody filled", newKey("a", make([]byte, 64)), "secret"},
		{"no keys", newKeys(), "keys"},
		{"the zero key", newKeys(k, signature.Key{}), "keys[1]"},
		{"two keys of one id", newKeys(k, key(t, "a", 2)), "keys[1]"},
		{"too many keys", newKeys(make([]signature.Key, signature.MaxKeys+1)...), "keys"},
		{"a signer", signer(w.keys, "https://billing.example", 256<<20), ""},
		{"a signer without keys", signer(nil, audience, 0), "keys"},
		{"a signer of empty keys", signer(new(signature.Keys), audience, 0), "keys"},
		{"a signer without audience", signer(w.keys, "", 0), "audience"},
		{"an audience with a line feed", signer(w.keys, "a\nb", 0), "audience"},
		{"an audience too long", signer(w.keys, strings.Repeat("a", 129), 0), "audience"},
		{"a signer's negative MaxBody", signer(w.keys, audience, -1), "SignerOptions.MaxBody"},
		{"a signer's huge MaxBody", signer(w.keys, audience, 256<<20+1), "SignerOptions.MaxBody"},
		{"a verifier without store", noStore, "s"},
		{"a verifier without keys", noKeys, "keys"},
		{"a skew under a second", verifier(signature.Options{Skew: time.Millisecond}), "Options.Skew"},
		{"a skew of hours", verifier(signature.Options{Skew: time.Hour}), "Options.Skew"},
		{"a negative MaxBody", verifier(signature.Options{MaxBody: -1}), "Options.MaxBody"},
		{"a version 1 of empty keys", verifier(signature.Options{AllowV1: new(signature.Keys)}), "Options.AllowV1"},
		{"a realm with a quote", verifier(signature.Options{Realm: `a"b`}), "Options.Realm"},
		{"a realm with a line feed", verifier(signature.Options{Realm: "a\r\nb"}), "Options.Realm"},
		{"a realm too long", verifier(signature.Options{Realm: strings.Repeat("a", 257)}), "Options.Realm"},
		{"a store that never evicts", on(store.Capabilities{NeverEvicts: true}, signature.Options{}), ""},
		{"a store that may evict", on(store.Capabilities{Durable: true, Shared: true}, signature.Options{}), "s"},
		{"a store that may evict, wanted", on(store.Capabilities{}, signature.Options{AllowEviction: true}), ""},
	} {
		var bad *store.FieldError
		switch {
		case c.field == "" && c.err != nil:
			t.Errorf("%s: %v", c.rule, c.err)
		case c.field != "" && (!errors.As(c.err, &bad) || bad.Field != c.field):
			t.Errorf("%s: %v, want a FieldError of %s", c.rule, c.err, c.field)
		}
	}
}

// After a Replace that was refused the old keys count.
func TestReplaceIsAllOrNothing(t *testing.T) {
	w := newWorld(t, signature.Options{})
	if err := w.keys.Replace(key(t, "orders-2", 2), signature.Key{}); err == nil {
		t.Fatal("the zero key was taken")
	}
	expect(t, w.verifier.Check(w.request(t, "GET", "/", "")), "")
}

func TestKeysPrintNothing(t *testing.T) {
	k := must(signature.NewKey("orders-1", []byte("a very secret text of 32 bytes..")))(t)
	holder := struct{ K signature.Key }{k}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", k, "holder", holder)
	texts := []string{log.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		texts = append(texts, fmt.Sprintf(verb, k), fmt.Sprintf(verb, &k), fmt.Sprintf(verb, holder))
	}
	for _, text := range texts {
		for _, leak := range []string{"very secret", "76657279", "118 101 114"} {
			if strings.Contains(text, leak) {
				t.Errorf("it prints %s", text)
			}
		}
	}
	if !strings.Contains(log.String(), "orders-1") {
		t.Errorf("the log does not tell the id: %s", log.String())
	}
	if text, err := json.Marshal(holder); err == nil {
		t.Errorf("it marshals: %s", text)
	}
}

// What is told of a refusal holds nothing of the request.
func TestErrorsTellNoSecret(t *testing.T) {
	w := newWorld(t, signature.Options{})
	r := w.request(t, "GET", "/?password=hunter2", "")
	header := r.Header.Get(signature.Header)
	r.RequestURI = "/?password=hunter3"
	err := w.verifier.Check(r)
	if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "hunter") || strings.Contains(text, header[len(header)-64:]) {
		t.Error(text)
	}
	if got := (&signature.Error{}).HTTPStatus(); got != 503 {
		t.Errorf("an error without reason is answered by %d", got)
	}
	if (&signature.Error{Reason: signature.ReasonReplayed}).Is(store.ErrUnavailable) {
		t.Error("a replay is an outage")
	}
}
