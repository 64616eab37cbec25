package conformance

import (
	"regexp"
	"slices"
	"strings"
	"testing"
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
