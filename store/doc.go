// Package store is the contract between tokens and whatever keeps them.
//
// Everything a store knows about one subject (a user, an API key, a foreign session id) is one small document, the
// ledger:
//
//	ledger(subject) = { seq, cut, floor, keep, entries: id -> live record | revoked mark }
//
// There is no second index that could drift: the list of a user's logins is the records themselves, and listing,
// limiting and revoking act on one object in one atomic step.
//
// # Order, not clocks
//
// seq grows with every Issue and every cut of the subject; it is max(seq+1, the store's time in microseconds), and the
// time part only keeps it growing after a ledger was lost. "Log out everywhere" is one small write, cut = ++seq: a
// record is alive only if its Seq is greater than the cut. So a login after "log out everywhere" lives and one before it
// dies, in the same millisecond and on any clock. Wall time serves expiry, display and foreign tokens only.
//
// # Words
//
// A session is one login, the thing a user sees under "my devices"; the id of its record is the sid of every token
// minted under it (the family of RFC 9700 §4.14.2). A record is what is kept of a session. A mark bars one id for a
// while (a blacklist entry). Rotation says how often a session was refreshed, and a link is 128 random bits per rotation;
// a refresh token carries both. The cut kills everything at or before it; the floor kills access tokens at or before it,
// while their sessions live on and refresh.
//
// # Choosing a backend
//
// A program imports the backends that it may use and opens one by URL, as with database/sql:
//
//	import _ "github.com/jetonkit/jeton/store/bolt"
//
//	s, err := store.Open(ctx, "bolt:///var/lib/app/tokens.db")
//
// # Writing a backend
//
// A backend implements [TokenStore]; the doc comments of its methods and of the request types are the whole contract, and
// docs/semantics.md tells it as one table. Every request has a Check method that refuses bad input with the
// right error, so that the limits live in one place. Where a key-value store with compare-and-swap is at hand, package
// store/document makes a backend of three methods. The conformance package proves a backend, rule by rule. Optional
// abilities are the faces [Feed], [SubjectLister], [Sweeper], [Pinger] and [StatsReporter]; each has a portable function
// that falls back or answers [errors.ErrUnsupported].
//
// # Writing a layer
//
// A layer (a cache, a breaker) is a store that wraps a store. It writes out every method and every face, has an Unwrap
// method, and closes what it wraps. [As] walks Unwrap to inspect only: whatever changes or judges is called on the
// outermost layer, or it would go round the cache.
package store
