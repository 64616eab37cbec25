// Package conformance proves that a store keeps the contract of package store, rule by rule. An author of a backend or
// a layer runs one function and learns which rules are broken, in a sentence each:
//
//	func TestConformance(t *testing.T) {
//		clock := storetest.NewClock(time.Time{})
//		conformance.Run(t, conformance.Harness{
//			Open:  func(context.Context) (store.TokenStore, error) { return mystore.New(&mystore.Options{Now: clock.Now}) },
//			Clock: clock,
//		})
//	}
//
// [Run] makes a parallel subtest of every rule, [Specs] a Ginkgo spec inside the caller's Describe, and [Check] a [Report]
// without any test. All three run the same table. A rule that a harness gives no means for is skipped, with that reason:
// what the suite could not see it does not claim.
//
// The groups: issue, limit, guard, lookup, list, rotate, update, touch, revoke, forget, ops (opening, closing, cancelling
// and the optional faces), expiry, ids, codec (what goes in comes out, and is nobody else's), concurrency (with histories
// checked by porcupine), model (random histories against a naive model), outage, feed, layer, leak.
//
// A rule's time is the store's, as Lookup tells it, so that a store which follows its server's clock passes from a
// machine whose own is wrong.
package conformance
