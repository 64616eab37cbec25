package storeobserve

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/jetonkit/jeton/store"
)

var (
	_ store.TokenStore    = (*Observer)(nil)
	_ store.Feed          = (*Observer)(nil)
	_ store.SubjectLister = (*Observer)(nil)
	_ store.Sweeper       = (*Observer)(nil)
	_ store.Pinger        = (*Observer)(nil)
	_ store.StatsReporter = (*Observer)(nil)
	_ store.Unwrapper     = (*Observer)(nil)
)

// Scope is the name of the instrumentation scope of all that is told.
const Scope = "github.com/jetonkit/jeton/store/observe"

// Options are where an [Observer] tells what it sees. The zero value is OpenTelemetry's global providers.
type Options struct {
	// Meters makes the instruments. Defaults to the global one, also if that is set later.
	Meters metric.MeterProvider
	// Tracers makes the spans. Defaults to the global one, also if that is set later.
	Tracers trace.TracerProvider
	// Name is the attribute jeton.store.name of all that is told, up to 100 bytes of UTF-8: "sessions". Two stores that one
	// provider hears of need two, for without them the levels of one hide the other's. Defaults to no such attribute.
	Name string
}

const longestName = 100

// Observer is a store that tells OpenTelemetry of the calls to the one that it wraps. It is safe for concurrent use.
type Observer struct {
	next     store.TokenStore
	tracer   trace.Tracer
	duration metric.Float64Histogram
	ops      operations
	close    func() error
}

// operations are what is told of each method.
type operations struct {
	issue, lookup, list, rotate, update, touch, revoke, forget, ping, sweep, subjects, partitions, poll, listen *operation
}

// buckets are the limits in seconds: those that the conventions advise for database calls, and below them what an answer from
// memory takes.
var buckets = []float64{0.000_000_5, 0.000_001, 0.000_005, 0.000_025, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}

// New returns an observer of next. o may be nil. Put it outermost: it tells what it sees from there. A nil next, and an
// observer around an observer, which would count everything twice, are a [store.FieldError]; a meter that refuses an
// instrument is its error. An error leaves next open.
func New(next store.TokenStore, o *Options) (*Observer, error) {
	if next == nil {
		return nil, &store.FieldError{Field: "next", Problem: "is nil", Remedy: "open a store first"}
	}
	if _, twice := store.As[*Observer](next); twice {
		return nil, &store.FieldError{Field: "next", Problem: "has an observer already", Remedy: "put one observer around a store, outermost"}
	}
	var opts Options
	if o != nil {
		opts = *o
	}
	if len(opts.Name) > longestName || !utf8.ValidString(opts.Name) {
		return nil, &store.FieldError{
			Field: "Options.Name", Problem: fmt.Sprintf("is longer than %d bytes, or no UTF-8", longestName), Remedy: "use a short word",
		}
	}
	if opts.Meters == nil {
		opts.Meters = otel.GetMeterProvider()
	}
	if opts.Tracers == nil {
		opts.Tracers = otel.GetTracerProvider()
	}
	meter := opts.Meters.Meter(Scope)
	duration, err := meter.Float64Histogram("jeton.store.operation.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of the operations of a token store."), metric.WithExplicitBucketBoundaries(buckets...))
	if err != nil {
		return nil, err
	}
	stats, err := observeStats(meter, next, opts.common())
	if err != nil {
		return nil, err
	}
	obs := &Observer{next: next, tracer: opts.Tracers.Tracer(Scope), duration: duration, ops: newOperations(opts.common())}
	obs.close = sync.OnceValue(func() error {
		return errors.Join(stats.Unregister(), next.Close()) // first, so that nobody asks a closed store
	})
	return obs, nil
}

// common returns the attributes that all has.
func (o *Options) common() []attribute.KeyValue {
	if o.Name == "" {
		return nil
	}
	return []attribute.KeyValue{nameKey.String(o.Name)}
}

func newOperations(common []attribute.KeyValue) operations {
	of := func(name string) *operation { return newOperation(name, common) }
	return operations{
		issue: of("issue"), lookup: of("lookup"), list: of("list"), rotate: of("rotate"), update: of("update"), touch: of("touch"),
		revoke: of("revoke"), forget: of("forget"), ping: of("ping"), sweep: of("sweep"), subjects: of("subjects"),
		partitions: of("partitions"), poll: of("poll"), listen: of("listen"),
	}
}

// call is one that is being watched.
type call struct {
	by   *Observer
	op   *operation
	ctx  context.Context //nolint:containedctx // for the end of the call, which it does not outlive
	span trace.Span      // nil for none
	from time.Time       // zero where nobody measures
}

// begin watches a call that has a span. The context is what the store is to be given.
func (o *Observer) begin(ctx context.Context, op *operation) (context.Context, call) {
	c := o.measure(ctx, op)
	c.ctx, c.span = o.tracer.Start(ctx, op.span, op.start...)
	return c.ctx, c
}

// measure watches a call without a span.
func (o *Observer) measure(ctx context.Context, op *operation) call {
	c := call{by: o, op: op, ctx: ctx}
	if o.duration.Enabled(ctx) {
		c.from = time.Now()
	}
	return c
}

// end is deferred with where the outcome will be; it begins as panicked, so that a panic is told too.
func (c *call) end(how *outcome) {
	if !c.from.IsZero() {
		c.by.duration.Record(c.ctx, time.Since(c.from).Seconds(), c.op.record[*how]...)
	}
	if c.span != nil {
		c.op.close(c.span, *how)
	}
}
