package config

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// scheme is what is known of a URL's scheme without its backend.
type scheme struct {
	levels   []string // the levels of durability that it can give
	asks     bool     // whether the level goes into the URL
	password bool
}

var (
	redisScheme = scheme{levels: levels, asks: true, password: true}
	schemes     = map[string]scheme{
		"memory":   {levels: []string{"memory"}},
		"bolt":     {levels: []string{"memory", "fsynced"}}, // it always fsyncs, which is more than memory asks for
		"memcache": {levels: []string{"memory"}},
		"redis":    redisScheme, "rediss": redisScheme, "redis+cluster": redisScheme, "redis+sentinel": redisScheme,
	}
)

// storeURL returns the URL that the store is opened by.
func (c *Config) storeURL() (string, *fault) {
	raw := c.Store.URL.Reveal()
	if raw == "" {
		return "", &fault{"store.url", flaw{"is missing", "give one such as bolt:///var/lib/app/jeton.bolt, redis://localhost:6379/0 or memory://"}}
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" { // the error repeats the URL
		return "", &fault{"store.url", flaw{"is not a URL", "write it as scheme://host/path?parameter=value, with escapes where needed"}}
	}
	query := u.RawQuery
	kind, known := schemes[u.Scheme]
	if !known { // somebody's own: its driver judges
		kind = scheme{levels: levels, asks: true, password: true}
	}
	if f := c.password(u, kind); f != nil {
		return "", f
	}
	if f := c.parameters(u, kind); f != nil {
		return "", f
	}
	if c.Store.Password.IsZero() && u.RawQuery == query {
		return raw, nil
	}
	return u.String(), nil
}

// password puts the password into the URL.
func (c *Config) password(u *url.URL, kind scheme) *fault {
	if c.Store.Password.IsZero() {
		return nil
	}
	old, given := u.User.Password()
	switch {
	case !kind.password:
		return &fault{"store.password", flaw{"is given, and a " + u.Scheme + " store has none", "remove it"}}
	case given && old != c.Store.Password.Reveal():
		return &fault{"store.password", flaw{"is not the password in store.url", "keep one of them"}}
	}
	u.User = url.UserPassword(u.User.Username(), c.Store.Password.Reveal())
	return nil
}

// parameters puts the keys that every backend has into the URL.
func (c *Config) parameters(u *url.URL, kind scheme) *fault {
	level := c.Store.Durability
	if level != "" && !slices.Contains(kind.levels, level) {
		remedy := "choose " + kind.levels[0]
		if len(kind.levels) > 1 {
			remedy = "choose " + oneOf(kind.levels)
		}
		return &fault{"store.durability", flaw{"is more than a " + u.Scheme + " store can give", remedy + ", or another store"}}
	}
	if !kind.asks {
		level = ""
	}
	var add []string
	for _, p := range []struct{ name, value string }{
		{"durability", level},
		{"max_token_life", given(c.Store.MaxTokenLife)},
		{"max_marks", strings.TrimPrefix(strconv.Itoa(c.Store.MaxMarks), "0")},
	} {
		if p.value == "" {
			continue
		}
		if u.Query().Has(p.name) {
			return &fault{"store." + p.name, flaw{"is a parameter of store.url too", "keep one of them"}}
		}
		add = append(add, p.name+"="+url.QueryEscape(p.value))
	}
	// What is there stays as it is: a second encoding could repair what the driver has to refuse.
	u.RawQuery = strings.Join(slices.DeleteFunc(append([]string{u.RawQuery}, add...), func(s string) bool { return s == "" }), "&")
	return nil
}

// given returns a duration as a text, nothing for none.
func given(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
