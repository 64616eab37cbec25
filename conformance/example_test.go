package conformance_test

import (
	"context"
	"fmt"
	"time"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/storetest"
)

func ExampleCheck() {
	clock := storetest.NewClock(time.Time{})
	report := conformance.Check(conformance.Harness{
		Open: func(context.Context) (store.TokenStore, error) {
			return memstore.New(&memstore.Options{Now: clock.Now})
		},
		Clock:  clock,
		Traits: conformance.Traits{Histories: 10},
		Skip:   map[string]string{"list/ties": "an example of a reason"},
	})
	fmt.Println(report.OK(), report.Count(conformance.Failed))
	for _, res := range report.Results {
		if res.Rule == "list/ties" {
			fmt.Println(res.Status, res.Reason)
		}
	}
	// Output:
	// true 0
	// skipped an example of a reason
}
