package age

import (
	"testing"
	"time"
)

// TestRules: the clock that ran further counts. One that was set back counts by how far for an age, and not for what has passed.
func TestRules(t *testing.T) {
	start := time.Now()
	for _, tt := range []struct {
		rule          string
		monotonic     time.Duration
		wall          time.Duration
		older, passed time.Duration
	}{
		{"both clocks agree", time.Second, time.Second, time.Second, time.Second},
		{"no time has passed", 0, 0, 0, 0},
		{"the machine slept, and the monotonic clock with it", time.Second, time.Hour, time.Hour, time.Hour},
		{"the wall clock was set back a little", time.Hour, 59 * time.Minute, time.Hour, time.Hour},
		{"the wall clock was set back by as much as has passed", time.Second, 0, time.Second, time.Second},
		{"the wall clock was set back further", time.Second, -time.Hour, time.Hour, time.Second},
		{"it was asked for a moment before", -time.Second, -time.Second, time.Second, 0},
		{"the wall clock is as far back as it goes", time.Second, -1 << 63, 1<<63 - 1, time.Second},
	} {
		if got := further(tt.monotonic, int64(tt.wall)); got != tt.older {
			t.Errorf("%s: %v old, want %v", tt.rule, got, tt.older)
		}
		if got := passed(tt.monotonic, int64(tt.wall)); got != tt.passed {
			t.Errorf("%s: %v have passed, want %v", tt.rule, got, tt.passed)
		}
		m := &Moment{start, start.Add(tt.monotonic - tt.wall).UnixNano()} // the wall clock as it was is what differs
		if tt.wall > -1<<62 && m.Age(start.Add(tt.monotonic)) != tt.older {
			t.Errorf("%s: a moment %v old, want %v", tt.rule, m.Age(start.Add(tt.monotonic)), tt.older)
		}
	}
}

// TestReadings: both readings are taken of a time, and the wall clock's of one that has no other.
func TestReadings(t *testing.T) {
	start := time.Now()
	wall := start.Round(0)
	for _, tt := range []struct {
		rule          string
		since, now    time.Time
		older, passed time.Duration
	}{
		{"both have both", start, start.Add(time.Minute), time.Minute, time.Minute},
		{"the wall clock's alone", wall, wall.Add(time.Minute), time.Minute, time.Minute},
		{"the wall clock's alone, set back", wall, wall.Add(-time.Minute), time.Minute, 0},
		{"one has both", start, wall.Add(-time.Minute), time.Minute, 0},
	} {
		if got := Of(tt.since, tt.now); got != tt.older {
			t.Errorf("%s: %v old, want %v", tt.rule, got, tt.older)
		}
		if got := MomentOf(tt.since).Age(tt.now); got != tt.older {
			t.Errorf("%s: a moment %v old, want %v", tt.rule, got, tt.older)
		}
		if got := Passed(tt.since, tt.now); got != tt.passed {
			t.Errorf("%s: %v have passed, want %v", tt.rule, got, tt.passed)
		}
	}
}
