package config

import (
	"context"
	"log/slog"
	"time"

	"github.com/jetonkit/jeton/store"
	storebreaker "github.com/jetonkit/jeton/store/breaker"
	"github.com/jetonkit/jeton/token"
)

// Config is a configuration: what [Load] read, and what only a program can give. A program may also fill one in itself;
// the zero value of a field is its default. However it is printed, logged or marshalled, its secrets are redacted.
// It is not safe for use while it is changed.
type Config struct {
	// Store says where sessions are kept.
	Store Store
	// Cache keeps the store's answers in this process. Defaults to none.
	Cache Cache
	// Breaker stops asking a store that fails, behind the cache. Defaults to none.
	Breaker Breaker
	// View is how this process follows all revocations, where Verifier.Check is Local.
	View View
	// Key signs tokens, or only checks them.
	Key Key
	// NextKeys check tokens and do not sign yet: whichever is to sign next, so that every process knows it before one signs.
	NextKeys []Key
	// PreviousKeys check tokens that were signed before Key was changed, until the last of them has ended.
	PreviousKeys []Key
	// RemovedKeys are the ids of keys that are gone at once, leaked ones for instance, with all that they signed.
	RemovedKeys []string
	// IssuerName is the iss of tokens (issuer.name): 1 to 256 bytes, usually the service's https URL. Required.
	IssuerName string
	// Issuer are the options of the issuer. Its Keys come behind those of this Config. No file can give its Claims: a program
	// sets them between Load and Build.
	Issuer token.IssuerOptions
	// Verifier says how tokens are checked.
	Verifier Verifier
	// Revoker are the options of the revoker.
	Revoker token.RevokerOptions

	// Events is told what happens where Issuer, Verifier and Revoker have no Events of their own; it must not block.
	// No file can give it. Defaults to nobody.
	Events func(context.Context, token.Event)
	// APIKeys makes the API keys that the verifier accepts, on the store that Build opened; Stack.APIKeys has them. No file can
	// give it. Defaults to none.
	APIKeys func(s store.TokenStore) ([]*token.APIKeys, error)
	// Issuers are others that the verifier trusts beside our own, judged by the store that Build opened; one without a Check is
	// judged as our own tokens are. No file can give them. Defaults to none.
	Issuers func(s store.TokenStore) ([]token.TrustedIssuer, error)
	// Wrap are layers around the store, its breaker and its cache, of modules that this package does not know: the first is the
	// outermost, so {observe, limit} makes observe(limit(cache(breaker(store)))). No file can give them. Defaults to none.
	Wrap []Wrap

	// from tells where a key's value was given; empty for a Config that a program filled in.
	from map[string]origin
	// file is the path of the file, for what is missing in it.
	file string
	// aliases and redis are what only Load uses.
	aliases bool
	redis   struct {
		host     string
		port, db int
	}
}

// Wrap puts a layer around a store. The layer's Close must close what it wraps. When it returns an error, [Config.Build]
// closes the store that it was given.
type Wrap func(ctx context.Context, inner store.TokenStore) (store.TokenStore, error)

// Store says where sessions are kept.
type Store struct {
	// URL is the store's, for [store.Open]; a secret, since it may hold a password. Required.
	URL Secret
	// Password is the server's, put into URL. Defaults to the one in URL, or none.
	Password Secret
	// Durability is the level that a write is acknowledged at: "memory", "replicated-1" to "replicated-5", "fsynced".
	// Defaults to what the URL says, or the backend's own.
	Durability string
	// MaxTokenLife is the longest life of an access token that the store is made for, 1s to 30 days. Defaults to what the
	// store recorded, 24h in a new one.
	MaxTokenLife time.Duration
	// MaxMarks is how many revoked ids a subject holds, 1 to 4096. Defaults to 256.
	MaxMarks int
}

// Cache says what a process keeps of the store's answers; see package storecache. The zero value is no cache.
type Cache struct {
	// MaxStale is how long after another process's revocation a check may still begin that accepts the token, 3ms to 1h. Over a
	// store without a feed it is how long an answer is kept. Zero, the default, is no cache.
	MaxStale time.Duration
	// MaxBytes is how much memory the answers take, at least 64 KiB. Defaults to 64 MiB.
	MaxBytes int
	// MaxAge is how old an answer gets, 1s to 1h. Defaults to 1 minute.
	MaxAge time.Duration
	// Poll is how often the feed is polled, at most a third of MaxStale, which is the default.
	Poll time.Duration
}

