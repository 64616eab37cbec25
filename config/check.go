package config

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// at returns where a key was given; the file, where it was not.
func (c *Config) at(key string) origin {
	if at, ok := c.from[key]; ok {
		return at
	}
	if key == "key" { // no single value
		for _, part := range []string{"key.id", "key.secret", "key.public"} {
			if at, ok := c.from[part]; ok {
				return at
			}
		}
	}
	if label, _, _ := strings.Cut(key, "."); strings.Contains(label, "_keys[") {
		return c.from[label]
	}
	return origin{file: c.file}
}

// check judges everything that needs no store. What was refused by the reader is neither missing nor judged again.
func (c *Config) check(refused refusals) mistakes {
	var wrong mistakes
	if _, f := c.storeURL(); f != nil && !refused.has(f.field) {
		wrong.add(c.at(f.field), f.field, f.problem, f.remedy)
	}
	if c.IssuerName == "" && !refused.has("issuer.name") {
		wrong.add(c.at("issuer.name"), "issuer.name", "is missing", "give it, usually the service's https URL")
	}
	keys := c.keyring(refused, &wrong)
	c.lifetimes(keys, &wrong)
	c.caching(&wrong)
	c.breaking(&wrong)
	c.viewing(refused, &wrong)
	c.rehearse(keys, &wrong)
	return wrong
}

// lifetimes refuses a verifier that would refuse every token that its own issuer makes.
func (c *Config) lifetimes(keys keyring, wrong *mistakes) {
	key, most := "verifier.max_lifetime", c.Verifier.MaxLifetime
	if most == 0 && c.Verifier.Check == Local {
		key, most = "view.max_token_life", c.View.MaxTokenLife
	}
	ttl := cmp.Or(c.Issuer.AccessTTL, 15*time.Minute) // the issuer's default
	if keys.current.sign.KeyID() != "" && most > 0 && most < ttl {
		wrong.add(c.at(key), key, fmt.Sprintf("is %s, and issuer.access_ttl %s: no token would be good", inWords(most), inWords(ttl)), "raise it, or lower issuer.access_ttl")
	}
}

// idle refuses those of a group's keys that are set without what they are of use with.
func (c *Config) idle(without string, group []setKey, wrong *mistakes) {
	for _, k := range group {
		if k.set {
			wrong.add(c.at(k.key), k.key, "is of no use without "+without, "give "+without+", or leave it out")
		}
	}
}

// setKey is a key, and whether it is set.
type setKey struct {
	key string
	set bool
}

// caching refuses a cache that is only half told of, or whose answers the feed could not keep as fresh as they should be.
func (c *Config) caching(wrong *mistakes) {
	const stale = "cache.max_stale"
	if c.Cache.MaxStale == 0 {
		c.idle(stale, []setKey{
			{"cache.max_bytes", c.Cache.MaxBytes != 0},
			{"cache.max_age", c.Cache.MaxAge != 0},
			{"cache.poll", c.Cache.Poll != 0},
			{"verifier.serve_stale", c.Verifier.ServeStale != 0 && len(c.Wrap) == 0 && c.Verifier.Check != Local},
		}, wrong)
	}
	if c.Cache.MaxStale > 0 && c.Cache.Poll > c.Cache.MaxStale/3 {
		wrong.add(c.at(stale), stale, fmt.Sprintf("is %s, less than three times cache.poll, %s", inWords(c.Cache.MaxStale), inWords(c.Cache.Poll)),
			"raise it, or lower cache.poll: one failed poll must not empty the cache")
	}
}

// breaking refuses a breaker that is only half told of, or that no caller could open by waiting.
func (c *Config) breaking(wrong *mistakes) {
	const open, slow = "breaker.open_for", "breaker.slow"
	b := &c.Breaker
	if b.OpenFor == 0 {
		c.idle(open, []setKey{
			{"breaker.failures", b.Failures != 0},
			{"breaker.percent", b.Percent != 0},
			{"breaker.window", b.Window != 0},
			{"breaker.probes", b.Probes != 0},
			{"breaker.probe_timeout", b.ProbeTimeout != 0},
			{slow, b.Slow != 0},
		}, wrong)
	}
	if window := cmp.Or(b.Window, 10*time.Second); b.Slow > window { // the breaker's default
		wrong.add(c.at(slow), slow, fmt.Sprintf("is %s, more than breaker.window, %s", inWords(b.Slow), inWords(window)),
			"lower it, or raise breaker.window: such a call would be out of the window before it counts")
	}
}

