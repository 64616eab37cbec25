package token

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/jetonkit/jeton/store"
)

// CreateOptions are what the making of an API key may be told.
type CreateOptions struct {
	// Name is what its owner calls the key ("deploy job"): at most 256 bytes of UTF-8, may be empty.
	Name string
	// Class groups keys ("ci", "partner") for limits and lists: at most 64 bytes.
	Class string
	// Scopes are what the key may do, at most [MaxScopes] of at most [MaxScopeLen] bytes each, of the characters of RFC 6749
	// §3.3, without repeats. They do not change: make another key. Defaults to none, and such a key passes no scope check.
	Scopes []string
	// TTL is how long the key lives: at least 1 s, less than ten years. Defaults to APIKeyOptions.TTL.
	TTL time.Duration
	// Metadata is kept with the key, in clear: at most [MaxKeyMetadata] pairs, together with name and scopes at most about
	// 16 KiB ([store.MaxMetadataBytes]). Keys that begin with "jeton." are this package's.
	Metadata map[string]string
	// Guard is what [APIKeys.Begin] returned for the same owner. The zero Guard guards nothing.
	Guard Guard
}

// What a key's record keeps in its metadata, besides the caller's.
const (
	metaOurs     = "jeton."
	metaPrefix   = metaOurs + "prefix"
	metaLastFour = metaOurs + "last4"
	metaName     = metaOurs + "name"
	metaScope    = metaOurs + "scope"
)

// MaxKeyMetadata is how many metadata pairs of the caller's an API key takes.
const MaxKeyMetadata = store.MaxMetadata - 4

// Begin reads the guard of a creation. Call it before the caller's own credentials are checked, and pass the guard to
// Create: when all keys of the owner are revoked in between, the creation fails with store.ErrConflict, so that whoever is
// being locked out does not leave with a fresh key. It never answers from a cache.
func (k *APIKeys) Begin(ctx context.Context, owner store.Subject) (Guard, error) {
	subject, err := holder(owner)
	if err != nil {
		return Guard{}, err
	}
	state, err := k.store.Lookup(ctx, subject)
	if err != nil {
		k.teller.tell(ctx, Event{Type: EventFailed, Subject: subject, Err: err})
		return Guard{}, err
	}
	return Guard{subject: subject, cut: state.Cut, set: true}, nil
}

// Create makes a key for an owner, a user (any realm, issuer and name that a store takes). The Bearer is the only copy of
// its text: show it once. One round trip.
//
// It fails with store.ErrLimit at MaxPerOwner or MaxPerClass, with store.ErrConflict when the guard does not hold any more,
// with a [store.FieldError] on bad input, and with the store's error on an outage. After an outage a key may have been made
// whose text nobody has; [APIKeys.List] shows it.
func (k *APIKeys) Create(ctx context.Context, owner store.Subject, o CreateOptions) (Bearer, APIKey, error) {
	subject, err := holder(owner)
	if err != nil {
		return Bearer{}, APIKey{}, err
	}
	if err := o.check(subject); err != nil {
		return Bearer{}, APIKey{}, err
	}
	ttl := cmp.Or(o.TTL, k.opts.TTL)
	if err := checkRange("CreateOptions.TTL", ttl, time.Second, longest, "leave it zero for the default"); err != nil {
		return Bearer{}, APIKey{}, err
	}
	var random [randomSize]byte
	_, _ = rand.Read(random[:]) // it ends the program rather than return fewer
	text, id := k.encode(random, subject)
	ends := k.opts.Now().Add(ttl)
	req := store.IssueRequest{
		Record: store.Record{
			ID: id, Subject: subject, Class: o.Class, Link: store.NewLink(), ExpiresAt: ends, Deadline: ends,
			Metadata: o.metadata(k.prefix, text[len(text)-lastFour:]),
		},
		Limit: k.opts.limit(),
	}
	if o.Guard.set {
		req.IfCut = &o.Guard.cut
	}
	issued, err := k.store.Issue(ctx, req)
	if err != nil {
		k.tellNotCreated(ctx, req.Record, err)
		return Bearer{}, APIKey{}, err
	}
	k.teller.tell(ctx, keyEvent(EventKeyCreated, issued.Record))
	return newBearer(text), keyOf(issued.Record), nil
}

// check judges what the store does not, or would name otherwise.
func (o *CreateOptions) check(subject store.Subject) error {
	if o.Guard.set && o.Guard.subject != subject {
		return invalid("CreateOptions.Guard", "is another owner's", "call Begin for the owner of the key")
	}
	if o.Name != "" {
		if err := checkText("CreateOptions.Name", o.Name); err != nil {
			return err
		}
	}
	if len(o.Class) > store.MaxClassLen {
		return invalid("CreateOptions.Class", fmt.Sprintf("is %d bytes, the limit is %d", len(o.Class), store.MaxClassLen), "shorten it")
	}
	if err := checkScopes("CreateOptions.Scopes", o.Scopes); err != nil {
		return err
	}
	return o.checkMetadata()
}

func (o *CreateOptions) checkMetadata() error {
	const field = "CreateOptions.Metadata"
	if len(o.Metadata) > MaxKeyMetadata {
		return invalid(field, fmt.Sprintf("has %d pairs, the limit is %d", len(o.Metadata), MaxKeyMetadata), "keep the rest elsewhere")
	}
	size := 0
	for key, value := range o.metadata(strings.Repeat("x", MaxPrefixLen), strings.Repeat("x", lastFour)) {
		size += len(key) + len(value)
	}
	if size > store.MaxMetadataBytes {
		return invalid(field, fmt.Sprintf("is, with name and scopes, %d bytes, the limit is %d", size, store.MaxMetadataBytes),
			"keep the rest elsewhere")
	}
	for key := range o.Metadata {
		switch {
		case key == "":
			return invalid(field, "has an empty key", "name every key")
		case strings.HasPrefix(key, metaOurs):
			return invalid(field, "has a key that begins with "+metaOurs+", which this package uses", "choose another name")
		}
	}
	return nil
}

// metadata returns what the record keeps.
func (o *CreateOptions) metadata(prefix, last string) map[string]string {
	m := make(map[string]string, len(o.Metadata)+4)
	maps.Copy(m, o.Metadata)
	m[metaPrefix], m[metaLastFour] = prefix, last
	if o.Name != "" {
		m[metaName] = o.Name
	}
	if len(o.Scopes) > 0 {
		m[metaScope] = strings.Join(o.Scopes, " ")
	}
	return m
}

func (k *APIKeys) tellNotCreated(ctx context.Context, rec store.Record, err error) {
	e := Event{Type: EventFailed, Subject: rec.Subject, Class: rec.Class, Err: err}
	switch {
	case errors.Is(err, store.ErrInvalid): // the program's mistake, and nothing has happened
		return
	case errors.Is(err, store.ErrLimit):
		e.Type, e.Reason = EventKeyRefused, "limit"
	case errors.Is(err, store.ErrConflict):
		e.Type, e.Reason = EventKeyRefused, "conflict"
	}
	k.teller.tell(ctx, e)
}

// keyEvent is an event about a key.
func keyEvent(t EventType, rec store.Record) Event {
	return Event{Type: t, Subject: rec.Subject, TokenID: rec.ID, Class: rec.Class}
}
