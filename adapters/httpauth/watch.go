package httpauth

import (
	"context"
	"errors"
	"time"

	"github.com/jetonkit/jeton/token"
)

// Watch is for handlers that go on for long: WebSockets, server-sent events, streams. Of the context of a request that was
// admitted it returns one that ends when its token is no good any more: revoked, with its session ended, or expired. The
// token is verified again every [Options.WatchEvery], so the context ends by then after what the verifier's checker takes
// to know. [context.Cause] says why: an error of [token.Verifier.Verify], a [*Failure] for an outage longer than
// [Options.WatchOutage], or [ErrNoToken] at once for a request that is nobody's.
//
// Call stop when the handler ends. A handler that blocks in a Read must be woken when the context ends: close its connection
// with [context.AfterFunc].
func Watch(ctx context.Context) (watched context.Context, stop context.CancelFunc) {
	watched, cancel := context.WithCancelCause(ctx)
	stop = func() { cancel(context.Canceled) }
	c, _ := ctx.Value(callKey{}).(*call)
	if c == nil || c.token.Load() == nil {
		cancel(ErrNoToken)
		return watched, stop
	}
	raw := c.raw()
	if raw == "" { // the handler has removed the header
		cancel(ErrNoToken)
		return watched, stop
	}
	go func() {
		if err := c.auth.watch(watched, raw); err != nil {
			cancel(err)
		}
	}()
	return watched, stop
}

// watch verifies a token until it is no good, and returns why; nil when ctx ends first.
func (m *Middleware) watch(ctx context.Context, raw string) error {
	ticker := time.NewTicker(m.opts.WatchEvery)
	defer ticker.Stop()
	answered := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		asked := time.Now()
		err := m.again(ctx, raw)
		switch {
		case err == nil:
			answered = asked
		case errors.Is(err, token.ErrInvalidToken):
			return err
		case ctx.Err() != nil:
			return nil
		case time.Since(answered) >= m.opts.WatchEvery+m.opts.WatchOutage:
			return outage(err)
		}
	}
}

// again verifies a token once more, within the time until the next look.
func (m *Middleware) again(ctx context.Context, raw string) error {
	ctx, cancel := context.WithTimeout(ctx, m.opts.WatchEvery)
	defer cancel()
	_, err := m.verifier.Verify(ctx, raw)
	return err
}
