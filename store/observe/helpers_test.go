package storeobserve_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/jetonkit/jeton/store"
	storeobserve "github.com/jetonkit/jeton/store/observe"
)

// fake is a store whose every method does what the test says and answers its error.
type fake struct {
	do      func(ctx context.Context) error
	outcome store.Outcome
	stats   []store.Stat
	ended   int
}

func (f *fake) Issue(ctx context.Context, r store.IssueRequest) (store.Issued, error) {
	return store.Issued{Record: r.Record, Evicted: []store.Record{r.Record}}, f.do(ctx)
}

func (f *fake) Lookup(ctx context.Context, _ store.Subject, _ ...string) (store.State, error) {
	return store.State{}, f.do(ctx)
}

func (f *fake) List(ctx context.Context, _ store.Subject, _ store.Page) (store.Records, error) {
	return store.Records{}, f.do(ctx)
}

func (f *fake) Rotate(ctx context.Context, _ store.RotateRequest) (store.Rotated, error) {
	return store.Rotated{Outcome: f.outcome}, f.do(ctx)
}

func (f *fake) Update(ctx context.Context, _ store.UpdateRequest) (store.Record, error) {
	return store.Record{}, f.do(ctx)
}
func (f *fake) Touch(ctx context.Context, _ store.TouchRequest) error { return f.do(ctx) }
func (f *fake) Revoke(ctx context.Context, _ store.Revocation) error  { return f.do(ctx) }
func (f *fake) Forget(ctx context.Context, _ store.Subject) error     { return f.do(ctx) }
func (f *fake) Capabilities() store.Capabilities                      { return store.Capabilities{} }
func (f *fake) Close() error                                          { f.ended++; return nil }
func (f *fake) Ping(ctx context.Context) error                        { return f.do(ctx) }
func (f *fake) Sweep(ctx context.Context) (store.Swept, error)        { return store.Swept{}, f.do(ctx) }
func (f *fake) Stats() []store.Stat                                   { return f.stats }
func (f *fake) Partitions(ctx context.Context) (int, error)           { return 1, f.do(ctx) }
func (f *fake) Listen(ctx context.Context, _ func(store.Bell)) error  { return f.do(ctx) }
func (f *fake) Poll(ctx context.Context, _ int, _ store.Position) (store.Batch, error) {
	return store.Batch{}, f.do(ctx)
}

func (f *fake) Subjects(ctx context.Context) iter.Seq2[store.Subject, error] {
	return func(yield func(store.Subject, error) bool) {
		if yield(store.User(planted("subjects")), nil) {
			if err := f.do(ctx); err != nil {
				yield(store.Subject{}, err)
			}
		}
	}
}

// sink is what was exported.
type sink struct {
	spans  *tracetest.InMemoryExporter
	reader *metric.ManualReader
	o      *storeobserve.Options
}

func newSink() *sink {
	k := &sink{spans: tracetest.NewInMemoryExporter(), reader: metric.NewManualReader()}
	k.o = &storeobserve.Options{
		Meters:  metric.NewMeterProvider(metric.WithReader(k.reader)),
		Tracers: sdktrace.NewTracerProvider(sdktrace.WithSyncer(k.spans)),
	}
	return k
}

// collect returns the metrics by name.
func (k *sink) collect(t *testing.T) map[string]metricdata.Metrics {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := k.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	got := map[string]metricdata.Metrics{}
	for _, scope := range all.ScopeMetrics {
		if scope.Scope.Name != storeobserve.Scope {
			t.Errorf("a scope %q", scope.Scope.Name)
		}
		for _, m := range scope.Metrics {
			got[m.Name] = m
		}
	}
	return got
}

// durations are the points of the histogram.
func (k *sink) durations(t *testing.T) []metricdata.HistogramDataPoint[float64] {
	t.Helper()
	h, _ := k.collect(t)["jeton.store.operation.duration"].Data.(metricdata.Histogram[float64])
	return h.DataPoints
}

func observe(t *testing.T, f store.TokenStore, o *storeobserve.Options) *storeobserve.Observer {
	t.Helper()
	s, err := storeobserve.New(f, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// planted is a secret that must never be told.
func planted(where string) string { return "hunter2-" + where }

// operations call every method, with a secret in every field that has room for one.
func operations(s *storeobserve.Observer) map[string]func(context.Context) error {
	ann := store.Subject{Realm: planted("realm"), Issuer: planted("issuer"), Name: planted("name")}
	rec := store.Record{
		ID: planted("id"), Subject: ann, Class: planted("class"), Link: link("link"), Binding: planted("binding"),
		ExpiresAt: time.Now().Add(time.Hour), Metadata: map[string]string{planted("key"): planted("value")},
	}
	return map[string]func(context.Context) error{
		"issue": func(ctx context.Context) error { _, err := s.Issue(ctx, store.IssueRequest{Record: rec}); return err },
		"lookup": func(ctx context.Context) error {
			_, err := s.Lookup(ctx, ann, planted("id"), planted("another"))
			return err
		},
		"list": func(ctx context.Context) error {
			_, err := s.List(ctx, ann, store.Page{Cursor: planted("page")})
			return err
		},
		"rotate": func(ctx context.Context) error {
			_, err := s.Rotate(ctx, store.RotateRequest{
				Subject: ann, ID: rec.ID, Link: rec.Link, NextLink: link("next"), Binding: rec.Binding,
			})
			return err
		},
		"update": func(ctx context.Context) error {
			_, err := s.Update(ctx, store.UpdateRequest{Subject: ann, ID: rec.ID, Metadata: rec.Metadata})
			return err
		},
		"touch": func(ctx context.Context) error { return s.Touch(ctx, store.TouchRequest{Subject: ann, ID: rec.ID}) },
		"revoke": func(ctx context.Context) error {
			return s.Revoke(ctx, store.Revocation{Subject: ann, IDs: []string{rec.ID}, Reason: planted("reason"), Op: store.Op([]byte(planted("revoking")))})
		},
		"forget": func(ctx context.Context) error { return s.Forget(ctx, ann) },
		"ping":   s.Ping,
		"sweep":  func(ctx context.Context) error { _, err := s.Sweep(ctx); return err },
		"subjects": func(ctx context.Context) error {
			for _, err := range s.Subjects(ctx) {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"partitions": func(ctx context.Context) error { _, err := s.Partitions(ctx); return err },
		"poll": func(ctx context.Context) error {
			_, err := s.Poll(ctx, 0, store.Position{ID: planted("position")})
			return err
		},
		"listen": func(ctx context.Context) error { return s.Listen(ctx, func(store.Bell) {}) },
	}
}

func link(text string) store.Link {
	var l store.Link
	copy(l[:], planted(text))
	return l
}
