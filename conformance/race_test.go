//go:build race

package conformance

// raced tells that the race detector is on, under which every rule on every mutant takes minutes.
const raced = true
