// Package revocation keeps every revocation that can matter in the memory of a process that verifies tokens, so that a
// verification needs no round trip: no store, no records, and no signing key.
//
//	feed, err := store.OpenFeed(ctx, "redis://follower:…@redis:6379/0")
//	view, err := revocation.Open(ctx, feed, nil)
//	check := token.Local(view, nil)
//
// A [View] follows a store's feed (see [store.Feed]) and judges by the one verdict rule, as a denylist does: a token is dead
// where it, its session or everything of its subject was revoked. It is exact while it is ready, and says so when it is not:
// while it is being read for the first time or anew, and when the last complete poll is older than MaxStale. Then there is
// no verdict, but [ErrNotReady]. It never answers from what may be out of date.
//
// What it holds are digests, cuts and times, without a name, a token or a reason. An entry takes about 32 bytes and goes
// when no token that it bars can still live.
//
// A token is looked up by a [Query], which is worth keeping where the token comes again: to make one takes two or three
// hashes, to check it a few reads of memory.
package revocation
