package conformance

import "testing"

// Run proves a store: it makes a parallel subtest of every rule, named group/rule, so that -run selects rules.
// A failure says which rule is broken, in its sentence, and where.
func Run(t *testing.T, h Harness) {
	t.Helper()
	s, err := newSuite(h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.preflight(); err != nil {
		t.Fatal(err)
	}
	for i := range rules {
		r := &rules[i]
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			res := s.run(r)
			if res.Notes != "" {
				t.Log(res.Notes)
			}
			switch res.Status {
			case Failed:
				t.Fatal(res.message())
			case Skipped:
				t.Skip(res.Reason)
			case Passed:
			}
		})
	}
}
