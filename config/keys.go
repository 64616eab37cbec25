package config

import (
	"slices"
	"strings"
	"time"

	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	"github.com/jetonkit/jeton/token"
)

// prefix begins the names of our variables.
const prefix = "JETON_"

// kind is the form of a value.
type kind int

const (
	textKind     kind = iota
	secretKind        // a text that is never printed
	pathKind          // the path of a file that holds the value of another key
	choiceKind        // one of a few words
	durationKind      // a number with a unit
	numberKind        // a whole number
	listKind          // texts
	flagKind          // true or false
	keysKind          // a list of keys, each with the fields of key
	timeKind          // a moment
)

// kindNames are the kinds in words.
var kindNames = map[kind]string{
	textKind: "text", secretKind: "secret text", pathKind: "path", choiceKind: "word", durationKind: "duration",
	numberKind: "whole number", listKind: "list of texts", flagKind: "true or false", keysKind: "list of keys",
	timeKind: "time",
}

// entry is one key of a configuration: the reader, the schema, the page and the print all work from the [table].
type entry struct {
	path              string
	kind              kind
	doc, def, example string
	choices           []string
	least, most       int
	shortest, longest time.Duration // 0 shortest: 0 is refused
	off               bool          // a duration of 0 switches something off
	orFile            bool          // may be given as a file too
	fileOf            string        // set on what orFile makes
	aliases           []alias
	field             func(*Config) any
}

// alias is a name that another system gives a variable.
type alias struct {
	name string
	unit time.Duration // of a bare number; 0: the text is as ours
}

const (
	day  = 24 * time.Hour
	year = 365 * day
	// maxKeys bounds each list; a previous key needs no more than to outlive the sessions that it signed.
	maxKeys = 16
)

var keyFields = []entry{
	{
		path: "id", kind: textKind, example: `"2026-11"`, def: "made from the key",
		doc: "The kid of the key, 1 to 256 bytes.", field: func(c *Config) any { return &c.Key.ID },
	},
	{
		path: "algorithm", kind: choiceKind, choices: token.Algorithms(), example: "EdDSA", def: HS256,
		doc:     "The key's algorithm. HS…: one secret; RS…, PS…: RSA; ES256, ES384, ES512: ECDSA on P-256, P-384, P-521; EdDSA, Ed25519: Ed25519.",
		aliases: []alias{{name: "JWT_ALGORITHM"}, {name: "TOKEN_ALGORITHM"}}, field: func(c *Config) any { return &c.Key.Algorithm },
	},
	{
		path: "secret", kind: secretKind, orFile: true, example: "32 or more random bytes", def: "required, unless public is given",
		doc:     "HS256, HS384, HS512: the secret, at least 32, 48, 64 bytes of text. Others: the private key as PEM.",
		aliases: []alias{{name: "JWT_SECRET"}, {name: "TOKEN_SECRET_KEY"}}, field: func(c *Config) any { return &c.Key.Secret },
	},
	{
		path: "public", kind: textKind, orFile: true, example: `"-----BEGIN PUBLIC KEY-----…"`, def: "none",
		doc:   "The public key as PEM, in place of the secret, for a process that only checks tokens. Not for HS….",
		field: func(c *Config) any { return &c.Key.Public },
	},
}

// retiredAt is what a previous key has besides the fields of key.
var retiredAt = entry{
	path: "key.retired_at", kind: timeKind, example: "2026-11-22T12:00:00Z", def: "when the process first has it as previous",
	doc: "When the key stopped signing, everywhere; at most 24h ahead.", field: func(c *Config) any { return &c.Key.RetiredAt },
}

// levels are the values of store.durability.
var levels = []string{"memory", "replicated-1", "replicated-2", "replicated-3", "replicated-4", "replicated-5", "fsynced"}

// policies are the values of issuer.limit.policy, in the order of [store.Policy].
var policies = []string{"evict-oldest", "evict-least-recently-used", "reject"}

