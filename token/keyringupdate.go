package token

import (
	"crypto"
	"crypto/hmac"
	"fmt"
	"time"
)

// Update replaces the keys, for all issuers and verifiers that use the ring at once, or not at all. An error is of type
// [store.FieldError], names the field as RingKeys has it, and leaves everything as it was. Refused are
//
//   - no key at all, a zero key among the others, a kid given twice, and more than [MaxJWKSKeys];
//   - another key, or another algorithm, under a kid that the ring knows;
//   - a way back: a retired key that signs again, one that signed and is only published, a removed one;
//   - a missing key whose tokens may still live: retire it, or, to end its tokens now, name it in Removed;
//   - no signing key, where there was one;
//   - a signing key that makes no good signature, or tokens of an issuer too long.
//
// A crypto.Signer behind a new signing key is asked for one signature.
func (r *Keyring) Update(keys RingKeys) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.state.Load()
	c := &ringChange{old: old, now: r.opts.Now(), span: r.refresh, next: ringState{signing: keys.Signing, keys: map[string]ringKey{}}}
	if err := c.gather(keys); err != nil {
		return err
	}
	if err := c.complete(); err != nil {
		return err
	}
	if err := r.tryKey(old.signing, keys.Signing); err != nil {
		return err
	}
	r.state.Store(&c.next)
	return nil
}

// ringChange is a change of a ring while it is judged.
type ringChange struct {
	old  *ringState
	next ringState
	now  time.Time
	span time.Duration // how long the ring remembers
}

// gather judges the keys as they are given.
func (c *ringChange) gather(keys RingKeys) error {
	if keys.Signing.k != nil {
		if err := c.add("Signing", ringKey{place: signs, key: keys.Signing.VerifyKey()}); err != nil {
			return err
		}
	} else if c.old.signing.k != nil {
		return invalid("Signing", "is the zero key, and the ring signs", "give the key to sign with, and retire the one before")
	}
	for n, k := range keys.Published {
		if err := c.add(fmt.Sprintf("Published[%d]", n), ringKey{place: published, key: k}); err != nil {
			return err
		}
	}
	for n, k := range keys.Retired {
		field := fmt.Sprintf("Retired[%d]", n)
		if k.At.After(c.now.Add(MaxRetireAhead)) {
			return invalid(field+".At", fmt.Sprintf("is more than %v from now", MaxRetireAhead), "give the time at which it stops signing")
		}
		if err := c.add(field+".Key", ringKey{place: retired, key: k.Key, at: k.At}); err != nil {
			return err
		}
	}
	if len(c.next.order) == 0 {
		return invalid("Signing", "is the zero key, and there is no other key", "give at least one key")
	}
	for n, kid := range keys.Removed {
		if err := c.remove(fmt.Sprintf("Removed[%d]", n), kid); err != nil {
			return err
		}
	}
	if n := len(c.next.order); n > MaxJWKSKeys {
		return invalid("Published", fmt.Sprintf("and the others are %d keys, the limit is %d", n, MaxJWKSKeys), "leave out what has ended")
	}
	return nil
}

// add judges one key against the others, and against what the ring knows of it.
func (c *ringChange) add(field string, k ringKey) error {
	if k.key.k == nil {
		return invalid(field, "is the zero key", "make it by NewSigningKey or NewVerifyKey")
	}
	kid := k.key.KeyID()
	if _, taken := c.next.keys[kid]; taken {
		return invalid(field, "has the kid of another key", "give every key a kid of its own, and each key one place")
	}
	old, known := c.old.keys[kid]
	switch {
	case !known:
	case old.place == removed && !old.over(c.span, c.now):
		return invalid(field, "has the kid of a key that was removed", "make a new key")
	case old.place == removed:
		known = false
	case !old.key.same(k.key):
		return invalid(field, "has the kid of another key, which the ring had until now", "give a new key a new kid")
	case old.place == retired && k.place != retired:
		return invalid(field, "has retired, and does not come back", "make a new key")
	case old.place == signs && k.place == published:
		return invalid(field, "has signed", "retire it")
	}
	if k.place == retired {
		k.at = c.retirement(old, known, k.at)
	}
	c.put(kid, k)
	return nil
}

