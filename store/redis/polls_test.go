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

func newBunch(t *testing.T) *bunch { t.Helper(); return newBunchOf(t, 16) }

func newBunchOf(t *testing.T, partitions int) *bunch {
	t.Helper()
	b := &bunch{T: t, server: testenv.Redis(t), at: make([]store.Position, partitions), births: make([]time.Time, partitions)}
	b.writer = openStore(t, b.server.URL(), redisstore.Options{Partitions: partitions})
	b.s = openStore(t, b.server.URL(), redisstore.Options{Partitions: partitions})
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

// TestGoneForOneIsGoneForAll: two followers of one process take turns at asking the feeds themselves. What the one finds there,
// that the feed is gone or has an event without a tail, the other's next poll tells it too. It kills a process that keeps what
// one of them was told for the others.
func TestGoneForOneIsGoneForAll(t *testing.T) {
	for _, tt := range []struct {
		rule  string
		story func(*bunch)
		want  string
	}{
		{"a feed that is gone", func(b *bunch) { b.server.Do("DEL", b.feed(4)) }, "4 lost"},
		{"an event without a tail", func(b *bunch) {
			was := fmt.Sprint(b.server.Do("GET", b.tails()))
			bar(b, b.writer, 4, 1)
			b.server.Do("SET", b.tails(), was)
		}, "4 1"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			b := newBunch(t)
			other := *b
			other.at = slices.Clone(b.at)
			tt.story(b)
			for poll := range 2 {
				if got := tale(b.poll(0)); got != "" {
					t.Errorf("poll %d told %q", poll, got)
				}
			}
			for who, f := range map[string]*bunch{"the one": b, "the other": &other} {
				if got := tale(f.poll(0)); got != tt.want {
					t.Errorf("%s was told %q, want %q", who, got, tt.want)
				}
			}
		})
	}
}

// TestPollWithinAStep: a step of many events may be told by half, bell by bell, and a poll from there tells the rest. It kills
// nonces that a step's events share, by which the tail of its last one would pass for the first one's.
func TestPollWithinAStep(t *testing.T) {
	b := newBunch(t)
	ann := store.User("ann")
	part := ann.Digest().Partition(16)
	for range 257 { // an event holds 256 ids
		r := newLogin(ann).Record
		r.Class = "web"
		issueTo(t, b.writer, r)
	}
	heard := make(chan store.Bell, 16)
	go func() { _ = b.s.Listen(t.Context(), func(bell store.Bell) { heard <- bell }) }() // it ends with the test
	if err := b.writer.Revoke(t.Context(), store.Revocation{Subject: ann, Others: &store.Others{Class: "web"}}); err != nil {
		t.Fatal(err)
	}
	all, err := b.s.Poll(t.Context(), part, store.Position{})
	if err != nil || len(all.Events) != 3 {
		t.Fatalf("the feed tells %d events, %v: want the genesis and two", len(all.Events), err)
	}
	first := all.Events[1]
	soon(t, "the first one's bell", 10*time.Second, func() error {
		entries, _ := b.server.Do("XRANGE", b.feed(part), first.Position.ID, first.Position.ID).([]any)
		fields, _ := entries[0].([]any)[1].([]any)
		b.server.Do("PUBLISH", "jeton:bell", fmt.Sprint(b.feed(part), " 0-0 ", first.Position.ID, " ", "01234567", fields[1]))
		select {
		case bell := <-heard:
			if bell.Event.Position != first.Position {
				return errors.New("another's")
			}
			return nil
		case <-time.After(50 * time.Millisecond):
			return errors.New("not heard")
		}
	})
	rest, err := b.s.Poll(t.Context(), part, first.Position)
	if got, proven := rest.After(first.Position); err != nil || !proven || len(got) != 1 {
		t.Errorf("behind the first event are %d, %v, %v: want one", len(got), proven, err)
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

// TestPollsOfManyPartitions: 256 partitions are four scripts of 64, each of which finds its own place in the tails: what is new in
// any of them is told, and of three rounds without news one asks the feeds. It kills a place that is not the first partition's
// of the script, and a process that does not count, or does not forget, how often it looked at the tails alone.
func TestPollsOfManyPartitions(t *testing.T) {
	b := newBunchOf(t, 256)
	news := func(part int) {
		who := store.User(store.NewID())
		for who.Digest().Partition(256) != part {
			who = store.User(store.NewID())
		}
		if err := b.writer.Revoke(t.Context(), store.Revocation{Subject: who, All: true}); err != nil {
			t.Fatal(err)
		}
	}
	asked := func() (n int) { // the scripts that asked feeds
		_, _ = fmt.Sscanf(b.server.Info("cmdstat_xread"), "calls=%d", &n) // none is no line
		return n
	}
	least := 1 << 30
	for try := 0; least != 8 && try < 20; try++ { // a busy machine's polls do not always come together
		news(200)
		if got := tale(b.poll(0)); got != "200 1" {
			t.Errorf("told %q, want what is new in partition 200", got)
		}
		before := asked()
		for range 6 {
			if got := tale(b.poll(0)); got != "" {
				t.Errorf("told %q of quiet feeds", got)
			}
		}
		least = min(least, asked()-before)
	}
	if least != 8 {
		t.Errorf("six rounds of quiet polls asked feeds %d times, want four scripts twice", least)
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
