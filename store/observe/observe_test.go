package storeobserve_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	nometrics "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	notraces "go.opentelemetry.io/otel/trace/noop"

	"github.com/jetonkit/jeton/store"
	storebreaker "github.com/jetonkit/jeton/store/breaker"
	storeobserve "github.com/jetonkit/jeton/store/observe"
	"github.com/jetonkit/jeton/storetest"
)

// feeds are the methods that have no spans.
var feeds = []string{"partitions", "poll", "listen"}

// TestOperations: each method, with each way to end, is one measurement, and one span unless it is of the feed; its error is
// the caller's. Killed mutants: a verdict that is an Error; an outage that is none; spans of polls; a method that tells
// another's name; a write in doubt by the end of its caller as canceled.
func TestOperations(t *testing.T) {
	for _, tt := range []struct {
		name    string
		err     error
		outcome string
		failure string
	}{
		{"success", nil, "", ""},
		{"not found", store.ErrNotFound, "not_found", ""},
		{"revoked", store.ErrRevoked, "revoked", ""},
		{"exists", store.ErrExists, "exists", ""},
		{"a conflict", store.ErrConflict, "conflict", ""},
		{"a limit", store.ErrLimit, "limit", ""},
		{"a replay limit", store.ErrReplayLimit, "replay_limit", ""},
		{"bad input", &store.FieldError{Field: "ID"}, "invalid", ""},
		{"the caller is gone", context.Canceled, "canceled", ""},
		{"no such face", errors.ErrUnsupported, "unsupported", ""},
		{"unavailable", store.ErrUnavailable, "", "unavailable"},
		{"an open breaker", storebreaker.ErrOpen, "", "unavailable"},
		{"in doubt", store.ErrIndeterminate, "", "indeterminate"},
		{"in doubt by the end of its caller", fmt.Errorf("%w: %w", store.ErrIndeterminate, context.Canceled), "", "indeterminate"},
		{"in doubt by an outage", fmt.Errorf("%w: %w", store.ErrIndeterminate, store.ErrUnavailable), "", "indeterminate"},
		{"a deadline", context.DeadlineExceeded, "", "deadline_exceeded"},
		{"too large", store.ErrTooLarge, "", "too_large"},
		{"damaged", store.ErrCorrupt, "", "corrupt"},
		{"a clock", store.ErrClock, "", "clock"},
		{"locked", store.ErrLocked, "", "locked"},
		{"closed", store.ErrClosed, "", "closed"},
		{"something else", errors.New(planted("error")), "", "_OTHER"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := newSink()
			f := &fake{do: func(context.Context) error { return tt.err }}
			s := observe(t, f, k.o)
			all := operations(s)
			for name, do := range all {
				k.spans.Reset()
				if err := do(t.Context()); !errors.Is(err, tt.err) {
					t.Errorf("%s answers %v", name, err)
				}
				checkSpans(t, k, name, tt.outcome, tt.failure)
			}
			points := k.durations(t)
			if len(points) != len(all) {
				t.Errorf("%d series of %d methods", len(points), len(all))
			}
			for _, p := range points {
				name, _ := p.Attributes.Value("db.operation.name")
				if want := attributes(name.AsString(), tt.outcome, tt.failure); p.Count != 1 || p.Attributes != attribute.NewSet(want...) {
					t.Errorf("%d × %v, want once %v", p.Count, p.Attributes.ToSlice(), want)
				}
			}
		})
	}
}

func attributes(operation, outcome, failure string) []attribute.KeyValue {
	want := []attribute.KeyValue{attribute.String("db.operation.name", operation)}
	if outcome != "" {
		want = append(want, attribute.String("jeton.store.outcome", outcome))
	}
	if failure != "" {
		want = append(want, attribute.String("error.type", failure))
	}
	return want
}

func checkSpans(t *testing.T, k *sink, name, outcome, failure string) {
	t.Helper()
	spans := k.spans.GetSpans()
	if slices.Contains(feeds, name) {
		if len(spans) != 0 {
			t.Errorf("%s has a span", name)
		}
		return
	}
	if len(spans) != 1 {
		t.Fatalf("%s has %d spans", name, len(spans))
	}
	status := sdktrace.Status{}
	if failure != "" {
		status.Code = codes.Error
	}
	span, want := spans[0], attributes(name, outcome, failure)
	if span.Name != "jeton.store."+name || span.SpanKind != trace.SpanKindInternal || span.Status != status ||
		attribute.NewSet(span.Attributes...) != attribute.NewSet(want...) || len(span.Events) != 0 {
		t.Errorf("the span is %q, %v, %v, %v, %v, want %v and the status %v", span.Name, span.SpanKind, span.Status, span.Attributes, span.Events, want, status)
	}
}

