package token_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

const keyPrefix = "acme_live"

// secretOf is a secret of a version whose bytes are never those of another.
func secretOf(version int) token.Secret {
	return must(token.NewSecret(version, []byte(strings.Repeat(string(rune('A'+version)), 31)+"!")))
}

// keyKit is a kit with API keys on its store, and a verifier that takes JWTs and them.
type keyKit struct {
	*kit
	keys *token.APIKeys
	made *events // what the keys tell; the kit's own are the verifier's
}

func newKeyKit(t *testing.T, s setup, o token.APIKeyOptions) *keyKit {
	t.Helper()
	if s.now == nil {
		s.now = newClock().Now
	}
	if s.store == nil {
		s.store = newMemory(t, s.now)
	}
	if s.wrap != nil {
		s.store, s.wrap = s.wrap(s.store), nil
	}
	made := &events{}
	o.Now, o.Events = s.now, made.add
	keys := must(token.NewAPIKeys(s.store, keyPrefix, []token.Secret{secretOf(1)}, &o))
	s.verify.APIKeys = append(s.verify.APIKeys, keys)
	return &keyKit{newKit(t, s), keys, made}
}

func (k *keyKit) create(o token.CreateOptions) (string, token.APIKey) {
	k.t.Helper()
	b, key, err := k.keys.Create(k.t.Context(), ann, o)
	if err != nil {
		k.t.Fatal(err)
	}
	return b.Reveal(), key
}

func (k *keyKit) ask(raw string) (*token.Token, error) { return k.verifier.Verify(k.t.Context(), raw) }

func TestAPIKeysThatAreRefused(t *testing.T) {
	s := newMemory(t, time.Now)
	one := []token.Secret{secretOf(1)}
	for _, c := range []struct {
		name, field string
		s           store.TokenStore
		prefix      string
		seal        []token.Secret
		o           token.APIKeyOptions
	}{
		{"no store", "store", nil, keyPrefix, one, token.APIKeyOptions{}},
		{"no prefix", "prefix", s, "", one, token.APIKeyOptions{}},
		{"a prefix of one letter", "prefix", s, "a", one, token.APIKeyOptions{}},
		{"a prefix of 33 letters", "prefix", s, strings.Repeat("a", 33), one, token.APIKeyOptions{}},
		{"a prefix with a dash", "prefix", s, "acme-live", one, token.APIKeyOptions{}},
		{"a prefix with a dot", "prefix", s, "acme.live", one, token.APIKeyOptions{}},
		{"a prefix with a space", "prefix", s, "acme live", one, token.APIKeyOptions{}},
		{"a prefix that is not ASCII", "prefix", s, "acmé", one, token.APIKeyOptions{}},
		{"a prefix with the underscore that follows it", "prefix", s, "acme_", one, token.APIKeyOptions{}},
		{"a prefix that begins with an underscore", "prefix", s, "_acme", one, token.APIKeyOptions{}},
		{"a prefix with two underscores", "prefix", s, "acme__live", one, token.APIKeyOptions{}},
		{"a prefix that begins with a digit", "prefix", s, "3com", one, token.APIKeyOptions{}},
		{"no secret", "seal", s, keyPrefix, nil, token.APIKeyOptions{}},
		{"the zero secret", "seal[1]", s, keyPrefix, []token.Secret{secretOf(1), {}}, token.APIKeyOptions{}},
		{"two secrets of one version", "seal[1]", s, keyPrefix, []token.Secret{secretOf(1), secretOf(1)}, token.APIKeyOptions{}},
		{"the zero pepper", "APIKeyOptions.Peppers[0]", s, keyPrefix, one, token.APIKeyOptions{Peppers: []token.Secret{{}}}},
		{"two peppers of one version", "APIKeyOptions.Peppers[1]", s, keyPrefix, one, token.APIKeyOptions{Peppers: []token.Secret{secretOf(2), secretOf(2)}}},
		{"a negative TTL", "APIKeyOptions.TTL", s, keyPrefix, one, token.APIKeyOptions{TTL: -1}},
		{"a TTL of ten years", "APIKeyOptions.TTL", s, keyPrefix, one, token.APIKeyOptions{TTL: store.MaxLife}},
		{"a negative bound", "APIKeyOptions.MaxPerOwner", s, keyPrefix, one, token.APIKeyOptions{MaxPerOwner: -1}},
		{"a bound of 257", "APIKeyOptions.MaxPerOwner", s, keyPrefix, one, token.APIKeyOptions{MaxPerOwner: 257}},
		{"a bound of a class of 257", "APIKeyOptions.MaxPerClass", s, keyPrefix, one, token.APIKeyOptions{MaxPerClass: 257}},
		{"a negative timeout", "APIKeyOptions.WriteTimeout", s, keyPrefix, one, token.APIKeyOptions{WriteTimeout: -1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, err := token.NewAPIKeys(c.s, c.prefix, c.seal, &c.o)
			wantField(t, err, c.field)
			if k != nil {
				t.Error("there are keys with the error")
			}
		})
	}
	for _, prefix := range []string{"ab", "acme", "acme_live", "acme_live_2", "ACME", strings.Repeat("a", 32)} {
		if k, err := token.NewAPIKeys(s, prefix, one, nil); err != nil || k.Prefix() != prefix {
			t.Errorf("the prefix %s: %v", prefix, err)
		}
	}
}

