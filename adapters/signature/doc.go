// Package signature signs calls between programs with a shared secret, and lets each signed call in once.
//
//	keys, err := signature.NewKeys(key)
//	signer, err := signature.NewSigner(keys, "billing", nil)
//	client := &http.Client{Transport: signature.NewTransport(signer, nil)}
//
//	verifier, err := signature.NewVerifier(s, keys, "billing", nil)
//	mux.Handle("POST /invoices", verifier.Required(invoices))
//
// Behind Required, [Caller] tells whose key signed the request.
//
// # The signature
//
// A signed request has one header of six words with single spaces between them:
//
//	Jeton-Signature: v2 key-id timestamp nonce body-hash signature
//
// key-id is 1 to 64 of A-Z a-z 0-9 . _ -; timestamp is in whole seconds since 1970, in decimal; nonce is 22 to 64 of
// A-Z a-z 0-9 _ - and holds at least 128 random bits; body-hash is the SHA-256 of the body's bytes and signature an
// HMAC-SHA256 (RFC 2104), both in 64 lower-case hexadecimal digits. The HMAC's text is eight lines with a line feed
// between each two and none at the end:
//
//	jeton-signature-v2
//	audience
//	key-id
//	timestamp
//	nonce
//	method
//	target
//	body-hash
//
// method is as sent; target is the path and, behind a question mark, the query, byte by byte as sent (RFC 9112 §3.2.1). No
// part can hold a line feed, so that no two calls have one text. testdata/vectors.json has calls with all of their parts,
// and docs/signed-calls.md signs one in a shell.
//
// The audience is a name that both sides know of whoever is called. It is not sent. The Host header is not signed: proxies
// change it, and who replays a call at another service sends the Host along. Two services with one secret are kept apart
// by the audience, and so are the two directions of a pair.
//
// # What a verifier promises
//
// It checks in this order: the header, the key, the HMAC, the timestamp, the body, the nonce. Whoever has no key makes it
// read no body and store no nonce. An outage of the store is 503 and lets nobody in. The headers of a request,
// Content-Type and Authorization among them, are not signed: TLS keeps those together.
package signature
