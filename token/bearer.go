package token

import (
	"errors"
	"fmt"
	"log/slog"
)

// errMarshal is what marshalling a secret gives.
var errMarshal = errors.New("jeton: a bearer token is not marshalled by accident: send Pair.Response, or use Bearer.Reveal")

// errMarshalKey is what marshalling a key gives.
var errMarshalKey = errors.New("jeton: a key is not marshalled")

const redacted = "bearer(redacted)"

// Bearer is a token's text, which is as good as a password. However it is printed or logged it shows a fixed text, and
// it does not marshal. The zero Bearer is empty. Copies share the text; compare the results of Reveal, not Bearers.
type Bearer struct {
	// A pointer, because fmt prints unexported fields of other structs without asking their methods.
	text *string
}

func newBearer(text string) Bearer { return Bearer{text: &text} }

// Reveal returns the token's text. It is the only way to it.
func (b Bearer) Reveal() string {
	if b.text == nil {
		return ""
	}
	return *b.text
}

// IsZero reports whether there is no token.
func (b Bearer) IsZero() bool { return b.text == nil || *b.text == "" }

// String returns a fixed text.
func (b Bearer) String() string { return redacted }

// GoString returns a fixed text, for %#v.
func (b Bearer) GoString() string { return redacted }

// Format prints a fixed text, whatever the verb.
func (b Bearer) Format(f fmt.State, _ rune) { printRedacted(f, redacted) }

// LogValue returns a fixed text.
func (b Bearer) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON is an error that names [Pair.Response].
func (b Bearer) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// MarshalText is an error that names [Pair.Response].
func (b Bearer) MarshalText() ([]byte, error) { return nil, errMarshal }

// printRedacted writes the fixed text; there is nobody to tell of a failing fmt.State.
func printRedacted(f fmt.State, text string) { _, _ = f.Write([]byte(text)) }
