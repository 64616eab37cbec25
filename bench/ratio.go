package bench

import (
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
	"time"
)

// Row is one comparison.
type Row struct {
	// Name says what is compared with what.
	Name string
	// Of and By are run in turns; the ratio is the time of Of by the time of By. Each runs its operation n times.
	Of, By func(n int)
	// Ops is how often in a round.
	Ops int
	// Most is the largest ratio that meets the target; zero is none, the row then only tells.
	Most float64
}

// rounds is how many there are: of 21 the 6th and the 16th bound the median with 97 % (binomial).
const (
	rounds = 21
	lower  = 5
	upper  = 15
)

// Result is what a row came to.
type Result struct {
	Median, Low, High float64
	// Of and By are the medians of one operation.
	Of, By time.Duration
}

// Measure runs a row's sides in turns, each going first every other time.
func Measure(r Row) Result {
	r.Of(max(1, r.Ops/10))
	r.By(max(1, r.Ops/10))
	var ratios, of, by []float64
	for i := range rounds {
		var a, b time.Duration
		if i%2 == 0 {
			a, b = clock(r.Of, r.Ops), clock(r.By, r.Ops)
		} else {
			b, a = clock(r.By, r.Ops), clock(r.Of, r.Ops)
		}
		ratios = append(ratios, float64(a)/float64(b))
		of, by = append(of, float64(a)/float64(r.Ops)), append(by, float64(b)/float64(r.Ops))
	}
	return result(ratios, of, by)
}

func result(ratios, of, by []float64) Result {
	for _, s := range [][]float64{ratios, of, by} {
		slices.Sort(s)
	}
	middle := len(ratios) / 2
	return Result{
		Median: ratios[middle], Low: ratios[lower], High: ratios[upper],
		Of: time.Duration(of[middle]), By: time.Duration(by[middle]),
	}
}

func clock(run func(n int), n int) time.Duration {
	start := time.Now()
	run(n)
	return time.Since(start)
}

// Verdict judges a result by a row's target: met where the whole interval meets it, missed where none of it does.
func (r Row) Verdict(res Result) string {
	switch {
	case r.Most == 0:
		return ""
	case res.High <= r.Most:
		return "ok"
	case res.Low > r.Most:
		return "MISSED"
	}
	return "unsure"
}

// Gate runs rows and prints a line for each. With JETON_BENCH=gate a target that is missed fails the benchmark.
func Gate(b *testing.B, rows ...Row) {
	b.Helper()
	for _, r := range rows {
		res := Measure(r)
		target, verdict := "", r.Verdict(res)
		if r.Most != 0 {
			target = fmt.Sprintf("target <= %s", short(r.Most))
		}
		fmt.Printf("%-58s %7s  [%s, %s]  %-16s %-7s %v vs %v\n", r.Name, short(res.Median), short(res.Low), short(res.High),
			target, verdict, res.Of, res.By)
		if verdict == "MISSED" && os.Getenv("JETON_BENCH") == "gate" {
			b.Errorf("%s: %s, the target is %s", r.Name, short(res.Median), short(r.Most))
		}
	}
	b.ReportMetric(0, "ns/op") // a row's time says nothing by itself
}

// short prints three digits.
func short(x float64) string {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Sprint(x)
	}
	return fmt.Sprintf("%.3gx", x)
}
