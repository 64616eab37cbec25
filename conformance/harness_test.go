package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/storetest"
)

// TestMistakes shows that every mistake in a harness is told in a sentence that says what to do.
func TestMistakes(t *testing.T) {
	one, err := memstore.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = one.Close() })
	full := func(context.Context) (store.TokenStore, error) {
		s, err := memstore.New(nil)
		if err == nil {
			storetest.Issue(t, s, store.User("ann"), storetest.Login{})
		}
		return s, err
	}
	fresh := memory(memstore.Options{}).Open
	with := func(change func(*conformance.Harness)) conformance.Harness {
		h := conformance.Harness{Open: fresh}
		change(&h)
		return h
	}
	for what, c := range map[string]struct {
		h    conformance.Harness
		want []string
	}{
		"no Open":           {conformance.Harness{}, []string{"has no Open", "set Harness.Open"}},
		"Open with data":    {conformance.Harness{Open: full}, []string{"with data in it", "must return an empty store"}},
		"Open without one":  {conformance.Harness{Open: func(context.Context) (store.TokenStore, error) { return nil, nil }}, []string{"neither a store nor an error"}},
		"Open that fails":   {conformance.Harness{Open: func(context.Context) (store.TokenStore, error) { return nil, errors.New("no server") }}, []string{"Harness.Open: no server"}},
		"one store for all": {conformance.Harness{Open: func(context.Context) (store.TokenStore, error) { return unclosed{storetest.NewFaults(one)}, nil }}, []string{"another one's data", "must return an empty store"}},
		"an unknown rule": {
			with(func(h *conformance.Harness) { h.Skip = map[string]string{"revoke/everything": "why not"} }),
			[]string{`the rule "revoke/everything", which does not exist`, "revoke/all"},
		},
		"an unknown group": {with(func(h *conformance.Harness) { h.Skip = map[string]string{"nonsense": "why not"} }), []string{"does not exist", "names look like"}},
		"an empty reason": {
			with(func(h *conformance.Harness) { h.Skip = map[string]string{"revoke/all": " "} }),
			[]string{`Harness.Skip["revoke/all"] gives no reason`, "write why"},
		},
		"every rule skipped": {with(func(h *conformance.Harness) {
			h.Skip = map[string]string{}
			for _, res := range conformance.Check(conformance.Harness{Open: fresh, Traits: conformance.Traits{Histories: 1}}).Results {
				h.Skip[res.Rule] = "later"
			}
		}), []string{"skips every rule, which proves nothing", "leave in it those"}},
		"a negative trait": {with(func(h *conformance.Harness) { h.Traits.MaxMarks = -1 }), []string{"MaxMarks is negative"}},
		"a Drop that fails": {with(func(h *conformance.Harness) {
			h.Drop = func(context.Context, store.TokenStore) error { return errors.New("busy") }
		}), []string{"Harness.Drop: busy"}},
	} {
		rep := conformance.Check(c.h)
		if rep.OK() || len(rep.Results) > 0 {
			t.Errorf("%s: the report is OK or has results", what)
		}
		for _, w := range c.want {
			if !strings.Contains(rep.Mistake, w) || !strings.Contains(rep.String(), w) || !strings.Contains(rep.Markdown(), w) {
				t.Errorf("%s: the report says %q, it must contain %q", what, rep.Mistake, w)
			}
		}
	}
}

// unclosed is a store that Close leaves open, so that the next Open meets its data. It hides its subjects, so that only
// the suite's own can be found.
type unclosed struct{ store.TokenStore }

func (unclosed) Close() error { return nil }

func TestReport(t *testing.T) {
	h := memory(memstore.Options{})
	h.Skip = map[string]string{"revoke/all": "no time | today"}
	h.Traits.Seed, h.Traits.Histories = 42, few
	rep := conformance.Check(h)
	if !rep.OK() {
		t.Fatal(rep)
	}
	if n := rep.Count(conformance.Passed) + rep.Count(conformance.Skipped); n != len(rep.Results) || rep.Count(conformance.Passed) < 100 {
		t.Errorf("%d of %d rules are counted, %d passed", n, len(rep.Results), rep.Count(conformance.Passed))
	}
	text, table := rep.String(), rep.Markdown()
	for _, want := range []string{"*memstore.Store", "seed 42", "no time | today", "rules passed, 0 failed", "histories of"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text does not hold %q:\n%s", want, text)
		}
	}
	if !strings.Contains(table, "| `revoke/all` | skipped: no time \\| today |") {
		t.Errorf("the table does not tell the skipped rule:\n%s", table)
	}
	b, err := rep.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var back conformance.Report
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if back.Seed != 42 || len(back.Results) != len(rep.Results) || back.Results[0] != rep.Results[0] {
		t.Errorf("the JSON does not hold the report: %s", b[:200])
	}
}

// refusedSpecs is set in the environment of a run that is to show how Ginkgo refuses it.
const refusedSpecs = "CONFORMANCE_REFUSED_SPECS"

// TestSpecsCount shows what `go test -count=2` says to a suite of specs: Ginkgo itself refuses it, before anything runs.
func TestSpecsCount(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSpecs$", "-test.count=2")
	cmd.Env = append(os.Environ(), refusedSpecs+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Error("-count=2 must fail")
	}
	for _, want := range []string{"Only -count=1", "ginkgo -repeat=N"} {
		if text := strings.Join(strings.Fields(string(out)), " "); !strings.Contains(strings.ReplaceAll(text, "`", ""), want) {
			t.Errorf("-count=2 must say %q:\n%s", want, out)
		}
	}
}
