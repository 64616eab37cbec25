package storeobserve_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/jetonkit/jeton/store"
	storeobserve "github.com/jetonkit/jeton/store/observe"
)

// TestTwoStores: by their names two stores that one provider hears of stay apart, in spans, durations, counters and levels.
// Killed mutant: stats without the name, where the closed breaker of one store hides the open one of the other.
func TestTwoStores(t *testing.T) {
	k := newSink()
	want := map[string]int64{"sessions": 2, "keys": 0}
	for name, state := range want {
		o := *k.o
		o.Name = name
		s := observe(t, &fake{
			do:    func(context.Context) error { return store.ErrRevoked },
			stats: []store.Stat{{Name: "breaker_state", Value: state, Level: true}, {Name: "breaker_trips", Value: state}},
		}, &o)
		_, _ = s.Lookup(t.Context(), store.User("ann"))
	}
	who := func(set attribute.Set) string { v, _ := set.Value("jeton.store.name"); return v.AsString() }
	got := k.collect(t)
	gauge, _ := got["jeton.breaker.state"].Data.(metricdata.Gauge[int64])
	counter, _ := got["jeton.breaker.trips"].Data.(metricdata.Sum[int64])
	points := append(gauge.DataPoints, counter.DataPoints...)
	for _, p := range points {
		if value, known := want[who(p.Attributes)]; !known || value != p.Value {
			t.Errorf("%d of %q", p.Value, who(p.Attributes))
		}
	}
	if len(points) != 4 || len(k.durations(t)) != 2 {
		t.Errorf("%d stats and %d durations of two stores", len(points), len(k.durations(t)))
	}
	for _, p := range k.durations(t) {
		if _, known := want[who(p.Attributes)]; !known {
			t.Errorf("a duration of %q", who(p.Attributes))
		}
	}
	for _, span := range k.spans.GetSpans() {
		if _, known := want[who(attribute.NewSet(span.Attributes...))]; !known {
			t.Errorf("a span of %v", span.Attributes)
		}
	}
}

func TestBadNames(t *testing.T) {
	for _, name := range []string{"\xff", strings.Repeat("a", 101)} {
		_, err := storeobserve.New(&fake{}, &storeobserve.Options{Name: name})
		var field *store.FieldError
		if !errors.As(err, &field) || field.Field != "Options.Name" || field.Remedy == "" {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestOneNameTwice: of two layers with one name for a stat the sum is told. Killed mutant: the last one alone.
func TestOneNameTwice(t *testing.T) {
	k := newSink()
	observe(t, &fake{stats: []store.Stat{{Name: "pool_hits", Value: 1}, {Name: "pool_hits", Value: 2}}}, k.o)
	counter, _ := k.collect(t)["jeton.pool.hits"].Data.(metricdata.Sum[int64])
	if len(counter.DataPoints) != 1 || counter.DataPoints[0].Value != 3 {
		t.Errorf("%+v", counter)
	}
}

// TestHistogram: durations are in seconds, and both a hit from memory and a slow store fall between two limits.
func TestHistogram(t *testing.T) {
	k := newSink()
	s := observe(t, &fake{do: func(context.Context) error { return nil }}, k.o)
	_, _ = s.Lookup(t.Context(), store.User("ann"))
	unit, points := k.collect(t)["jeton.store.operation.duration"].Unit, k.durations(t)
	if unit != "s" || len(points) != 1 {
		t.Fatalf("%d points in %q", len(points), unit)
	}
	if limits := points[0].Bounds; !slices.IsSorted(limits) || limits[1] > 1e-5 || limits[len(limits)-1] < 10 {
		t.Errorf("the limits are %v", limits)
	}
}
