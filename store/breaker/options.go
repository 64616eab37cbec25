package storebreaker

import (
	"cmp"
	"fmt"
	"time"

	"github.com/jetonkit/jeton/store"
)

// Options are what a [Breaker] may be told. The zero value has the defaults.
type Options struct {
	// Failures is how many outages within Window open the breaker, if they are also Percent of the calls: 1 to 1,000,000.
	// Defaults to 5.
	Failures int
	// Percent is the share of outages among the calls within Window from which the breaker opens: 1 to 100. Calls that say
	// nothing about the store are not among them. Defaults to 50.
	Percent int
	// Window is how far back outages count: 100 ms to 1 h, in ten steps. A call that takes longer than Window does not count,
	// so it should be longer than callers wait. Defaults to 10 s.
	Window time.Duration
	// OpenFor is how long an open breaker answers by itself before it lets probes through: 10 ms to 10 min. So much longer than
	// the store itself an outage may last. Defaults to 1 s.
	OpenFor time.Duration
	// Probes is how many calls a half-open breaker lets through, all of which must get an answer for it to close: 1 to 1000.
	// Defaults to 3.
	Probes int
	// ProbeTimeout bounds a probe, besides its caller's deadline: 1 ms to 1 min. A probe that never came back would keep the
	// breaker half-open. Defaults to 1 s.
	ProbeTimeout time.Duration
	// Slow is how long the store must have had, for a call that ended by its caller's deadline to count as an outage: 1 ms to
	// Window. One that was given less says nothing. Defaults to 100 ms.
	Slow time.Duration
	// OnChange is told of each change of state, in their order. It is called by whoever caused it, on no lock: it must not block,
	// and may use the store. Defaults to nobody.
	OnChange func(from, to State)
}

const (
	mostFailures = 1_000_000
	mostProbes   = 1000
	// slices are what Window moves by.
	slices = 10
)

// withDefaults returns a copy with every default in place. o may be nil.
func (o *Options) withDefaults() Options {
	var out Options
	if o != nil {
		out = *o
	}
	out.Failures = cmp.Or(out.Failures, 5)
	out.Percent = cmp.Or(out.Percent, 50)
	out.Window = cmp.Or(out.Window, 10*time.Second)
	out.OpenFor = cmp.Or(out.OpenFor, time.Second)
	out.Probes = cmp.Or(out.Probes, 3)
	out.ProbeTimeout = cmp.Or(out.ProbeTimeout, time.Second)
	out.Slow = cmp.Or(out.Slow, min(100*time.Millisecond, out.Window))
	return out
}

// check refuses options outside their limits. The defaults are in place.
func (o *Options) check() error {
	for _, n := range []struct {
		field                   string
		is, least, most, defval int
	}{
		{"Failures", o.Failures, 1, mostFailures, 5},
		{"Percent", o.Percent, 1, 100, 50},
		{"Probes", o.Probes, 1, mostProbes, 3},
	} {
		if n.is < n.least || n.is > n.most {
			return &store.FieldError{
				Field: "Options." + n.field, Problem: fmt.Sprintf("is %d, the range is %d to %d", n.is, n.least, n.most),
				Remedy: fmt.Sprintf("leave it zero for %d", n.defval),
			}
		}
	}
	for _, d := range []struct {
		field           string
		is, least, most time.Duration
		defval          string
	}{
		{"Window", o.Window, 100 * time.Millisecond, time.Hour, "10s"},
		{"OpenFor", o.OpenFor, 10 * time.Millisecond, 10 * time.Minute, "1s"},
		{"ProbeTimeout", o.ProbeTimeout, time.Millisecond, time.Minute, "1s"},
		{"Slow", o.Slow, time.Millisecond, o.Window, "100ms"},
	} {
		if d.is < d.least || d.is > d.most {
			return &store.FieldError{
				Field: "Options." + d.field, Problem: fmt.Sprintf("is %v, the range is %v to %v", d.is, d.least, d.most),
				Remedy: "leave it zero for " + d.defval,
			}
		}
	}
	return nil
}
