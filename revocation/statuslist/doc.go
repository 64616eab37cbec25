// Package statuslist publishes which tokens were revoked as an IETF Token Status List
// (draft-ietf-oauth-status-list; sections are draft 18's), and reads such lists: a verifier needs one signed file every
// minute, and no store.
//
// A token names a list and its place in it,
//
//	"status": {"status_list": {"uri": "https://issuer.example/status/1", "idx": 4711}}
//
// and behind the uri is a JWT (typ statuslist+jwt) with a few bits for each place, compressed: 0 for [Valid], 1 for
// [Invalid].
//
// On the side of the issuer, an [Allocator] gives every access token a place, and a [Publisher] serves the list, from the
// allocations in the store and a [revocation.View]:
//
//	places, err := statuslist.NewAllocator(s, "https://issuer.example/status/1", nil)
//	issuer, err := token.NewIssuer(s, "https://issuer.example", key, &token.IssuerOptions{Claims: places.Claims})
//	publisher, err := statuslist.NewPublisher(places, view, key, "https://issuer.example", nil)
//	mux.Handle("/status/1", publisher)
//
// On the side of the verifier, a [Consumer] fetches and keeps lists, and [Check] makes it a [token.Checker]:
//
//	lists, err := statuslist.NewConsumer([]statuslist.Source{
//		{Issuer: …, Keys: …, URI: "https://issuer.example/status/"},
//	}, nil)
//	trusted := token.TrustedIssuer{…,
//		Extra: token.ExtraOf[statuslist.Claims](), Check: statuslist.Check[statuslist.Claims](lists, nil),
//	}
//
// A revocation shows in the list after the view's MaxStale and the publisher's Interval, and a verifier has it after the
// list's ttl: a minute and a half with the defaults, and MaxAge of the publisher while it cannot be reached. Where that
// is too late, verify by a view or by the store.
package statuslist
