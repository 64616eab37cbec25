package main

import (
	"strings"
	"testing"

	"github.com/jetonkit/jeton/conformance"
)

// TestPage shows the form of the page, and that it holds nothing that differs from run to run.
func TestPage(t *testing.T) {
	report := func(second conformance.Result) conformance.Report {
		second.Rule, second.Sentence = "issue/two", "Two | two."
		return conformance.Report{Seed: 7, Elapsed: 99, Results: []conformance.Result{
			{Rule: "issue/one", Sentence: "One.", Status: conformance.Passed, Elapsed: 99, Notes: "noted"}, second,
		}}
	}
	got := string(page([]string{"a", "b"}, []conformance.Report{
		report(conformance.Result{Status: conformance.Passed}),
		report(conformance.Result{Status: conformance.Skipped, Reason: "the harness has no Reopen"}),
	}))
	want := `| store | passed | not judged |
|---|---|---|
| a | 2 of 2 | 0 |
| b | 1 of 2 | 1 |

## issue

| rule | a | b | what it says |
|---|:-:|:-:|---|
| one | ✓ | ✓ | One. |
| two | ✓ | 1 | Two \| two. |

## Not judged

1. the harness has no Reopen
`
	if !strings.HasSuffix(got, want) {
		t.Errorf("the page is\n%s\nwant the end\n%s", got, want)
	}
}