func TestSecretsThatAreRefused(t *testing.T) {
	good := []byte("0123456789abcdef0123456789abcdef")
	for _, c := range []struct {
		name, field string
		version     int
		secret      []byte
	}{
		{"version 0", "version", 0, good},
		{"version 256", "version", 256, good},
		{"a negative version", "version", -1, good},
		{"nothing", "secret", 1, nil},
		{"31 bytes", "secret", 1, good[:31]},
		{"zeros", "secret", 1, make([]byte, 32)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := token.NewSecret(c.version, c.secret)
			wantField(t, err, c.field)
			if s != (token.Secret{}) {
				t.Error("there is a secret with the error")
			}
		})
	}
	if s := must(token.NewSecret(255, good)); s.Version() != 255 || (token.Secret{}).Version() != 0 {
		t.Error("the version is another one")
	}
}

// A secret is copied: who wipes his buffer afterwards does not change it.
func TestSecretsAreCopied(t *testing.T) {
	buffer := []byte("0123456789abcdef0123456789abcdef")
	early := must(token.NewSecret(1, buffer))
	clear(buffer)
	s := newMemory(t, newClock().Now)
	late := must(token.NewSecret(1, []byte("0123456789abcdef0123456789abcdef")))
	a, b := must(token.NewAPIKeys(s, keyPrefix, []token.Secret{early}, nil)), must(token.NewAPIKeys(s, keyPrefix, []token.Secret{late}, nil))
	textA, _ := token.EncodeKeyForTest(a, [32]byte{1}, token.KeyHolder(ann))
	textB, _ := token.EncodeKeyForTest(b, [32]byte{1}, token.KeyHolder(ann))
	if textA != textB {
		t.Error("the secret changed with the buffer that it came from")
	}
}

