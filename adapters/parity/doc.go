// Package parity holds every adapter of httpauth to one table of cases (adapters/httpauth/httpauthtest), over real
// listeners, and looks for requests that one of the frameworks routes otherwise than they are judged. It is tests alone, in
// a module of its own, since nobody else should have all the frameworks.
package parity