// table is every key that a file may have, in the order of the page.
var table = withFiles(slices.Concat([]entry{
	{
		path: "aliases", kind: flagKind, example: "false", def: "true",
		doc: "Whether the names of other systems, JWT_SECRET or REDIS_HOST, are read too.", field: func(c *Config) any { return &c.aliases },
	},
	{
		path: "store.url", kind: secretKind, orFile: true, example: "redis://localhost:6379/0", def: "required",
		doc: "The URL of the store. Give one with a password as a file.", field: func(c *Config) any { return &c.Store.URL },
	},
	{
		path: "store.password", kind: secretKind, orFile: true, example: "from your secrets", def: "the one in the URL",
		doc:     "The password of the server, put into the URL.",
		aliases: []alias{{name: "REDIS_PASSWORD"}}, field: func(c *Config) any { return &c.Store.Password },
	},
	{
		path: "store.durability", kind: choiceKind, choices: levels, example: "replicated-1", def: "the backend's own",
		doc: "When a write counts as done. memory: in the server's memory; replicated-N: on N replicas; fsynced: on disk.", field: func(c *Config) any { return &c.Store.Durability },
	},
	{
		path: "store.max_token_life", kind: durationKind, shortest: time.Second, longest: 30 * day, example: "24h", def: "what the store recorded, 24h in a new one",
		doc: "The longest life of an access token that the store is made for.", field: func(c *Config) any { return &c.Store.MaxTokenLife },
	},
	{
		path: "store.max_marks", kind: numberKind, least: 1, most: 4096, example: "512", def: "256",
		doc: "How many revoked ids a subject holds before all its access tokens have to be refreshed.", field: func(c *Config) any { return &c.Store.MaxMarks },
	},
	{
		path: "cache.max_stale", kind: durationKind, shortest: 3 * time.Millisecond, longest: time.Hour, example: "2s", def: "no cache",
		doc: "How long after another process's revocation a check may still begin that accepts the token. With it answers are kept in this process.", field: func(c *Config) any { return &c.Cache.MaxStale },
	},
	{
		path: "cache.max_bytes", kind: numberKind, least: storecache.MinBytes, most: 1 << 40, example: "268435456", def: "67108864, 64 MiB",
		doc: "How much memory the answers take.", field: func(c *Config) any { return &c.Cache.MaxBytes },
	},
	{
		path: "cache.max_age", kind: durationKind, shortest: time.Second, longest: time.Hour, example: "5m", def: "1m",
		doc: "How old an answer gets, revoked or not: for so long metadata that another process changed may be told.", field: func(c *Config) any { return &c.Cache.MaxAge },
	},
	{
		path: "cache.poll", kind: durationKind, shortest: time.Millisecond, longest: 20 * time.Minute, example: "500ms", def: "a third of cache.max_stale",
		doc: "How often the feed of revocations is polled, at most a third of cache.max_stale. Not for a store without a feed.", field: func(c *Config) any { return &c.Cache.Poll },
	},
	{
		path: "breaker.open_for", kind: durationKind, shortest: 10 * time.Millisecond, longest: 10 * time.Minute, example: "1s", def: "no breaker",
		doc: "How long calls are refused at once after repeated outages of the store, before a few may try again. Revocations always try.", field: func(c *Config) any { return &c.Breaker.OpenFor },
	},
	{
		path: "breaker.failures", kind: numberKind, least: 1, most: 1_000_000, example: "20", def: "5",
		doc: "How many outages within breaker.window open the breaker, if they are breaker.percent of the calls too.", field: func(c *Config) any { return &c.Breaker.Failures },
	},
	{
		path: "breaker.percent", kind: numberKind, least: 1, most: 100, example: "80", def: "50",
		doc: "The share of outages among the calls within breaker.window from which the breaker opens.", field: func(c *Config) any { return &c.Breaker.Percent },
	},
	{
		path: "breaker.window", kind: durationKind, shortest: 100 * time.Millisecond, longest: time.Hour, example: "30s", def: "10s",
		doc: "How far back outages count. Longer than callers wait.", field: func(c *Config) any { return &c.Breaker.Window },
	},
	{
		path: "breaker.probes", kind: numberKind, least: 1, most: 1000, example: "1", def: "3",
		doc: "How many calls try after breaker.open_for, all of which must get an answer.", field: func(c *Config) any { return &c.Breaker.Probes },
	},
	{
		path: "breaker.probe_timeout", kind: durationKind, shortest: time.Millisecond, longest: time.Minute, example: "500ms", def: "1s",
		doc: "How long such a call waits at most.", field: func(c *Config) any { return &c.Breaker.ProbeTimeout },
	},
	{
		path: "breaker.slow", kind: durationKind, shortest: time.Millisecond, longest: time.Hour, example: "50ms", def: "100ms",
		doc: "How long the store must have had, for a caller that ran out of time to count as an outage. At most breaker.window.", field: func(c *Config) any { return &c.Breaker.Slow },
	},
	{
		path: "view.max_stale", kind: durationKind, shortest: 100 * time.Millisecond, longest: time.Minute, example: "5s", def: "2s",
		doc: "With verifier.check local: how long after a revocation, this process's own among them, a check may still begin that accepts the token. The feed is polled at a third of it.", field: func(c *Config) any { return &c.View.MaxStale },
	},
	{
		path: "view.max_token_life", kind: durationKind, shortest: time.Second, longest: 30 * day, example: "1h", def: "the store's max_token_life",
		doc: "The longest life of a token that the view can judge; it holds revocations for as long. At most the store's.", field: func(c *Config) any { return &c.View.MaxTokenLife },
	},
	{
		path: "view.first_install", kind: timeKind, example: "2026-11-22T12:00:00Z", def: "none",
		doc: "When the store was set up here for the first time: other issuers' tokens from before it pass.", field: func(c *Config) any { return &c.View.FirstInstall },
	},
	{
		path: "view.fallback", kind: choiceKind, choices: []string{Denylist, Sessions, NoFallback}, example: NoFallback, def: Denylist,
		doc: "What judges while the view is not ready. denylist: the store, by the same rule; sessions: the store, more strictly; none: nobody is let in.", field: func(c *Config) any { return &c.View.Fallback },
	},
	{
		path: "view.open_within", kind: durationKind, shortest: 100 * time.Millisecond, longest: time.Hour, example: "2m", def: "30s",
		doc: "How long the start waits until the view is complete; 100,000 revocations take about a second.", field: func(c *Config) any { return &c.View.OpenWithin },
	},
}, below("key.", keyFields), []entry{
	{
		path: "next_keys", kind: keysKind, example: "[{algorithm: EdDSA, public_file: next.pub}]", def: "none",
		doc: "Keys that check and do not sign yet, at most 16, each with the fields of key. In the file only.", field: func(c *Config) any { return &c.NextKeys },
	},
	{
		path: "previous_keys", kind: keysKind, example: "[{secret_file: old.key, retired_at: 2026-11-22T12:00:00Z}]", def: "none",
		doc:   "Keys that no longer sign, at most 16, each with the fields of key and retired_at. Each checks until the last token that it can have signed has ended. In the file only.",
		field: func(c *Config) any { return &c.PreviousKeys },
	},
	{
		path: "removed_keys", kind: listKind, example: `["2026-01"]`, def: "none",
		doc: "The ids of keys that are gone at once, leaked ones for instance, with all that they signed.", field: func(c *Config) any { return &c.RemovedKeys },
	},
	{
		path: "issuer.name", kind: textKind, example: "https://example.com", def: "required",
		doc: "The iss of tokens, 1 to 256 bytes.", field: func(c *Config) any { return &c.IssuerName },
	},
	{
		path: "issuer.audience", kind: listKind, example: "[https://api.example.com]", def: "the issuer's name",
		doc: "The aud of access tokens. A variable has them with commas between.", field: func(c *Config) any { return &c.Issuer.Audience },
	},
	{
		path: "issuer.client_id", kind: textKind, example: "web", def: "the issuer's name",
		doc: "The client_id of access tokens.", field: func(c *Config) any { return &c.Issuer.ClientID },
	},
	{
		path: "issuer.access_ttl", kind: durationKind, shortest: time.Second, longest: 30 * day, example: "10m", def: "15m",
		doc:     "How long an access token lives, in whole seconds, at most the store's max_token_life.",
		aliases: []alias{{name: "ACCESS_TOKEN_EXPIRE_MINUTES", unit: time.Minute}, {name: "TOKEN_EXPIRE_SECONDS", unit: time.Second}},
		field:   func(c *Config) any { return &c.Issuer.AccessTTL },
	},
	{
		path: "issuer.idle_ttl", kind: durationKind, shortest: time.Second, longest: 10 * year, example: "14d", def: "30d",
		doc:     "How long a session lives without a refresh.",
		aliases: []alias{{name: "TOKEN_REFRESH_EXPIRE_SECONDS", unit: time.Second}}, field: func(c *Config) any { return &c.Issuer.IdleTTL },
	},
	{
		path: "issuer.max_ttl", kind: durationKind, shortest: time.Second, longest: 10 * year, example: "180d", def: "90d",
		doc: "How long a session lives at most, whatever its refreshes.", field: func(c *Config) any { return &c.Issuer.MaxTTL },
	},
	{
		path: "issuer.grace", kind: durationKind, off: true, longest: store.MaxGrace, example: "30s", def: "10s",
		doc: "How long a used refresh token still gets the same answer; 0s turns it off.", field: func(c *Config) any { return &c.Issuer.Grace },
	},
	{
		path: "issuer.grace_replays", kind: numberKind, least: 1, most: store.MaxReplays, example: "5", def: "3",
		doc: "How many such answers there are.", field: func(c *Config) any { return &c.Issuer.GraceReplays },
	},
	{
		path: "issuer.limit.max", kind: numberKind, most: store.MaxLimit, example: "5", def: "0, no limit",
		doc: "How many sessions a subject may have.", field: func(c *Config) any { return &c.Issuer.Limit.Max },
	},
	{
		path: "issuer.limit.max_per_class", kind: numberKind, most: store.MaxLimit, example: "1", def: "0, no limit",
		doc: "How many sessions of one class a subject may have.", field: func(c *Config) any { return &c.Issuer.Limit.MaxPerClass },
	},
	{
		path: "issuer.limit.policy", kind: choiceKind, choices: policies, example: "reject", def: "evict-oldest",
		doc: "Who gives way at a limit.", field: func(c *Config) any { return &c.Issuer.Limit.Policy },
	},
	{
		path: "verifier.check", kind: choiceKind, choices: []string{Sessions, Denylist, Local}, example: "denylist", def: Sessions,
		doc: "What makes a token good. sessions: its session lives; denylist: it was not revoked, on a store that never evicts; local: the same by a view of all revocations in this process, without asking the store.", field: func(c *Config) any { return &c.Verifier.Check },
	},
	{
		path: "verifier.audience", kind: listKind, example: "[https://api.example.com]", def: "issuer.audience",
		doc: "The names that a token must be meant for, one of them.", field: func(c *Config) any { return &c.Verifier.Audience },
	},
	{
		path: "verifier.max_lifetime", kind: durationKind, shortest: time.Second, longest: 30 * day, example: "1h", def: "the store's max_token_life",
		doc: "The longest life of a token that is accepted.", field: func(c *Config) any { return &c.Verifier.MaxLifetime },
	},
	{
		path: "verifier.leeway", kind: durationKind, off: true, longest: store.MaxLeeway, example: "1m", def: "30s",
		doc: "How far clocks may be apart; 0s means not at all.", field: func(c *Config) any { return &c.Verifier.Leeway },
	},
	{
		path: "verifier.touch_interval", kind: durationKind, off: true, longest: year, example: "5m", def: "1m",
		doc: "How stale a session's last-seen time may get; 0s keeps none.", field: func(c *Config) any { return &c.Verifier.TouchInterval },
	},
	{
		path: "verifier.slide", kind: durationKind, shortest: time.Second, longest: 10 * year, example: "7d", def: "only refreshes prolong",
		doc: "How long a session lives on after it was last seen, never past max_ttl.", field: func(c *Config) any { return &c.Verifier.Slide },
	},
	{
		path: "verifier.cache_bytes", kind: numberKind, least: token.MinCacheBytes, most: 1 << 40, example: "134217728", def: "33554432, 32 MiB",
		doc: "How much memory verified tokens take, which need not be read again.", field: func(c *Config) any { return &c.Verifier.CacheBytes },
	},
	{
		path: "verifier.serve_stale", kind: durationKind, shortest: time.Second, longest: day, example: "5m", def: "an outage lets nobody in",
		doc: "How old an answer may be by which a known token passes while the store cannot be asked: outside of every promise. Not without cache.max_stale.", field: func(c *Config) any { return &c.Verifier.ServeStale },
	},
	{
		path: "revoker.write_timeout", kind: durationKind, shortest: time.Millisecond, longest: time.Minute, example: "2s", def: "5s",
		doc: "How long a revocation may take, also when its caller has gone.", field: func(c *Config) any { return &c.Revoker.WriteTimeout },
	},
}))

