//go:build !race

package storecache

const raceEnabled = false
