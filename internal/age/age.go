// Package age tells how long ago something was in this process. Go's monotonic clock stands still while a machine sleeps,
// and the wall clock may be set, so neither is asked alone.
package age

import "time"

// Of is how old what was read at since may be at now: the larger of the monotonic and the wall difference. A wall clock that
// was set back counts by how far, since the machine may have slept besides. A time without a monotonic reading has its wall
// clock's alone.
func Of(since, now time.Time) time.Duration {
	return further(now.Sub(since), now.UnixNano()-since.UnixNano()) // several times faster than Round and Sub
}

func further(monotonic time.Duration, wall int64) time.Duration {
	return max(monotonic, time.Duration(wall).Abs())
}

// Moment is a time whose age takes a few nanoseconds to tell.
type Moment struct {
	at   time.Time
	wall int64
}

// MomentOf returns a time, which needs its monotonic reading.
func MomentOf(at time.Time) *Moment { return &Moment{at, at.UnixNano()} }

// Age is what Of says.
func (m *Moment) Age(now time.Time) time.Duration {
	return further(now.Sub(m.at), now.UnixNano()-m.wall)
}

// Passed is how much time has passed: Of, but for a wall clock that was set back, which says nothing here, and it is never
// negative. It is for what goes on by the time that has passed; Of is for what may have been overtaken meanwhile.
func Passed(since, now time.Time) time.Duration {
	return passed(now.Sub(since), now.UnixNano()-since.UnixNano())
}

func passed(monotonic time.Duration, wall int64) time.Duration {
	return max(0, monotonic, time.Duration(wall))
}