// redisParts have names of other systems only; together they are store.url.
var redisParts = []entry{
	{path: "redis.host", kind: textKind, aliases: []alias{{name: "REDIS_HOST"}}, field: func(c *Config) any { return &c.redis.host }},
	{path: "redis.port", kind: numberKind, least: 1, most: 65535, aliases: []alias{{name: "REDIS_PORT"}}, field: func(c *Config) any { return &c.redis.port }},
	{path: "redis.db", kind: numberKind, most: 1 << 20, aliases: []alias{{name: "REDIS_DB"}, {name: "REDIS_DATABASE"}}, field: func(c *Config) any { return &c.redis.db }},
}

// below returns the entries with their paths below a group.
func below(group string, entries []entry) []entry {
	out := slices.Clone(entries)
	for n := range out {
		out[n].path = group + out[n].path
	}
	return out
}

// withFiles puts behind each entry that may be given as a file the one that names the file.
func withFiles(entries []entry) []entry {
	var out []entry
	for _, e := range entries {
		out = append(out, e)
		if !e.orFile {
			continue
		}
		file := entry{
			path: e.path + "_file", kind: pathKind, fileOf: e.path, example: "/run/secrets/" + strings.ReplaceAll(e.path, ".", "_"),
			def: "none", doc: "A file that holds " + e.path + ", in its place; one line end at its end is left out.",
		}
		for _, a := range e.aliases {
			file.aliases = append(file.aliases, alias{name: a.name + "_FILE"})
		}
		out = append(out, file)
	}
	return out
}

