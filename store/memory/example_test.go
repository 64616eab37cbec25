package memstore_test

import (
	"context"
	"fmt"
	"time"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
)

func Example() {
	ctx := context.Background()
	s, err := memstore.New(nil)
	if err != nil {
		panic(err)
	}
	defer s.Close()

	ann := store.User("ann")
	login, err := s.Issue(ctx, store.IssueRequest{Record: store.Record{
		ID: store.NewID(), Subject: ann, Class: "web", Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour),
	}})
	if err != nil {
		panic(err)
	}
	before, _ := s.Lookup(ctx, ann, login.Record.ID)
	_ = s.Revoke(ctx, store.Revocation{Subject: ann, All: true})
	after, _ := s.Lookup(ctx, ann, login.Record.ID)
	fmt.Println(before.Entries[0].Status, after.Entries[0].Status, after.Entries[0].Reason)
	// Output: live revoked cut
}
