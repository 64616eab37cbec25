// Package peers measures the middleware of httpauth beside those that people use: gin-jwt v2, echo-jwt v4, jwtauth v5,
// auth0's v2, each with one token of the same size in one run. None of them asks whether the token was revoked; ours does.
// A module of its own, since nobody else should have them. It is part of `make bench-gate`, alone by ARGS=Middleware.
package peers
