package redisstore_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// TestGuardAfterLoss: data is lost under running processes. Whoever looks next begins the feeds anew, so that the cut that a
// login reads is the one that its Issue meets, and a denylist's cut stands still.
func TestGuardAfterLoss(t *testing.T) {
	server := testenv.Redis(t)
	var e ear
	s := openedAt(t, server.URL(), e.options("guard:"))
	keys := keyspace.NewRedis("guard:", 16)
	for rule, lose := range map[string]func(){
		"everything":   func() { server.Do("FLUSHALL") },
		"one stream":   func() { server.Do("DEL", keys.Feed(secretSubject().Digest().Partition(16))) },
		"at a restart": func() { server.Restart() },
	} {
		lose()
		eventually(t, "a guarded login passes after the loss of "+rule, func() bool {
			st, err := s.Lookup(t.Context(), secretSubject())
			if err != nil {
				return false
			}
			r := secretRecord()
			r.ID, r.Link = store.NewID(), store.NewLink()
			_, err = s.Issue(t.Context(), store.IssueRequest{Record: r, IfCut: &st.Cut})
			return err == nil
		})
	}
	server.Do("FLUSHALL")
	var cuts []time.Time
	for end := time.Now().Add(2500 * time.Millisecond); time.Now().Before(end); {
		st, err := s.Lookup(t.Context(), store.User("nobody"))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(cuts); n == 0 || !cuts[n-1].Equal(st.CutTime) {
			cuts = append(cuts, st.CutTime)
		}
	}
	if len(cuts) > 2 {
		t.Errorf("the cut of a subject never written moved on after a loss: %v", cuts)
	}
}

// TestDeniedBell: a user who may not ring the bell is told so once, and everything is revoked and told all the same.
func TestDeniedBell(t *testing.T) {
	server := testenv.Redis(t, testenv.User("mute", "on", ">pw", "~*", "resetchannels", "+@all"))
	var e ear
	s := openedAt(t, strings.Replace(server.URL(), "redis://", "redis://mute:pw@", 1), e.options("bell:"))
	r := secretRecord()
	if _, err := s.Issue(t.Context(), store.IssueRequest{Record: r}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Revoke(t.Context(), store.Revocation{Subject: r.Subject, All: true}); err != nil {
			t.Errorf("Revoke without a bell: %v", err)
		}
	}
	b, err := s.Poll(t.Context(), r.Subject.Digest().Partition(16), store.Position{})
	if err != nil || len(b.Events) != 3 {
		t.Errorf("the feed has %d events, want the genesis and two: %v", len(b.Events), err)
	}
	if n := strings.Count(e.text(), "PUBLISH"); n != 1 {
		t.Errorf("told %d times that PUBLISH is denied, want once", n)
	}
}

// TestServersClockJudgesEnds: what a process takes for the future may be the server's past.
func TestServersClockJudgesEnds(t *testing.T) {
	server := testenv.Redis(t)
	var e ear
	s := openedAt(t, server.URL(), e.options("ends:"))
	now := time.Now()
	r := secretRecord()
	r.ExpiresAt = now.Add(150 * time.Millisecond)
	server.Do("CLIENT", "PAUSE", "400", "WRITE")
	if _, err := s.Issue(t.Context(), store.IssueRequest{Record: r}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a login that has ended when the server gets it: %v", err)
	}
	if err := store.Once(t.Context(), s, "scope", "nonce", time.Now().Add(time.Minute)); err != nil {
		t.Error(err)
	}
}

// TestEvictsThousands: a limit that is lowered far evicts everybody in one step, and tells them all.
func TestEvictsThousands(t *testing.T) {
	s := open(t, redisstore.Options{MaxMarks: 4096})
	const sessions = 4200
	err := crowd(0, sessions, func(int) error {
		_, err := s.Issue(t.Context(), store.IssueRequest{Record: store.Record{
			ID: store.NewID(), Subject: store.User("ann"), Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour),
		}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Issue(t.Context(), store.IssueRequest{Record: store.Record{
		ID: store.NewID(), Subject: store.User("ann"), Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour),
	}, Limit: store.Limit{Max: 1}})
	if err != nil || len(got.Evicted) != sessions {
		t.Errorf("%d evicted, want %d: %v", len(got.Evicted), sessions, err)
	}
}

// TestSwappedValues: what is not what its field says is refused before anything is written, and does not stand in the way of
// a revocation of it.
func TestSwappedValues(t *testing.T) {
	s := open(t, redisstore.Options{})
	ann := store.User("ann")
	a, b := s.login(ann, nil), s.login(ann, nil)
	key := keyspace.NewRedis(s.prefix, 64).Ledger(ann.Digest())
	field := func(id string) string { f := keyspace.FieldOf(id); return string(f[:]) }
	s.server.Do("HSET", key, field(b.ID), s.server.Do("HGET", key, field(a.ID)).(string)) //nolint:errcheck // a text
	before := s.server.Do("HGETALL", key)
	_, err := s.Rotate(t.Context(), store.RotateRequest{Subject: ann, ID: b.ID, Link: a.Link, NextLink: store.NewLink()})
	for verb, err := range map[string]error{
		"Rotate": err,
		"Touch":  s.Touch(t.Context(), store.TouchRequest{Subject: ann, ID: b.ID}),
		"Others": s.Revoke(t.Context(), store.Revocation{Subject: ann, Others: &store.Others{Keep: b.ID}}),
	} {
		if !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s of another id's value: %v", verb, err)
		}
	}
	if after := s.server.Do("HGETALL", key); !reflect.DeepEqual(before, after) {
		t.Error("something was written")
	}
	if err := s.Revoke(t.Context(), store.Revocation{Subject: ann, IDs: []string{b.ID}}); err != nil {
		t.Errorf("Revoke: %v", err)
	}
	if st, err := s.Lookup(t.Context(), ann, b.ID); err != nil || st.Entries[0].Status != store.Revoked {
		t.Errorf("after its revocation: %+v, %v", st, err)
	}
	s.server.Do("HDEL", key, "h")
	if err := s.Touch(t.Context(), store.TouchRequest{Subject: ann, ID: a.ID}); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a ledger that lost its head, and its cut with it: %v", err)
	}
}
