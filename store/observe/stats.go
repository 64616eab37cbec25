package storeobserve

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/jetonkit/jeton/store"
)

// observeStats makes an instrument of each of the store's stats. They are asked for once for all, at each collection.
func observeStats(meter metric.Meter, s store.TokenStore, common []attribute.KeyValue) (metric.Registration, error) {
	by := map[string]metric.Int64Observable{}
	var all []metric.Observable
	for _, stat := range store.Stats(s) {
		if by[stat.Name] != nil {
			continue
		}
		name, what := instrument(stat.Name), metric.WithDescription("The stat "+stat.Name+" of a layer of a token store, or of its backend.")
		var i metric.Int64Observable
		var err error
		if stat.Level {
			i, err = meter.Int64ObservableGauge(name, what)
		} else {
			i, err = meter.Int64ObservableCounter(name, what)
		}
		if err != nil {
			return nil, err
		}
		by[stat.Name] = i
		all = append(all, i)
	}
	with := metric.WithAttributeSet(attribute.NewSet(common...))
	return meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		told := map[string]int64{}
		for _, stat := range store.Stats(s) {
			told[stat.Name] += stat.Value // two layers may have one name; OpenTelemetry takes one value
		}
		for name, value := range told {
			if i := by[name]; i != nil {
				o.ObserveInt64(i, value, with)
			}
		}
		return nil
	}, all...)
}

// instrument is the name of a stat's instrument: what comes before the first _ is whose it is.
func instrument(stat string) string { return "jeton." + strings.Replace(stat, "_", ".", 1) }
