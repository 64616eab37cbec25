// Package jeton is the token store for Go: JWT sessions that can be listed, revoked and refreshed safely, on any backend.
//
// The packages:
//
//   - store is the contract: the TokenStore interface, its requests and errors, and Open, which opens a backend by URL.
//   - store/memory, store/bolt, store/redis and store/memcache are backends; each is one import, and store/all is every one.
//     store/document makes one of any key-value store with compare-and-swap.
//   - store/cache, store/breaker and store/observe (a module of its own) are layers around a store.
//   - token issues, verifies, refreshes and revokes JWTs whose sessions a store remembers, and API keys.
//   - adapters/httpauth protects net/http handlers; ginauth, echoauth, echov4auth and grpcauth beside it are modules of their
//     own. adapters/endpoints has the endpoints that OAuth software expects, adapters/signature signs calls between programs.
//   - revocation keeps all revocations in a process that verifies; revocation/statuslist publishes them.
//   - config makes all of it from a file and the environment.
//   - conformance proves a store, rule by rule; storetest has a fake clock and a store that fails on demand.
//
// The example below is a whole program: it logs a user in, protects a handler, and ends the session.
package jeton
