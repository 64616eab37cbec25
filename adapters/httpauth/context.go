package httpauth

import (
	"context"

	"github.com/jetonkit/jeton/token"
)

type contextKey struct{}

// WithToken returns a context that [Token] finds t in. It is for adapters to other frameworks, and for tests of handlers.
func WithToken(ctx context.Context, t *token.Token) context.Context {
	return context.WithValue(ctx, contextKey{}, t)
}

// Token returns the verified token of a request's context. It is false where the request is nobody's: behind Optional
// without a good token, and behind no middleware at all.
func Token(ctx context.Context) (*token.Token, bool) {
	t, _ := ctx.Value(contextKey{}).(*token.Token)
	return t, t != nil
}
