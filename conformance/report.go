package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Status is how a rule ended.
type Status string

// The statuses of a rule.
const (
	// Passed: the rule holds.
	Passed Status = "passed"
	// Failed: the rule is broken; the reason tells where.
	Failed Status = "failed"
	// Skipped: the rule was not judged; the reason tells why.
	Skipped Status = "skipped"
)

// Result is how one rule ended.
type Result struct {
	// Rule is the rule's name, group/rule.
	Rule string `json:"rule"`
	// Sentence is what the rule says.
	Sentence string `json:"sentence"`
	// Status is how it ended.
	Status Status `json:"status"`
	// Reason is why it failed or was skipped.
	Reason string `json:"reason,omitempty"`
	// Notes are what a rule tells besides, such as how many histories it played.
	Notes string `json:"notes,omitempty"`
	// Elapsed is how long it took, in nanoseconds in JSON.
	Elapsed time.Duration `json:"elapsed"`
}

// message is what a test says about a failed rule.
func (r Result) message() string {
	return fmt.Sprintf("%s: %s\n%s", r.Rule, r.Sentence, r.Reason)
}

// Report is the answer of [Check].
type Report struct {
	// Store is the Go type of what was judged.
	Store string `json:"store"`
	// Mistake is what is wrong with the harness, and what to do about it; nothing was then judged.
	Mistake string `json:"mistake,omitempty"`
	// Seed is what the random histories were drawn from.
	Seed uint64 `json:"seed"`
	// Elapsed is how long the whole took, in nanoseconds in JSON.
	Elapsed time.Duration `json:"elapsed"`
	// Results are the rules, in the order of the suite.
	Results []Result `json:"results"`
}

// Count returns how many rules ended with a status.
func (r Report) Count(s Status) int {
	n := 0
	for _, res := range r.Results {
		if res.Status == s {
			n++
		}
	}
	return n
}

// OK reports whether the harness was right, no rule failed and some passed: what was only skipped proves nothing.
func (r Report) OK() bool { return r.Mistake == "" && r.Count(Failed) == 0 && r.Count(Passed) > 0 }

// summary is the report in one line.
func (r Report) summary() string {
	if r.Mistake != "" {
		return r.Mistake
	}
	return fmt.Sprintf("%s: %d rules passed, %d failed, %d skipped in %v, seed %d%s",
		r.Store, r.Count(Passed), r.Count(Failed), r.Count(Skipped), r.Elapsed.Round(time.Millisecond), r.Seed, r.vain())
}

// vain is what a report without a pass says besides; empty for others.
func (r Report) vain() string {
	if r.Count(Passed) > 0 || r.Count(Failed) > 0 {
		return ""
	}
	return "\nno rule passed, so nothing is proven: take rules out of Harness.Skip, or give the harness what the skipped rules name"
}

// String returns the report as text: the failures whole, the rest a line each.
func (r Report) String() string {
	var b strings.Builder
	for _, res := range r.Results {
		fmt.Fprintf(&b, "%-7s %-34s %8s", res.Status, res.Rule, res.Elapsed.Round(10*time.Microsecond))
		switch {
		case res.Status == Failed:
			fmt.Fprintf(&b, "\n%s", indent(res.Sentence+"\n"+res.Reason))
		case res.Reason != "":
			fmt.Fprintf(&b, "  %s", res.Reason)
		case res.Notes != "":
			fmt.Fprintf(&b, "  %s", res.Notes)
		}
		b.WriteByte('\n')
	}
	b.WriteString(r.summary())
	b.WriteByte('\n')
	return b.String()
}

func indent(text string) string {
	return "        " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n        ")
}

// JSON returns the report as indented JSON; the field names are part of the API.
func (r Report) JSON() ([]byte, error) { return json.MarshalIndent(r, "", "  ") }

// Markdown returns the report as a table: rule, result, sentence, and the reasons of what did not pass. It holds neither
// times nor the seed, so that a committed one changes only with what it says.
func (r Report) Markdown() string {
	if r.Mistake != "" {
		return r.Mistake + "\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d rules passed, %d failed, %d skipped.%s\n\n", r.Count(Passed), r.Count(Failed), r.Count(Skipped), r.vain())
	b.WriteString("| rule | result | what it says |\n|---|---|---|\n")
	for _, res := range r.Results {
		result := string(res.Status)
		if res.Status == Skipped {
			result += ": " + res.Reason
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", res.Rule, cell(result), cell(res.Sentence))
	}
	return b.String()
}

// cell is text as it may stand in a table.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(text)
}
