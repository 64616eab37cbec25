package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/jetonkit/jeton/conformance"
)

// preface stands before the tables.
const preface = `# Conformance

The rules of package conformance, and which of our stores keep them. Written by ` + "`make docs`" + `, which runs the suite: do not
edit. How to prove a store of your own is in [writing-a-store.md](writing-a-store.md), what the words mean in
[semantics.md](semantics.md).

cache and breaker are layers, here over Redis, with faults in between. ✓ the rule holds. A number: the rule was not judged, for the reason of that number at the end.

`

// page writes one table a group from the reports of the stores; they hold the same rules in the same order.
func page(names []string, reports []conformance.Report) []byte {
	var b bytes.Buffer
	b.WriteString(preface)
	b.WriteString("| store | passed | not judged |\n|---|---|---|\n")
	for i, rep := range reports {
		fmt.Fprintf(&b, "| %s | %d of %d | %d |\n", names[i], rep.Count(conformance.Passed), len(rep.Results), rep.Count(conformance.Skipped))
	}
	var reasons []string
	group := ""
	for i, res := range reports[0].Results {
		g, name, _ := strings.Cut(res.Rule, "/")
		if g != group {
			group = g
			fmt.Fprintf(&b, "\n## %s\n\n| rule | %s | what it says |\n|---|%s---|\n", g, strings.Join(names, " | "), strings.Repeat(":-:|", len(names)))
		}
		fmt.Fprintf(&b, "| %s |", name)
		for _, rep := range reports {
			fmt.Fprintf(&b, " %s |", mark(rep.Results[i], &reasons))
		}
		fmt.Fprintf(&b, " %s |\n", strings.ReplaceAll(res.Sentence, "|", `\|`))
	}
	if len(reasons) > 0 {
		b.WriteString("\n## Not judged\n\n")
		for i, reason := range reasons {
			fmt.Fprintf(&b, "%d. %s\n", i+1, reason)
		}
	}
	return b.Bytes()
}

// mark is how a rule ended in a cell; a reason gets its number at its first use.
func mark(res conformance.Result, reasons *[]string) string {
	if res.Status == conformance.Passed {
		return "✓"
	}
	n := slices.Index(*reasons, res.Reason)
	if n < 0 {
		n = len(*reasons)
		*reasons = append(*reasons, res.Reason)
	}
	return fmt.Sprint(n + 1)
}