// fields are the keys of what package token names in its errors.
var fields = []struct{ field, key string }{
	{"issuers[0].Issuer", "issuer.name"},
	{"issuers[0].Audience", "verifier.audience"},
	{"issuers[0].Check", "verifier.check"},
	{"issuers[0].MaxLifetime", "verifier.max_lifetime"},
	{"Check", "verifier.check"},
	{"issuer", "issuer.name"},
	{"IssuerOptions.Audience", "issuer.audience"},
	{"IssuerOptions.ClientID", "issuer.client_id"},
	{"IssuerOptions.AccessTTL", "issuer.access_ttl"},
	{"IssuerOptions.IdleTTL", "issuer.idle_ttl"},
	{"IssuerOptions.MaxTTL", "issuer.max_ttl"},
	{"Limit.MaxPerClass", "issuer.limit.max_per_class"},
	{"Limit.Max", "issuer.limit.max"},
	{"Limit.Policy", "issuer.limit.policy"},
	{"IssuerOptions.GraceReplays", "issuer.grace_replays"},
	{"IssuerOptions.Grace", "issuer.grace"},
	{"VerifierOptions.Leeway", "verifier.leeway"},
	{"VerifierOptions.Slide", "verifier.slide"},
	{"VerifierOptions.CacheBytes", "verifier.cache_bytes"},
	{"VerifierOptions.ServeStale", "verifier.serve_stale"},
	{"RevokerOptions.WriteTimeout", "revoker.write_timeout"},
	{"Fallback", "view.fallback"},
	{"View.MaxStale", "view.max_stale"},
	{"View.MaxTokenLife", "view.max_token_life"},
	{"View.FirstInstall", "view.first_install"},
	{"Options.MaxStale", "cache.max_stale"},
	{"Options.MaxBytes", "cache.max_bytes"},
	{"Options.MaxAge", "cache.max_age"},
	{"Options.Poll", "cache.poll"},
	{"Options.OpenFor", "breaker.open_for"},
	{"Options.Failures", "breaker.failures"},
	{"Options.Percent", "breaker.percent"},
	{"Options.Window", "breaker.window"},
	{"Options.ProbeTimeout", "breaker.probe_timeout"},
	{"Options.Probes", "breaker.probes"},
	{"Options.Slow", "breaker.slow"},
}

// keyOf returns the key of a field, empty for one that no key sets.
func keyOf(field string) string {
	for _, f := range fields {
		if rest, ok := strings.CutPrefix(field, f.field); ok && (rest == "" || rest[0] == '[') {
			return f.key
		}
	}
	return ""
}

// promise stands for the store that there is not yet: the constructors ask for no more than capabilities. It is never used
// as a store; a verb of it would panic.
type promise struct {
	store.TokenStore
	life time.Duration
}

// Capabilities implements store.TokenStore.
func (p promise) Capabilities() store.Capabilities {
	return store.Capabilities{MaxTokenLife: p.life, NeverEvicts: true, Durable: true, Shared: true}
}

// rehearse makes what Build makes, on a store of promises, and so finds every limit of package token without a second list of
// them. An option that is refused goes back to its default, so that the next is judged.
func (c *Config) rehearse(keys keyring, wrong *mistakes) {
	probe := *c
	probe.from = nil
	probe.IssuerName = cmp.Or(c.IssuerName, "x")
	if !keys.whole { // its mistakes are known, and the rest is to be judged too
		keys = stand()
	} else if _, e := probe.ring(keys); e != nil {
		*wrong = append(*wrong, c.keyMistake(e, keys))
		keys = stand()
	}
	// Without a setting the store's own record decides; Build sees it.
	s := promise{life: cmp.Or(c.Store.MaxTokenLife, 30*day)}
	if c.Verifier.Slide != 0 && c.Verifier.TouchInterval < 0 { // package token would say to leave it zero, which is off in a file
		wrong.add(c.at("verifier.slide"), "verifier.slide", "needs last-seen times, which are off", "remove it, or verifier.touch_interval")
		probe.Verifier.Slide = 0
	}
	if c.Verifier.Check == Local { // as viewing says
		probe.Verifier.Slide, probe.Verifier.ServeStale = 0, 0
	}
	for _, part := range parts {
		for range table {
			e := c.mistake(probe.rehearsePart(part, s, keys))
			if e == nil || (e.Key != "" && slices.ContainsFunc(*wrong, func(old *Error) bool { return old.Key == e.Key && old.Problem == e.Problem })) {
				break
			}
			*wrong = append(*wrong, e)
			if !probe.reset(e.path()) {
				break
			}
		}
	}
}

