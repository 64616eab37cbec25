package conformance

import (
	"strings"

	"github.com/onsi/ginkgo/v2"
)

// Specs proves a store as [Run] does, as Ginkgo specs: call it inside a Describe. Each group is a container and each rule
// a spec in it. Ginkgo runs a suite once in a process and refuses `go test -count` above 1: use `ginkgo --repeat`, or Run.
func Specs(h Harness) {
	s, err := newSuite(h)
	if err != nil {
		ginkgo.It("has a harness that works", func() { ginkgo.Fail(err.Error()) })
		return
	}
	ginkgo.It("has a harness that works", func() {
		if _, err := s.preflight(); err != nil {
			ginkgo.Fail(err.Error())
		}
	})
	for start := 0; start < len(rules); {
		end := start
		for end < len(rules) && rules[end].group() == rules[start].group() {
			end++
		}
		group := rules[start:end]
		ginkgo.Describe(group[0].group(), func() {
			for i := range group {
				s.spec(&group[i])
			}
		})
		start = end
	}
}

// spec makes a spec of a rule.
func (s *suite) spec(r *rule) {
	ginkgo.It(r.name, func() {
		if _, err := s.preflight(); err != nil { // not a skip: with --focus or --flake-attempts that would pass
			sentence, _, _ := strings.Cut(err.Error(), "\n")
			ginkgo.Fail(sentence)
		}
		res := s.run(r)
		if res.Notes != "" {
			ginkgo.GinkgoWriter.Println(res.Notes)
		}
		switch res.Status {
		case Failed:
			ginkgo.Fail(res.message())
		case Skipped:
			ginkgo.Skip(res.Reason)
		case Passed:
		}
	})
}
