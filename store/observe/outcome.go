package storeobserve

import (
	"context"
	"errors"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/jetonkit/jeton/store"
)

// The attributes. The first and last but one are OpenTelemetry's.
const (
	operationKey = attribute.Key("db.operation.name")
	outcomeKey   = attribute.Key("jeton.store.outcome")
	errorKey     = attribute.Key("error.type")
	nameKey      = attribute.Key("jeton.store.name")
)

// outcome is how a call ended.
type outcome int

// success is the outcome with no attribute.
const success outcome = 0

// answers is where, behind the failures, those outcomes begin that are answers.
var answers = named("not_found")

// outcomes are all there are. An error is the first that it is: a write in doubt by the end of its caller is in doubt.
var outcomes = []struct {
	name string
	err  error
}{
	{name: "success"},
	{"indeterminate", store.ErrIndeterminate},
	{"unavailable", store.ErrUnavailable},
	{"deadline_exceeded", context.DeadlineExceeded},
	{"too_large", store.ErrTooLarge},
	{"corrupt", store.ErrCorrupt},
	{"clock", store.ErrClock},
	{"locked", store.ErrLocked},
	{"closed", store.ErrClosed},
	{name: "panic"},
	{name: "_OTHER"},
	{"not_found", store.ErrNotFound},
	{"revoked", store.ErrRevoked},
	{"exists", store.ErrExists},
	{"conflict", store.ErrConflict},
	{"limit", store.ErrLimit},
	{"replay_limit", store.ErrReplayLimit},
	{"invalid", store.ErrInvalid},
	{"canceled", context.Canceled},
	{"unsupported", errors.ErrUnsupported},
	{name: "replayed"},
	{name: "rolled_forward"},
	{name: "reused"},
}

// failed reports whether a call has failed, as against one that got an answer that the caller may not like.
func (o outcome) failed() bool { return o != success && o < answers }

// named returns the outcome of a name.
func named(name string) outcome {
	for n := range outcomes {
		if outcomes[n].name == name {
			return outcome(n)
		}
	}
	panic("jeton: no outcome " + name)
}

var (
	replayed, rolledForward, reused = named("replayed"), named("rolled_forward"), named("reused")
	panicked, other                 = named("panic"), named("_OTHER")
)

// outcomeOf is the outcome of an error, by its kind alone.
func outcomeOf(err error) outcome {
	if err == nil {
		return success
	}
	for n := range outcomes {
		if e := outcomes[n].err; e != nil && errors.Is(err, e) {
			return outcome(n)
		}
	}
	return other
}

// outcomeOfRotate also tells what a store that answered has found.
func outcomeOfRotate(r store.Rotated, err error) outcome {
	if err == nil {
		switch r.Outcome {
		case store.Replayed:
			return replayed
		case store.RolledForward:
			return rolledForward
		case store.Reused:
			return reused
		case store.RotateOK:
		}
	}
	return outcomeOf(err)
}

// operation is a method and what is told of it, made once: a call adds nothing to it.
type operation struct {
	span  string
	start []trace.SpanStartOption
	// By outcome: the attributes of the measurement, and those that a span gets at its end.
	record [][]metric.RecordOption
	end    [][]attribute.KeyValue
}

func newOperation(name string, common []attribute.KeyValue) *operation {
	op := operation{span: "jeton.store." + name}
	begin := append([]attribute.KeyValue{operationKey.String(name)}, common...)
	op.start = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindInternal), trace.WithAttributes(begin...)}
	for n := range outcomes {
		var end []attribute.KeyValue
		switch o := outcome(n); {
		case o == success:
		case o.failed():
			end = append(end, errorKey.String(outcomes[n].name))
		default:
			end = append(end, outcomeKey.String(outcomes[n].name))
		}
		set := attribute.NewSet(slices.Concat(begin, end)...)
		op.record = append(op.record, []metric.RecordOption{metric.WithAttributeSet(set)})
		op.end = append(op.end, end)
	}
	return &op
}

// close ends a span. It must not be what a function defers: the SDK's End then finds a panic, and exports its text.
func (op *operation) close(span trace.Span, o outcome) {
	if span.IsRecording() {
		span.SetAttributes(op.end[o]...)
		if o.failed() {
			span.SetStatus(codes.Error, "") // no text: an error's may name what it is about
		}
	}
	span.End()
}
