package httpauth

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/jetonkit/jeton/token"
)

type (
	contextKey struct{}
	callKey    struct{}
)

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

// call is the context of a request that was judged. It is one allocation for all that there is to know.
type call struct {
	context.Context
	auth *Middleware
	// request is the one that came. Addresses are read from it when they are asked for.
	request *http.Request
	// token comes after the verifier was given the context.
	token atomic.Pointer[token.Token]
}

// Value finds the call and its token, and else what the request's own context has.
func (c *call) Value(key any) any {
	switch key.(type) {
	case contextKey:
		return c.token.Load()
	case callKey:
		return c
	}
	return c.Context.Value(key)
}
