// Package storecache is a layer that answers repeated Lookups from memory.
//
//	cached, err := storecache.New(ctx, s, nil)
//
// # The promise
//
// Of a revocation that was acknowledged, at a level of durability whose faults are the ones that occurred, no process
// accepts the token in a check begun later than MaxStale (2 s unless told otherwise); in the process that revoked, none
// begun after Revoke returned. What stands behind it is not the cache's memory, which may drop, delay and reorder, but a
// stamp that every answer carries: the counters of its subject as they were before the store was asked. A revocation in
// this process moves the counter when its write has returned; one of another process moves it when the store's feed tells
// it, and an answer counts only while the last poll of the feed that found nothing more was sent within MaxStale. When
// the feed is silent, broken or contradicts itself, nothing is answered from memory. Over a store without a feed, MaxStale
// is how long an answer is kept.
//
// # What is kept
//
// Answers to Lookup, by subject and ids. Everything else goes to the store, and so does a Lookup without ids, the guard of
// a login. A record may be told as it was up to MaxAge ago (metadata, LastSeen, a later expiry); whether it lives is under
// the promise. A record that has expired by what is known here is asked for again, since another process may have slid it.
// Answers in which every id is unknown are kept for a second at most, and a fixed number of them.
//
// docs/caching.md says what MaxStale means under each fault.
package storecache
