// Package storeobserve tells OpenTelemetry what a store does: a layer around any store, outermost of all, so that it sees
// what callers see.
//
//	s, err := store.Open(ctx, "redis://localhost:6379")
//	guarded, err := storebreaker.New(s, nil)
//	cached, err := storecache.New(ctx, guarded, nil)
//	observed, err := storeobserve.New(cached, nil)
//
// It is a module of its own (github.com/jetonkit/jeton/store/observe): who does not want OpenTelemetry does not get it. A
// program that builds its store by package config adds it as a Wrap; see the example of [New].
//
// # What is told
//
// The histogram jeton.store.operation.duration, in seconds, has every call. Its attributes:
//
//	db.operation.name     issue, lookup, list, rotate, update, touch, revoke, forget, ping, sweep, subjects, partitions, poll, listen
//	jeton.store.outcome   what the store answered, where that is neither plain success nor a failure: not_found, revoked, exists,
//	                      conflict, limit, replay_limit, invalid, canceled, unsupported; of rotate replayed, rolled_forward, reused
//	error.type            why the call failed: unavailable, indeterminate, deadline_exceeded, too_large, corrupt, clock, locked,
//	                      closed, panic, _OTHER
//	jeton.store.name      [Options].Name, where there is one: on spans and stats too
//
// Its name is not db.client.operation.duration, whose form it has: a hit of a cache is no call of a database, which of them is
// behind the layers is not for the outermost to know (db.system.name), and the database's own client tells that metric, on the
// spans below ours.
//
// Spans are named jeton.store.lookup and so on, of kind internal, with the same attributes. Their status is Error with an
// error.type and unset otherwise: that a session was revoked is an answer. The feed's calls have none: a follower polls all day,
// and nobody asked it to. For listen the duration is how long the bell rang.
//
// Each of the store's [store.Stats] becomes an instrument, a counter or a gauge, which asks the store when metrics are
// collected: cache_hits is jeton.cache.hits, breaker_state is jeton.breaker.state.
//
// # What is not told
//
// No id, subject, realm, class, metadata, reason, key or token, nor a digest of one, and no text of an error or a panic: the
// attributes above and their values are all there is.
package storeobserve
