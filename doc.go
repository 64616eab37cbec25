// Package jeton is the token store for Go: JWT sessions that can be listed, revoked and refreshed safely, on any backend.
//
// The packages:
//
//   - store is the contract: the TokenStore interface, its requests and errors, and Open, which opens a backend by URL.
//   - store/memory and store/bolt are backends; each is one import. store/document makes one of any key-value store with
//     compare-and-swap.
//   - token issues, verifies, refreshes and revokes JWTs whose sessions a store remembers, and API keys.
//   - adapters/httpauth protects net/http handlers.
//   - conformance proves a store, rule by rule; storetest has a fake clock and a store that fails on demand.
//
// The example below is a whole program: it logs a user in, protects a handler, and ends the session.
package jeton
