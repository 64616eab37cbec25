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
	// form is the token's text where it came in a body, which can be read once; else nil.
	form *string
}

// keep notes the token of a call.
func (c *call) keep(t *token.Token, raw string, at *Lookup) {
	if at.place == inForm {
		text := raw // raw itself stays where it is
		c.form = &text
	}
	c.token.Store(t)
}

// raw returns the token's text once more; empty where it has gone. A body is the handler's by now, and not touched.
func (c *call) raw() string {
	if c.form != nil {
		return *c.form
	}
	for n := range c.auth.opts.Lookups {
		if l := &c.auth.opts.Lookups[n]; l.place != inForm {
			if raw, ok, err := l.find(c.request); ok && err == nil {
				return raw
			}
		}
	}
	return ""
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