func TestCreationsThatAreRefused(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	many := map[string]string{}
	for n := range token.MaxKeyMetadata + 1 {
		many[long(n+1)] = ""
	}
	scopes := make([]string, token.MaxScopes+1)
	for n := range scopes {
		scopes[n] = long(n + 1)
	}
	other := token.CreateOptions{Guard: must(newKeyKit(t, setup{}, token.APIKeyOptions{}).keys.Begin(t.Context(), store.User("bob")))}
	k := newKeyKit(t, setup{}, token.APIKeyOptions{})
	for _, c := range []struct {
		name, field string
		owner       store.Subject
		o           token.CreateOptions
	}{
		{"nobody", "Subject.Name", store.Subject{}, token.CreateOptions{}},
		{"a name of 257 bytes", "Subject.Name", store.User(long(257)), token.CreateOptions{}},
		{"a realm of 257 bytes", "Subject.Realm", store.Subject{Realm: long(257), Name: "ann"}, token.CreateOptions{}},
		{"a nonce", "Subject.Kind", store.Subject{Kind: store.KindOnce, Name: "ann"}, token.CreateOptions{}},
		{"a foreign session", "Subject.Kind", store.Subject{Kind: store.KindSID, Name: "ann"}, token.CreateOptions{}},
		{"a label of 257 bytes", "CreateOptions.Name", ann, token.CreateOptions{Name: long(257)}},
		{"a label that is not UTF-8", "CreateOptions.Name", ann, token.CreateOptions{Name: "\xff"}},
		{"a class of 65 bytes", "CreateOptions.Class", ann, token.CreateOptions{Class: long(65)}},
		{"too many scopes", "CreateOptions.Scopes", ann, token.CreateOptions{Scopes: scopes}},
		{"an empty scope", "CreateOptions.Scopes[1]", ann, token.CreateOptions{Scopes: []string{"a", ""}}},
		{"a scope of 129 bytes", "CreateOptions.Scopes[0]", ann, token.CreateOptions{Scopes: []string{long(129)}}},
		{"a scope with a space", "CreateOptions.Scopes[0]", ann, token.CreateOptions{Scopes: []string{"a admin"}}},
		{"a scope with a tab", "CreateOptions.Scopes[0]", ann, token.CreateOptions{Scopes: []string{"a\tadmin"}}},
		{"a scope with a space of another alphabet", "CreateOptions.Scopes[0]", ann, token.CreateOptions{Scopes: []string{"a\u00a0admin"}}},
		{"a scope with a quote", "CreateOptions.Scopes[0]", ann, token.CreateOptions{Scopes: []string{`a"`}}},
		{"a scope with a backslash", "CreateOptions.Scopes[0]", ann, token.CreateOptions{Scopes: []string{`a\`}}},
		{"a scope twice", "CreateOptions.Scopes[2]", ann, token.CreateOptions{Scopes: []string{"a", "b", "a"}}},
		{"a negative TTL", "CreateOptions.TTL", ann, token.CreateOptions{TTL: -1}},
		{"a TTL of ten years", "CreateOptions.TTL", ann, token.CreateOptions{TTL: store.MaxLife}},
		{"too many pairs", "CreateOptions.Metadata", ann, token.CreateOptions{Metadata: many}},
		{"too large pairs", "CreateOptions.Metadata", ann, token.CreateOptions{Metadata: map[string]string{"a": long(16 << 10)}}},
		{"an empty key", "CreateOptions.Metadata", ann, token.CreateOptions{Metadata: map[string]string{"": "x"}}},
		{"a scope by way of metadata", "CreateOptions.Metadata", ann, token.CreateOptions{Metadata: map[string]string{"jeton.scope": "admin"}}},
		{"another of our names", "CreateOptions.Metadata", ann, token.CreateOptions{Metadata: map[string]string{"jeton.new": ""}}},
		{"another owner's guard", "CreateOptions.Guard", ann, other},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, key, err := k.keys.Create(t.Context(), c.owner, c.o)
			wantField(t, err, c.field)
			if !b.IsZero() || key.ID != "" {
				t.Error("there is a key with the error")
			}
		})
	}
	if n := len(k.made.list()); n != 0 || len(must(k.keys.List(t.Context(), ann, store.Page{})).Items) != 0 {
		t.Errorf("bad input is told in %d events, or made a key", n)
	}
	delete(many, long(1))
	if _, _, err := k.keys.Create(t.Context(), ann, token.CreateOptions{Scopes: scopes[:token.MaxScopes], Name: "n", Metadata: many}); err != nil {
		t.Errorf("the largest key is refused: %v", err)
	}
}

func TestAKeyFromCreationToItsEnd(t *testing.T) {
	clock := newClock()
	k := newKeyKit(t, setup{now: clock.Now}, token.APIKeyOptions{})
	owner := store.Subject{Realm: "north", Issuer: "https://idp.example", Name: "ann\x00\xff"}
	b, key, err := k.keys.Create(t.Context(), owner, token.CreateOptions{
		Name: "deploy job", Class: "ci", Scopes: []string{"orders:read", "orders:write"}, TTL: 48 * time.Hour,
		Metadata: map[string]string{"team": "blue"},
	})
	if err != nil {
		t.Fatal(err)
	}
	raw := b.Reveal()
	if !strings.HasPrefix(raw, keyPrefix+"_") || key.LastFour != raw[len(raw)-4:] || key.Prefix != keyPrefix ||
		key.Display() != keyPrefix+"_…"+raw[len(raw)-4:] || key.Name != "deploy job" || key.Class != "ci" || key.Owner != owner ||
		!key.ExpiresAt.Equal(start.Add(48*time.Hour)) || !key.CreatedAt.Equal(start) || !key.LastSeen.IsZero() ||
		strings.Join(key.Scopes, " ") != "orders:read orders:write" || len(key.Metadata) != 1 || key.Metadata["team"] != "blue" {
		t.Errorf("the key is %+v", key)
	}
	got := must(k.ask(raw))
	holder := owner
	holder.Kind = store.KindKey
	rec, ok := got.Session()
	info, isKey := got.APIKey()
	if got.Subject() != holder || got.Owner() != owner || got.ID() != key.ID || got.SessionID() != "" || got.Class() != "ci" ||
		!got.IsAPIKey() || !got.HasScopes("orders:read") || got.HasScopes("orders:read", "admin") || got.Unscoped() ||
		!got.ExpiresAt().Equal(key.ExpiresAt) || !got.IssuedAt().Equal(start) || !ok || rec.ID != key.ID ||
		!isKey || info.ID != key.ID || info.Name != key.Name {
		t.Errorf("the token is %v, its key %+v", got, info)
	}
	plain, _ := k.create(token.CreateOptions{})
	if got := must(k.ask(plain)); got.Unscoped() || len(got.Scopes()) != 0 || got.HasScopes("orders:read") || !got.HasScopes() {
		t.Errorf("a key without scopes has %q", got.Scopes())
	}
	list := must(k.keys.List(t.Context(), owner, store.Page{})).Items
	if len(list) != 1 || list[0].Display() != key.Display() || list[0].ID != key.ID {
		t.Errorf("the list is %+v", list)
	}
	if list, err := k.keys.List(t.Context(), store.Subject{Name: owner.Name}, store.Page{}); err != nil || len(list.Items) != 0 {
		t.Errorf("a key is listed as another's: %v, %v", list, err)
	}
	clock.Advance(48 * time.Hour)
	_, err = k.ask(raw)
	wantErr(t, err, token.ErrUnknownSession)
}

func TestHowKeysEnd(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(k *keyKit, raw string, key token.APIKey) error
		want error // of the key
		jwt  bool  // whether the user's session lives
	}{
		{"not at all", func(*keyKit, string, token.APIKey) error { return nil }, nil, true},
		{"log out everywhere leaves keys alone", func(k *keyKit, _ string, _ token.APIKey) error {
			return k.revoker.Subject(k.t.Context(), ann, "x")
		}, nil, false},
		{"forgetting the user leaves keys alone", func(k *keyKit, _ string, _ token.APIKey) error {
			return k.store.Forget(k.t.Context(), ann)
		}, nil, false},
		{"by id", func(k *keyKit, _ string, key token.APIKey) error {
			return k.keys.Revoke(k.t.Context(), ann, key.ID, "x")
		}, token.ErrRevoked, true},
		{"by its text", func(k *keyKit, raw string, _ token.APIKey) error {
			return k.revoker.Token(k.t.Context(), must(k.verifier.Parse(k.t.Context(), raw)), "found in a repository")
		}, token.ErrRevoked, true},
		{"with all of the owner's", func(k *keyKit, _ string, _ token.APIKey) error {
			return k.keys.RevokeAll(k.t.Context(), ann, "x")
		}, token.ErrRevoked, true},
		{"with all of the owner's, by a Revoker", func(k *keyKit, _ string, _ token.APIKey) error {
			return k.revoker.Subject(k.t.Context(), token.KeyHolder(ann), "x")
		}, token.ErrRevoked, true},
		{"another owner's with this id", func(k *keyKit, _ string, key token.APIKey) error {
			return k.keys.Revoke(k.t.Context(), store.User("bob"), key.ID, "x")
		}, nil, true},
		{"by forgetting the holder", func(k *keyKit, _ string, _ token.APIKey) error {
			return k.store.Forget(k.t.Context(), token.KeyHolder(ann))
		}, token.ErrInvalidToken, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKeyKit(t, setup{}, token.APIKeyOptions{})
			pair := k.login()
			raw, key := k.create(token.CreateOptions{})
			noErr(t, c.end(k, raw, key))
			_, err := k.ask(raw)
			if c.want == nil {
				noErr(t, err)
			} else {
				wantErr(t, err, c.want)
			}
			if err := k.verify(pair); (err == nil) != c.jwt {
				t.Errorf("the session's token: %v", err)
			}
			again, _ := k.create(token.CreateOptions{})
			_, err = k.ask(again)
			noErr(t, err)
		})
	}
}

func TestKeysAreBounded(t *testing.T) {
	k := newKeyKit(t, setup{}, token.APIKeyOptions{MaxPerOwner: 3, MaxPerClass: 2})
	var keys []token.APIKey
	for _, class := range []string{"ci", "ci"} {
		_, key := k.create(token.CreateOptions{Class: class})
		keys = append(keys, key)
	}
	_, _, err := k.keys.Create(t.Context(), ann, token.CreateOptions{Class: "ci"})
	wantErr(t, err, store.ErrLimit)
	k.create(token.CreateOptions{Class: "partner"})
	_, _, err = k.keys.Create(t.Context(), ann, token.CreateOptions{Class: "third"})
	wantErr(t, err, store.ErrLimit)
	if n := len(must(k.keys.List(t.Context(), ann, store.Page{})).Items); n != 3 || k.made.count(token.EventKeyRefused) != 2 {
		t.Errorf("%d keys live, %d refusals are told", n, k.made.count(token.EventKeyRefused))
	}
	noErr(t, k.keys.Revoke(t.Context(), ann, keys[0].ID, "replaced"))
	k.create(token.CreateOptions{Class: "ci"})
}

func TestTheGuardOfACreation(t *testing.T) {
	k := newKeyKit(t, setup{}, token.APIKeyOptions{})
	guard := must(k.keys.Begin(t.Context(), ann))
	k.create(token.CreateOptions{Guard: guard})
	noErr(t, k.keys.RevokeAll(t.Context(), ann, "account taken over"))
	_, _, err := k.keys.Create(t.Context(), ann, token.CreateOptions{Guard: guard})
	wantErr(t, err, store.ErrConflict)
	if e := k.made.list(); e[len(e)-1].Type != token.EventKeyRefused || e[len(e)-1].Reason != "conflict" {
		t.Errorf("the last event is %v", e[len(e)-1])
	}
	k.create(token.CreateOptions{Guard: must(k.keys.Begin(t.Context(), ann))})
}

// Seals and peppers change: what was made with a listed one verifies, and what was not is refused before the store is asked.
func TestRotationOfSecrets(t *testing.T) {
	s := newMemory(t, time.Now)
	counted := &altered{TokenStore: s}
	asked := 0
	counted.lookup = func(context.Context) error { asked++; return nil }
	made := func(seal, peppers []token.Secret) (raw string) {
		k := must(token.NewAPIKeys(s, keyPrefix, seal, &token.APIKeyOptions{Peppers: peppers}))
		b, _, err := k.Create(t.Context(), ann, token.CreateOptions{})
		noErr(t, err)
		return b.Reveal()
	}
	one, two := secretOf(1), secretOf(2)
	list := func(s ...token.Secret) []token.Secret { return s }
	// Keys made before there was a pepper live on where that is said, and peppered ones as ever.
	mixed := must(token.NewAPIKeys(s, keyPrefix, list(one), &token.APIKeyOptions{Peppers: list(two), Unpeppered: true}))
	for _, peppers := range [][]token.Secret{nil, list(two)} {
		_, err := keyVerifier(mixed).Verify(t.Context(), made(list(one), peppers))
		noErr(t, err)
	}
	forged := must(token.NewSecret(1, []byte("another secret of the same number")))
	for _, c := range []struct {
		name            string
		seal, peppers   []token.Secret // when the key was made
		sealN, peppers2 []token.Secret // when it is verified
		want            error
	}{
		{"nothing changed", list(one), nil, list(one), nil, nil},
		{"a new seal", list(one), nil, list(two, one), nil, nil},
		{"the old seal is gone", list(one), nil, list(two), nil, token.ErrKey},
		{"another seal of its version", list(one), nil, list(forged), nil, token.ErrSignature},
		{"the first pepper", list(one), nil, list(one), list(one), token.ErrKey},
		{"a pepper", list(one), list(one), list(one), list(one), nil},
		{"a new pepper", list(one), list(one), list(one), list(two, one), nil},
		{"the old pepper is gone", list(one), list(one), list(one), list(two), token.ErrKey},
		{"no pepper any more", list(one), list(one), list(one), nil, token.ErrKey},
		{"another pepper of its version", list(one), list(one), list(one), list(forged), token.ErrUnknownSession},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := made(c.seal, c.peppers)
			k := must(token.NewAPIKeys(counted, keyPrefix, c.sealN, &token.APIKeyOptions{Peppers: c.peppers2}))
			v := must(token.NewVerifier(nil, &token.VerifierOptions{APIKeys: []*token.APIKeys{k}}))
			defer func() { noErr(t, v.Close()) }()
			asked = 0
			_, err := v.Verify(t.Context(), raw)
			if !errors.Is(err, c.want) {
				t.Errorf("the answer is %v, want %v", err, c.want)
			}
			reach := c.want == nil || errors.Is(c.want, token.ErrUnknownSession)
			if (asked == 1) != reach || asked > 1 {
				t.Errorf("the store was asked %d times", asked)
			}
		})
	}
}

func TestPatternFindsKeys(t *testing.T) {
	k := newKeyKit(t, setup{}, token.APIKeyOptions{})
	pattern := regexp.MustCompile(k.keys.Pattern())
	for n := range 200 {
		owner := store.Subject{Realm: strings.Repeat("r", n), Name: strings.Repeat("n", n+1)}
		b, _, err := k.keys.Create(t.Context(), owner, token.CreateOptions{})
		noErr(t, err)
		for _, around := range []string{"%", `key = "%"`, "Authorization: Bearer %\r\n", "https://x/?key=%&y=1", "{%}", "-%.", "see %, please"} {
			if got := pattern.FindString(strings.Replace(around, "%", b.Reveal(), 1)); got != b.Reveal() {
				t.Fatalf("in %s is found %q, want %q", around, got, b.Reveal())
			}
		}
	}
	for _, text := range []string{"acme_live_", "acme_live_" + strings.Repeat("-", 100), "acme_live_short", "xacme_live_A" + strings.Repeat("a", 90)} {
		if pattern.MatchString(text) {
			t.Errorf("%q is found", text)
		}
	}
}