// TestRotateOutcome: what a refresh has found is told, a theft above all.
func TestRotateOutcome(t *testing.T) {
	for outcome, want := range map[store.Outcome]string{
		store.RotateOK: "", store.Replayed: "replayed", store.RolledForward: "rolled_forward", store.Reused: "reused",
	} {
		k := newSink()
		s := observe(t, &fake{do: func(context.Context) error { return nil }, outcome: outcome}, k.o)
		if err := operations(s)["rotate"](t.Context()); err != nil {
			t.Fatal(err)
		}
		checkSpans(t, k, "rotate", want, "")
	}
}

// TestDuration: what is measured is how long the store took, in seconds.
func TestDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newSink()
		s := observe(t, &fake{do: func(context.Context) error { time.Sleep(1500 * time.Millisecond); return nil }}, k.o)
		for _, do := range operations(s) {
			_ = do(t.Context())
		}
		for _, p := range k.durations(t) {
			if p.Sum != 1.5 {
				t.Errorf("%v took %v s", p.Attributes.ToSlice(), p.Sum)
			}
		}
	})
}

// TestSpansNest: the store's own client finds our span as its parent.
func TestSpansNest(t *testing.T) {
	k := newSink()
	var inner trace.SpanContext
	s := observe(t, &fake{do: func(ctx context.Context) error { inner = trace.SpanContextFromContext(ctx); return nil }}, k.o)
	for name, do := range operations(s) {
		ctx, outer := k.o.Tracers.Tracer("test").Start(t.Context(), "outer")
		k.spans.Reset()
		if err := do(ctx); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(feeds, name) {
			if inner.SpanID() != outer.SpanContext().SpanID() {
				t.Errorf("%s: the caller's span is lost", name)
			}
			continue
		}
		span := k.spans.GetSpans()[0]
		if span.Parent.SpanID() != outer.SpanContext().SpanID() || inner.SpanID() != span.SpanContext.SpanID() {
			t.Errorf("%s: caller, span and store are not in one line", name)
		}
	}
}

// TestNothingSecretIsTold scans all that is exported for what was planted in every field, in errors and in panics, by itself
// and as digests. Killed mutants: RecordError; a status with the error's text; a deferred span.End, which exports panics; an
// attribute of the subject's digest.
func TestNothingSecretIsTold(t *testing.T) {
	k := newSink()
	ann := store.Subject{Realm: planted("realm"), Issuer: planted("issuer"), Name: planted("name")}
	failing := &store.Error{Op: "lookup", Subject: ann.Digest(), Err: errors.New(planted("error"))}
	panics := false
	f := &fake{stats: []store.Stat{{Name: "fake_calls"}}, do: func(context.Context) error {
		if panics {
			panic(planted("panic"))
		}
		return failing
	}}
	s := observe(t, f, k.o)
	for name, do := range operations(s) {
		if err := do(t.Context()); !errors.Is(err, failing) {
			t.Errorf("%s answers %v", name, err)
		}
	}
	panics = true
	for name, do := range operations(s) {
		func() {
			defer func() {
				if got := recover(); got != planted("panic") {
					t.Errorf("%s: the caller sees the panic %v", name, got)
				}
			}()
			_ = do(t.Context())
		}()
	}
	var told strings.Builder
	for _, span := range k.spans.GetSpans() {
		fmt.Fprintf(&told, "%#v %v %+v %+v %v\n", span.Name, span.Attributes, span.Status, span.Events, span.Links)
	}
	for _, m := range k.collect(t) {
		fmt.Fprintf(&told, "%+v\n", m)
	}
	for _, p := range k.durations(t) {
		fmt.Fprintf(&told, "%v\n", p.Attributes.ToSlice())
	}
	text := told.String()
	for _, want := range []string{"db.operation.name", "jeton.store.lookup", "_OTHER", "panic", "jeton.fake.calls"} {
		if !strings.Contains(text, want) {
			t.Errorf("the scan does not see %q", want)
		}
	}
	for _, secret := range []string{"hunter2", ann.Digest().String(), store.DigestID(planted("id")).String()} {
		if strings.Contains(text, secret) {
			t.Errorf("%q was exported in\n%s", secret, text)
		}
	}
	if n := len(k.spans.GetSpans()); n != 2*(len(operations(s))-len(feeds)) {
		t.Errorf("%d spans", n)
	}
	for _, span := range k.spans.GetSpans() {
		if span.EndTime.IsZero() || span.Status.Code != codes.Error || span.Status.Description != "" {
			t.Errorf("a span is %+v", span)
		}
	}
}

