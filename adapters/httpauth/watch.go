package httpauth

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/jetonkit/jeton/token"
)

// Watch is for handlers that go on for long: WebSockets, server-sent events, downloads. It returns a context of the request that
// ends when its token is no good any more: revoked, with its session ended, or expired. The token is verified again every
// [Options.WatchEvery], so the context ends by then after what the verifier's checker takes to know. [context.Cause] says why:
// an error of [token.Verifier.Verify], a [*Failure] for an outage longer than [Options.WatchOutage], or [ErrNoToken] at once for
// a request that is nobody's.
//
// Call stop when the handler ends. A handler that blocks in a Read must be woken when the context ends: close its connection
// with [context.AfterFunc].
func (m *Middleware) Watch(r *http.Request) (ctx context.Context, stop context.CancelFunc) {
	raw, _, err := m.find(r)
	if err != nil {
		ctx, cancel := context.WithCancelCause(r.Context())
		cancel(err)
		return ctx, func() {}
	}
	return m.WatchBearer(r.Context(), raw)
}

// WatchBearer is Watch for a bearer token's text, for transports that are not HTTP.
func (m *Middleware) WatchBearer(ctx context.Context, raw string) (watched context.Context, stop context.CancelFunc) {
	watched, cancel := context.WithCancelCause(ctx)
	go func() {
		if err := m.watch(watched, raw); err != nil {
			cancel(err)
		}
	}()
	return watched, func() { cancel(context.Canceled) }
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
