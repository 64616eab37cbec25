package store_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jetonkit/jeton/store"
	_ "github.com/jetonkit/jeton/store/memory"
)

// A program imports the backends that it may use, and a URL of its configuration chooses one.
func Example() {
	ctx := context.Background()
	s, err := store.Open(ctx, "memory://?max_token_life=1h")
	if err != nil {
		panic(err)
	}
	defer s.Close()

	ann := store.User("ann")
	login := func(class string) string {
		out, err := s.Issue(ctx, store.IssueRequest{Record: store.Record{
			ID: store.NewID(), Subject: ann, Class: class, Link: store.NewLink(), ExpiresAt: time.Now().Add(24 * time.Hour),
		}})
		if err != nil {
			panic(err)
		}
		return out.Record.ID
	}
	phone, laptop := login("ios"), login("web")

	// "Log out everywhere else", pressed on the phone.
	err = s.Revoke(ctx, store.Revocation{Subject: ann, Others: &store.Others{Keep: phone}, Reason: "user"})
	if err != nil {
		panic(err)
	}
	st, err := s.Lookup(ctx, ann, phone, laptop)
	if err != nil {
		panic(err)
	}
	fmt.Println("phone:", st.Entries[0].Status)
	fmt.Println("laptop:", st.Entries[1].Status)
	// Output:
	// phone: live
	// laptop: revoked
}

// An unknown scheme says which import is missing, and no error repeats the URL.
func ExampleOpen() {
	_, err := store.Open(context.Background(), "bolt:///var/lib/app/tokens.db")
	fmt.Println(errors.Is(err, store.ErrInvalid))
	fmt.Println(err)
	// Output:
	// true
	// invalid input: URL has the unknown scheme "bolt": add the import _ "github.com/jetonkit/jeton/store/bolt"
}

// A verdict needs the token's ids, its place in the order, and one Lookup.
func ExampleState_Verdict() {
	ctx := context.Background()
	s, err := store.Open(ctx, "memory://")
	if err != nil {
		panic(err)
	}
	defer s.Close()
	ann := store.User("ann")
	out, err := s.Issue(ctx, store.IssueRequest{Record: store.Record{
		ID: "the session", Subject: ann, Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour),
	}})
	if err != nil {
		panic(err)
	}

	presented := store.Presented{TokenID: "the token", SessionID: "the session", Seq: out.Record.Seq}
	ask := func() {
		st, err := s.Lookup(ctx, ann, presented.IDs()...)
		if err != nil {
			panic(err) // an outage says nothing about the token: answer 503, not 401
		}
		v := st.Verdict(presented)
		fmt.Printf("alive=%v reason=%q\n", v.Alive, v.Reason)
	}
	ask()
	_ = s.Revoke(ctx, store.Revocation{Subject: ann, IDs: []string{"the token"}, Reason: "stolen"})
	ask()
	// Output:
	// alive=true reason=""
	// alive=false reason="stolen"
}

// A nonce is good once.
func ExampleOnce() {
	ctx := context.Background()
	s, err := store.Open(ctx, "memory://")
	if err != nil {
		panic(err)
	}
	defer s.Close()
	until := time.Now().Add(5 * time.Minute)
	fmt.Println(store.Once(ctx, s, "webhook", "4f1c", until))
	fmt.Println(errors.Is(store.Once(ctx, s, "webhook", "4f1c", until), store.ErrExists))
	// Output:
	// <nil>
	// true
}

// A layer is a store that wraps one. It writes every method out: an embedded store would let a method that the contract
// gets later pass by unseen.
func Example_layer() {
	ctx := context.Background()
	inner, err := store.Open(ctx, "memory://")
	if err != nil {
		panic(err)
	}
	s := &Audit{next: inner, log: func(line string) { fmt.Println(line) }}
	defer s.Close()

	_ = s.Revoke(ctx, store.Revocation{Subject: store.User("ann"), All: true, Reason: "password changed"})
	_, finds := store.As[*Audit](store.TokenStore(s))
	fmt.Println("As finds the layer:", finds)
	// Output:
	// revoke 6b2a781ef6641fbd14b778c7e9d5fc65 "password changed": <nil>
	// As finds the layer: true
}

var (
	_ store.TokenStore = (*Audit)(nil)
	_ store.Unwrapper  = (*Audit)(nil)
)

// Audit is a layer that tells every revocation. A real one has the faces too; see the package's comment.
type Audit struct {
	next store.TokenStore
	log  func(string)
}

// Issue implements store.TokenStore.
func (a *Audit) Issue(ctx context.Context, r store.IssueRequest) (store.Issued, error) {
	return a.next.Issue(ctx, r)
}

// Lookup implements store.TokenStore.
func (a *Audit) Lookup(ctx context.Context, s store.Subject, ids ...string) (store.State, error) {
	return a.next.Lookup(ctx, s, ids...)
}

// List implements store.TokenStore.
func (a *Audit) List(ctx context.Context, s store.Subject, p store.Page) (store.Records, error) {
	return a.next.List(ctx, s, p)
}

// Rotate implements store.TokenStore.
func (a *Audit) Rotate(ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
	return a.next.Rotate(ctx, r)
}

// Update implements store.TokenStore.
func (a *Audit) Update(ctx context.Context, r store.UpdateRequest) (store.Record, error) {
	return a.next.Update(ctx, r)
}

// Touch implements store.TokenStore.
func (a *Audit) Touch(ctx context.Context, r store.TouchRequest) error { return a.next.Touch(ctx, r) }

// Revoke implements store.TokenStore. A log gets the subject's digest and never the name.
func (a *Audit) Revoke(ctx context.Context, r store.Revocation) error {
	err := a.next.Revoke(ctx, r)
	a.log(fmt.Sprintf("revoke %v %q: %v", r.Subject.Digest(), r.Reason, err))
	return err
}

// Forget implements store.TokenStore.
func (a *Audit) Forget(ctx context.Context, s store.Subject) error { return a.next.Forget(ctx, s) }

// Capabilities implements store.TokenStore.
func (a *Audit) Capabilities() store.Capabilities { return a.next.Capabilities() }

// Close implements store.TokenStore: a layer closes what it wraps.
func (a *Audit) Close() error { return a.next.Close() }

// Unwrap implements store.Unwrapper.
func (a *Audit) Unwrap() store.TokenStore { return a.next }