// stand is a keyring to judge other options with.
func stand() keyring {
	k := Key{Secret: NewSecret(strings.Repeat("jeton ", 6))}
	p, _ := k.ready()
	return keyring{current: p, RingKeys: token.RingKeys{Signing: p.sign}, whole: true}
}

// rehearsePart makes a part on a ring of its own.
func (c *Config) rehearsePart(part part, s store.TokenStore, keys keyring) error {
	ring, err := c.ring(keys)
	if err != nil {
		return err
	}
	return part(c, &Stack{Store: s, Keys: ring}, keys)
}

// reset puts a key back to its default.
func (c *Config) reset(path string) bool {
	e := find(path)
	if e == nil {
		return false
	}
	if path == "issuer.name" {
		c.IssuerName = "x"
		return true
	}
	v := reflect.ValueOf(e.field(c)).Elem()
	if v.IsZero() {
		return false
	}
	v.SetZero()
	return true
}

// path returns the key of a mistake, whatever name it was given by.
func (e *Error) path() string {
	if entry, _ := byName(e.Key); entry != nil {
		return entry.path
	}
	return e.Key
}

// mistake translates an error of package token or store; nil for none.
func (c *Config) mistake(err error) *Error {
	if err == nil {
		return nil
	}
	var f *store.FieldError
	if !errors.As(err, &f) {
		return &Error{File: c.file, Problem: "cannot be built (" + c.clean(err) + ")", Remedy: "correct what it names", Err: err}
	}
	key := keyOf(f.Field)
	at := c.at(key)
	return &Error{
		File: at.file, Line: at.line, Key: cmp.Or(at.name, key, f.Field),
		Problem: inKeys.Replace(f.Problem), Remedy: inKeys.Replace(f.Remedy), Err: err,
	}
}

// inKeys puts what package token says of its options in the words of a file.
var inKeys = strings.NewReplacer("AccessTTL", "issuer.access_ttl", "MaxTokenLife", "store.max_token_life", "a Denylist", "denylist", "MaxStale", "cache.max_stale",
	"use Sessions", "use sessions", "use 0 for the keyspace's", "leave it out for the store's", "leave it zero", "leave it out")

// clean returns an error's text on one line and without the secrets of the configuration, should a driver repeat one.
func (c *Config) clean(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	for _, s := range c.secrets() {
		text = strings.ReplaceAll(text, s, redacted)
	}
	return text
}

// secrets are what no error may hold, in every form that a URL has for it, the longest first.
func (c *Config) secrets() []string {
	opened, _ := c.storeURL() // empty with a fault
	list := []string{c.Store.URL.Reveal(), opened, c.Store.Password.Reveal(), c.Key.Secret.Reveal()}
	for _, k := range slices.Concat(c.NextKeys, c.PreviousKeys) {
		list = append(list, k.Secret.Reveal())
	}
	if u, err := url.Parse(cmp.Or(opened, c.Store.URL.Reveal())); err == nil {
		password, given := u.User.Password()
		if list = append(list, password); !given {
			list = append(list, u.User.Username()) // where a password alone is often put
		}
		for name, values := range u.Query() {
			if secretRE.MatchString(name) {
				list = append(list, values...)
			}
		}
	}
	for _, s := range list {
		list = append(list, url.QueryEscape(s), url.PathEscape(s), strings.TrimPrefix(url.UserPassword("", s).String(), ":"))
	}
	slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

// secretRE matches the names of parameters that hold a secret, those of drivers that we do not know among them.
var secretRE = regexp.MustCompile(`(?i)pass|pwd|secret|token|auth|cred|key`)
