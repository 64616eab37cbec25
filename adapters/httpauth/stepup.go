package httpauth

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// CodeInsufficientAuthentication is a good token of a user who was authenticated too long ago, or not well enough: 401
// (RFC 9470 §3).
const CodeInsufficientAuthentication = "insufficient_user_authentication"

// StepUpError is a good token of a user who must be authenticated again. It is answered by 401 and a challenge that says
// how, which a client passes on to the authorization server (RFC 9470).
type StepUpError struct {
	// MaxAge is how long ago the authentication may be; zero: any time.
	MaxAge time.Duration
	// ACR are the ways of authentication that will do; empty: any.
	ACR []string
}

// Error says what is asked for.
func (e *StepUpError) Error() string {
	text := "the user must be authenticated again"
	if e.MaxAge > 0 {
		text += ", at most " + e.MaxAge.String() + " ago"
	}
	if len(e.ACR) > 0 {
		text += ", by one of: " + strings.Join(e.ACR, " ")
	}
	return text
}

// params are what the challenge says (RFC 9470 §3).
func (e *StepUpError) params() string {
	text := ""
	if len(e.ACR) > 0 {
		text += `, acr_values="` + printable(strings.Join(e.ACR, " ")) + `"`
	}
	if e.MaxAge > 0 {
		text += `, max_age="` + strconv.FormatInt(int64(e.MaxAge/time.Second), 10) + `"`
	}
	return text
}

// checkAuthentication judges auth_time and acr. What a token does not say is not enough.
func (m *Middleware) checkAuthentication(t *token.Token, d *demand) error {
	if d.maxAge > 0 {
		at, said := t.AuthTime()
		age := m.opts.Now().Sub(at)
		if !said || age > d.maxAge || age < -store.MaxLeeway {
			return d.stepUp()
		}
	}
	for _, ways := range d.acr {
		if !slices.Contains(ways, t.ACR()) {
			return d.stepUp()
		}
	}
	return nil
}

func (d *demand) stepUp() error {
	e := &StepUpError{MaxAge: d.maxAge}
	for _, ways := range d.acr {
		e.ACR = append(e.ACR, ways...)
	}
	return e
}
