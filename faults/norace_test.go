//go:build unix && !race

package faults_test

// racing says that the race detector makes everything ten times slower.
const racing = false
