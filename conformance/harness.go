package conformance

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jetonkit/jeton/store"
)

// Harness tells the suite how to get at a store. Open is required; what else is missing skips the rules that need it.
// The functions are called concurrently.
type Harness struct {
	// Open opens a store that is empty and shares no data with any other that Open returned: on a server, under a
	// prefix of its own. Each rule opens its own. Required.
	Open func(ctx context.Context) (store.TokenStore, error)
	// Drop removes the data of a store, after the suite has closed it. Optional.
	Drop func(ctx context.Context, s store.TokenStore) error
	// Reopen closes the store and opens the same data again, as after a restart of the program.
	Reopen func(ctx context.Context, s store.TokenStore) (store.TokenStore, error)
	// Second opens another handle on the same data, as another process would; both stay open, and the suite closes both.
	Second func(ctx context.Context, s store.TokenStore) (store.TokenStore, error)
	// Fault makes the store's backend unreachable until restore is called. Cut the connection rather than stop the
	// server, if the data would be lost with it.
	Fault func(ctx context.Context, s store.TokenStore) (restore func(), err error)
	// Clock is the clock that all the stores run on, and belongs to this harness alone: while a rule moves it, no other
	// runs. Nil means real time: the suite then waits where milliseconds do, and skips the rules that must travel further.
	Clock Clock
	// Traits are facts about the store that the suite can't see.
	Traits Traits
	// Skip names the rules not to run, each with the reason, which the report repeats.
	Skip map[string]string
}

// Clock is a clock that the suite can move; storetest.Clock is one.
type Clock interface {
	// Now returns where the clock stands.
	Now() time.Time
	// Advance moves it; a negative d sets it back.
	Advance(d time.Duration)
}

// Traits are facts about a store that the suite can't see. The zero value has the defaults of the contract.
type Traits struct {
	// MaxMarks is how many unexpired marks a subject holds before the floor takes their place. Defaults to
	// [store.DefaultMaxMarks].
	MaxMarks int
	// MaxSessions is how many small sessions one subject surely has room for before Issue is [store.ErrTooLarge]; rules that
	// need more are skipped. Zero: as many as the suite needs, which is 100 more than the largest limit and MaxMarks together.
	MaxSessions int
	// CachedRecords says that Lookup may tell a live record as it was before its last Rotate, Touch or Update, as a cache
	// in front of a store does; whether it lives must be right all the same. It may also tell a record behind a cut after it
	// was pruned. The suite then reads records by List.
	CachedRecords bool
	// Patience is how long one rule may take. Defaults to 1 minute.
	Patience time.Duration
	// Histories is how many random histories the model and the concurrency rules each play at most; a budget of a few
	// seconds ends them earlier on a slow store. Defaults to 100.
	Histories int
	// Seed is what random histories are drawn from, to repeat a failure that told its seed. Defaults to a random one.
	Seed uint64
}

func (t Traits) withDefaults() Traits {
	if t.MaxMarks == 0 {
		t.MaxMarks = store.DefaultMaxMarks
	}
	if t.Patience == 0 {
		t.Patience = time.Minute
	}
	if t.Histories == 0 {
		t.Histories = 100
	}
	if t.Seed == 0 {
		t.Seed = rand.Uint64N(1 << 53) // survives JSON
	}
	return t
}

// mistakes says what is wrong with a harness, and what to do about it; nil for a good one.
func (h Harness) mistakes() error {
	var wrong []string
	if h.Open == nil {
		wrong = append(wrong, "the harness has no Open: set Harness.Open to a function that opens a fresh, empty store")
	}
	for name, reason := range h.Skip {
		if findRule(name) == nil {
			wrong = append(wrong, fmt.Sprintf("Harness.Skip names the rule %q, which does not exist%s", name, nearest(name)))
		} else if strings.TrimSpace(reason) == "" {
			wrong = append(wrong, fmt.Sprintf("Harness.Skip[%q] gives no reason: write why the rule cannot hold, the report repeats it", name))
		}
	}
	if len(h.Skip) == len(rules) && len(wrong) == 0 {
		wrong = append(wrong, "Harness.Skip skips every rule, which proves nothing: leave in it those that cannot hold")
	}
	for field, n := range map[string]int64{
		"MaxMarks": int64(h.Traits.MaxMarks), "MaxSessions": int64(h.Traits.MaxSessions), "Patience": int64(h.Traits.Patience), "Histories": int64(h.Traits.Histories),
	} {
		if n < 0 {
			wrong = append(wrong, fmt.Sprintf("Harness.Traits.%s is negative: leave it zero for the default", field))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.Sort(wrong)
	return fmt.Errorf("conformance: %s", strings.Join(wrong, "; "))
}

// nearest suggests what an unknown rule name may have meant: the rules of its group, or the groups.
func nearest(name string) string {
	group, _, _ := strings.Cut(name, "/")
	var names []string
	for _, r := range rules {
		if g := r.group(); g == group {
			names = append(names, r.name)
		}
	}
	if len(names) > 0 {
		return "; the rules of this group are " + strings.Join(names, ", ")
	}
	return "; names look like " + rules[0].name + ", Check(harness) lists them all"
}