// Breaker says when a store that fails is not asked for a while; see package storebreaker, whose Options these are. The zero
// value is no breaker.
type Breaker struct {
	// OpenFor is how long calls are refused at once, 10 ms to 10 min. Zero, the default, is no breaker.
	OpenFor time.Duration
	// Failures is how many outages within Window open the breaker, 1 to 1,000,000. Defaults to 5.
	Failures int
	// Percent is the share of outages within Window that opens it, 1 to 100. Defaults to 50.
	Percent int
	// Window is how far back outages count, 100 ms to 1 h. Defaults to 10 s.
	Window time.Duration
	// Probes is how many calls try after OpenFor, 1 to 1000. Defaults to 3.
	Probes int
	// ProbeTimeout is how long such a call waits at most, 1 ms to 1 min. Defaults to 1 s.
	ProbeTimeout time.Duration
	// Slow is how long the store must have had, for a caller that ran out of time to count, 1 ms to Window. Defaults to 100 ms.
	Slow time.Duration
	// OnChange is told of each change of state; see [storebreaker.Options]. No file can give it. Defaults to nobody.
	OnChange func(from, to storebreaker.State)
}

// View says how a process follows all revocations, and is of use where Verifier.Check is [Local]; see package revocation, most
// of whose Options these are. The zero value is their defaults.
type View struct {
	// MaxStale is how long after a revocation, this process's own among them, a check may still begin that accepts the token,
	// 100ms to 1 minute. Defaults to 2s.
	MaxStale time.Duration
	// MaxTokenLife is the longest life of an access token that is accepted, 1s to 30 days, at most the store's: revocations are
	// held for so long. Defaults to the store's.
	MaxTokenLife time.Duration
	// FirstInstall is when the store was set up here for the first time: tokens of Config.Issuers from before it pass. Defaults
	// to none.
	FirstInstall time.Time
	// Fallback judges while the view is not ready: Denylist, Sessions, or NoFallback. Defaults to Denylist.
	Fallback string
	// OpenWithin is how long Build waits until the view is complete, 100ms to 1 hour. Defaults to 30s.
	OpenWithin time.Duration
	// Logger gets failed polls and doubts. No file can give it. Defaults to slog.Default.
	Logger *slog.Logger
}

// NoFallback lets nobody in while a [View] is not ready (HTTP 503).
const NoFallback = "none"

// Key is a key of tokens.
type Key struct {
	// ID is the kid, 1 to 256 bytes. Defaults to one made from the key, so that two keys never share it.
	ID string
	// Algorithm is one of [token.Algorithms]. Defaults to HS256.
	Algorithm string
	// Secret is for HS256, HS384 and HS512 at least 32, 48 and 64 bytes of text, and for all others a private key as PEM; see
	// [token.ParseSigningPEM].
	Secret Secret
	// Public is for a pair of keys the public one as PEM, in place of Secret: a process that has no more can check tokens and
	// not make them. See [token.ParseVerifyPEM].
	Public string
	// RetiredAt is, for one of Config.PreviousKeys, when it stopped signing; see [token.RetiredKey]. Give it so that a process
	// that starts again does not count from then. Defaults to when the process first has the key as a previous one.
	RetiredAt time.Time
}

// The usual algorithms of a [Key].
const (
	// HS256 is HMAC with SHA-256 (RFC 7518 §3.2): one secret signs and checks.
	HS256 = "HS256"
	// EdDSA is Ed25519 (RFC 8037 §3.1): a private key signs and a public one checks.
	EdDSA = "EdDSA"
)

// Checks of a [Verifier].
const (
	// Sessions accepts a token while its session lives; see [token.Sessions].
	Sessions = "sessions"
	// Denylist accepts a token unless it was revoked; see [token.Denylist]. The store must never evict.
	Denylist = "denylist"
	// Local accepts a token unless it was revoked, by a view of all revocations in this process, without asking the store; see
	// [token.Local] and [View]. The store must have a feed and never evict. No last-seen times are written.
	Local = "local"
)

// Verifier says how tokens are checked.
type Verifier struct {
	// VerifierOptions are the verifier's own.
	token.VerifierOptions
	// Check is Sessions, Denylist or Local. Defaults to Sessions.
	Check string
	// Audience are the names that a token must be meant for, one of them. Defaults to Issuer.Audience, or IssuerName.
	Audience []string
	// MaxLifetime is the longest life of a token that is accepted. Defaults to the store's MaxTokenLife.
	MaxLifetime time.Duration
	// Extra reads custom claims; see [token.ExtraOf]. No file can give it. Defaults to none.
	Extra token.ExtraClaims
}
