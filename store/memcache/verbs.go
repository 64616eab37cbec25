package memcachestore

import (
	"context"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/store/document"
)

// Issue implements store.TokenStore.
func (s *Store) Issue(ctx context.Context, r store.IssueRequest) (store.Issued, error) {
	return run(ctx, s, "issue", func(ctx context.Context, d *document.Store) (store.Issued, error) { return d.Issue(ctx, r) })
}

// Lookup implements store.TokenStore.
func (s *Store) Lookup(ctx context.Context, sub store.Subject, ids ...string) (store.State, error) {
	return run(ctx, s, "lookup", func(ctx context.Context, d *document.Store) (store.State, error) { return d.Lookup(ctx, sub, ids...) })
}

// List implements store.TokenStore.
func (s *Store) List(ctx context.Context, sub store.Subject, p store.Page) (store.Records, error) {
	return run(ctx, s, "list", func(ctx context.Context, d *document.Store) (store.Records, error) { return d.List(ctx, sub, p) })
}

// Rotate implements store.TokenStore.
func (s *Store) Rotate(ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
	return run(ctx, s, "rotate", func(ctx context.Context, d *document.Store) (store.Rotated, error) { return d.Rotate(ctx, r) })
}

// Update implements store.TokenStore.
func (s *Store) Update(ctx context.Context, r store.UpdateRequest) (store.Record, error) {
	return run(ctx, s, "update", func(ctx context.Context, d *document.Store) (store.Record, error) { return d.Update(ctx, r) })
}

// Touch implements store.TokenStore.
func (s *Store) Touch(ctx context.Context, r store.TouchRequest) error {
	return s.do(ctx, "touch", func(ctx context.Context, d *document.Store) error { return d.Touch(ctx, r) })
}

// Revoke implements store.TokenStore.
func (s *Store) Revoke(ctx context.Context, r store.Revocation) error {
	return s.do(ctx, "revoke", func(ctx context.Context, d *document.Store) error { return d.Revoke(ctx, r) })
}

// Forget implements store.TokenStore.
func (s *Store) Forget(ctx context.Context, sub store.Subject) error {
	return s.do(ctx, "forget", func(ctx context.Context, d *document.Store) error { return d.Forget(ctx, sub) })
}

// do is run for a verb that answers with an error alone.
func (s *Store) do(ctx context.Context, op string, verb func(context.Context, *document.Store) error) error {
	_, err := run(ctx, s, op, func(ctx context.Context, d *document.Store) (struct{}, error) { return struct{}{}, verb(ctx, d) })
	return err
}
