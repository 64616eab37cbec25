package redisstore_test

import (
	"testing"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// TestRestart kills a server and starts it again, over what each kind of persistence has kept: all that Fsynced has
// acknowledged, or with snapshots alone what there was at the last one. That a revocation is lost then is why the pages warn
// of it. A server that keeps nothing is TestLostData's.
func TestRestart(t *testing.T) {
	for _, c := range []struct {
		rule    string
		options []testenv.Option
		level   redisstore.Durability
		save    bool // whether there is a snapshot before the revocations
		live    bool // whether the login behind it is there again
		revoked bool // whether what was revoked stays dead
	}{
		{"an append-only file, fsynced", []testenv.Option{testenv.AppendOnly("always")}, redisstore.Fsynced(), false, true, true},
		{"an append-only file, fsynced by WAITAOF", []testenv.Option{testenv.On(testenv.Newer), testenv.AppendOnly("everysec")}, redisstore.Fsynced(), false, true, true},
		{"snapshots alone", nil, redisstore.Memory(), true, false, false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			server := testenv.Redis(t, c.options...)
			s := openStore(t, server.URL(), redisstore.Options{Partitions: 16, Durability: c.level})
			ann, bob, carl := signIn(t, s, store.User("ann")), signIn(t, s, store.User("bob")), signIn(t, s, store.User("carl"))
			if c.save {
				server.Do("SAVE")
			}
			for _, r := range []store.Revocation{
				{Subject: ann.Subject, IDs: []string{ann.ID}},
				{Subject: bob.Subject, All: true},
			} {
				if err := s.Revoke(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			}
			late := signIn(t, s, store.User("dora"))
			server.Kill()
			server.Restart()
			later := openStore(t, server.URL(), redisstore.Options{Partitions: 16, Durability: c.level})
			for name, each := range map[string]*redisstore.Store{"the open store": s, "one opened later": later} {
				for who, want := range map[*store.Record]bool{&ann: !c.revoked, &bob: !c.revoked, &carl: true, &late: c.live} {
					eventually(t, name+" answers", func() bool {
						_, err := each.Lookup(t.Context(), who.Subject, who.ID)
						return err == nil
					})
					st, err := each.Lookup(t.Context(), who.Subject, who.ID)
					if err != nil {
						t.Fatal(err)
					}
					if got := st.Verdict(store.Presented{SessionID: who.ID, Seq: who.Seq}).Alive; got != want {
						t.Errorf("%s: %s's session is alive: %t, want %t", name, who.Subject.Name, got, want)
					}
				}
			}
		})
	}
}
