package config

import (
	"fmt"
	"log/slog"
)

const redacted = "(redacted)"

// Secret is a text that is never printed: a password, a key, a URL that may hold one. However it is printed, logged or
// marshalled it shows a fixed text. The zero Secret is empty.
type Secret struct {
	// A pointer, because fmt prints unexported fields of other structs without asking their methods.
	text *string
}

// NewSecret makes a secret of a text.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the text. It is the only way to it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether the text is empty.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// String returns a fixed text; it is empty for an empty secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return redacted
}

// GoString returns a fixed text, for %#v.
func (s Secret) GoString() string { return s.String() }

// Format prints a fixed text, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { printText(f, s.String()) }

// LogValue returns a fixed text.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns a fixed text, for JSON too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML returns a fixed text.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// printText writes a text; there is nobody to tell of a failing fmt.State.
func printText(f fmt.State, text string) { _, _ = f.Write([]byte(text)) }