// env returns the name of the entry's variable, empty where there is none.
func (e *entry) env() string {
	if e.kind == keysKind || strings.HasPrefix(e.path, "redis.") {
		return ""
	}
	return prefix + strings.ToUpper(strings.ReplaceAll(e.path, ".", "_"))
}

// find returns the entry of a path, nil for none.
func find(path string) *entry {
	n := slices.IndexFunc(table, func(e entry) bool { return e.path == path })
	if n < 0 {
		return nil
	}
	return &table[n]
}

// KeyInfo describes one key of a configuration file.
type KeyInfo struct {
	// Path is the key's as the file has it: "issuer.access_ttl".
	Path string
	// Env is the name of its variable; empty where it has none.
	Env string
	// Aliases are the names that other systems give the variable.
	Aliases []string
	// Form is the form of its value in words: "duration", "whole number".
	Form string
	// Default is its default in words.
	Default string
	// Example is an example of its value, as YAML.
	Example string
	// Doc says what it means.
	Doc string
}

// Keys returns every key that a configuration may have, in the order of docs/configuration.md.
func Keys() []KeyInfo {
	out := make([]KeyInfo, len(table))
	for n := range table {
		e := &table[n]
		out[n] = KeyInfo{Path: e.path, Env: e.env(), Form: kindNames[e.kind], Default: e.def, Example: e.example, Doc: e.doc}
		for _, a := range e.aliases {
			out[n].Aliases = append(out[n].Aliases, a.name)
		}
	}
	return out
}
