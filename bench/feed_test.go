package bench_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetonkit/jeton/bench"
	"github.com/jetonkit/jeton/internal/follow"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// The load: what a reader costs does not depend on how many there are, and this machine cannot be a thousand processes.
const (
	realReaders  = 250
	readerTimes  = 4
	readerStale  = 2 * time.Second
	revocations  = 20 // a second
	feedWatching = 10 * time.Second
)

// reader counts what a follower is told.
type reader struct{ synced, events atomic.Int64 }

func (r *reader) Doubt(int)                         {}
func (r *reader) Apply(_ int, events []store.Event) { r.events.Add(int64(len(events))) }
func (r *reader) Synced(int, time.Time)             { r.synced.Add(1) }

// cpu returns how long a server has run on processors.
func cpu(b *testing.B, server *testenv.RedisServer) (all time.Duration) {
	b.Helper()
	for _, field := range []string{"used_cpu_user", "used_cpu_sys"} {
		seconds, err := strconv.ParseFloat(server.Info(field), 64)
		if err != nil {
			b.Fatal(err)
		}
		all += time.Duration(seconds * float64(time.Second))
	}
	return all
}

// BenchmarkFeed: what a thousand processes that follow cost a Redis server. Each reader is a real follower with connections
// of its own, and a bell.
func BenchmarkFeed(b *testing.B) {
	for _, partitions := range []int{64, 16} {
		feedLoad(b, partitions)
	}
}

func feedLoad(b *testing.B, partitions int) {
	b.Helper()
	server := testenv.Redis(b)
	open := func() *redisstore.Store {
		s, err := redisstore.Open(b.Context(), server.URL()+"?pool=3&dial_timeout=10s&read_timeout=10s",
			&redisstore.Options{Partitions: partitions, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = s.Close() })
		return s
	}
	writer := open()
	stores, readers := make([]*redisstore.Store, realReaders), make([]reader, realReaders)
	for i := range stores {
		stores[i] = open()
	}
	idle := watchFeed(b, server, writer)
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	for i, s := range stores {
		running.Go(func() {
			_ = follow.Run(ctx, s, &readers[i], follow.Options{Poll: readerStale / 3, Timeout: 10 * time.Second}) // it ends with ctx
		})
	}
	time.Sleep(3 * time.Second)
	before := polled(readers)
	load := watchFeed(b, server, writer)
	got := float64(polled(readers)-before) / feedWatching.Seconds()
	stop()
	running.Wait()
	want := float64(realReaders*partitions) / (readerStale / 3).Seconds()
	bench.Tell(b,
		bench.Figure{
			Name:  fmt.Sprintf("1,000 readers of %d partitions, of one Redis core", partitions),
			Value: (load-idle)*readerTimes + idle, Unit: "%", Most: 25,
		},
		bench.Figure{Name: "  polls that the readers came to, of those due", Value: 100 * got / want, Unit: "%", Most: -1},
	)
}

func polled(readers []reader) (n int64) {
	for i := range readers {
		n += readers[i].synced.Load()
	}
	return n
}

// watchFeed revokes for a while, and returns how much of one core the server used.
func watchFeed(b *testing.B, server *testenv.RedisServer, s *redisstore.Store) float64 {
	b.Helper()
	before, began := cpu(b, server), time.Now()
	for i := 1; time.Since(began) < feedWatching; i++ {
		err := s.Revoke(b.Context(), store.Revocation{Subject: store.User(fmt.Sprint(i)), All: true, Op: store.NewOp()})
		if err != nil {
			b.Fatal(err)
		}
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / revocations)))
	}
	return 100 * (cpu(b, server) - before).Seconds() / time.Since(began).Seconds()
}
