package bench_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/bench"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// redisSide is a store, a bare client and the seeds' scheme on one server.
type redisSide struct {
	*side
	plain *redis.Client
}

func newRedisSide(b *testing.B) *redisSide {
	server := testenv.SharedRedis(b)
	s, err := redisstore.Open(b.Context(), "redis://"+server.Addr(), &redisstore.Options{Prefix: testenv.Prefix(b)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	plain := redis.NewClient(&redis.Options{Addr: server.Addr(), PoolSize: 64, Protocol: 2})
	b.Cleanup(func() { _ = plain.Close() })
	return &redisSide{side: newSide(b, s), plain: plain}
}

func (r *redisSide) get(n int) {
	for range n {
		r.must(r.plain.Get(r.ctx, "bare").Err())
	}
}

func (r *redisSide) set(n int) {
	for range n {
		r.must(r.plain.Set(r.ctx, "bare-set", strings.Repeat("x", 64), time.Hour).Err())
	}
}

// seed is the check that the seeds make: the token's value, then the user's list, in two round trips.
func (r *redisSide) seed(tokens int) func(int) {
	token := func(i int) string { return fmt.Sprintf("%0320d", i) }
	list := fmt.Sprint("token_list:", tokens)
	for i := range tokens {
		r.must(r.plain.Set(r.ctx, "token:"+token(i), strings.Repeat("x", 120), time.Hour).Err())
		r.must(r.plain.RPush(r.ctx, list, token(i)).Err())
	}
	return func(n int) {
		for range n {
			r.must(r.plain.Get(r.ctx, "token:"+token(0)).Err())
			all, err := r.plain.LRange(r.ctx, list, 0, -1).Result()
			r.must(err)
			found := false
			for _, t := range all {
				found = found || t == token(0)
			}
			if !found {
				r.b.Error("not in the list")
			}
		}
	}
}

func BenchmarkRedis(b *testing.B) {
	r := newRedisSide(b)
	r.must(r.plain.Set(r.ctx, "bare", strings.Repeat("x", 300), 0).Err())
	ann, many := r.logins("ann", 10), r.logins("many", 10_000)
	turned, user := r.logins("turned", 10), 0
	rotate := func(n int) {
		for range n {
			got, err := r.s.Rotate(r.ctx, store.RotateRequest{
				Subject: turned.Subject, ID: turned.ID, Rotation: turned.Rotation, Link: turned.Link, NextLink: store.NewLink(),
			})
			r.must(err)
			turned = got.Record
		}
	}
	issue := func(n int) {
		for range n {
			user++
			r.login(store.User(fmt.Sprint("user ", user/10)))
		}
	}
	one, all := r.login(store.User("one")).Subject, r.many("all", 100_000)
	bench.Gate(b,
		bench.Row{Name: "verify, alone, to a bare GET", Of: r.lookup(ann), By: r.get, Ops: 4000, Most: 1.15},
		bench.Row{Name: "verify at 10,000 sessions to 10", Of: r.lookup(many), By: r.lookup(ann), Ops: 4000, Most: 1.1},
		bench.Row{Name: "verify, 64 callers, to plain GETs", Of: together(r.lookup(ann)), By: together(r.get), Ops: 32_000, Most: 1 / 2.5},
		bench.Row{Name: "verify, 64 callers, to the seeds' scheme at 5 tokens", Of: together(r.lookup(ann)), By: together(r.seed(5)), Ops: 32_000, Most: 1 / 7.0},
		bench.Row{Name: "verify, alone, to the seeds' scheme at 5 tokens", Of: r.lookup(ann), By: r.seed(5), Ops: 1000},
		bench.Row{Name: "verify, alone, to the seeds' scheme at 1,000 tokens", Of: r.lookup(ann), By: r.seed(1000), Ops: 200},
		bench.Row{Name: "login to a bare SET", Of: issue, By: r.set, Ops: 2000, Most: 1.8},
		bench.Row{Name: "refresh to a bare SET", Of: rotate, By: r.set, Ops: 2000, Most: 1.8},
		bench.Row{Name: "revoke all to a bare SET", Of: r.revoke(one), By: r.set, Ops: 2000},
		bench.Row{Name: "revoke all of 100,000 sessions to 1", Of: r.revoke(all), By: r.revoke(one), Ops: 2000, Most: 1.2},
	)
}
