package token

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/jetonkit/jeton/store"
)

// APIKeyOptions are what [APIKeys] may be told. The zero value is the safe one.
type APIKeyOptions struct {
	// Peppers key the hashes that are stored, so that whoever writes to the store, and knows a seal secret, cannot plant a
	// key. The first is for new keys; a key verifies as long as its own is listed. Defaults to none.
	Peppers []Secret
	// Unpeppered accepts keys that were made without a pepper although there are Peppers, until those keys are all replaced.
	// Defaults to false.
	Unpeppered bool
	// TTL is how long a key lives unless CreateOptions says otherwise: at least 1 s, less than ten years.
	// Defaults to 1 year.
	TTL time.Duration
	// MaxPerOwner bounds the live keys of one owner, whatever their prefix: 0 (no bound) to [store.MaxLimit]. A key beyond
	// it is refused and none is ended: something stands on each. Defaults to 0.
	MaxPerOwner int
	// MaxPerClass bounds them for each class: 0 (no bound) to [store.MaxLimit]. Defaults to 0.
	MaxPerClass int
	// WriteTimeout bounds each revocation, which goes on when the caller's context ends. Defaults to 5 seconds.
	WriteTimeout time.Duration
	// Events is told of keys created and revoked; it must not block. Defaults to nobody. The [Verifier] tells of their use.
	Events func(context.Context, Event)
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// APIKeys makes, lists and revokes the API keys of one prefix: opaque bearer tokens that programs hold for months. They are
// verified by a [Verifier] that has the APIKeys among its options. Safe for concurrent use. It runs nothing in the
// background and has no Close; the store is the caller's to close.
//
// A key's owner is a user, and its record lies under a subject of its own, [KeyHolder] of the user: "log out everywhere"
// ([Revoker.Subject] of the user) leaves API keys alone, and [APIKeys.RevokeAll] ends them.
//
// The text of a key holds 256 random bits, its owner, encrypted, and a checksum. The store gets a hash of it.
type APIKeys struct {
	store   store.TokenStore
	prefix  string
	lead    string // the prefix with the underscore behind it
	seal    byte   // the version for new keys
	seals   map[byte]*sealer
	pepper  byte // the version for new keys; 0: none
	peppers map[byte]*material
	opts    APIKeyOptions
	revoker *Revoker
	judge   *trusted
	teller  teller
}

// NewAPIKeys makes the API keys of a prefix, 2 to [MaxPrefixLen] letters, digits and single underscores inside ("acme_live"):
// by it people and secret scanners know whose key they have found. The first secret seals the owners of new keys; a key
// verifies as long as its own is listed. o may be nil. Bad input is a [store.FieldError] that names the field and its limit.
func NewAPIKeys(s store.TokenStore, prefix string, seal []Secret, o *APIKeyOptions) (*APIKeys, error) {
	if s == nil {
		return nil, invalid("store", "is nil", "open a store first")
	}
	if err := checkPrefix(prefix); err != nil {
		return nil, err
	}
	if len(seal) == 0 {
		return nil, invalid("seal", "is empty", "give at least one Secret")
	}
	var opts APIKeyOptions
	if o != nil {
		opts = *o
	}
	opts.TTL = cmp.Or(opts.TTL, 365*day)
	opts.Now = clock(opts.Now)
	k := &APIKeys{
		store: s, prefix: prefix, lead: prefix + "_", opts: opts,
		judge:  &trusted{check: keyChecker{s}, touch: keyChecker{s}},
		teller: teller{events: opts.Events, now: opts.Now},
	}
	if err := opts.check(); err != nil {
		return nil, err
	}
	if err := k.setSecrets(seal, opts.Peppers); err != nil {
		return nil, err
	}
	var err error
	k.revoker, err = NewRevoker(s, &RevokerOptions{WriteTimeout: opts.WriteTimeout, Events: opts.Events, Now: opts.Now})
	if err != nil {
		return nil, inOptions(err)
	}
	return k, nil
}

// check refuses options outside their limits; the defaults are in place.
func (o *APIKeyOptions) check() error {
	if err := checkRange("APIKeyOptions.TTL", o.TTL, time.Second, longest, "keep it below ten years"); err != nil {
		return err
	}
	now := o.Now()
	probe := store.IssueRequest{
		Record: store.Record{ID: "x", Subject: store.User("x"), Link: store.NewLink(), ExpiresAt: now.Add(time.Second)},
		Limit:  o.limit(),
	}
	return inOptions(probe.Check(now))
}

// limit refuses what is beyond it.
func (o *APIKeyOptions) limit() store.Limit {
	return store.Limit{Max: o.MaxPerOwner, MaxPerClass: o.MaxPerClass, Policy: store.Reject}
}

// inOptions renames the field of an error to the option that it came from.
func inOptions(err error) error {
	names := map[string]string{
		"Limit.Max":                   "APIKeyOptions.MaxPerOwner",
		"Limit.MaxPerClass":           "APIKeyOptions.MaxPerClass",
		"RevokerOptions.WriteTimeout": "APIKeyOptions.WriteTimeout",
	}
	var f *store.FieldError
	if errors.As(err, &f) && names[f.Field] != "" {
		return invalid(names[f.Field], f.Problem, f.Remedy)
	}
	return err
}

// setSecrets derives what the secrets are used as.
func (k *APIKeys) setSecrets(seal, peppers []Secret) error {
	if err := checkSecrets("seal", seal); err != nil {
		return err
	}
	if err := checkSecrets("APIKeyOptions.Peppers", peppers); err != nil {
		return err
	}
	k.seal, k.seals = seal[0].s.version, make(map[byte]*sealer, len(seal))
	for _, s := range seal {
		sealer, err := newSealer(s)
		if err != nil {
			return err
		}
		k.seals[s.s.version] = sealer
	}
	k.peppers = make(map[byte]*material, len(peppers)+1)
	if len(peppers) == 0 || k.opts.Unpeppered {
		k.peppers[0] = nil
	}
	if len(peppers) > 0 {
		k.pepper = peppers[0].s.version
	}
	for _, p := range peppers {
		key, err := p.derive("jeton/apikey/1/pepper")
		if err != nil {
			return err
		}
		k.peppers[p.s.version] = &material{key}
	}
	return nil
}

// Prefix returns the prefix of the keys, without the underscore that follows it.
func (k *APIKeys) Prefix() string { return k.prefix }

// KeyHolder returns the subject that an owner's API keys lie under: the owner with the kind KindKey. A [Revoker] ends them
// by it without any secret: revoker.Subject(ctx, KeyHolder(user), reason).
func KeyHolder(owner store.Subject) store.Subject {
	owner.Kind = store.KindKey
	return owner
}

// holder judges an owner and returns the subject of its keys.
func holder(owner store.Subject) (store.Subject, error) {
	if owner.Kind != store.KindUser && owner.Kind != store.KindKey {
		return store.Subject{}, invalid("Subject.Kind", "is neither a user nor the holder of its keys", "pass the user whose keys they are")
	}
	return KeyHolder(owner), owner.Check()
}
