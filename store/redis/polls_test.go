package redisstore_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// bunch is a follower that polls all partitions at once, as followers do.
type bunch struct {
	*testing.T
	server *testenv.RedisServer
	s      *redisstore.Store
	writer *redisstore.Store
	at     []store.Position
	births []time.Time
}

func newBunch(t *testing.T) *bunch {
	t.Helper()
	b := &bunch{T: t, server: testenv.Redis(t), at: make([]store.Position, 16), births: make([]time.Time, 16)}
	b.writer = openStore(t, b.server.URL(), redisstore.Options{Partitions: 16})
	b.s = openStore(t, b.server.URL(), redisstore.Options{Partitions: 16})
	b.poll(0)
	return b
}

// poll polls once and returns how many events each partition told, and which told no more of where they were polled from.
func (b *bunch) poll(more int) (events []int, lost []int) {
	b.Helper()
	events = make([]int, len(b.at))
	batches, errs := make([]store.Batch, len(b.at)), make([]error, len(b.at))
	var all sync.WaitGroup
	for part := range b.at {
		all.Go(func() { batches[part], errs[part] = b.s.Poll(b.Context(), part, b.at[part]) })
	}
	all.Wait()
	for part, batch := range batches {
		if errs[part] != nil {
			b.Fatal(errs[part])
		}
		fresh, proven := batch.After(b.at[part])
		if !proven {
			lost = append(lost, part)
			continue
		}
		if batch.More {
			more--
		}
		events[part] = len(fresh)
		for _, e := range batch.Events {
			if b.births[part].IsZero() {
				b.births[part] = e.Birth
			}
			if !e.Birth.Equal(b.births[part]) {
				b.Errorf("partition %d has a birth of %v, and had %v", part, e.Birth, b.births[part])
			}
			b.at[part] = e.Position
		}
	}
	if more != 0 {
		b.Errorf("%d batches too few have more", more)
	}
	return events, lost
}

func (b *bunch) feed(part int) string { return keyspace.NewRedis("jeton:", 16).Feed(part) }

func (b *bunch) tails() string { return keyspace.NewRedis("jeton:", 16).Tails() }

// tale says what partitions told, and lost, of those that are not silent.
func tale(events, lost []int) string {
	var all []string
	for part, n := range events {
		switch {
		case slices.Contains(lost, part):
			all = append(all, fmt.Sprint(part, " lost"))
		case n > 0:
			all = append(all, fmt.Sprint(part, " ", n))
		}
	}
	return strings.Join(all, ", ")
}

// TestPollsTogether: polls of all partitions at once are one script, which tells what polls one by one would: what is new,
// page by page, and of what is lost. What the tails show is told at once, and what only the feeds do by the third poll. It kills
// scripts that compare ids without nonces, that take a feed that is gone for one that is silent, that do not look at tails, or
// at nothing else.
func TestPollsTogether(t *testing.T) {
	for _, tt := range []struct {
		rule  string
		story func(*bunch)
		more  int
		at    int // which poll behind the story tells it; the others tell nothing
		want  string
	}{
		{"of feeds with nothing new nothing is told", func(*bunch) {}, 0, 1, ""},
		{"what is new is told, of its partition", func(b *bunch) { bar(b, b.writer, 3, 1); bar(b, b.writer, 9, 2) }, 0, 1, "3 1, 9 2"},
		{"much comes by pages", func(b *bunch) { bar(b, b.writer, 5, 200) }, 1, 1, "5 127"},
		{"a feed that is gone proves nothing", func(b *bunch) { b.server.Do("DEL", b.feed(4)) }, 0, 3, "4 lost"},
		{"a feed without the event proves nothing", func(b *bunch) {
			bar(b, b.writer, 7, 3)
			b.server.Do("XTRIM", b.feed(7), "MAXLEN", "1")
		}, 0, 1, "7 lost"},
		{"an event whose writer sets no tail is told", func(b *bunch) {
			was := fmt.Sprint(b.server.Do("GET", b.tails()))
			bar(b, b.writer, 11, 1)
			b.server.Do("SET", b.tails(), was)
		}, 0, 3, "11 1"},
		{"without tails the feeds are read", func(b *bunch) {
			bar(b, b.writer, 12, 1)
			b.server.Do("DEL", b.tails())
		}, 0, 1, "12 1"},
		{"another event under the same id is another", func(b *bunch) {
			was := b.at[2].ID
			bar(b, b.writer, 8, 1)
			from, _ := b.server.Do("XREVRANGE", b.feed(8), "+", "-", "COUNT", "1").([]any)
			entry, _ := from[0].([]any)
			fields, _ := entry[1].([]any)
			b.server.Do("DEL", b.feed(2))
			event := fmt.Sprint(fields[1])
			b.server.Do("XADD", b.feed(2), was, "e", event)
			b.server.Do("SETRANGE", b.tails(), "16", event[1:9]) // what is rolled back is so together
		}, 0, 1, "2 lost, 8 1"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			b := newBunch(t)
			tt.story(b)
			for poll := 1; poll < tt.at; poll++ {
				if got := tale(b.poll(0)); got != "" {
					t.Errorf("poll %d told %q", poll, got)
				}
			}
			if got := tale(b.poll(tt.more)); got != tt.want {
				t.Errorf("told %q, want %q", got, tt.want)
			}
		})
	}
}

// TestPollsAreOneScript: once its positions are known, by polls or by bells, a follower's round is one script, or few on a
// busy machine.
func TestPollsAreOneScript(t *testing.T) {
	b := newBunch(t)
	heard := make(chan store.Bell, 16)
	go func() { _ = b.s.Listen(t.Context(), func(bell store.Bell) { heard <- bell }) }() // it ends with the test
	soon(t, "a bell", 10*time.Second, func() error {
		bar(t, b.writer, 6, 1)
		select {
		case <-heard:
			return nil
		case <-time.After(50 * time.Millisecond):
			return errors.New("none yet")
		}
	})
	b.poll(0)
	const rounds, tries = 4, 3 // a process rings 20 bells a second at most
	least := int64(1 << 30)
	for try := range tries {
		before := b.s.Stats()[0].Value
		for part := range rounds {
			bar(t, b.writer, 4*try+part, 1)
			select {
			case bell := <-heard:
				b.at[bell.Partition] = bell.Event.Position
			case <-time.After(10 * time.Second):
				t.Fatal("no bell")
			}
			if got := tale(b.poll(0)); got != "" {
				t.Errorf("behind a bell polls told %s", got)
			}
		}
		least = min(least, b.s.Stats()[0].Value-before)
	}
	if least >= 2*rounds {
		t.Errorf("%d round trips for %d rounds of 16 polls", least, rounds)
	}
}

// TestPollsOfOthersEnd: who polls together with others is back when its own context ends, and gets the outage of all.
func TestPollsOfOthersEnd(t *testing.T) {
	b := newBunch(t)
	b.server.Pause()
	var all sync.WaitGroup
	for part := range b.at {
		all.Go(func() {
			if _, err := b.s.Poll(t.Context(), part, b.at[part]); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("a poll of a frozen server: %v", err)
			}
		})
	}
	all.Wait()
	b.server.Resume()
	soon(t, "polls", 10*time.Second, func() error { _, err := b.s.Poll(t.Context(), 0, b.at[0]); return err })
}
