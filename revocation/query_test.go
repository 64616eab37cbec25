package revocation_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
)

// TestQueryOf: who has digests alone gets the verdicts of who has the names, after every kind of revocation.
func TestQueryOf(t *testing.T) {
	ids := []store.Presented{{SessionID: "s1", TokenID: "t1"}, {SessionID: "s2", TokenID: "t2"}, {TokenID: "t3"}, {SessionID: "s4"}, {}}
	for rule, act := range map[string]store.Revocation{
		"nothing":    {IDs: []string{"x"}},
		"a session":  {IDs: []string{"s1"}},
		"a token":    {IDs: []string{"t2", "t3"}},
		"everything": {All: true},
		"others":     {Others: &store.Others{Keep: "s1"}},
	} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := memstore.New(&memstore.Options{SweepInterval: -1})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = s.Close() }()
				issued, err := s.Issue(t.Context(), store.IssueRequest{Record: store.Record{
					ID: "s1", Subject: ann, Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour),
				}})
				if err != nil {
					t.Fatal(err)
				}
				v, err := revocation.Open(t.Context(), s, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = v.Close() }()
				act.Subject = ann
				if err := s.Revoke(t.Context(), act); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Second)
				for _, p := range ids {
					p.Seq = issued.Record.Seq
					byName, q := revocation.NewQuery(ann, p), revocation.QueryOf(ann.Digest(), digest(p.SessionID), digest(p.TokenID), p.Seq)
					want, err := v.Check(time.Now(), &byName)
					got, err2 := v.Check(time.Now(), &q)
					if got.Alive != want.Alive || got.Reason != want.Reason || err != nil || err2 != nil {
						t.Errorf("%+v: %v, %v, want %v, %v", p, got, err2, want, err)
					}
				}
			})
		})
	}
}

func digest(id string) store.Digest {
	if id == "" {
		return store.Digest{}
	}
	return store.DigestID(id)
}
