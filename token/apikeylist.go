package token

import (
	"context"
	"log/slog"
	"maps"
	"strings"
	"time"

	"github.com/jetonkit/jeton/store"
)

// APIKey is what is known of an API key, for lists and answers. It holds no secret; what it shows of the text is the
// prefix and the last four characters.
type APIKey struct {
	// ID names the key to [APIKeys.Revoke]: a hash, 44 characters of base64url.
	ID string
	// Owner is the user whose key it is.
	Owner store.Subject
	// Prefix is the beginning of the text.
	Prefix string
	// LastFour are the last four characters of the text.
	LastFour string
	// Name is what its owner calls it.
	Name string
	// Class is the key's group.
	Class string
	// Scopes are what it may do.
	Scopes []string
	// CreatedAt is the store's time of its making.
	CreatedAt time.Time
	// LastSeen is about when it was used last, up to VerifierOptions.TouchInterval before; zero if it was not used yet.
	LastSeen time.Time
	// ExpiresAt is its end.
	ExpiresAt time.Time
	// Metadata is the caller's.
	Metadata map[string]string
}

// Display returns the prefix and the last four characters: "acme_…x7Qz". It is what a list shows.
func (k APIKey) Display() string { return k.Prefix + "_…" + k.LastFour }

// LogValue shows id, prefix and last four, name, class and expiry, and the owner as a digest.
func (k APIKey) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("owner", k.Owner.Digest().String()),
		slog.String("id", k.ID),
		slog.String("key", k.Display()),
		slog.String("name", k.Name),
		slog.String("class", k.Class),
		slog.Time("expires_at", k.ExpiresAt),
	)
}

// keyOf reads a record.
func keyOf(rec store.Record) APIKey {
	owner := rec.Subject
	owner.Kind = store.KindUser
	k := APIKey{
		ID: rec.ID, Owner: owner, Class: rec.Class, CreatedAt: rec.IssuedAt, ExpiresAt: rec.ExpiresAt,
		Prefix: rec.Metadata[metaPrefix], LastFour: rec.Metadata[metaLastFour], Name: rec.Metadata[metaName],
		Scopes: strings.Fields(rec.Metadata[metaScope]), Metadata: maps.Clone(rec.Metadata),
	}
	maps.DeleteFunc(k.Metadata, func(key, _ string) bool { return strings.HasPrefix(key, metaOurs) })
	if used(rec) {
		k.LastSeen = rec.LastSeen
	}
	return k
}

// used reports whether a record was touched since its making.
func used(rec store.Record) bool { return rec.LastSeen.After(rec.IssuedAt) }

// APIKeyList is a page of live keys, newest first.
type APIKeyList struct {
	// Items are the keys.
	Items []APIKey
	// Next is the cursor of the following page; empty at the end.
	Next string
	// Now is the store's time of the list.
	Now time.Time
}

// List returns the owner's live keys, of every prefix, newest first, a page at a time.
func (k *APIKeys) List(ctx context.Context, owner store.Subject, page store.Page) (APIKeyList, error) {
	subject, err := holder(owner)
	if err != nil {
		return APIKeyList{}, err
	}
	records, err := k.store.List(ctx, subject, page)
	if err != nil {
		return APIKeyList{}, err
	}
	list := APIKeyList{Items: make([]APIKey, 0, len(records.Items)), Next: records.Next, Now: records.Now}
	for _, rec := range records.Items {
		list.Items = append(list.Items, keyOf(rec))
	}
	return list, nil
}

// Revoke ends one key by its id. As all of a [Revoker], it is idempotent, and an id that the owner does not have is no
// error. A key found somewhere is ended by its text: Verifier.Parse names it, and [Revoker.Token] ends it.
func (k *APIKeys) Revoke(ctx context.Context, owner store.Subject, id, reason string) error {
	subject, err := holder(owner)
	if err != nil {
		return err
	}
	return k.revoker.revoke(ctx, store.Revocation{Subject: subject, IDs: []string{id}, Reason: reason},
		Event{Scope: ScopeToken, TokenID: id})
}

// RevokeAll ends every key of the owner, of every prefix. Its sessions live on: [Revoker.Subject] ends those.
func (k *APIKeys) RevokeAll(ctx context.Context, owner store.Subject, reason string) error {
	subject, err := holder(owner)
	if err != nil {
		return err
	}
	return k.revoker.Subject(ctx, subject, reason)
}
