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

// TestFewMarks shows that a right store whose keyspace holds hardly any marks breaks no rule.
func TestFewMarks(t *testing.T) {
	for n := 1; n <= 2; n++ {
		h := memory(memstore.Options{MaxMarks: n})
		h.Traits.Histories = few
		rep := conformance.Check(h)
		if !rep.OK() {
			t.Errorf("MaxMarks %d: %s", n, rep)
		}
		for _, res := range rep.Results {
			if res.Rule == "revoke/ids" && (res.Status != conformance.Skipped || !strings.Contains(res.Reason, "Traits.MaxMarks is")) {
				t.Errorf("MaxMarks %d: %s is %s: %s", n, res.Rule, res.Status, res.Reason)
			}
		}
	}
}

// cramped is a store with room for so many sessions of a subject.
type cramped struct {
	*memstore.Store
	room int
}

func (s cramped) Issue(ctx context.Context, r store.IssueRequest) (store.Issued, error) {
	if held, err := s.List(ctx, r.Record.Subject, store.Page{Limit: store.MaxPage}); err == nil && len(held.Items) >= s.room {
		return store.Issued{}, &store.Error{Op: "issue", Subject: r.Record.Subject.Digest(), Err: store.ErrTooLarge}
	}
	return s.Store.Issue(ctx, r)
}

// TestMaxSessions shows that a store with little room breaks no rule once it says so, and is told how where it does not.
func TestMaxSessions(t *testing.T) {
	const room = 200
	for _, told := range []bool{true, false} {
		h := memory(memstore.Options{})
		h.Traits.Histories = few
		if told {
			h.Traits.MaxSessions = room
		}
		open := h.Open
		h.Open = func(ctx context.Context) (store.TokenStore, error) {
			s, err := open(ctx)
			m, _ := s.(*memstore.Store)
			return cramped{m, room}, err
		}
		rep := conformance.Check(h)
		if rep.OK() != told {
			t.Errorf("told %v: %s", told, rep)
		}
		for _, res := range rep.Results {
			if res.Rule == "limit/largest" && !strings.Contains(res.Reason, "Traits.MaxSessions") {
				t.Errorf("told %v: %s is %s: %s", told, res.Rule, res.Status, res.Reason)
			}
		}
	}
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
	if c := chosen(); c != nil {
		h = *c
	}
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
