package bench

import (
	"fmt"
	"os"
	"testing"
)

// Figure is a number that stands by itself: bytes, allocations, and times that are the least of many, which on a shared
// machine is the one that others disturbed least.
type Figure struct {
	// Name says what is measured.
	Name string
	// Value is what it came to, in Unit.
	Value float64
	Unit  string
	// Most is the largest value that meets the target; negative is none.
	Most float64
}

// Verdict judges a figure by its target.
func (f Figure) Verdict() string {
	switch {
	case f.Most < 0:
		return ""
	case f.Value <= f.Most:
		return "ok"
	}
	return "MISSED"
}

// Tell prints a line for each figure. With JETON_BENCH=gate a target that is missed fails the benchmark.
func Tell(b *testing.B, figures ...Figure) {
	b.Helper()
	for _, f := range figures {
		target, verdict := "", f.Verdict()
		if f.Most >= 0 {
			target = fmt.Sprintf("target <= %.3g %s", f.Most, f.Unit)
		}
		fmt.Printf("%-58s %9.4g %-6s %-24s %s\n", f.Name, f.Value, f.Unit, target, verdict)
		if verdict == "MISSED" && os.Getenv("JETON_BENCH") == "gate" {
			b.Errorf("%s: %.4g %s, the target is %.4g", f.Name, f.Value, f.Unit, f.Most)
		}
	}
	b.ReportMetric(0, "ns/op")
}
