// Package bench measures Jeton against what it stands on and against what people write by hand, as ratios within one run:
// on a shared machine no other figure holds. Each row is a Go benchmark that runs its sides in turns, and prints the median
// of the rounds' ratios with a 95 % interval and the target of the project.
//
//	make bench-gate              every row, fails when an interval misses its target
//	make bench-gate ARGS=Redis   those of one backend
package bench
