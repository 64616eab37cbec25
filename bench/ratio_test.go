package bench

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		rule      string
		most      float64
		low, high float64
		want      string
	}{
		{"an interval below the target meets it", 1.5, 1.1, 1.4, "ok"},
		{"an interval that ends at the target meets it", 1.5, 1.1, 1.5, "ok"},
		{"an interval over the target misses it", 1.5, 1.6, 1.9, "MISSED"},
		{"an interval around the target says neither", 1.5, 1.4, 1.6, "unsure"},
		{"without a target there is no verdict", 0, 1, 2, ""},
	} {
		if got := (Row{Most: tt.most}).Verdict(Result{Low: tt.low, High: tt.high}); got != tt.want {
			t.Errorf("%s: %q", tt.rule, got)
		}
	}
}

func TestMeasure(t *testing.T) {
	synctest.Test(t, measure)
}

func measure(t *testing.T) {
	var turns []string
	side := func(name string, d time.Duration) func(int) {
		return func(n int) {
			turns = append(turns, name)
			time.Sleep(time.Duration(n) * d)
		}
	}
	res := Measure(Row{Of: side("of", 300*time.Microsecond), By: side("by", 100*time.Microsecond), Ops: 2})
	if res.Low != 3 || res.Median != 3 || res.High != 3 || res.Of != 300*time.Microsecond {
		t.Errorf("sides of 300 µs and 100 µs come to %+v", res)
	}
	if want := []string{"of", "by", "of", "by", "by", "of"}; !slices.Equal(turns[:6], want) { // the first two warm up
		t.Errorf("turns began %v", turns[:6])
	}
	if len(turns) != 2*rounds+2 {
		t.Errorf("%d turns", len(turns))
	}
}