// TestStats: each stat is an instrument of its kind, asked when metrics are collected, until Close. Killed mutants: a level as
// a counter; a callback that outlives the store.
func TestStats(t *testing.T) {
	k := newSink()
	f := &fake{stats: []store.Stat{{Name: "cache_feed_errors", Value: 1}, {Name: "breaker_state", Value: 2, Level: true}}}
	s, err := storeobserve.New(f, k.o)
	if err != nil {
		t.Fatal(err)
	}
	f.stats[0].Value = 7
	got := k.collect(t)
	if c, _ := got["jeton.cache.feed_errors"].Data.(metricdata.Sum[int64]); len(c.DataPoints) != 1 || c.DataPoints[0].Value != 7 || !c.IsMonotonic {
		t.Errorf("the counter is %+v", got["jeton.cache.feed_errors"])
	}
	if g, _ := got["jeton.breaker.state"].Data.(metricdata.Gauge[int64]); len(g.DataPoints) != 1 || g.DataPoints[0].Value != 2 {
		t.Errorf("the level is %+v", got["jeton.breaker.state"])
	}
	if !slices.Equal(s.Stats(), f.stats) {
		t.Error("the stats themselves")
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil || f.ended != 1 {
		t.Errorf("%v, closed %d times", err, f.ended)
	}
	if got := k.collect(t); len(got) != 0 {
		t.Errorf("closed, it tells %v", got)
	}
	if _, err := storeobserve.New(&fake{stats: []store.Stat{{Name: "no name of theirs"}}}, k.o); err == nil {
		t.Error("a name that OpenTelemetry does not take is no error")
	}
}

func TestNewRefuses(t *testing.T) {
	s := observe(t, &fake{}, nil)
	for name, next := range map[string]store.TokenStore{"no store": nil, "an observer around an observer": storetest.NewFaults(s)} {
		_, err := storeobserve.New(next, nil)
		var field *store.FieldError
		if !errors.As(err, &field) || field.Field != "next" || field.Remedy == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGlobals: without providers it tells the global ones, which a program may set later. Killed mutant: noop providers.
func TestGlobals(t *testing.T) {
	s := observe(t, &fake{do: func(context.Context) error { return nil }}, nil)
	k := newSink()
	otel.SetMeterProvider(k.o.Meters)
	otel.SetTracerProvider(k.o.Tracers)
	t.Cleanup(func() {
		otel.SetMeterProvider(nometrics.NewMeterProvider())
		otel.SetTracerProvider(notraces.NewTracerProvider())
	})
	if _, err := s.Lookup(t.Context(), store.User("ann")); err != nil {
		t.Fatal(err)
	}
	if len(k.durations(t)) != 1 || len(k.spans.GetSpans()) != 1 {
		t.Error("nothing was told")
	}
}

// TestAllocations: a call allocates nothing for metrics, and for a tracer that keeps nothing the context that it returns.
// Killed mutant: attributes that are made for each call.
func TestAllocations(t *testing.T) {
	f := &fake{do: func(context.Context) error { return nil }}
	ctx, ann := t.Context(), store.User("ann")
	for name, tt := range map[string]struct {
		o    storeobserve.Options
		most float64
	}{
		"nobody listens": {storeobserve.Options{Meters: nometrics.NewMeterProvider(), Tracers: notraces.NewTracerProvider()}, 1},
		"metrics alone":  {storeobserve.Options{Meters: newSink().o.Meters, Tracers: notraces.NewTracerProvider()}, 1},
	} {
		s := observe(t, f, &tt.o)
		for method, call := range map[string]func(){
			"Lookup": func() { _, _ = s.Lookup(ctx, ann) },
			"Touch":  func() { _ = s.Touch(ctx, store.TouchRequest{}) },
			"Poll":   func() { _, _ = s.Poll(ctx, 0, store.Position{}) },
		} {
			most := tt.most
			if method == "Poll" {
				most = 0
			}
			if got := testing.AllocsPerRun(1000, call); got > most {
				t.Errorf("%s, %s: %v allocations", name, method, got)
			}
		}
	}
}

// BenchmarkLookup is what an observer adds to a call, to nobody, to metrics, and to metrics and spans.
func BenchmarkLookup(b *testing.B) {
	f := &fake{do: func(context.Context) error { return nil }}
	metrics := newSink().o.Meters
	for _, c := range []struct {
		name string
		o    *storeobserve.Options
	}{
		{"bare", nil},
		{"nobody", &storeobserve.Options{Meters: nometrics.NewMeterProvider(), Tracers: notraces.NewTracerProvider()}},
		{"metrics", &storeobserve.Options{Meters: metrics, Tracers: notraces.NewTracerProvider()}},
		{"sampled out", &storeobserve.Options{Meters: metrics, Tracers: sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var s store.TokenStore = f
			if c.o != nil {
				var err error
				if s, err = storeobserve.New(f, c.o); err != nil {
					b.Fatal(err)
				}
			}
			ctx, ann := b.Context(), store.User("ann")
			b.ReportAllocs()
			for b.Loop() {
				_, _ = s.Lookup(ctx, ann)
			}
		})
	}
}