// retirement is when a key retired: never earlier than this ring has seen it sign.
func (c *ringChange) retirement(old ringKey, known bool, given time.Time) time.Time {
	least := given
	switch {
	case known && old.place == signs:
		least = c.now
	case known && old.place == retired:
		least = old.at
	case given.IsZero():
		least = c.now
	}
	if given.After(least) {
		return given
	}
	return least
}

// remove judges a kid that is to go.
func (c *ringChange) remove(field, kid string) error {
	if err := checkText(field, kid); err != nil {
		return err
	}
	if k, taken := c.next.keys[kid]; taken && k.place == removed {
		return invalid(field, "is given twice", "name it once")
	} else if taken {
		return invalid(field, "is the kid of a key that is given too", "leave that key out")
	}
	gone := ringKey{place: removed, key: c.old.keys[kid].key, at: c.now}
	if old, ok := c.old.keys[kid]; ok && old.place == removed {
		gone.at = old.at
	}
	c.put(kid, gone)
	return nil
}

func (c *ringChange) put(kid string, k ringKey) {
	c.next.keys[kid] = k
	c.next.order = append(c.next.order, kid)
}

// complete looks for keys that are missing.
func (c *ringChange) complete() error {
	for _, kid := range c.old.order {
		if _, there := c.next.keys[kid]; there {
			continue
		}
		const remedy = "put it there, or, to end its tokens now, name it in Removed"
		switch k := c.old.keys[kid]; {
		case k.place == removed && !k.over(c.span, c.now):
			c.put(kid, k)
		case k.place == published:
			return invalid("Published", fmt.Sprintf("lacks the key %q, under which tokens may live", kid), remedy)
		case k.place == signs:
			return invalid("Retired", fmt.Sprintf("lacks the key %q, which has signed until now", kid), remedy)
		case k.place == retired && !k.over(c.span, c.now):
			return invalid("Retired", fmt.Sprintf("lacks the key %q, whose tokens may live until %s", kid, k.at.Add(c.span).UTC().Format(time.RFC3339)), remedy)
		}
	}
	return nil
}

// tryKey makes one signature by a new signing key, and sees whether the issuers' tokens have room for it.
func (r *Keyring) tryKey(old, next SigningKey) error {
	if next.k == nil || next.k == old.k {
		return nil
	}
	if _, err := next.sign(""); err != nil {
		return fmt.Errorf("%w: %w", invalid("Signing", "makes no good signature", "look at what keeps the key"), err)
	}
	for _, p := range r.issuers {
		if i := p.Value(); i != nil && i.checkRoom(next) != nil {
			return invalid("Signing", "makes tokens too long for one of the ring's issuers", "take a key with shorter signatures or a shorter kid")
		}
	}
	return nil
}

// same reports whether two keys check the same signatures by the same algorithm.
func (k VerifyKey) same(o VerifyKey) bool {
	if k.k == nil || o.k == nil {
		return k.k == o.k
	}
	if k.k.alg != o.k.alg || k.k.kid != o.k.kid {
		return false
	}
	switch a := k.k.key.key.(type) {
	case *hmacKey:
		b, ok := o.k.key.key.(*hmacKey)
		return ok && a.same(b)
	case interface{ Equal(crypto.PublicKey) bool }:
		return a.Equal(o.k.key.key)
	}
	return false
}

func (k *hmacKey) same(o *hmacKey) bool {
	a, sum := k.sum("jeton same key") // no token is signed over a text without a dot
	b, other := o.sum("jeton same key")
	equal := hmac.Equal(sum, other)
	k.pool.Put(a)
	o.pool.Put(b)
	return equal
}
