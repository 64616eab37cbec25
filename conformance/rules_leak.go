package conformance

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"strings"
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

var leakRules = []rule{
	{"leak/goroutines", "Close ends every goroutine that the store has started.", 0, leakGoroutines},
}

func leakGoroutines(e *env) {
	rec := e.login()
	e.refresh(rec)
	e.list(ann, 0)
	e.revokeAll()
	_, _ = store.Sweep(e.ctx, e.s)
	if feed, err := store.FeedOf(e.s); err == nil {
		ctx, cancel := context.WithTimeout(e.ctx, 20*time.Millisecond)
		_ = feed.Listen(ctx, func(store.Bell) {})
		cancel()
	}
	e.Expect(e.s.Close()).To(Succeed())
	var left string
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if left = goroutinesOf(e.label); left == "" {
			return
		}
	}
	e.Expect(left).To(BeEmpty(), "goroutines still running 3 s after Close")
}

// goroutinesOf tells the stacks of the goroutines with a rule's label, but for the rule's own. Labels are inherited from
// whoever started a goroutine, so rules that run at the same time are not mistaken for one another.
func goroutinesOf(label string) string {
	var b bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
	mine := fmt.Sprintf("%q:%q", goroutineLabel, label)
	var left []string
	for _, g := range strings.Split(b.String(), "\n\n") {
		if strings.Contains(g, mine) && !strings.Contains(g, "conformance.goroutinesOf") {
			left = append(left, g)
		}
	}
	return strings.Join(left, "\n\n")
}
