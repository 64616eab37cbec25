package ledger_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
)

// TestLimit tells who gives way. Sessions are written id, class, minute of issue, minute last seen.
func TestLimit(t *testing.T) {
	type session struct {
		id, class    string
		issued, seen int
	}
	desk := []session{{"a", "web", 0, 9}, {"b", "ios", 1, 8}, {"c", "web", 2, 7}, {"d", "ios", 3, 6}}
	tie := []session{{"c", "web", 0, 0}, {"a", "web", 0, 0}, {"b", "web", 0, 0}}
	for _, c := range []struct {
		rule  string
		have  []session
		limit store.Limit
		want  []string
		err   error
	}{
		{"room for one more evicts nobody", desk, store.Limit{Max: 5}, nil, nil},
		{"no limit evicts nobody", desk, store.Limit{}, nil, nil},
		{"the oldest goes", desk, store.Limit{Max: 4}, []string{"a"}, nil},
		{"as many as it takes go", desk, store.Limit{Max: 2}, []string{"a", "b", "c"}, nil},
		{"a limit of one leaves the new one", desk, store.Limit{Max: 1}, []string{"a", "b", "c", "d"}, nil},
		{"the least recently used goes", desk, store.Limit{Max: 4, Policy: store.EvictLeastRecentlyUsed}, []string{"d"}, nil},
		{"of the class, others are not counted", desk, store.Limit{MaxPerClass: 2}, []string{"a"}, nil},
		{"of the class, the least recently used", desk, store.Limit{MaxPerClass: 2, Policy: store.EvictLeastRecentlyUsed}, []string{"c"}, nil},
		{"the class first, then the total counts what is left", desk, store.Limit{MaxPerClass: 1, Max: 2}, []string{"a", "b", "c"}, nil},
		{"the class's victims make the total's room", desk, store.Limit{MaxPerClass: 1, Max: 3}, []string{"a", "c"}, nil},
		{"ties go by id", tie, store.Limit{Max: 2}, []string{"a", "b"}, nil},
		{"used at one time, they go by issue", []session{{"a", "web", 1, 5}, {"b", "web", 0, 5}}, store.Limit{Max: 2, Policy: store.EvictLeastRecentlyUsed}, []string{"b"}, nil},
		{"used and issued at one time, they go by id", tie, store.Limit{Max: 3, Policy: store.EvictLeastRecentlyUsed}, []string{"a"}, nil},
		{"Reject refuses and evicts nobody", desk, store.Limit{Max: 4, Policy: store.Reject}, nil, store.ErrLimit},
		{"Reject counts the class too", desk, store.Limit{MaxPerClass: 2, Policy: store.Reject}, nil, store.ErrLimit},
		{"Reject lets pass what fits", desk, store.Limit{Max: 5, MaxPerClass: 3, Policy: store.Reject}, nil, nil},
	} {
		t.Run(c.rule, func(t *testing.T) {
			b := newBook(t)
			slices.SortStableFunc(c.have, func(x, y session) int { return x.issued - y.issued })
			for _, s := range c.have {
				b.env.Now = noon.Add(time.Duration(s.issued) * time.Minute)
				b.issue(s.id, class(s.class), ttl(24*time.Hour))
			}
			for _, s := range c.have {
				b.env.Now = noon.Add(time.Duration(s.seen) * time.Minute)
				b.touch(s.id)
			}
			b.env.Now = noon.Add(10 * time.Minute)
			out, err := b.tryIssue(b.request("new", class("web"), limited(c.limit)))
			if !errors.Is(err, c.err) {
				t.Fatalf("%v, want %v", err, c.err)
			}
			var got []string
			for _, r := range out.Evicted {
				got = append(got, r.ID)
			}
			if slices.Sort(got); !slices.Equal(got, c.want) {
				t.Fatalf("evicted %v, want %v", got, c.want)
			}
			for _, s := range c.have {
				if e := b.lookup(s.id).Entries[0]; (e.Status == store.Revoked) != slices.Contains(c.want, s.id) || e.Status == store.Revoked && e.Reason != store.ReasonEvicted {
					t.Errorf("%s is %v, reason %q", s.id, e.Status, e.Reason)
				}
			}
			if told := len(b.last.Events); (told == 1) != (len(c.want) > 0) {
				t.Errorf("%d events", told)
			}
		})
	}
}

