// Package endpoints holds the HTTP endpoints that other software expects of whoever issues tokens, and of whoever trusts
// another issuer's, as plain http.Handlers:
//
//   - [Token] refreshes (RFC 6749 §6), [Revocation] revokes (RFC 7009), [Introspection] tells of a token (RFC 7662);
//   - [JWKS] publishes keys (RFC 7517), [Metadata] says where everything is (RFC 8414);
//   - [Sessions] and [AdminSessions] list logins and end them;
//   - [BackChannelLogout] takes the logout tokens of an OpenID provider.
//
// Each is made by its constructor and usable alone; [Server] puts those of RFC 8414 on a mux with their metadata. Who calls
// is told by a [ClientAuth], of one or more [Method] values: a secret, a certificate, a signature, or nothing for public
// clients.
//
// All are safe for concurrent use, hold nothing that has to be closed, and answer in the same way: JSON, never stored by a
// cache unless it is public, 400 for a request that cannot be understood, 401 for a client that is not proven, and 503 with
// Retry-After where a store or a set of keys could not say. None answers other origins (CORS) or callbacks (JSONP): put a
// handler around it that does, where browsers have to call.
package endpoints
