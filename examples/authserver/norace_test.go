//go:build !race

package main

// raceEnabled says that the tests were built with -race.
const raceEnabled = false
