package storeobserve

import (
	"context"

	"github.com/jetonkit/jeton/store"
)

// Issue implements [store.TokenStore].
func (o *Observer) Issue(ctx context.Context, r store.IssueRequest) (store.Issued, error) {
	ctx, c := o.begin(ctx, o.ops.issue)
	how := panicked
	defer c.end(&how)
	out, err := o.next.Issue(ctx, r)
	how = outcomeOf(err)
	return out, err
}

// Lookup implements [store.TokenStore].
func (o *Observer) Lookup(ctx context.Context, s store.Subject, ids ...string) (store.State, error) {
	ctx, c := o.begin(ctx, o.ops.lookup)
	how := panicked
	defer c.end(&how)
	out, err := o.next.Lookup(ctx, s, ids...)
	how = outcomeOf(err)
	return out, err
}

// List implements [store.TokenStore].
func (o *Observer) List(ctx context.Context, s store.Subject, p store.Page) (store.Records, error) {
	ctx, c := o.begin(ctx, o.ops.list)
	how := panicked
	defer c.end(&how)
	out, err := o.next.List(ctx, s, p)
	how = outcomeOf(err)
	return out, err
}

// Rotate implements [store.TokenStore].
func (o *Observer) Rotate(ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
	ctx, c := o.begin(ctx, o.ops.rotate)
	how := panicked
	defer c.end(&how)
	out, err := o.next.Rotate(ctx, r)
	how = outcomeOfRotate(out, err)
	return out, err
}

// Update implements [store.TokenStore].
func (o *Observer) Update(ctx context.Context, r store.UpdateRequest) (store.Record, error) {
	ctx, c := o.begin(ctx, o.ops.update)
	how := panicked
	defer c.end(&how)
	out, err := o.next.Update(ctx, r)
	how = outcomeOf(err)
	return out, err
}

// Touch implements [store.TokenStore].
func (o *Observer) Touch(ctx context.Context, r store.TouchRequest) error {
	ctx, c := o.begin(ctx, o.ops.touch)
	how := panicked
	defer c.end(&how)
	err := o.next.Touch(ctx, r)
	how = outcomeOf(err)
	return err
}

// Revoke implements [store.TokenStore].
func (o *Observer) Revoke(ctx context.Context, r store.Revocation) error {
	ctx, c := o.begin(ctx, o.ops.revoke)
	how := panicked
	defer c.end(&how)
	err := o.next.Revoke(ctx, r)
	how = outcomeOf(err)
	return err
}

// Forget implements [store.TokenStore].
func (o *Observer) Forget(ctx context.Context, s store.Subject) error {
	ctx, c := o.begin(ctx, o.ops.forget)
	how := panicked
	defer c.end(&how)
	err := o.next.Forget(ctx, s)
	how = outcomeOf(err)
	return err
}

// Capabilities implements [store.TokenStore]: they are those of the wrapped store. Nothing is told.
func (o *Observer) Capabilities() store.Capabilities { return o.next.Capabilities() }

// Close ends what is told of the store and closes it.
func (o *Observer) Close() error { return o.close() }

// Unwrap returns the wrapped store.
func (o *Observer) Unwrap() store.TokenStore { return o.next }
