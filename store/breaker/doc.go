// Package storebreaker is a circuit breaker: a layer around any store that stops asking a store which fails.
//
// While the store fails, calls to it cost each caller a timeout, and cost the store the load that keeps it down. The breaker
// counts outages; when there are enough it opens, and answers [ErrOpen] ([store.ErrUnavailable], HTTP 503) at once. After
// [Options].OpenFor it lets a few calls try, and closes when they succeed.
//
//	s, err := store.Open(ctx, "redis://localhost:6379")
//	guarded, err := storebreaker.New(s, nil)
//	cached, err := storecache.New(ctx, guarded, nil) // the cache is around the breaker, not the other way round
//
// It fails closed: an open breaker lets nobody in and proves nobody dead. Only outages count: [store.ErrUnavailable], a
// deadline of the store's own, a deadline of the caller's that the store let pass although it had [Options].Slow, and a
// panic. Verdicts (not found, revoked, conflict, …) are answers. What says nothing about the store counts as neither: bad
// input, which it was perhaps never asked about, a caller that cancelled, and [store.ErrIndeterminate] by itself, since a
// store that lacks a replica still answers.
//
// Three kinds of calls never wait for the breaker:
//
//   - What ends sessions: Revoke, Forget, and an Update that changes an end. Trying once too often costs a timeout, not
//     trying leaves a thief logged in. While the breaker is closed their outcomes count.
//   - The feed. Who follows it learns by its polls that the store is back; a breaker in between would keep every cache and
//     view blind for longer than the outage. Polls are few, and end by the follower's own deadline. Their outcomes do not
//     count: a follower may have an account, and faults, of its own.
//   - Close, Capabilities and Stats, which ask nobody.
//
// Rotate does wait. Whether it finds a reuse is known to the store alone, and a refresh is the write that a failing store
// gets most of. Nothing is lost: the token that was refused gave nobody a successor, and is judged the same when it comes
// again. So is an Issue, whose victims die only if it makes a session. Sweep and Subjects are refused while the breaker is
// open and never count, since they take minutes.
package storebreaker
