// Package token issues, verifies, refreshes and revokes JWTs whose sessions a store remembers, and API keys.
//
// Four types do the work, and a program makes the ones that it needs:
//
//   - [Issuer] holds the signing key. Login begins a session and gives a [Pair] of tokens; Refresh gives the next pair.
//   - [Verifier] needs a key that checks signatures and says whether an access token is good and still alive.
//   - [Revoker] needs no key. It ends a token, a session, all other sessions, or everything of a subject, and lists.
//   - [APIKeys] makes, lists and ends API keys; a Verifier that has it among its options accepts them.
//
// All of them stand on a [store.TokenStore]; none of them closes it.
//
// # What the tokens are
//
// The access token is a JWT of the profile of RFC 9068 (typ at+jwt) with the id of its session (sid) and the session's
// place in its subject's order (seq), by which "log out everywhere" is decided without clocks. It is not stored: it lives
// by its session's record, and alone it can be barred by its jti. The refresh token is a JWT too (typ rt+jwt), with the
// number of its rotation (rot) and 128 random bits (lnk); nothing but the session's one record is stored of it. No store,
// log, error or event ever holds a token's text.
//
// # API keys
//
// An API key is an opaque token of a program: a prefix, 256 random bits, its owner, encrypted, and a checksum. It is not
// bound to a login. Its record lies under a subject of its own ([KeyHolder]), by a hash of the text, so that "log out
// everywhere" leaves it alone and [APIKeys.RevokeAll] ends it; its life is the record's. docs/api-keys.md tells how to use
// them, how scanners find them and how their secrets change.
//
// # Keys
//
// A key fixes its algorithm, and a token never chooses: its kid must name a key exactly, its alg must be that key's, and keys
// in its header are not looked at. [NewSigningKey] and [NewVerifyKey] make keys of Go's; [ParseSigningPEM], [ParseVerifyPEM],
// [ParseSigningJWK], [ParseVerifyJWK], [ParseJWKS] and [ParsePrivateJWKS] read them; [MarshalJWKS] publishes them. A key that
// is too weak, or broken in a way that is known, is refused with the reason.
//
// A [Keyring] changes keys under running issuers and verifiers; [RemoteKeys] follows those that an issuer elsewhere publishes.
// A [LogoutVerifier] judges what such an issuer sends when a user logs out there.
//
// # What the errors mean
//
// An error that matches [ErrInvalidToken] is proven: the token is no good, and no repeat will make it good (HTTP 401).
// store.ErrReplayLimit is one refresh token presented too often at once (HTTP 409). Every other error of Verify and Refresh
// says that there was no answer (HTTP 503): an outage proves nothing, and nobody is let in by it.
//
// An outage in the middle of a refresh can still end a session. Where the store's step was done and its answer was lost, or
// IssuerOptions.Claims failed after the step, the refresh token is used. Repeated within the grace window it gets its
// successor; repeated later, or with Grace off, it is reuse and ends the session.
//
// # Refresh, replay and reuse
//
// A refresh token is good once. Presented again while it is the one before the current one, and within the grace window,
// it gets the very same successor: same sid, rotation, jti, iat and exp, so that a lost answer or two tabs at once do no
// harm. Presented at any other time it was stolen or copied, and the session ends (RFC 9700 §4.14.2). Whoever steals a
// refresh token and presents it within the window of its use gets the successor as well; the event [EventReplayed] tells
// of it, the first of the two to refresh again makes the other's reuse visible, and a negative Grace closes the window.
package token