func TestLimitCountsTheLiving(t *testing.T) {
	b := newBook(t)
	b.issue("expires", ttl(time.Minute))
	b.issue("revoked")
	b.issue("cut")
	b.revoke("revoked")
	b.revokeAll()
	b.at(2 * time.Minute)
	b.issue("lives", limited(store.Limit{Max: 1, Policy: store.Reject}))
	if _, err := b.tryIssue(b.request("one more", limited(store.Limit{Max: 1, Policy: store.Reject}))); !errors.Is(err, store.ErrLimit) {
		t.Errorf("%v, want ErrLimit", err)
	}
}

func TestEvictedAreToldAsTheyWere(t *testing.T) {
	b := newBook(t)
	want := b.issue("a", class("web"), func(r *store.IssueRequest) { r.Record.Metadata = map[string]string{"k": "v"} }).Record
	got := b.issue("b", limited(store.Limit{Max: 1})).Evicted
	if len(got) != 1 || got[0].ID != want.ID || got[0].Subject != ann || got[0].Class != "web" || got[0].Metadata["k"] != "v" || got[0].Seq != want.Seq {
		t.Errorf("evicted %+v, want %+v", got, want)
	}
}

func TestALedgerTooLargeToLimit(t *testing.T) {
	full := func(b *book) {
		for _, id := range names("dead", store.MaxLimit+b.env.MaxMarks) {
			b.issue(id, ttl(time.Minute))
		}
	}
	limit := limited(store.Limit{Max: 2})
	t.Run("as many entries as may be looked at are judged", func(t *testing.T) {
		b := newBook(t)
		full(b)
		if out := b.issue("new", limit); len(out.Evicted) != store.MaxLimit+b.env.MaxMarks-1 {
			t.Errorf("%d evicted", len(out.Evicted))
		}
	})
	t.Run("one more is ErrLimit, whatever the policy", func(t *testing.T) {
		b := newBook(t)
		full(b)
		b.issue("one more", ttl(time.Minute))
		if _, err := b.tryIssue(b.request("new", limit)); !errors.Is(err, store.ErrLimit) {
			t.Fatalf("%v, want ErrLimit", err)
		}
		b.wantStatus("new", store.Unknown)
	})
	t.Run("the attempt removes the dead, so that the next one passes, and nobody can see it", func(t *testing.T) {
		b := newBook(t)
		full(b)
		alive := b.issue("alive").Record
		b.at(2 * time.Minute)
		before := b.lookup("alive", "dead 001")
		if _, err := b.tryIssue(b.request("new", limit)); !errors.Is(err, store.ErrLimit) {
			t.Fatalf("%v, want ErrLimit", err)
		}
		after := b.lookup("alive", "dead 001")
		if len(b.last.Events) > 0 || after.Cut != before.Cut || after.Floor != before.Floor || after.Entries[0].Record.Seq != alive.Seq || after.Entries[1].Status != store.Unknown {
			t.Errorf("the refused Issue shows: %+v, events %+v", after, b.last.Events)
		}
		if out := b.issue("new", limit); len(out.Evicted) != 0 {
			t.Errorf("evicted %+v", out.Evicted)
		}
		b.wantStatus("alive", store.Live)
	})
	t.Run("the living alone are too many: All makes room once it has aged", func(t *testing.T) {
		b := newBook(t)
		for _, id := range names("alive", store.MaxLimit+b.env.MaxMarks+1) {
			b.issue(id)
		}
		b.revokeAll()
		b.at(6 * time.Minute)
		if _, err := b.tryIssue(b.request("new", limit)); !errors.Is(err, store.ErrLimit) {
			t.Fatalf("%v, want ErrLimit", err)
		}
		b.issue("new", limit)
	})
}
