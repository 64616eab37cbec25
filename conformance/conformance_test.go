package conformance_test

import (
	"context"
	"flag"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/storetest"
)

// memory is a harness over memory stores on a fake clock.
func memory(o memstore.Options) conformance.Harness {
	clock := storetest.NewClock(time.Time{})
	o.Now = clock.Now
	return conformance.Harness{
		Open:   func(context.Context) (store.TokenStore, error) { return memstore.New(&o) },
		Clock:  clock,
		Traits: conformance.Traits{MaxMarks: o.MaxMarks},
	}
}

// few histories do where another test of this file plays many of the same.
const few = 20

func TestMemory(t *testing.T) {
	conformance.Run(t, memory(memstore.Options{}))
}

// TestMemorySmall makes the random histories overflow the marks and outlive them.
func TestMemorySmall(t *testing.T) {
	conformance.Run(t, memory(memstore.Options{MaxMarks: 3, MaxTokenLife: time.Hour}))
}

// TestMemoryRealTime is how a store without a clock of ours is judged.
func TestMemoryRealTime(t *testing.T) {
	conformance.Run(t, conformance.Harness{
		Open:   func(context.Context) (store.TokenStore, error) { return memstore.New(nil) },
		Traits: conformance.Traits{Histories: few},
	})
}

// TestLayer runs the suite on a layer, as every layer does.
func TestLayer(t *testing.T) {
	h := memory(memstore.Options{})
	h.Traits.Histories = few
	open := h.Open
	h.Open = func(ctx context.Context) (store.TokenStore, error) {
		s, err := open(ctx)
		if err != nil {
			return nil, err
		}
		return storetest.NewFaults(s), nil
	}
	h.Fault = func(_ context.Context, s store.TokenStore) (func(), error) {
		faults, _ := s.(*storetest.Faults)
		return faults.Inject(storetest.Fault{Err: store.ErrUnavailable}), nil
	}
	conformance.Run(t, h)
}

// bare is a store with no face at all.
type bare struct{ store.TokenStore }

// TestBare runs the suite on a store without faces, and on a layer over one: what is not there is skipped, and told.
func TestBare(t *testing.T) {
	for name, wrap := range map[string]func(store.TokenStore) store.TokenStore{
		"store": func(s store.TokenStore) store.TokenStore { return bare{s} },
		"layer": func(s store.TokenStore) store.TokenStore { return storetest.NewFaults(bare{s}) },
	} {
		h := memory(memstore.Options{})
		h.Traits.Histories = few
		open := h.Open
		h.Open = func(ctx context.Context) (store.TokenStore, error) {
			s, err := open(ctx)
			return wrap(s), err
		}
		rep := conformance.Check(h)
		if !rep.OK() {
			t.Errorf("%s: %s", name, rep)
		}
		for _, res := range rep.Results {
			if strings.HasPrefix(res.Rule, "feed/") && (res.Status != conformance.Skipped || !strings.Contains(strings.ToLower(res.Reason), "feed") && !strings.HasPrefix(res.Reason, "the harness")) {
				t.Errorf("%s: %s is %s: %s", name, res.Rule, res.Status, res.Reason)
			}
		}
	}
}

var _ = ginkgo.Describe("a memory store", func() {
	h := memory(memstore.Options{})
	h.Traits.Histories = few
	conformance.Specs(h)
})

var specsRan atomic.Bool

func TestSpecs(t *testing.T) {
	inner := os.Getenv(refusedSpecs) != ""
	if count := flag.Lookup("test.count").Value.String(); !inner && (count != "1" || specsRan.Swap(true)) {
		t.Skip("Ginkgo runs a suite once in a process; TestSpecsCount shows what it says otherwise")
	}
	gomega.RegisterFailHandler(ginkgo.Fail)
	suite, reporter := ginkgo.GinkgoConfiguration()
	reporter.Succinct, reporter.NoColor = true, true
	ginkgo.RunSpecs(t, "conformance", suite, reporter)
}
