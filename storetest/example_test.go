package storetest_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/storetest"
)

func ExampleFaults() {
	backend, _ := memstore.New(nil)
	s := storetest.NewFaults(backend)
	defer s.Close()

	restore := s.Inject(storetest.Fault{Verb: storetest.VerbLookup, Err: store.ErrUnavailable})
	_, err := s.Lookup(context.Background(), store.User("ann"), "session")
	fmt.Println(errors.Is(err, store.ErrUnavailable))

	restore()
	_, err = s.Lookup(context.Background(), store.User("ann"), "session")
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}
