package httpauth

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/jetonkit/jeton/store"
)

// Refusal is an error of [Options.Internal] that knows its answer, as those of adapters/signature do.
type Refusal interface {
	error
	// HTTPStatus is the status: 400 to 599.
	HTTPStatus() int
	// Code is one word for programs.
	Code() string
	// Description is a sentence for the caller's developer.
	Description() string
	// Challenge is the WWW-Authenticate header; empty for none, but a 401 gets one all the same.
	Challenge(realm string) string
}

// outages are errors of a hook that prove nothing about a request.
var outages = []error{
	store.ErrUnavailable, store.ErrIndeterminate, store.ErrClosed, store.ErrCorrupt, store.ErrClock, store.ErrLocked,
	context.Canceled, context.DeadlineExceeded,
}

// provesNothing reports whether a hook's error is an outage.
func provesNothing(err error) bool {
	return slices.ContainsFunc(outages, func(o error) bool { return errors.Is(err, o) })
}

// unsigned is the answer to a call that Options.Internal refuses.
func unsigned(err error) error {
	if own := Refusal(nil); errors.As(err, &own) {
		return &Failure{own.HTTPStatus(), own.Code(), own.Description(), err}
	}
	if own := (*Failure)(nil); errors.As(err, &own) {
		return err
	}
	if provesNothing(err) {
		return outage(err)
	}
	return &Failure{http.StatusUnauthorized, CodeInvalidSignature, "sign the call", err}
}
