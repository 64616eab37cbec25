package token

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/jetonkit/jeton/store"
)

// Signer is what an [Issuer] signs with: a [SigningKey], or a [Keyring], whose signing key changes. There are no others.
type Signer interface {
	// signingKey returns the key to sign with now; the zero key where there is none.
	signingKey() SigningKey
	// refreshKeys are those that check the issuer's own refresh tokens.
	refreshKeys() ownKeys
	// serve judges an issuer that is about to sign with it.
	serve(i *Issuer) error
}

var (
	_ Signer = SigningKey{}
	_ Signer = (*Keyring)(nil)
	_ KeySet = (*Keyring)(nil)
)

// MaxRetireAhead is how far ahead a key's retirement may lie: a change of keys takes a while to reach every process.
const MaxRetireAhead = 24 * time.Hour

// RingKeys are the keys of a [Keyring] by what each does. A key goes one way: Published, then Signing, then Retired.
type RingKeys struct {
	// Signing is the one key that signs. The zero key where nothing signs, in a process that only verifies: its issuer's key
	// is a Published one here.
	Signing SigningKey
	// Published are keys that verify and stand in the JWKS, and do not sign here: the next one, so that every verifier knows
	// it before the first token under it. Defaults to none.
	Published []VerifyKey
	// Retired are keys that signed once. Each verifies until the last token that it can have signed has ended, and may stand
	// here after that. Defaults to none.
	Retired []RetiredKey
	// Removed are the kids of keys that are gone at once, a leaked one for instance: whatever they signed is refused from now
	// on, refresh tokens too, which logs those sessions out. No key with such a kid comes back while the ring remembers it,
	// which is as long as it would have remembered a retired one. Defaults to none.
	Removed []string
}

// RetiredKey is a key that no longer signs.
type RetiredKey struct {
	// Key checks what it signed. Required.
	Key VerifyKey
	// At is when it stopped signing, everywhere; at most [MaxRetireAhead] from now. A time before this ring itself stopped
	// signing with it, or before an At given earlier, counts as that. Defaults to what the ring knows, and for a key that
	// is new to the ring to now.
	At time.Time
}

