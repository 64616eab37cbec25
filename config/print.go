package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/jetonkit/jeton/store"
)

// shownValue is a value that may be printed, of a key that is set.
type shownValue struct {
	path  string
	value any
}

// values returns what is set, redacted, in the order of the table.
func (c Config) values() []shownValue {
	var out []shownValue
	for n := range table {
		e := &table[n]
		if e.fileOf != "" || e.kind == flagKind {
			continue
		}
		if v := e.show(&c); v != nil {
			out = append(out, shownValue{e.path, v})
		}
	}
	return out
}

// show returns the value of an entry as a text, a number or a list; nil where it is not set.
func (e *entry) show(c *Config) any {
	field := e.field(c)
	if reflect.ValueOf(field).Elem().IsZero() {
		return nil
	}
	switch f := field.(type) {
	case *Secret:
		if e.path == "store.url" {
			return schemeOnly(f.Reveal())
		}
		return f.String()
	case *string:
		if strings.Contains(*f, "PRIVATE KEY") { // key.public with the wrong half in it, before anybody has judged it
			return redacted
		}
	case *time.Time:
		return f.Format(time.RFC3339Nano)
	case *time.Duration:
		return inWords(max(0, *f)) // negative is what 0s in a file became
	case *store.Policy:
		return policies[min(int(*f), len(policies)-1)]
	case *[]Key:
		list := make([]any, len(*f))
		for n, k := range *f {
			list[n] = k.show()
		}
		return list
	}
	return reflect.ValueOf(field).Elem().Interface()
}

// show returns the fields of a key in a list.
func (k Key) show() map[string]any {
	out := map[string]any{}
	for n := range keyFields {
		if v := keyFields[n].show(&Config{Key: k}); v != nil {
			out[keyFields[n].path] = v
		}
	}
	if v := retiredAt.show(&Config{Key: k}); v != nil {
		out["retired_at"] = v
	}
	return out
}

// schemeOnly returns a URL's scheme. What follows may be a password, also where one with a / or ? in it looks like a host.
func schemeOnly(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" {
		return redacted
	}
	return u.Scheme + ":" + redacted
}

// String returns the keys that are set with their values, secrets redacted, on one line.
func (c Config) String() string {
	var parts []string
	for _, v := range c.values() {
		text, err := json.Marshal(v.value)
		if err != nil {
			text = []byte(redacted)
		}
		parts = append(parts, v.path+"="+string(text))
	}
	return "config(" + strings.Join(parts, " ") + ")"
}

// GoString returns what String does, for %#v.
func (c Config) GoString() string { return c.String() }

// Format prints what String returns, whatever the verb.
func (c Config) Format(f fmt.State, _ rune) { printText(f, c.String()) }

// LogValue returns the keys that are set as a group, secrets redacted.
func (c Config) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, v := range c.values() {
		attrs = append(attrs, slog.Any(v.path, v.value))
	}
	return slog.GroupValue(attrs...)
}

// MarshalJSON returns the keys that are set as the file has them, secrets redacted.
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(c.tree()) }

// MarshalYAML returns the keys that are set as the file has them, secrets redacted.
func (c Config) MarshalYAML() (any, error) { return c.tree(), nil }

// tree returns the values as nested maps.
func (c Config) tree() map[string]any {
	root := map[string]any{}
	for _, v := range c.values() {
		at := root
		names := strings.Split(v.path, ".")
		for _, name := range names[:len(names)-1] {
			below, ok := at[name].(map[string]any)
			if !ok {
				below = map[string]any{}
				at[name] = below
			}
			at = below
		}
		at[names[len(names)-1]] = v.value
	}
	return root
}
