package ledger_test

import (
	"errors"
	"maps"
	"math"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
)

func TestUpdate(t *testing.T) {
	deadline := noon.Add(48 * time.Hour)
	start := func(t *testing.T) *book {
		b := newBook(t)
		b.issue("s", ttl(24*time.Hour), func(r *store.IssueRequest) {
			r.Record.Deadline, r.Record.Metadata = deadline, map[string]string{"k": "v"}
		})
		_, err := b.update(store.UpdateRequest{ID: "s", Metadata: map[string]string{"k": "2"}})
		b.ok(err)
		return b
	}
	for _, c := range []struct {
		rule    string
		r       store.UpdateRequest
		version uint64
		expires time.Duration // behind noon
		meta    map[string]string
		event   bool
		err     error
	}{
		{"the version counts, nothing else changes", store.UpdateRequest{Version: 1}, 2, 24 * time.Hour, map[string]string{"k": "2"}, false, nil},
		{"metadata is replaced whole", store.UpdateRequest{Version: 1, Metadata: map[string]string{"x": "y"}}, 2, 24 * time.Hour, map[string]string{"x": "y"}, false, nil},
		{"an empty map clears it", store.UpdateRequest{Version: 1, Metadata: map[string]string{}}, 2, 24 * time.Hour, nil, false, nil},
		{"a raised expiry is no event", store.UpdateRequest{Version: 1, ExpiresAt: noon.Add(30 * time.Hour)}, 2, 30 * time.Hour, map[string]string{"k": "2"}, false, nil},
		{"a lowered one is", store.UpdateRequest{Version: 1, ExpiresAt: noon.Add(time.Hour)}, 2, time.Hour, map[string]string{"k": "2"}, true, nil},
		{"it stays below the deadline", store.UpdateRequest{Version: 1, ExpiresAt: noon.Add(99 * time.Hour)}, 2, 48 * time.Hour, map[string]string{"k": "2"}, false, nil},
		{"a lowered deadline takes it along", store.UpdateRequest{Version: 1, Deadline: noon.Add(2 * time.Hour)}, 2, 2 * time.Hour, map[string]string{"k": "2"}, true, nil},
		{"a lowered deadline alone is an event", store.UpdateRequest{Version: 1, Deadline: noon.Add(36 * time.Hour)}, 2, 24 * time.Hour, map[string]string{"k": "2"}, true, nil},
		{"the same deadline is none", store.UpdateRequest{Version: 1, Deadline: deadline}, 2, 24 * time.Hour, map[string]string{"k": "2"}, false, nil},
		{"a later deadline is refused", store.UpdateRequest{Version: 1, Deadline: deadline.Add(time.Millisecond)}, 1, 24 * time.Hour, map[string]string{"k": "2"}, false, store.ErrInvalid},
		{"a version ahead is a conflict", store.UpdateRequest{Version: 2}, 1, 24 * time.Hour, map[string]string{"k": "2"}, false, store.ErrConflict},
		{"a version behind is one", store.UpdateRequest{Version: 0, Metadata: map[string]string{"k": "3"}}, 1, 24 * time.Hour, map[string]string{"k": "2"}, false, store.ErrConflict},
		{"the largest version is one", store.UpdateRequest{Version: math.MaxUint64}, 1, 24 * time.Hour, map[string]string{"k": "2"}, false, store.ErrConflict},
		{"unless it is the call's own repeat", store.UpdateRequest{Version: 0, Metadata: map[string]string{"k": "2"}}, 1, 24 * time.Hour, map[string]string{"k": "2"}, false, nil},
	} {
		t.Run(c.rule, func(t *testing.T) {
			b := start(t)
			c.r.ID = "s"
			was := b.lookup("s").Entries[0].Record
			got, err := b.update(c.r)
			if !errors.Is(err, c.err) {
				t.Fatalf("%v, want %v", err, c.err)
			}
			now := b.lookup("s").Entries[0].Record
			if now.Version != c.version || !now.ExpiresAt.Equal(noon.Add(c.expires)) || !maps.Equal(now.Metadata, c.meta) {
				t.Errorf("now %+v", now)
			}
			if now.Seq != was.Seq || now.Link != was.Link || !now.LastSeen.Equal(was.LastSeen) || now.ExpiresAt.After(now.Deadline) {
				t.Errorf("Update changed what is not its own: %+v, was %+v", now, was)
			}
			if err == nil && (got.Version != c.version || !maps.Equal(got.Metadata, c.meta)) {
				t.Errorf("answered %+v", got)
			}
			if (len(b.last.Events) > 0) != c.event {
				t.Errorf("events %+v", b.last.Events)
			}
		})
	}
	t.Run("the largest version is no repeat of the first", func(t *testing.T) {
		b := newBook(t)
		b.issue("s")
		if _, err := b.update(store.UpdateRequest{ID: "s", Version: math.MaxUint64}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%v, want ErrConflict", err)
		}
	})
}

func TestTouch(t *testing.T) {
	for rule, c := range map[string]struct {
		at, expires   time.Duration
		seen, expired time.Duration
		writes        bool
	}{
		"it notes the store's time":                {time.Minute, 0, time.Minute, 24 * time.Hour, true},
		"to the millisecond":                       {time.Minute + time.Microsecond, 0, time.Minute, 24 * time.Hour, true},
		"it slides the expiry upwards":             {time.Minute, 30 * time.Hour, time.Minute, 30 * time.Hour, true},
		"never down":                               {time.Minute, time.Hour, time.Minute, 24 * time.Hour, true},
		"never past the deadline":                  {time.Minute, 99 * time.Hour, time.Minute, 48 * time.Hour, true},
		"on a clock gone back the last one stands": {-time.Hour, 0, 0, 24 * time.Hour, false},
		"on such a clock it still slides":          {-time.Hour, 30 * time.Hour, 0, 30 * time.Hour, true},
		"twice at one moment writes once":          {0, 0, 0, 24 * time.Hour, false},
	} {
		t.Run(rule, func(t *testing.T) {
			b := newBook(t)
			b.issue("s", ttl(24*time.Hour), func(r *store.IssueRequest) { r.Record.Deadline = noon.Add(48 * time.Hour) })
			b.at(c.at)
			b.touchUntil("s", c.expires)
			now := b.lookup("s").Entries[0].Record
			if !now.LastSeen.Equal(noon.Add(c.seen)) || !now.ExpiresAt.Equal(noon.Add(c.expired)) || now.Version != 0 {
				t.Errorf("now %+v", now)
			}
			if b.last.Write != c.writes || len(b.last.Events) > 0 {
				t.Errorf("change %+v", b.last)
			}
		})
	}
}