// KeyringOptions are what a [Keyring] may be told.
type KeyringOptions struct {
	// AccessTTL is the longest life of access tokens: a retired key verifies them this long, and Leeway. At least every
	// issuer's AccessTTL. Defaults to 15 minutes.
	AccessTTL time.Duration
	// RefreshTTL is the longest life of sessions: a retired key checks its issuers' refresh tokens this long, and Leeway. At
	// least every issuer's MaxTTL. Defaults to 90 days.
	RefreshTTL time.Duration
	// Leeway is how far clocks may be apart: up to 2 minutes, and at least every verifier's; negative means none. Defaults to
	// 30 seconds.
	Leeway time.Duration
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Keyring holds the keys of one issuer while they change: a published key becomes the one that signs, and that one retires.
// It is what an [Issuer] signs with and, as a [KeySet], what a [Verifier] checks access tokens with; an issuer that signs with
// it finds the keys of its older refresh tokens in it by itself. [Keyring.Update] changes all of it in one step, under running
// issuers and verifiers. Safe for concurrent use. It runs nothing in the background: the end of a retired key is judged when
// it is asked for.
type Keyring struct {
	access, refresh time.Duration // how long after its retirement a key checks either; leeway is in both
	opts            KeyringOptions

	state atomic.Pointer[ringState] // replaced, never changed

	mu      sync.Mutex // of who replaces it
	issuers []weak.Pointer[Issuer]
}

// ringState is all keys at one moment.
type ringState struct {
	signing SigningKey
	keys    map[string]ringKey
	order   []string // of the kids, as they were given
}

type ringKey struct {
	place place
	key   VerifyKey // the zero key for a removed one that the ring never had
	// at is when a key retired, or was removed.
	at time.Time
}

// place is where a key is on its way.
type place int

const (
	published place = iota
	signs
	retired
	removed
)

// NewKeyring makes a ring of keys, one at least. o may be nil. What [Keyring.Update] refuses is refused here too.
func NewKeyring(keys RingKeys, o *KeyringOptions) (*Keyring, error) {
	var opts KeyringOptions
	if o != nil {
		opts = *o
	}
	opts.AccessTTL = cmp.Or(opts.AccessTTL, defaultAccessTTL)
	opts.RefreshTTL = cmp.Or(opts.RefreshTTL, defaultMaxTTL)
	opts.Leeway = max(0, cmp.Or(opts.Leeway, defaultLeeway))
	opts.Now = clock(opts.Now)
	if err := checkRange("KeyringOptions.AccessTTL", opts.AccessTTL, time.Second, longest, "give it the issuer's AccessTTL"); err != nil {
		return nil, err
	}
	if err := checkRange("KeyringOptions.RefreshTTL", opts.RefreshTTL, opts.AccessTTL, longest, "give it the issuer's MaxTTL"); err != nil {
		return nil, err
	}
	if err := checkRange("KeyringOptions.Leeway", opts.Leeway, 0, store.MaxLeeway, "set the clocks, and allow less"); err != nil {
		return nil, err
	}
	r := &Keyring{access: opts.AccessTTL + opts.Leeway, refresh: opts.RefreshTTL + opts.Leeway, opts: opts}
	r.state.Store(&ringState{})
	if err := r.Update(keys); err != nil {
		return nil, err
	}
	return r, nil
}

// FindKey returns the key with this kid, for access tokens: a published one, the one that signs, and a retired one until
// AccessTTL and Leeway have passed since its retirement.
func (r *Keyring) FindKey(_ context.Context, kid string) (VerifyKey, error) {
	return r.find(kid, r.access)
}

// find returns a key that is there, or retired less than span ago.
func (r *Keyring) find(kid string, span time.Duration) (VerifyKey, error) {
	k, ok := r.state.Load().keys[kid]
	switch {
	case !ok || k.place == removed:
		return VerifyKey{}, unknownKid()
	case k.place == retired && k.over(span, r.opts.Now()):
		return VerifyKey{}, refuse(ErrKey, "its key has retired")
	}
	return k.key, nil
}

// over reports whether all that a key signed ended, if it lived no longer than span.
func (k ringKey) over(span time.Duration, now time.Time) bool { return !now.Before(k.at.Add(span)) }

// Keys returns the keys as they are now, in the order in which they were given, with the times of their retirement: to change
// them and give them to [Keyring.Update]. Keys that the ring may forget are left out.
func (r *Keyring) Keys() RingKeys {
	s, now := r.state.Load(), r.opts.Now()
	out := RingKeys{Signing: s.signing}
	for _, kid := range s.order {
		switch k := s.keys[kid]; {
		case k.place == published:
			out.Published = append(out.Published, k.key)
		case k.place == signs || k.over(r.refresh, now):
		case k.place == retired:
			out.Retired = append(out.Retired, RetiredKey{Key: k.key, At: k.at})
		case k.place == removed:
			out.Removed = append(out.Removed, kid)
		}
	}
	return out
}

// JWKS returns the public JWK set of the keys that check access tokens now, the one that signs first, for an endpoint that
// other verifiers read. Secrets of HS256, HS384 and HS512 are left out, since they are nobody else's to have; a ring of
// nothing else has no set, which is an error of type [store.FieldError].
func (r *Keyring) JWKS() ([]byte, error) {
	s, now := r.state.Load(), r.opts.Now()
	var first, rest []VerifyKey
	for _, kid := range s.order {
		k := s.keys[kid]
		switch {
		case k.key.Thumbprint() == "", k.place == removed, k.place == retired && k.over(r.access, now):
		case k.place == signs:
			first = []VerifyKey{k.key}
		default:
			rest = append(rest, k.key)
		}
	}
	if len(first)+len(rest) == 0 {
		return nil, invalid("Keyring", "has no public key to publish", "sign with a key pair, for instance EdDSA, where others verify")
	}
	return MarshalJWKS(append(first, rest...)...)
}

func (r *Keyring) signingKey() SigningKey {
	if r == nil {
		return SigningKey{}
	}
	return r.state.Load().signing
}

func (r *Keyring) refreshKeys() ownKeys { return ringRefresh{r} }

// ringRefresh is a ring as its issuers see it: refresh tokens live longer than access tokens.
type ringRefresh struct{ r *Keyring }

// FindKey returns a key that may have signed a refresh token that still lives.
func (v ringRefresh) FindKey(_ context.Context, kid string) (VerifyKey, error) {
	return v.r.find(kid, v.r.refresh)
}

func (v ringRefresh) holds(kid string) bool {
	_, ok := v.r.state.Load().keys[kid]
	return ok
}

// serve takes an issuer, whose tokens an Update must leave room for. The ring does not keep it alive.
func (r *Keyring) serve(i *Issuer) error {
	if i.opts.AccessTTL > r.opts.AccessTTL {
		return invalid("IssuerOptions.AccessTTL", fmt.Sprintf("is %v, and the keyring is for access tokens of %v", i.opts.AccessTTL, r.opts.AccessTTL),
			"give KeyringOptions.AccessTTL the longest of its issuers")
	}
	if i.opts.MaxTTL > r.opts.RefreshTTL {
		return invalid("IssuerOptions.MaxTTL", fmt.Sprintf("is %v, and the keyring is for sessions of %v", i.opts.MaxTTL, r.opts.RefreshTTL),
			"give KeyringOptions.RefreshTTL the longest MaxTTL of its issuers")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := i.checkRoom(r.signingKey()); err != nil {
		return err
	}
	r.issuers = append(r.living(), weak.Make(i))
	return nil
}

// living are the issuers that are still in use.
func (r *Keyring) living() []weak.Pointer[Issuer] {
	var out []weak.Pointer[Issuer]
	for _, p := range r.issuers {
		if p.Value() != nil {
			out = append(out, p)
		}
	}
	return out
}

// checkRing refuses a ring that lets go of keys earlier than a verifier lets go of tokens.
func checkRing(field string, keys KeySet, leeway time.Duration) error {
	r, ok := keys.(*Keyring)
	switch {
	case !ok:
		return nil
	case r == nil:
		return invalid(field+".Keys", "is a nil keyring", "make it by NewKeyring")
	case leeway > r.opts.Leeway:
		return invalid(field+".Keys", fmt.Sprintf("is a keyring with a leeway of %v, and the verifier has %v", r.opts.Leeway, leeway),
			"give KeyringOptions.Leeway the verifier's")
	}
	return nil
}
