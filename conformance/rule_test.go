package conformance

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/store"
)

// groups are the suite's, in its order.
var groups = []string{
	"issue", "limit", "guard", "lookup", "list", "rotate", "update", "touch", "revoke", "forget", "ops", "expiry", "ids", "codec",
	"concurrency", "model", "outage", "feed", "layer", "leak",
}

func TestTableOfRules(t *testing.T) {
	name := regexp.MustCompile(`^[a-z]+/[a-z0-9]+(-[a-z0-9]+)*$`)
	seen := map[string]bool{}
	var inOrder []string
	for _, r := range rules {
		if !name.MatchString(r.name) || seen[r.name] {
			t.Errorf("%s: a name is group/rule in lower case, and comes once", r.name)
		}
		seen[r.name] = true
		if !strings.HasSuffix(r.sentence, ".") || strings.ToUpper(r.sentence[:1]) != r.sentence[:1] && r.sentence[0] > '9' {
			t.Errorf("%s: %q is no sentence", r.name, r.sentence)
		}
		if r.run == nil {
			t.Errorf("%s does nothing", r.name)
		}
		inOrder = append(inOrder, r.group())
	}
	counts := map[string]int{}
	for _, g := range inOrder {
		counts[g]++
	}
	if got := slices.Compact(inOrder); !slices.Equal(got, groups) {
		t.Errorf("the groups are %v, want %v", got, groups)
	}
	t.Logf("%d rules: %v", len(rules), counts)
}

// TestShrink shows that a failure of the model is told with a short history.
func TestShrink(t *testing.T) {
	for _, m := range mutants {
		if m.rule != "model/agrees" && m.rule != "rotate/forged-link" && m.rule != "revoke/others-again" {
			continue
		}
		res := kill(t, m, "model/agrees")
		if res.Status != Failed {
			t.Errorf("the model does not find that %s", m.what)
			continue
		}
		if n := strings.Count(res.Reason, "\n  subject "); n > 8 {
			t.Errorf("%s: a history of %d moves is not short:\n%s", m.what, n, res.Reason)
		}
		t.Log(res.Reason)
	}
}

// TestModelFailure shows what an author reads when the model disagrees: the shortest history, and the difference.
func TestModelFailure(t *testing.T) {
	if raced {
		t.Skip("shrinking has 3 s, and the text is the shortest only if it comes to its end: scripts/test.sh runs this without the race detector")
	}
	h := rotateIn(func(_ *handle, r *store.RotateRequest, cur store.Record) {
		if r.Rotation == cur.Rotation {
			r.Link = cur.Link
		}
	}).harness()
	h.Traits.Seed = 1
	s, err := newSuite(h)
	if err != nil {
		t.Fatal(err)
	}
	got := s.run(findRule("model/agrees")).message()
	got = regexp.MustCompile(`go:\d+`).ReplaceAllString(got, "go:30")                    // the line of the rule
	got = regexp.MustCompile(`(link|next) [0-9a-f]{4}`).ReplaceAllString(got, "$1 ****") // numbered by what was tried before
	want := `model/agrees: Random histories leave the store as they leave a naive model of the contract: every answer, every ledger, every event.
rules_model.go:30
the store and the model differ after the last of these moves (Traits.Seed 1):
  subject 0: issue a class "" until +1h0m0.001s deadline - limit {Max:0 MaxPerClass:0 Policy:0} guard - repeat false
  subject 0: rotate a with the forged token (rotation 0, link ****, next ****) grace 1m0s replays 0 binding "device" until -
Expected
    <string>: the outcome is rotated, want reused
to be empty`
	if got != want {
		t.Errorf("the failure reads\n%s\nwant\n%s", got, want)
	}
}
