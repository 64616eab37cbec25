// Package faults breaks what Jeton stands on, networks, processes and servers, and counts what should never happen. It has
// tests alone: `make test` runs them, `make soak` runs the longest for longer. docs/reliability.md tells which fault is
// shown where.
package faults
