package httpauth

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Mode says who may pass.
type Mode uint8

// The modes. The zero Mode is Required.
const (
	// Required lets a request with a good token pass, and nobody else.
	Required Mode = iota
	// Optional lets everybody pass: with a good token as its subject, without one as nobody. See [Middleware.Optional].
	Optional
	// Public lets everybody pass. Tokens are not looked at.
	Public
	// Internal lets a request pass that [Options.Internal] accepts: a signed call of another program. Tokens are not looked
	// at.
	Internal

	modes = Internal + 1
)

var modeNames = [modes]string{"Required", "Optional", "Public", "Internal"}

// String returns the mode's name.
func (m Mode) String() string {
	if m < modes {
		return modeNames[m]
	}
	return fmt.Sprintf("Mode(%d)", uint8(m))
}

// Access says what a request needs to pass. The zero value is Required, without scopes and without step-up.
type Access struct {
	// Mode says who may pass. Defaults to Required.
	Mode Mode
	// Scopes are those that a token needs, all of them. Defaults to none.
	Scopes []string
	// MaxAge is how long ago the user may have been asked for credentials (auth_time), in whole seconds. A token that does
	// not say it is too old. Defaults to 0: any time ago.
	MaxAge time.Duration
	// ACR are the ways of authentication (acr) that will do, the preferred one first. A token of none of them is refused.
	// Defaults to any.
	ACR []string
}

// maxMaxAge is the largest MaxAge: a session does not last longer.
const maxMaxAge = 10 * 365 * 24 * time.Hour

// check refuses what means nothing, and what a challenge cannot say.
func (a *Access) check(field string, internal bool) error {
	switch {
	case a.Mode >= modes:
		return invalid(field+".Mode", fmt.Sprintf("is %d, which is no mode", a.Mode),
			"use Required, Optional, Public or Internal")
	case a.Mode == Internal && !internal:
		return invalid(field+".Mode", "is Internal, and nothing judges signed calls", "set Options.Internal")
	case a.Mode != Required && (len(a.Scopes) > 0 || a.MaxAge != 0 || len(a.ACR) > 0):
		return invalid(field, "asks for scopes, age or acr in mode "+a.Mode.String()+", which needs no token", "use Required")
	case a.MaxAge < 0 || a.MaxAge > maxMaxAge || a.MaxAge%time.Second != 0:
		return invalid(field+".MaxAge", fmt.Sprintf("is %v, the range is whole seconds up to %v", a.MaxAge, maxMaxAge),
			"use 0 for any age")
	}
	for n, text := range a.Scopes {
		if !wordable(text) {
			return invalid(fmt.Sprintf("%s.Scopes[%d]", field, n), "is empty, or has a character that no scope has",
				"use ASCII without spaces, quotes and backslashes (RFC 6749 §3.3)")
		}
	}
	for n, text := range a.ACR {
		if !wordable(text) {
			return invalid(fmt.Sprintf("%s.ACR[%d]", field, n), "is empty, or has a character that acr_values cannot hold",
				"use ASCII without spaces, quotes and backslashes (RFC 9470 §3)")
		}
	}
	return nil
}

// wordable reports whether a text can stand in a list with spaces between, in a challenge.
func wordable(text string) bool {
	return text != "" && printable(text) == text && !strings.Contains(text, " ")
}

// demand is an Access as it is judged: of several rules that meet one request, all that any of them asks for.
type demand struct {
	internal bool
	mode     Mode // Required, Optional or Public
	scopes   []string
	maxAge   time.Duration
	acr      [][]string // one of each
}

func (a Access) demand() demand {
	d := demand{mode: a.Mode, scopes: slices.Clone(a.Scopes), maxAge: a.MaxAge}
	if a.Mode == Internal {
		d.internal, d.mode = true, Public
	}
	if len(a.ACR) > 0 {
		d.acr = [][]string{slices.Clone(a.ACR)}
	}
	return d
}

// and returns what d and other ask for together.
func (d demand) and(other demand) demand {
	d.internal = d.internal || other.internal
	d.mode = min(d.mode, other.mode) // Required is the strictest, and the least
	d.scopes = slices.Concat(d.scopes, other.scopes)
	d.acr = slices.Concat(d.acr, other.acr)
	if d.maxAge == 0 || (other.maxAge != 0 && other.maxAge < d.maxAge) {
		d.maxAge = other.maxAge
	}
	return d
}
