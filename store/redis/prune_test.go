package redisstore_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// pruned is a subject's ledger on a clock that the test moves.
type pruned struct {
	t      *testing.T
	server *testenv.RedisServer
	s      *redisstore.Store
	at     time.Time
	name   string // whose ledger
}

func newPruned(t *testing.T) *pruned {
	p := &pruned{t: t, server: testenv.Redis(t), at: time.Now().Truncate(time.Second), name: "ann"}
	p.s = openedAt(t, p.server.URL(), &redisstore.Options{Now: func() time.Time { return p.at }, MaxTokenLife: time.Hour})
	return p
}

func (p *pruned) login(life time.Duration) string {
	p.t.Helper()
	r := store.Record{ID: store.NewID(), Subject: store.User(p.name), Link: store.NewLink(), ExpiresAt: p.at.Add(life)}
	issueTo(p.t, p.s, r)
	return r.ID
}

// entries returns how many records and marks the ledger has.
func (p *pruned) entries() (n int) {
	p.t.Helper()
	keys, _ := p.server.Do("KEYS", "*:s:*").([]any)
	for _, k := range keys {
		fields, _ := p.server.Do("HKEYS", fmt.Sprint(k)).([]any)
		for _, f := range fields {
			if len(fmt.Sprint(f)) > 1 {
				n++
			}
		}
	}
	return n
}

// looks returns how often the server was asked for entries at random.
func (p *pruned) looks() int {
	p.t.Helper()
	_, stat, found := strings.Cut(fmt.Sprint(p.server.Do("INFO", "commandstats")), "cmdstat_hrandfield:calls=")
	if !found {
		return 0
	}
	count, _, _ := strings.Cut(stat, ",")
	n, err := strconv.Atoi(count)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// TestPruning: what is dead goes with the writes that add, and nobody looks for it before there can be any. Kills a head that
// forgets when its first entry ends, and one that never learns that the next ends later.
func TestPruning(t *testing.T) {
	for _, c := range []struct {
		name string
		most int // of entries at the end
		days func(p *pruned)
	}{
		{"short sessions", 40, func(p *pruned) {
			for range 400 {
				p.login(time.Hour)
				p.at = p.at.Add(10 * time.Minute)
			}
		}},
		{"revoked tokens", 40, func(p *pruned) {
			p.login(1000 * time.Hour)
			for range 400 {
				if err := p.s.Revoke(p.t.Context(), store.Revocation{Subject: store.User("ann"), IDs: []string{store.NewID()}}); err != nil {
					p.t.Fatal(err)
				}
				p.at = p.at.Add(10 * time.Minute)
			}
		}},
		{"long sessions that were cut", 30, func(p *pruned) {
			for range 20 {
				for range 20 {
					p.login(1000 * time.Hour)
				}
				if err := p.s.Revoke(p.t.Context(), store.Revocation{Subject: store.User("ann"), All: true}); err != nil {
					p.t.Fatal(err)
				}
				p.at = p.at.Add(6 * time.Minute)
				for range 80 {
					p.login(1000 * time.Hour)
				}
				if err := p.s.Revoke(p.t.Context(), store.Revocation{Subject: store.User("ann"), All: true}); err != nil {
					p.t.Fatal(err)
				}
				p.at = p.at.Add(6 * time.Minute)
			}
			for range 400 { // the last ones: two for each
				p.login(time.Second)
				p.at = p.at.Add(2 * time.Second)
			}
		}},
		{"sessions that were cut short", 40, func(p *pruned) {
			for range 300 {
				id := p.login(1000 * time.Hour)
				_, err := p.s.Update(p.t.Context(), store.UpdateRequest{Subject: store.User("ann"), ID: id, ExpiresAt: p.at.Add(time.Minute)})
				if err != nil {
					p.t.Fatal(err)
				}
				p.at = p.at.Add(10 * time.Minute)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPruned(t)
			c.days(p)
			if n := p.entries(); n > c.most {
				t.Errorf("%d entries are left, at most %d may be", n, c.most)
			}
		})
	}
	t.Run("nobody looks where nothing can be dead", func(t *testing.T) {
		p := newPruned(t)
		for range 200 {
			p.login(24 * time.Hour)
			p.at = p.at.Add(time.Minute)
		}
		if n := p.looks(); n != 0 {
			t.Errorf("looked %d times among 200 live sessions", n)
		}
	})
	for _, c := range []struct {
		name string
		last time.Duration // the life of the session whose login looks
		more bool          // somebody must look again
	}{
		{"who has seen all knows when to look again", 24 * time.Hour, false},
		{"what is written while looking counts", time.Minute, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPruned(t)
			for n := 0; p.looks() == 0; n++ { // a login in four looks, by chance
				if n == 1000 {
					t.Fatal("nobody looks")
				}
				p.name = fmt.Sprint("user ", n)
				p.login(time.Minute)
				p.at = p.at.Add(time.Hour)
				p.login(c.last)
			}
			p.at = p.at.Add(time.Hour)
			for range 100 {
				p.login(24 * time.Hour)
			}
			if n := p.looks() - 1; (n > 0) != c.more {
				t.Errorf("looked %d times more", n)
			}
		})
	}
}
