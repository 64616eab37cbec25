package redisstore_test

import (
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
)

// TestLostData: where a restart loses everything, everybody is logged out, and no revoked token lives again: not even
// under a denylist, which has no record to miss. Followers see a new birth.
func TestLostData(t *testing.T) {
	server := testenv.Redis(t)
	var e ear
	s := openedAt(t, server.URL(), e.options("lost:"))
	is, err := s.Issue(t.Context(), store.IssueRequest{Record: secretRecord()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Revoke(t.Context(), store.Revocation{Subject: secretSubject(), IDs: []string{"token-id"}}); err != nil {
		t.Fatal(err)
	}
	part := secretSubject().Digest().Partition(16)
	before, err := s.Poll(t.Context(), part, store.Position{})
	if err != nil || len(before.Events) < 2 {
		t.Fatalf("%+v, %v", before, err)
	}
	token := store.Presented{TokenID: "token-id", SessionID: secretID, Seq: is.Record.Seq}
	listed := token
	listed.WithoutRecord = true
	server.Restart()
	lost := time.Now()
	var state store.State
	eventually(t, "it is back", func() bool {
		state, err = s.Lookup(t.Context(), secretSubject(), token.IDs()...)
		return err == nil
	})
	if state.Entries[0].Status == store.Live || state.Verdict(token).Alive {
		t.Errorf("a lost session lives: %+v", state)
	}
	eventually(t, "a denylist knows", func() bool {
		state, err = s.Lookup(t.Context(), secretSubject(), token.IDs()...)
		return err == nil && !state.Verdict(listed).Alive
	})
	took := time.Since(lost)
	t.Logf("a denylist refuses the tokens of a lost keyspace after %v", took.Round(time.Millisecond))
	if took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	issueTo(t, s, secretRecord()) // the next login begins the feed anew
	after, err := s.Poll(t.Context(), part, store.Position{})
	if err != nil || len(after.Events) == 0 || !after.Events[0].Birth.After(before.Events[0].Birth) {
		t.Errorf("%+v, %v", after, err)
	}
	if _, known := after.After(before.Events[len(before.Events)-1].Position); known {
		t.Error("a follower does not notice")
	}
}
